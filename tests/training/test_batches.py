"""Batches contain each name once, with all its windows and little padding."""

import numpy as np
import pytest
import torch
from conftest import windows_of

from sknamegen._data.rows import Rows
from sknamegen._data.sequences import Sequences
from sknamegen._models.counts import NGramCounts
from sknamegen._models.ngrams import NGrams
from sknamegen._text.alphabet import NONE, Alphabet
from sknamegen._text.codes import END_CHARACTER
from sknamegen._training.batches import LengthGroupedBatches, SequenceDataset, join_windows

NAMES = ["", "Ann", "abcdefghijklm", "Constantine", "pqrstuvwxyzäö", "Abcdefgh"]
ALPHABET = Alphabet(np.array(sorted({END_CHARACTER}.union(*NAMES)), dtype="=U1"))


def make_dataset(weights=None):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, size=23)
    inputs = np.arange(23 * 5, dtype=np.int32).reshape(23, 5)
    targets = np.where(np.arange(5) < lengths[:, None], inputs + 1000, NONE)
    labels = np.arange(23, dtype=np.int32)
    has_start = np.ones(23, dtype=bool)
    sequences = Sequences(inputs, targets.astype(np.int32), labels, has_start, labels, weights)
    return SequenceDataset(sequences), lengths


def sequences_of(names, window_length):
    return Sequences.of_rows(Rows.of_windows(windows_of(names, window_length)), ALPHABET)


def training_pairs(sequences):
    """Yield the name index, the preceding characters and the character of each target."""
    characters = [*ALPHABET.characters, "\2"]
    for row, step in zip(*np.nonzero(sequences.has_target), strict=True):
        before = "".join(characters[i] for i in sequences.inputs[row, : step + 1])
        yield sequences.name_index[row], before, characters[sequences.targets[row, step]]


def test_batches_are_trimmed_to_their_longest_sequence():
    dataset, lengths = make_dataset()
    rows = torch.tensor([0, 3, 4, 7])
    inputs, targets = dataset[rows]
    assert lengths[7] == 0  # so that it has no targets
    assert inputs["inputs"].shape == (3, lengths[rows].max())
    assert inputs["labels"].tolist() == [0, 3, 4]
    assert targets["characters"].shape == (lengths[rows].sum(),)
    expected = inputs["inputs"].flatten()[inputs["positions"]] + 1000
    np.testing.assert_array_equal(expected, targets["characters"])


@pytest.mark.parametrize("rows", [[1, 0], [2, 1, 2], [2, 0, 2, 2]])
@pytest.mark.parametrize("max_cells", [0, 1000])
def test_batches_contain_ngram_distributions(rows, max_cells, monkeypatch):
    monkeypatch.setattr("sknamegen._training.batches.MAX_CELLS", max_cells)
    sequences = sequences_of(["Ann", "nn", ""], 5)
    ngrams = NGrams(NGramCounts.of(sequences, 3), ALPHABET.kinds)
    dataset = SequenceDataset(sequences, ngrams)
    assert (dataset.proba is None) == (max_cells == 0)
    _, batch = dataset[torch.tensor(rows)]
    chosen = sequences.take(rows)
    is_target = batch["characters"] >= 0
    np.testing.assert_array_equal(batch["characters"][is_target], chosen.targets[chosen.has_target])
    expected = ngrams.proba(ngrams.find(chosen.contexts(2)))
    np.testing.assert_allclose(batch["proba"][is_target], expected, rtol=1e-6)


def test_batches_contain_each_name_once_with_little_padding():
    """Shuffling differs between epochs and repeats with the seed."""
    dataset, lengths = make_dataset()

    def epochs(seed):
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        batches = LengthGroupedBatches(dataset, 4, rng)
        epochs = [torch.cat(batches.names()).tolist() for _ in range(2)]
        for names in epochs:
            assert sorted(names) == np.flatnonzero(lengths).tolist()  # skips names without targets
        assert len(list(batches)) == len(batches) == -(-len(epochs[0]) // 4)
        assert sum(inputs["inputs"].numel() for inputs, _ in batches) - lengths.sum() <= 5 * 4
        return epochs

    assert epochs(None)[0] == epochs(None)[1]
    assert epochs(0) == epochs(0)
    assert epochs(0)[0] != epochs(0)[1]
    assert epochs(0) != epochs(1)


def test_names_are_drawn_in_proportion_to_their_weights():
    weights = np.random.default_rng(1).integers(0, 5, size=23).astype(float)
    dataset, lengths = make_dataset(weights=weights)
    batches = LengthGroupedBatches(dataset, 4, torch.Generator().manual_seed(0))
    rates = np.where(lengths > 0, weights, 0)
    rates *= (lengths > 0).sum() / rates.sum()
    epochs = [np.bincount(torch.cat(batches.names()), minlength=23) for _ in range(400)]
    for counts in epochs:
        assert ((counts >= np.floor(rates - 1e-9)) & (counts <= np.ceil(rates + 1e-9))).all()
    np.testing.assert_allclose(np.mean(epochs, axis=0), rates, atol=4 * 0.5 / 400**0.5)
    assert batches.mean_targets == pytest.approx(rates @ lengths / len(batches))


def test_the_weight_of_similar_names_halves_in_each_epoch():
    dataset, lengths = make_dataset(weights=np.ones(23))
    similar, own = np.count_nonzero(lengths[16:]), np.count_nonzero(lengths[:16])
    rng, counts = torch.Generator().manual_seed(0), []
    for _ in range(100):
        batches = LengthGroupedBatches(dataset, 4, rng, n_similar=7, n_epochs=6)
        counts.append([(torch.cat(batches.names()) >= 16).sum() for _ in range(6)])
    weights = similar * np.array([8, 8, 4, 2, 1, 0.5])
    expected = (own + similar) * weights / (own + weights)
    np.testing.assert_allclose(np.mean(counts, axis=0), expected, atol=0.4)


@pytest.mark.parametrize(("n_shards", "batch_size"), [(1, 4), (2, 4), (3, 64), (5, 2)])
def test_shards_of_batches_contain_each_name_once(n_shards, batch_size):
    """Each process trains on one shard. The label of a name is its number."""
    dataset, lengths = make_dataset()
    labels, means = [], []
    for index in range(n_shards):
        rng = torch.Generator().manual_seed(0)
        batches = LengthGroupedBatches(dataset, batch_size, rng, shard=(index, n_shards))
        labels.append([inputs["labels"].tolist() for inputs, _ in batches])
        means.append(batches.mean_targets)
    assert len({len(batches) for batches in labels}) == 1
    assert all(batch for batches in labels for batch in batches)
    seen = sorted(name for batches in labels for batch in batches for name in batch)
    assert seen == np.flatnonzero(lengths).tolist()
    assert means == [pytest.approx(lengths.sum() / n_shards / len(labels[0]))] * n_shards


def test_a_very_long_name_is_split_into_batches():
    names = ["ab" * 700, "Ann"]
    dataset = SequenceDataset(sequences_of(names, 5))
    batches = [batch for batch, _ in LengthGroupedBatches(dataset, 2)]
    assert max(len(batch["inputs"]) for batch in batches) <= 2 * 256
    n_targets = sum(int(number) for number in dataset.n_targets)
    assert n_targets == sum(len(name) + 1 for name in names)


@pytest.mark.parametrize("window_length", [1, 4, 8, 9, 20])
def test_joined_windows_contain_each_character_once(window_length):
    whole = sequences_of(NAMES, window_length)
    labels = whole.name_index.astype(np.int32)
    joined = join_windows(whole._replace(labels=labels, weights=labels * 2.0))
    np.testing.assert_array_equal(joined.labels, joined.name_index)
    np.testing.assert_array_equal(joined.weights, joined.name_index * 2)
    n_joined = -(-window_length // 4) if window_length >= 8 else 1
    n_later = [max(0, len(name) + 1 - window_length) for name in NAMES]
    assert len(joined.inputs) == len(NAMES) + sum(-(-n // n_joined) for n in n_later)
    targets, expected = (sorted(training_pairs(sequences)) for sequences in (joined, whole))
    assert len(targets) == len(expected) == sum(len(name) + 1 for name in NAMES)
    for row, name in enumerate(NAMES):
        framed = f"\2{name}\3"
        pairs = {(before, target) for index, before, target in targets if index == row}
        for end in range(1, len(framed)):
            min_length = min(end, window_length - n_joined + 1)
            contexts = {framed[max(0, end - n) : end] for n in range(min_length, window_length + 1)}
            assert len(pairs & {(before, framed[end]) for before in contexts}) == 1
