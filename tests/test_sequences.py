import re

import numpy as np
import pytest

from sknamegen import CharSequenceVectorizer
from sknamegen._alphabet import NONE, Alphabet, decode, distinct
from sknamegen._sequences import name_sequences, read_windows
from sknamegen._validation import check_windows

NAMES = ["", "Al", "Ada", "Eve", "Marguerite", "Annamarie-Lou"]


def pairs_of(sequences, window_length):
    """All (row, context, target) that sequences hold, the contexts as strings."""
    found = []
    for inputs, targets, name in zip(*sequences[:3], strict=True):
        for step in np.flatnonzero(targets != NONE):
            context = "".join(map(chr, inputs[: step + 1]))
            assert len(context) <= window_length
            found.append((name, context, chr(targets[step])))
    return sorted(found)


def pairs_slow(windows):
    return sorted(
        (row, "".join(map(chr, window[:-1])).lstrip("\0"), chr(window[-1]))
        for row, positions in enumerate(windows)
        for window in positions
        if window[-1] != 0
    )


@pytest.mark.parametrize("window_length", [1, 3, 10, 30])
def test_sequences_hold_each_pair_once(window_length):
    windows = CharSequenceVectorizer(window_length=window_length).fit_transform(NAMES)
    names, sequences = read_windows(windows)
    assert decode(names) == NAMES
    assert pairs_of(sequences, window_length) == pairs_slow(windows)


@pytest.mark.parametrize("step", [1, 3])
def test_sequences_of_running_text(step):
    texts = ["Ada Eve Marguerite", "Joanna Lou"]
    vectorizer = CharSequenceVectorizer(window_length=5, step=step, boundary=False)
    windows = vectorizer.fit_transform(texts)
    names, sequences = read_windows(windows)
    assert names is None
    assert pairs_of(sequences, 5) == pairs_slow(windows)
    assert (sequences.has_target.sum(1) == 1).all()


def test_one_sequence_for_each_name_within_the_window():
    windows = CharSequenceVectorizer(window_length=14).fit_transform(NAMES)
    assert read_windows(windows)[1].inputs.shape == (len(NAMES), 14)
    windows = CharSequenceVectorizer(window_length=10).fit_transform(NAMES)
    # Positions 10 to 13 of the last name and 10 of the one before have passes of their own.
    assert read_windows(windows)[1].name_index.tolist() == [0, 1, 2, 3, 4, 5, 4, 5, 5, 5, 5]


def test_copied_and_cut_windows_are_read_as_well():
    windows = CharSequenceVectorizer(window_length=3).fit_transform(NAMES)
    for cut in [windows.copy(), windows[::2], windows[:, :2], windows[:, 1:], windows[:, 6:]]:
        assert pairs_of(read_windows(cut)[1], 3) == pairs_slow(cut)


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        (["Ada", "Eve"], TypeError, "put a CharSequenceVectorizer in front"),
        ([[1], [2, 3]], ValueError, "Got a ragged list"),
        (None, TypeError, "text or objects"),
        (np.zeros((3, 11), dtype=int), ValueError, "Got shape (3, 11)"),
        (np.zeros((3, 4, 1), dtype=int), ValueError, "Got shape (3, 4, 1)"),
        (np.zeros((0, 4, 11), dtype=int), ValueError, "at least one name"),
        (np.zeros((3, 4, 11)), TypeError, "Got dtype float64"),
        (np.zeros((3, 4, 5), dtype=int), ValueError, "width 11. Got width 5"),
    ],
)
def test_check_windows(X, error, match):
    with pytest.raises(error, match=re.escape(match)):
        check_windows(X, window_length=10)


def change(index, value):
    windows = CharSequenceVectorizer(window_length=3).fit_transform(NAMES).copy()
    windows[index] = value
    return windows


@pytest.mark.parametrize(
    "X",
    [
        change((2, 2, 0), 97),  # another start than in the other rows
        change((1, 0, 3), 97),  # a target that the next context does not hold
        change((4, 5, 1), 0),  # padding inside a later window
        change((4, 5, 1), 2),  # a start inside one
        change((slice(None), 5, 1), 2),
        change((2, 1, 3), 2),  # a start as a target
        change((4, 5, 3), 2),
        change((2, 1, 3), 0),  # padding inside a name
        change((1, 2, 3), 97),  # something behind the end
        CharSequenceVectorizer(window_length=3).fit_transform(NAMES)[:, ::-1],
        CharSequenceVectorizer(window_length=3).fit_transform(NAMES)[:, ::2],
    ],
)
def test_windows_that_no_vectorizer_gives(X):
    with pytest.raises(ValueError, match="the windows that CharSequenceVectorizer gives"):
        read_windows(X)


@pytest.mark.parametrize("value", [-5, 0x110000, 2**31 - 1])
@pytest.mark.parametrize("index", [(4, 0, 3), (4, 5, 3)])
def test_windows_out_of_unicode(index, value):
    with pytest.raises(ValueError, match="Unicode code points"):
        read_windows(change(index, value))


def test_too_many_later_windows_are_refused():
    windows = CharSequenceVectorizer(window_length=1000).fit_transform(["x" * 1_000_000])
    with pytest.raises(ValueError, match=r"999,001 of 1,000 characters would take 4.0 GB"):
        read_windows(windows)


def test_indices_of_characters():
    _, sequences = read_windows(CharSequenceVectorizer(window_length=4).fit_transform(["ab", "c"]))
    indexed = sequences.indexed(Alphabet(np.array(["\3", "a", "c"])))
    assert indexed.inputs[:, :3].tolist() == [[3, 1, 4], [3, 2, 0]]  # b is unknown
    assert indexed.targets.tolist() == [[1, NONE, 0, NONE], [2, 0, NONE, NONE]]
    assert indexed.labels.tolist() == [NONE, NONE]


def test_contexts_hold_the_nearest_character_first_and_the_label_in_front():
    _, sequences = read_windows(CharSequenceVectorizer(window_length=4).fit_transform(["ab", "c"]))
    sequences = sequences.indexed(Alphabet(np.array(["\3", *"abc"])))
    contexts = [[4, -1], [1, 4], [2, 1], [4, -1], [3, 4]]
    assert sequences.contexts(2, 0).tolist() == contexts
    labelled = sequences._replace(labels=np.array([7, 100_000], dtype=np.int32))
    labels = [7, 7, 7, 100_000, 100_000]
    expected = [[label, *context] for label, context in zip(labels, contexts, strict=True)]
    assert labelled.contexts(2, 100_001).tolist() == expected
    assert sequences.contexts(0, 0).shape == (5, 0)


@pytest.mark.parametrize("window_length", [1, 3, 30])
def test_sequences_of_names_are_those_of_their_windows(window_length):
    alphabet = Alphabet(np.array(sorted({"\3", *"".join(NAMES)})))
    windows = CharSequenceVectorizer(window_length=window_length).fit_transform(NAMES)
    expected = read_windows(windows)[1].indexed(alphabet)
    found = name_sequences(NAMES, window_length).indexed(alphabet)
    for one, other in zip(found[:4], expected[:4], strict=True):
        np.testing.assert_array_equal(one, other)
    n_targets = expected.has_target.sum()
    open_ended = name_sequences(NAMES, window_length, ends=False).indexed(alphabet)
    assert open_ended.has_target.sum() == n_targets - len(NAMES)
    for skip in (1, 4, 12):
        skipped = name_sequences(NAMES, window_length, skip=skip).indexed(alphabet)
        left = [max(0, len(name) + 1 - skip) for name in NAMES]
        counted = np.bincount(skipped.name_index, skipped.has_target.sum(1))
        assert counted.tolist() == left


@pytest.mark.parametrize("n_characters", [10, 10**6, 10**8])
def test_blocks_hold_all_rows_in_order(n_characters):
    """Blocks bound the logits of a block, and two threads can share many rows."""
    _, sequences = read_windows(CharSequenceVectorizer().fit_transform(NAMES * 60))
    blocks = sequences.blocks(n_characters)
    for name in ("inputs", "targets", "name_index"):
        joined = np.concatenate([getattr(block, name) for block in blocks])
        np.testing.assert_array_equal(joined, getattr(sequences, name))
    sizes = [np.count_nonzero(block.has_target) * n_characters for block in blocks]
    assert len(blocks) > 1
    # About 4 million logits: rows of a block may have more targets than others.
    assert all(n < 6e7 or len(block.inputs) == 1 for n, block in zip(sizes, blocks, strict=True))


def test_few_rows_are_one_block():
    _, sequences = read_windows(CharSequenceVectorizer().fit_transform(NAMES * 60))
    assert len(sequences.take(slice(0, 100)).blocks(10)) == 1
    assert sequences.take(slice(0, 0)).blocks(10) == []


def test_distinct_is_unique():
    codes = np.array([[97, 0x10FFFF], [0, 97], [NONE, 0]], dtype=np.int32)
    assert distinct(codes).tolist() == [0, 97, 0x10FFFF]
