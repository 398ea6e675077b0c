import numpy as np
import pytest
import torch

from sknamegen import CharSequenceVectorizer
from sknamegen._alphabet import NONE
from sknamegen._models.kneser_ney import count
from sknamegen._sequences import Sequences, read_windows
from sknamegen._training.batches import LengthGroupedBatches, SequenceDataset, join_windows


def sequences(inputs, targets, **changes):
    none = np.full(len(inputs), NONE, dtype=np.int32)
    each = np.array(inputs, dtype=np.int32), np.array(targets, dtype=np.int32)
    return Sequences(*each, np.arange(len(inputs)), none)._replace(**changes)


def make_dataset():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, size=23)
    inputs = np.arange(23 * 5, dtype=np.int32).reshape(23, 5)
    targets = np.where(np.arange(5) < lengths[:, None], inputs + 1000, NONE)
    labels = np.arange(23, dtype=np.int32)
    return SequenceDataset(sequences(inputs, targets, labels=labels)), lengths


def test_a_batch_is_cut_to_its_longest_sequence():
    dataset, lengths = make_dataset()
    rows = torch.tensor([0, 3, 7])
    inputs, targets = dataset[rows]
    assert inputs["inputs"].shape == (3, lengths[rows].max())
    assert inputs["labels"].tolist() == [0, 3, 7]
    assert targets["characters"].shape == (lengths[rows].sum(),)
    expected = inputs["inputs"].flatten()[inputs["where"]] + 1000
    np.testing.assert_array_equal(expected, targets["characters"])


@pytest.mark.parametrize("rows", [[1, 0], [2, 1, 2], [2, 0, 2, 2]])
@pytest.mark.parametrize("n_in_advance", [0, 48])
def test_a_batch_has_the_distributions_of_an_ngram_model(rows, n_in_advance, monkeypatch):
    monkeypatch.setattr("sknamegen._training.batches._MAX_PROBA", n_in_advance)
    learned = sequences(
        [[4, 1, 2, 2], [4, 2, 2, 0], [4, 0, 0, 0]],
        [[1, 2, 2, 3], [2, 2, 3, NONE], [1, NONE, NONE, NONE]],
    )
    ngrams = count(learned, order=3, kinds=np.array([1, 1, 2, 3, 4, 5, 6]))
    dataset = SequenceDataset(learned, ngrams)
    assert (dataset.proba is None) == (n_in_advance == 0)
    _, batch = dataset[torch.tensor(rows)]
    chosen = learned.take(rows)
    found = batch["characters"] >= 0
    np.testing.assert_array_equal(batch["characters"][found], chosen.targets[chosen.has_target])
    expected = ngrams.proba(ngrams.find(chosen.contexts(2, 0)))
    np.testing.assert_allclose(batch["proba"][found], expected, rtol=1e-6)


@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_batches_hold_each_sequence_once_and_little_padding(generator):
    dataset, lengths = make_dataset()
    batches = LengthGroupedBatches(dataset, 4, generator)
    seen = torch.cat(batches.rows()).tolist()
    assert sorted(seen) == np.flatnonzero(lengths).tolist()  # those without targets are left out
    assert len(list(batches)) == len(batches) == -(-len(seen) // 4)
    padded = sum(inputs["inputs"].numel() for inputs, _ in batches)
    assert padded - lengths.sum() <= 5 * 4


def test_shuffling_differs_between_epochs_and_repeats_with_the_seed():
    dataset, _ = make_dataset()

    def epochs(seed):
        batches = LengthGroupedBatches(dataset, 4, torch.Generator().manual_seed(seed))
        return [torch.cat(batches.rows()).tolist() for _ in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0)[0] != epochs(0)[1]
    assert epochs(0) != epochs(1)


@pytest.mark.parametrize("n_parts", [1, 3])
def test_the_mean_number_of_targets_is_that_of_the_batches(n_parts):
    dataset, _ = make_dataset()
    n_targets, mean = [], []
    for part in range(n_parts):
        batches = LengthGroupedBatches(dataset, 4, part=(part, n_parts))
        n_targets += [int((targets["characters"] >= 0).sum()) for _, targets in batches]
        mean.append(batches.mean_targets)
    assert mean == [pytest.approx(np.mean(n_targets))] * n_parts


NAMES = ["", "Ann", "abcdefghijklm", "Constantine", "pqrstuvwxyzäö", "Abcdefgh"]


def learned(sequences):
    """Return what comes before each target and the target, by name and as text."""
    for row, step in zip(*np.nonzero(sequences.has_target), strict=True):
        window = sequences.inputs[row, : step + 1]
        text = "".join(map(chr, window[window != 0]))
        yield sequences.name_index[row], text, chr(sequences.targets[row, step])


@pytest.mark.parametrize("window_length", [1, 3, 4, 5, 8, 9, 12, 20])
def test_joined_windows_learn_each_character_once_from_what_comes_before_it(window_length):
    vectorizer = CharSequenceVectorizer(window_length=window_length)
    _, whole = read_windows(vectorizer.fit_transform(NAMES))
    joined = join_windows(whole)
    n_joined = -(-window_length // 4) if window_length >= 8 else 1
    n_later = [max(0, len(name) + 1 - window_length) for name in NAMES]
    assert len(joined.inputs) == len(NAMES) + sum(-(-n // n_joined) for n in n_later)
    found, expected = (sorted(learned(each)) for each in (joined, whole))
    assert len(found) == len(expected) == sum(len(name) + 1 for name in NAMES)
    for name, text in enumerate(NAMES):
        framed = f"\2{text}\3"
        own = {(before, target) for row, before, target in found if row == name}
        for end in range(1, len(framed)):
            least = min(end, window_length - n_joined + 1)
            befores = {framed[max(0, end - n) : end] for n in range(least, window_length + 1)}
            assert len(own & {(before, framed[end]) for before in befores}) == 1


def test_joined_windows_keep_labels_and_weights():
    _, whole = read_windows(CharSequenceVectorizer(window_length=8).fit_transform(NAMES))
    labels = whole.name_index.astype(np.int32)
    joined = join_windows(whole._replace(labels=labels, weights=labels * 2.0))
    np.testing.assert_array_equal(joined.labels, joined.name_index)
    np.testing.assert_array_equal(joined.weights, joined.name_index * 2)
