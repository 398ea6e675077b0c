"""Convert windows of code points to sequences that predict each character once.

Windows that contain the start of their name are nested prefixes, so one pass over the longest
prefix gives the predictions for all of them. They form one sequence with a target at each step.
Each later window is a separate sequence with a target at its last step.
"""

from typing import Any, NamedTuple, Self

import numpy as np

from ._alphabet import NONE, PAD, RESERVED, START, Alphabet
from ._parallel import blocks
from ._rows import Rows, malformed_error
from ._types import Bools, Floats, Ints

# Maximum number of window entries to copy (1 GiB).
_MAX_CELLS = 2**28


class Sequences(NamedTuple):
    """Characters to predict and the characters before them.

    Attributes
    ----------
    inputs : ndarray of shape (n_sequences, n_steps), dtype int32
        The characters, as code points or as indices (see `indexed`). Entries after the
        last target of a sequence are undefined.
    targets : ndarray of shape (n_sequences, n_steps), dtype int32
        The character to predict at each step, or -1 for no target.
    name_index : ndarray of shape (n_sequences,), dtype int64
        Index of each sequence's name, which is its row in the windows.
    labels : ndarray of shape (n_sequences,), dtype int32
        Label index of each sequence, or -1 for no label.
    weights : ndarray of shape (n_sequences,), dtype float64, or None
        Sample weight of each sequence. None: 1.
    """

    inputs: Ints
    targets: Ints
    name_index: Ints
    labels: Ints
    weights: Floats | None = None

    @classmethod
    def of_rows(cls, rows: Rows) -> Self:
        """Return the sequences of names or running text, as code points without labels.

        The sequences of all names, in order, precede the sequences of later windows.
        """
        codes, n_steps = rows.codes, rows.window_length
        n_names = 0 if rows.is_text else len(codes)
        inputs, targets = np.full((2, n_names, n_steps), PAD, dtype=np.int32)
        ends = codes[:, :, -1] if rows.is_text else codes[:, n_steps + 1 :]
        name_index, position = np.nonzero(ends != PAD)
        n_cells = len(position) * (n_steps + 1)
        if n_cells > _MAX_CELLS:
            raise ValueError(
                "X must contain fewer windows after the start of its rows. Got "
                f"{len(position):,} windows of {n_steps:,} characters. Each of several copies "
                f"would take {n_cells * 4 / 1e9:,.1f} GB. Shorten or split the longest rows, or "
                "use a smaller window_length."
            )
        if rows.is_text:
            later = codes[name_index, position].astype(np.int32, copy=False)
            if np.isin(later[:, :-1], RESERVED).any() or (later[:, -1] == START).any():
                raise malformed_error()
        else:
            first, last = rows.n_given, min(n_steps, codes.shape[1] - 1)
            inputs[:, :last] = codes[:, :last]
            targets[:, first:last] = codes[:, first + 1 : last + 1]
            later = codes[name_index[:, None], position[:, None] + np.arange(1, n_steps + 2)]
        later_targets = np.pad(later[:, -1:], ((0, 0), (n_steps - 1, 0)), constant_values=PAD)
        targets = np.concatenate([targets, later_targets])
        targets[targets == PAD] = NONE
        return cls(
            np.concatenate([inputs, later[:, :-1]]),
            targets,
            np.concatenate([np.arange(len(inputs)), name_index]),
            np.full(len(targets), NONE, dtype=np.int32),
        )

    def take(self, rows: Any) -> Self:
        """Return the sequences selected by `rows`, which may be any numpy index."""
        columns: Any = (None if column is None else column[rows] for column in self)
        return type(self)(*columns)

    def subsample(self) -> Self:
        """Return up to 511 evenly spaced sequences."""
        return self.take(slice(None, None, max(1, len(self.inputs) // 256)))

    def indexed(self, alphabet: Alphabet) -> Self:
        """Convert code points to indices and remove unknown characters from the targets."""
        targets = alphabet.indices(self.targets)
        targets[targets >= len(alphabet)] = NONE
        return self._replace(inputs=alphabet.indices(self.inputs), targets=targets)

    def reindexed(self, old: Alphabet, new: Alphabet) -> Self:
        """Convert indices to those of an alphabet with more characters."""
        places = np.searchsorted(new.characters, old.characters)
        table = np.append(places, [len(new), len(new) + 1, NONE]).astype(np.int32)
        return self._replace(inputs=table[self.inputs], targets=table[self.targets])

    def names(self, alphabet: Alphabet) -> list[str]:
        """Return the names of indices, without unknown characters."""
        order = np.argsort(self.name_index, kind="stable")
        texts, names = alphabet.decode(self.targets[order]), dict[int, str]()
        for index, text in zip(self.name_index[order].tolist(), texts, strict=True):
            names[index] = names.get(index, "") + text.replace("\0", "")  # no target
        return list(names.values())

    def followed_by(self, other: "Sequences") -> "Sequences":
        """Join with the sequences of other names."""
        first = int(self.name_index.max(initial=-1)) + 1
        both = self, other._replace(name_index=other.name_index + first)
        weights = [np.ones(len(s.inputs)) if s.weights is None else s.weights for s in both]
        columns = zip(*(sequences[:4] for sequences in both), strict=True)
        return Sequences._make([*map(np.concatenate, columns), np.concatenate(weights)])

    def blocks(self, n_characters: int) -> list[Self]:
        """Cut into blocks small enough that the logits of all targets fit in memory."""
        n_rows = len(self.inputs)
        row_cells = np.count_nonzero(self.has_target) * n_characters // max(1, n_rows)
        return [self.take(rows) for rows in blocks(n_rows, int(row_cells))]

    @property
    def has_target(self) -> Bools:
        """Mask of the steps with a target, shape (n_sequences, n_steps)."""
        return self.targets != NONE

    def contexts(self, length: int) -> Ints:
        """Return the label and the characters before each target, shape (n_targets, 1 + length).

        The label is in the first column, and the nearest character in the second. Entries before
        the start are -1.
        """
        padded = np.pad(self.inputs, ((0, 0), (length, 0)), constant_values=NONE)
        has_target = self.has_target
        contexts = np.empty((1 + length, np.count_nonzero(has_target)), dtype=np.int32)
        contexts[0] = np.repeat(self.labels, has_target.sum(1))
        for i, column in enumerate(contexts[1:]):
            column[:] = padded[:, length - i :][:, : has_target.shape[1]][has_target]
        return contexts.T
