"""What a model of the next character is."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class NextCharModel(Protocol):
    """What names are written with: it reads contexts, then one more character of each at a time.

    A context is the indices of the last characters, after as many -1 as are missing, and the
    index of a label, -1 for none.
    """

    @property
    def device(self) -> torch.device:
        """Where the model computes: the device of the tensors that it takes and returns."""

    def start(self, windows: Tensor, labels: Tensor) -> tuple[Any, Tensor]:
        """Read contexts, int64 tensors of shapes (n_rows, window_length) and (n_rows,).

        Returns
        -------
        state : object
            For `advance` and `select`.
        logits : float tensor of shape (n_rows, n_characters)
            Of the next character, up to a constant for each row.
        """

    def advance(self, state: Any, characters: Tensor) -> tuple[Any, Tensor]:
        """Read one more character of each row; return the same as `start`."""

    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the state of some rows, an int64 tensor, in their order."""


@torch.inference_mode()
def next_log_proba(
    model: NextCharModel, windows: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute the log-probabilities of what follows each context with each label, in nats.

    Their shape is (n_rows, n_labels, n_characters).
    """
    contexts, each = torch.from_numpy(windows).to(model.device), []
    for label in labels.tolist():
        label_of_each = torch.full((len(windows),), label, device=model.device)
        _, logits = model.start(contexts, label_of_each)
        each.append(logits.double().log_softmax(1).cpu().numpy())
    return np.stack(each, axis=1)
