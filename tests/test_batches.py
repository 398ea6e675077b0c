import re

import numpy as np
import pytest
import torch

from sknamegen import CharSequenceVectorizer
from sknamegen._batches import (
    NO_TARGET,
    LengthGroupedBatches,
    SequenceDataset,
    check_windows,
    sequences_from_windows,
)
from sknamegen._kneser_ney import KneserNey, contexts_and_characters

NAMES = ["", "Al", "Ada", "Eve", "Marguerite", "Annamarie-Lou"]


def pairs_of(sequences, window_length):
    """All (row, context, target) that sequences hold, the contexts as strings."""
    found = []
    for inputs, targets, owner in zip(*sequences, strict=True):
        for step in np.flatnonzero(targets):
            context = "".join(map(chr, inputs[: step + 1]))
            assert len(context) <= window_length
            found.append((owner, context, chr(targets[step])))
    return sorted(found)


def pairs_slow(windows):
    return sorted(
        (row, "".join(map(chr, window[:-1])).lstrip("\0"), chr(window[-1]))
        for row, positions in enumerate(windows)
        for window in positions
        if window[-1] != 0
    )


@pytest.mark.parametrize("window_length", [1, 3, 10, 30])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_sequences_hold_each_pair_once(window_length, step):
    windows = CharSequenceVectorizer(window_length=window_length, step=step).fit_transform(NAMES)
    sequences = sequences_from_windows(windows)
    assert pairs_of(sequences, window_length) == pairs_slow(windows)


@pytest.mark.parametrize("step", [1, 3])
def test_sequences_of_running_text(step):
    texts = ["Ada Eve Marguerite", "Joanna Lou"]
    vectorizer = CharSequenceVectorizer(window_length=5, step=step, boundary=False)
    windows = vectorizer.fit_transform(texts)
    sequences = sequences_from_windows(windows)
    assert pairs_of(sequences, 5) == pairs_slow(windows)
    assert (np.count_nonzero(sequences.targets, axis=1) == 1).all()


def test_one_sequence_for_each_name_within_the_window():
    windows = CharSequenceVectorizer(window_length=14).fit_transform(NAMES)
    assert sequences_from_windows(windows).inputs.shape == (len(NAMES), 14)
    windows = CharSequenceVectorizer(window_length=10).fit_transform(NAMES)
    # Positions 10 to 13 of the last name and 10 of the one before have passes of their own.
    assert sequences_from_windows(windows).owner.tolist() == [0, 1, 2, 3, 4, 5, 4, 5, 5, 5, 5]


def test_copied_and_cut_windows_are_read_as_well():
    windows = CharSequenceVectorizer(window_length=3).fit_transform(NAMES)
    for cut in [windows.copy(), windows[::2], windows[:, :2], windows[:, 1:], windows[:, 6:]]:
        assert pairs_of(sequences_from_windows(cut), 3) == pairs_slow(cut)


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
        CharSequenceVectorizer(window_length=3).fit_transform(NAMES)[:, ::-1],
    ],
)
def test_windows_that_no_vectorizer_gives(X):
    with pytest.raises(ValueError, match="the windows that CharSequenceVectorizer gives"):
        sequences_from_windows(X)


@pytest.mark.parametrize("value", [-5, 0x110000, 2**31 - 1])
@pytest.mark.parametrize("index", [(4, 0, 3), (4, 5, 3)])
def test_windows_out_of_unicode(index, value):
    with pytest.raises(ValueError, match="Unicode code points"):
        sequences_from_windows(change(index, value))


def test_too_many_later_windows_are_refused():
    windows = CharSequenceVectorizer(window_length=1000).fit_transform(["x" * 1_000_000])
    with pytest.raises(ValueError, match=r"999,001 of 1,000 characters would take 4.0 GB"):
        sequences_from_windows(windows)


def make_dataset():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, size=23)
    inputs = np.arange(23 * 5, dtype=np.int32).reshape(23, 5)
    targets = np.where(np.arange(5) < lengths[:, None], inputs + 1000, NO_TARGET)
    return SequenceDataset(inputs, targets.astype(np.int32)), lengths


def test_a_batch_is_cut_to_its_longest_sequence():
    dataset, lengths = make_dataset()
    rows = torch.tensor([0, 3, 7])
    inputs, targets = dataset[rows]
    assert inputs["codes"].shape == (3, lengths[rows].max())
    assert targets["characters"].shape == (lengths[rows].sum(),)
    expected = inputs["codes"].flatten()[inputs["where"]] + 1000
    np.testing.assert_array_equal(expected, targets["characters"])


@pytest.mark.parametrize("rows", [[1, 0], [2, 1, 2], [2, 0, 2, 2]])
@pytest.mark.parametrize("n_in_advance", [0, 48])
def test_a_batch_has_the_distributions_of_an_ngram_model(rows, n_in_advance, monkeypatch):
    monkeypatch.setattr("sknamegen._batches._MAX_PROBA", n_in_advance)
    inputs = np.array([[4, 1, 2, 2], [4, 2, 2, 0], [4, 0, 0, 0]], dtype=np.int32)
    targets = np.array([[1, 2, 2, 3], [2, 2, 3, -100], [1, -100, -100, -100]], dtype=np.int32)
    contexts, characters = contexts_and_characters(inputs, targets, 2, 4)
    assert contexts.tolist()[:4] == [[4, -1], [1, 4], [2, 1], [2, 2]]
    assert characters.tolist() == [1, 2, 2, 3, 2, 2, 3, 1]
    ngrams = KneserNey(contexts, characters, n_characters=4)
    dataset = SequenceDataset(inputs, targets, ngrams)
    assert (dataset.proba is None) == (n_in_advance == 0)
    _, batch = dataset[torch.tensor(rows)]
    contexts, characters = contexts_and_characters(inputs[rows], targets[rows], 2, 4)
    found = batch["characters"] >= 0
    np.testing.assert_array_equal(batch["characters"][found], characters)
    expected = ngrams.proba(ngrams.find(contexts))
    np.testing.assert_allclose(batch["proba"][found], expected, rtol=1e-6)


@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_batches_hold_each_sequence_once_and_little_padding(generator):
    dataset, lengths = make_dataset()
    batches = LengthGroupedBatches(dataset, 4, generator)
    seen = torch.cat(batches.rows()).tolist()
    assert sorted(seen) == np.flatnonzero(lengths).tolist()  # those without targets are left out
    assert len(list(batches)) == len(batches) == -(-len(seen) // 4)
    padded = sum(inputs["codes"].numel() for inputs, _ in batches)
    assert padded - lengths.sum() <= 5 * 4


def test_shuffling_differs_between_epochs_and_repeats_with_the_seed():
    dataset, _ = make_dataset()

    def epochs(seed):
        batches = LengthGroupedBatches(dataset, 4, torch.Generator().manual_seed(seed))
        return [torch.cat(batches.rows()).tolist() for _ in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0)[0] != epochs(0)[1]
    assert epochs(0) != epochs(1)
