"""Counts as a model of the next character."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._sequences import Sequences
from .kneser_ney import Counts

_BLOCK_ROWS = 65_536


class CountsModel:
    """Writes and scores with counts as with a network, see `NextCharModel`."""

    device = torch.device("cpu")

    def __init__(self, counts: Counts):
        self.counts = counts

    def sequence_log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Sum the log-probabilities of the targets of each sequence, in nats."""
        counts, log_proba = self.counts, np.zeros(len(sequences.targets))
        for start in range(0, len(log_proba), _BLOCK_ROWS):
            block = sequences.take(slice(start, start + _BLOCK_ROWS))
            has_target = block.has_target
            each = np.zeros(has_target.shape)
            contexts = block.contexts(counts.order - 1, counts.n_labels)
            each[has_target] = counts.log_proba(contexts, block.targets[has_target])
            log_proba[start : start + _BLOCK_ROWS] = each.sum(axis=1)
        return log_proba

    def start(self, windows: Tensor, labels: Tensor) -> tuple[Any, Tensor]:
        """Read contexts."""
        columns = labels[:, None] if self.counts.n_labels else windows[:, :0]
        return self._after(columns, windows.flip(1)[:, : self.counts.order - 1])

    def advance(self, state: Any, characters: Tensor) -> tuple[Any, Tensor]:
        """Read one more character of each row."""
        labels, contexts = state
        return self._after(labels, torch.cat([characters[:, None], contexts], dim=1)[:, :-1])

    def select(self, state: Any, rows: Tensor) -> Any:
        """Return the state of some rows, in their order."""
        labels, contexts = state
        return labels[rows], contexts[rows]

    def _after(self, labels, contexts):
        found = self.counts.find(torch.cat([labels, contexts], dim=1).numpy())
        return (labels, contexts), torch.from_numpy(np.log(self.counts.proba(found)))
