import numpy as np
import pytest
from conftest import windows_of

from sknamegen._data.rows import Rows
from sknamegen._data.sequences import Sequences
from sknamegen._text.alphabet import Alphabet
from sknamegen._text.codes import END_CHARACTER

NAMES = ["", "Al", "Ada", "Eve", "Marguerite", "Annamarie-Lou"]
ALPHABET = Alphabet(np.array(sorted({END_CHARACTER, "x"}.union(*NAMES)), dtype="=U1"))


def sequences_of(windows):
    return Sequences.of_rows(Rows.of_windows(windows), ALPHABET)


def test_names_within_the_window_are_one_sequence():
    windows = windows_of(NAMES, 14)
    assert sequences_of(windows).inputs.shape == (len(NAMES), 14)
    windows = windows_of(NAMES, 10)
    # The last two names exceed the window. Each later position is a separate sequence.
    sequences = sequences_of(windows)
    assert sequences.name_index.tolist() == [0, 1, 2, 3, 4, 5, 4, 5, 5, 5, 5]
    assert sequences.has_start.tolist() == [True] * 6 + [False] * 5


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
