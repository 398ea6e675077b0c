"""Counts as a model of the next character."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._sequences import Sequences
from .kneser_ney import Counts, KneserNey
from .model import Indices, NextCharModel, numbered

_LEAST = 1e-300


class CountsModel(NextCharModel):
    """Writes and scores with smoothed counts; its logits are log-probabilities."""

    block_rows = 2048

    def __init__(self, counts: Counts):
        self.counts = counts
        self.n_characters, self.n_labels = counts.n_characters, counts.n_labels

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, NDArray[np.float64]]:
        """Read contexts."""
        columns = labels[:, None] if self.n_labels else windows[:, :0]
        return self._after(columns, windows[:, ::-1][:, : self.counts.order - 1])

    def advance(self, state: Any, characters: Indices) -> tuple[Any, NDArray[np.float64]]:
        """Read one more character of each row."""
        labels, contexts = state
        return self._after(labels, np.column_stack([characters, contexts])[:, :-1])

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        labels, contexts = state
        return labels[rows], contexts[rows]

    def logits(self, sequences: Sequences) -> NDArray[np.float64]:
        """Read given names; return the log-probabilities before each target."""
        return self._log_proba(self.counts.find(self._contexts(sequences)))

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, NDArray[np.float64]]:
        """Read given names; return which logits are before each target, and these."""
        found, which = numbered(self.counts.find(self._contexts(sequences)))
        return which, self._log_proba(found)

    def ngrams(self) -> KneserNey | None:
        """Return what was counted, None with labels, of which each would have its own."""
        return self.counts if isinstance(self.counts, KneserNey) else None

    def _contexts(self, sequences):
        return sequences.contexts(self.counts.order - 1, self.n_labels)

    def _after(self, labels, contexts):
        found = self.counts.find(np.concatenate([labels, contexts], axis=1))
        return (labels, contexts), self._log_proba(found)

    def _log_proba(self, found):
        # The tiniest discounts leave nothing that a number could hold to what was not seen.
        return np.log(np.maximum(self.counts.proba(found), _LEAST))
