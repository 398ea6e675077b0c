"""Convert windows of code points to sequences that predict each character once.

Windows that contain the start of their name are nested prefixes, so one pass over the longest
prefix gives the predictions for all of them. They form one sequence with a target at each step.
Each later window is a separate sequence with a target at its last step.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ._alphabet import END, N_CODE_POINTS, NONE, PAD, RESERVED, START, Alphabet, encode
from ._parallel import blocks
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

    def take(self, rows: Any) -> "Sequences":
        """Return the sequences selected by `rows`, which may be any numpy index."""
        return Sequences._make(None if column is None else column[rows] for column in self)

    def subsample(self) -> "Sequences":
        """Return up to 511 evenly spaced sequences."""
        return self.take(slice(None, None, max(1, len(self.inputs) // 256)))

    def indexed(self, alphabet: Alphabet) -> "Sequences":
        """Convert code points to indices and remove unknown characters from the targets."""
        targets = alphabet.indices(self.targets)
        targets[targets >= len(alphabet)] = NONE
        return self._replace(inputs=alphabet.indices(self.inputs), targets=targets)

    def blocks(self, n_characters: int) -> list["Sequences"]:
        """Cut into blocks small enough that the logits of all targets fit in memory."""
        n_rows = len(self.inputs)
        row_cells = np.count_nonzero(self.has_target) * n_characters // max(1, n_rows)
        return [self.take(rows) for rows in blocks(n_rows, int(row_cells))]

    @property
    def has_target(self) -> Bools:
        """Mask of the steps with a target, shape (n_sequences, n_steps)."""
        return self.targets != NONE

    def contexts(self, length: int, with_labels: bool = False) -> Ints:
        """Return the characters before each target, shape (n_targets, length).

        The nearest character is in the first column, and entries before the start are -1.
        `with_labels` adds a first column with the label.
        """
        padded = np.pad(self.inputs, ((0, 0), (length, 0)), constant_values=NONE)
        has_target, n_before = self.has_target, int(with_labels)
        contexts = np.empty((np.count_nonzero(has_target), n_before + length), dtype=np.int32)
        if length:
            nearest_last = sliding_window_view(padded, length, axis=1)[:, 1:]
            contexts[:, n_before:] = nearest_last[has_target][:, ::-1]
        if with_labels:
            contexts[:, 0] = np.repeat(self.labels, has_target.sum(1))
        return contexts


def frame_names(names: Sequence[str], lengths: Ints, window_length: int) -> Ints:
    """Return zero-padded rows of code points: padding, start, name, end, padding."""
    longest = int(lengths.max(initial=0))
    rows = np.zeros((len(names), window_length + longest + 1), dtype=np.int32)
    for block in blocks(len(names), longest):
        rows[block, window_length:-1] = encode(names[block], longest)
    rows[:, window_length - 1] = START
    rows[np.arange(len(rows)), window_length + lengths] = END
    return rows


def name_sequences(names: Sequence[str], window_length: int, ends: bool = True) -> Sequences:
    """Return the sequences of names, as code points.

    Without `ends`, the end of a name is not a target.
    """
    lengths = np.array([len(name) for name in names], dtype=np.int64)
    rows = frame_names(names, lengths, window_length)
    sequences = read_windows(sliding_window_view(rows, window_length + 1, axis=1))[1]
    if not ends:
        sequences.targets[sequences.targets == END] = NONE
    return sequences


def read_windows(X: NDArray[Any]) -> tuple[NDArray[np.int32] | None, Sequences]:
    """Extract names and sequences from windows, and check the windows' layout.

    Parameters
    ----------
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows that passed `check_windows`.

    Returns
    -------
    names : ndarray of shape (n_names, width), dtype int32, or None
        Zero-padded code points of the names. None for running text.
    sequences : Sequences
        Code points, without labels. The sequences of all names, in order, precede the sequences
        of later windows.
    """
    n_names, n_positions, n_steps = len(X), X.shape[1], X.shape[2] - 1
    start = int((X[0, 0, :-1] == START).argmax())
    is_text = X[0, 0, start] != START
    names, n_nested = None, 0
    inputs, targets = np.empty((2, 0, n_steps), dtype=np.int32)
    if not is_text:
        rows = _rows_of_names(X, start)
        names = np.where(rows == END, PAD, rows)[:, start + 1 :]
        n_nested = min(start + 1, n_positions)
        first, last = n_steps - 1 - start, n_steps - 1 - start + n_nested  # steps with targets
        inputs, targets = np.full((2, n_names, n_steps), PAD, dtype=np.int32)
        inputs[:, :last] = rows[:, start : start + last]
        targets[:, first:last] = rows[:, start + 1 + first : start + 1 + last]
    later_name, later_position = np.nonzero(X[:, n_nested:, -1] != PAD)
    later = _later_windows(X, later_name, n_nested + later_position, is_text)
    later_targets = np.pad(later[:, -1:], ((0, 0), (n_steps - 1, 0)), constant_values=PAD)
    targets = np.concatenate([targets, later_targets])
    targets[targets == PAD] = NONE
    return names, Sequences(
        np.concatenate([inputs, later[:, :-1]]),
        targets,
        np.concatenate([np.arange(len(inputs)), later_name]),
        np.full(len(targets), NONE, dtype=np.int32),
    )


def _rows_of_names(X, start):
    """Return the rows before windowing: padding, U+0002, name, U+0003, padding."""
    rows = np.concatenate([X[:, 0], X[:, 1:, -1]], axis=1)
    _check_range(rows)
    has_ended = np.isin(rows[:, start:-1], (END, PAD))
    # Windows that share memory always agree, so only copies must be compared.
    if (
        (X.strides[1] != X.strides[2] and (X[:, 1:, :-1] != X[:, :-1, 1:]).any())
        or (rows[:, :start] != PAD).any()
        or (rows[:, start] != START).any()
        or (rows[:, start + 1 :] == START).any()
        or (has_ended != (rows[:, start + 1 :] == PAD)).any()
    ):
        raise malformed_error()
    return rows.astype(np.int32, copy=False)


def _later_windows(X, name_index, position, is_text):
    n_cells = len(name_index) * X.shape[2]
    if n_cells > _MAX_CELLS:
        raise ValueError(
            f"X must contain fewer windows after the start of its rows. Got {len(name_index):,} "
            f"windows of {X.shape[2] - 1:,} characters. Each of several copies would take "
            f"{n_cells * 4 / 1e9:,.1f} GB. Shorten or split the longest rows, or use a smaller "
            "window_length."
        )
    windows = X[name_index, position]
    if is_text and len(windows):
        _check_range(windows)
        if np.isin(windows[:, :-1], RESERVED).any() or (windows[:, -1] == START).any():
            raise malformed_error()
    return windows.astype(np.int32, copy=False)


def _check_range(codes):
    if codes.min() < 0 or codes.max() >= N_CODE_POINTS:
        raise ValueError(
            "X must contain Unicode code points (0 to 0x10FFFF). Got values outside this range."
        )


def malformed_error() -> ValueError:
    """Return the error for windows that are not from a `CharSequenceVectorizer`."""
    return ValueError(
        "X must contain windows from CharSequenceVectorizer: the same start position in each row, "
        "padding before the start and after the end, and each window one character after the "
        "previous window. Got a different layout."
    )
