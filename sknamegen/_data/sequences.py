"""Names and running text as sequences that predict each character once.

Windows that contain the start of their name are nested prefixes, so one pass over the longest
prefix gives the predictions for all of them. They form one sequence with a target at each step.
Each later window is a separate sequence with a target at its last step. A running text is a single
sequence, however long it is.
"""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._parallel import blocks
from .._text.alphabet import NONE, Alphabet
from .._text.codes import PAD, RESERVED, START
from .._types import Bools, Floats, Ints
from .rows import Rows, malformed_error

# Maximum number of window entries to copy (1 GiB).
_MAX_CELLS = 2**28


class Sequences(NamedTuple):
    """Characters to predict and the characters before them.

    Attributes
    ----------
    inputs : ndarray of shape (n_sequences, n_steps), dtype int32
        The indices of the characters. Entries after the last target of a sequence are undefined.
    targets : ndarray of shape (n_sequences, n_steps), dtype int32
        The index of the character to predict at each step, or -1 for no target. Unknown characters
        are not targets.
    name_index : ndarray of shape (n_sequences,), dtype int64
        Index of each sequence's name, which is its row in the windows.
    has_start : ndarray of shape (n_sequences,), dtype bool
        Whether each sequence contains the start of its name. The others are later windows, in
        order.
    labels : ndarray of shape (n_sequences,), dtype int32
        Label index of each sequence, or -1 for no label.
    weights : ndarray of shape (n_sequences,), dtype float64, or None
        Sample weight of each sequence. None: 1.
    """

    inputs: Ints
    targets: Ints
    name_index: Ints
    has_start: Bools
    labels: Ints
    weights: Floats | None = None

    @classmethod
    def of_rows(cls, rows: Rows, alphabet: Alphabet, known: Bools | slice = slice(None)) -> Self:
        """Return the sequences of names or running text, without labels.

        `known` selects the characters of the alphabet that are not unknown. The sequences of names
        have no more steps than the longest name needs.
        """
        n_steps = rows.codes.shape[1] - 1
        n_steps = n_steps if rows.is_text else min(rows.window_length, n_steps)
        windows = sliding_window_view(rows.codes, n_steps + 1, axis=1)
        first, later, n_names = windows[:, 0], windows[:, 1:], len(windows)
        name_index, position = np.nonzero(later[:, :, -1] != PAD)
        n_cells = len(position) * (n_steps + 1)
        if n_cells > _MAX_CELLS:
            raise ValueError(
                f"X has {len(position):,} windows of {n_steps:,} characters after the start of its "
                f"rows, and each of several copies would take {n_cells * 4 / 1e9:,.1f} GB. Shorten "
                "or split the longest rows, or use a smaller window_length."
            )
        later = later[name_index, position]
        if np.isin(later[:, :-1], RESERVED).any() or (later[:, -1] == START).any():
            raise malformed_error()
        codes = np.concatenate([first, later], dtype=np.int32, casting="unsafe")
        indices = alphabet.indices(codes, known)
        targets = np.full((len(indices), n_steps), NONE, dtype=np.int32)
        targets[n_names:, -1] = indices[n_names:, -1]
        predicted = slice(rows.n_given, None, rows.step)
        targets[:n_names, predicted] = indices[:n_names, 1:][:, predicted]
        targets[targets >= len(alphabet)] = NONE  # padding and unknown characters
        return cls(
            indices[:, :-1],
            targets,
            np.concatenate([np.arange(n_names), name_index]),
            has_start=np.arange(len(targets)) < n_names,
            labels=np.full(len(targets), NONE, dtype=np.int32),
        )

    def with_labels(self, labels: Ints, weights: Floats | None) -> Self:
        """Return the sequences with the label and the weight of each name."""
        weights = None if weights is None else weights[self.name_index]
        return self._replace(labels=labels[self.name_index], weights=weights)

    def take(self, rows: Ints | Bools | slice) -> Self:
        """Return the sequences selected by `rows`."""
        return type(self)._make(None if column is None else column[rows] for column in self)

    def steps(self, columns: slice) -> Self:
        """Return some of the steps of all sequences."""
        return self._replace(inputs=self.inputs[:, columns], targets=self.targets[:, columns])

    def subsample(self) -> Self:
        """Return up to 127 evenly spaced sequences, with up to 1,024 steps."""
        rows = slice(None, None, max(1, len(self.inputs) // 64))
        return self.steps(slice(1024)).take(rows)

    def followed_by(self, other: "Sequences") -> "Sequences":
        """Join with the sequences of other names."""
        other = other._replace(name_index=other.name_index + self.name_index.max() + 1)
        n_steps = max(self.inputs.shape[1], other.inputs.shape[1])
        columns: Any = zip(self._filled(n_steps), other._filled(n_steps), strict=True)
        return Sequences._make(map(np.concatenate, columns))

    def _filled(self, n_steps: int) -> Self:
        """Return the sequences with `n_steps` steps and with weights."""
        padding = (0, 0), (0, n_steps - self.inputs.shape[1])
        return self._replace(
            inputs=np.pad(self.inputs, padding),
            targets=np.pad(self.targets, padding, constant_values=NONE),
            weights=np.ones(len(self.inputs)) if self.weights is None else self.weights,
        )

    def blocks(self, n_characters: int) -> list[Self]:
        """Cut into blocks small enough that the logits of all targets fit in memory."""
        n_rows = len(self.inputs)
        row_cells = np.count_nonzero(self.has_target) * n_characters // max(1, n_rows)
        return [self.take(rows) for rows in blocks(n_rows, int(row_cells))]

    @property
    def has_target(self) -> Bools:
        """Mask of the steps with a target, shape (n_sequences, n_steps)."""
        return self.targets != NONE

    @property
    def lengths(self) -> Ints:
        """The number of steps up to the last target, shape (n_sequences,)."""
        steps = np.arange(1, self.targets.shape[1] + 1)
        return np.where(self.has_target, steps, 0).max(axis=1, initial=0)

    def contexts(self, length: int) -> Ints:
        """Return the label and the characters before each target, shape (n_targets, 1 + length).

        The label is in the first column, and the nearest character in the second. Entries before
        the start are -1.
        """
        padded = np.pad(self.inputs, ((0, 0), (length, 0)), constant_values=NONE).ravel()
        places = np.flatnonzero(self.has_target)
        rows = places // self.inputs.shape[1]
        contexts = np.empty((1 + length, len(places)), dtype=np.int32)
        contexts[0] = self.labels[rows]
        places += (rows + 1) * length
        for column in contexts[1:]:
            padded.take(places, out=column, mode="wrap")  # faster than checking the places
            places -= 1
        return contexts.T
