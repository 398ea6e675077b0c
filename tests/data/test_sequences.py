import re

import numpy as np
import pytest
from conftest import windows_of

from sknamegen._data.rows import Rows
from sknamegen._data.sequences import Sequences
from sknamegen._text.alphabet import NONE, Alphabet
from sknamegen._text.codes import END_CHARACTER

NAMES = ["", "Al", "Ada", "Eve", "Marguerite", "Annamarie-Lou"]


ALPHABET = Alphabet(np.array(sorted({END_CHARACTER, "x"}.union(*NAMES)), dtype="=U1"))


def sequences_of(windows):
    return Sequences.of_rows(Rows.of_windows(windows), ALPHABET)


def pairs_of(sequences, window_length):
    """Return all (row, context, target) of sequences, with contexts as strings."""
    pairs, characters = [], [*ALPHABET.characters, "\2"]
    for i, row in enumerate(sequences.name_index):
        inputs, targets = sequences.inputs[i], sequences.targets[i]
        for step in np.flatnonzero(targets != NONE):
            context = "".join(characters[i] for i in inputs[: step + 1])
            assert len(context) <= window_length
            pairs.append((row, context, characters[targets[step]]))
    return sorted(pairs)


def pairs_slow(windows):
    return sorted(
        (row, "".join(map(chr, window[:-1])).lstrip("\0"), chr(window[-1]))
        for row, positions in enumerate(windows)
        for window in positions
        if window[-1] != 0
    )


def test_names_within_the_window_are_one_sequence():
    windows = windows_of(NAMES, 14)
    assert sequences_of(windows).inputs.shape == (len(NAMES), 14)
    windows = windows_of(NAMES, 10)
    # The last two names exceed the window. Each later position is a separate sequence.
    sequences = sequences_of(windows)
    assert sequences.name_index.tolist() == [0, 1, 2, 3, 4, 5, 4, 5, 5, 5, 5]
    assert sequences.has_start.tolist() == [True] * 6 + [False] * 5


@pytest.mark.parametrize("window_length", [1, 3, 10, 30])
def test_sequences_contain_every_pair_once(window_length):
    windows = windows_of(NAMES, window_length)
    for part in (windows, windows.copy(), windows[::2], windows[:, :2], windows[:, 1:]):
        assert pairs_of(sequences_of(part), window_length) == pairs_slow(part)


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([[1], [2, 3]], ValueError, "Got a ragged list"),
        (None, TypeError, "Got dtype object"),
        (np.zeros((3, 11), dtype=int), ValueError, "Got shape (3, 11)"),
        (np.zeros((0, 4, 11), dtype=int), ValueError, "at least one name"),
        (np.zeros((3, 4, 11)), TypeError, "Got dtype float64"),
        (np.zeros((3, 4, 5), dtype=int), ValueError, "width 11. Got width 5"),
    ],
)
def test_windows_of_other_shapes_are_rejected(X, error, match):
    with pytest.raises(error, match=re.escape(match)):
        Rows.of_windows(X, window_length=10)


def changed_windows(index, value):
    windows = windows_of(NAMES, 3).copy()
    windows[index] = value
    return windows


@pytest.mark.parametrize(
    "X",
    [
        changed_windows((2, 2, 0), 97),  # a start that differs from the other rows
        changed_windows((1, 0, 3), 97),  # a target missing from the next context
        changed_windows((4, 5, 1), 0),  # padding inside a later window
        changed_windows((4, 5, 1), 2),  # a start inside a later window
        changed_windows((2, 1, 3), 2),  # a start as a target
        changed_windows((2, 1, 3), 0),  # padding inside a name
        changed_windows((1, 2, 3), 97),  # a character after the end
        windows_of(NAMES, 3)[:, ::-1],
        windows_of(NAMES, 3)[:, ::2],
    ],
)
def test_invalid_windows_are_rejected(X):
    with pytest.raises(ValueError, match="windows from CharSequenceVectorizer"):
        sequences_of(X)


@pytest.mark.parametrize("value", [-5, 0x110000, 2**31 - 1])
@pytest.mark.parametrize("index", [(4, 0, 3), (4, 5, 3)])
def test_code_points_outside_unicode_are_rejected(index, value):
    with pytest.raises(ValueError, match="Unicode code points"):
        sequences_of(changed_windows(index, value))


def test_too_many_later_windows_are_rejected():
    windows = windows_of(["x" * 1_000_000], 1000)
    with pytest.raises(ValueError, match=r"999,001 windows of 1,000 .* would take 4.0 GB"):
        sequences_of(windows)


@pytest.mark.parametrize("n_characters", [10, 10**6, 10**8])
def test_blocks_contain_all_rows_in_order(n_characters):
    """Blocks limit the number of logits, and threads can share several blocks."""
    sequences = sequences_of(windows_of(NAMES * 60))
    blocks = sequences.blocks(n_characters)
    for name in ("inputs", "targets", "name_index"):
        joined = np.concatenate([getattr(block, name) for block in blocks])
        np.testing.assert_array_equal(joined, getattr(sequences, name))
    sizes = [np.count_nonzero(block.has_target) * n_characters for block in blocks]
    assert len(blocks) > 1
    # A block has about 4 million logits, but the number of targets varies between rows.
    assert all(n < 6e7 or len(block.inputs) == 1 for n, block in zip(sizes, blocks, strict=True))
    assert len(sequences.take(slice(0, 100)).blocks(10)) == 1
    assert sequences.take(slice(0, 0)).blocks(10) == []
