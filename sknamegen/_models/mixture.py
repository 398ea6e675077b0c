"""Blends of labels."""

from collections.abc import Iterable, Sequence

import numpy as np

from .._arrays import shares_of, weighted_sum
from .._data.sequences import Sequences
from .._types import Floats, Ints
from .next_char_model import NextCharModel, State


class Mixture(NextCharModel):
    """Blend of labels: the weighted mean of a model's logits for each of them.

    The probabilities are normalised weighted geometric means.

    Parameters
    ----------
    model : NextCharModel
    weights : sequence of float
        Finite and positive weights, which are divided by their sum.
    labels : sequence of int
        The label index for each weight. The labels of rows are ignored.
    """

    def __init__(self, model: NextCharModel, weights: Sequence[float], labels: Sequence[int]):
        self.n_characters, self.is_text = model.n_characters, model.is_text
        self._model, self._shares, self._labels = model, shares_of(weights), labels

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        by_label = (np.full_like(labels, label) for label in self._labels)
        return self._combine(self._model.start(windows, labels) for labels in by_label)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        return self._combine(self._model.advance(before, characters) for before in state)

    def logits(self, sequences: Sequences) -> Floats:
        """Return the logits for each target, shape (n_targets, n_characters)."""
        by_label = (np.full_like(sequences.labels, label) for label in self._labels)
        logits = (self._model.logits(sequences._replace(labels=labels)) for labels in by_label)
        return weighted_sum(self._shares, logits)

    def _combine(self, outputs: Iterable[tuple[State, Floats]]) -> tuple[State, Floats]:
        """Return the states for all labels, and the mean of the logits."""
        states, logits = zip(*outputs, strict=True)
        return states, weighted_sum(self._shares, logits)
