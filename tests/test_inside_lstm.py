"""Batches of short and long lists, and of several processes."""

import numpy as np
import pytest
import torch

from sknamegen import CharLSTMGenerator, load_names
from sknamegen._alphabet import NONE
from sknamegen._sequences import Sequences
from sknamegen._training.batches import LengthGroupedBatches, SequenceDataset


@pytest.mark.parametrize(("n_names", "batch_size"), [(1, 1), (200, 16), (300, 32), (5000, 64)])
def test_the_batch_size_adapts_to_the_number_of_names(n_names, batch_size):
    sizes = {"init": None, "num_networks": 1, "hidden_size": 4, "embedding_dim": 2}
    names = load_names("female")[:n_names]
    net = CharLSTMGenerator(**sizes, max_epochs=1, ngram_weight=0).fit(names).net_
    assert net.get_params()["batch_size"] == batch_size


@pytest.mark.parametrize(("n_shards", "batch_size"), [(2, 4), (3, 64), (5, 2)])
def test_shards_of_batches_contain_each_name_once(n_shards, batch_size):
    """Each process trains on one shard. The label of a name is its number."""
    numbers = np.arange(23, dtype=np.int32)
    lengths = numbers % 5 + (numbers % 7 > 0)
    inputs = np.ones((23, 6), dtype=np.int32)
    targets = np.where(np.arange(6) < lengths[:, None], 1, NONE).astype(np.int32)
    dataset = SequenceDataset(Sequences(inputs, targets, np.arange(23), numbers))
    shards = [
        LengthGroupedBatches(
            dataset, batch_size, torch.Generator().manual_seed(0), shard=(index, n_shards)
        )
        for index in range(n_shards)
    ]
    labels = [[inputs["labels"] for inputs, _ in batches] for batches in shards]
    assert {len(shard_labels) for shard_labels in labels} == {len(shards[0])}
    assert all(len(batch) for shard_labels in labels for batch in shard_labels)
    seen = np.sort(torch.cat([batch for shard_labels in labels for batch in shard_labels]).numpy())
    np.testing.assert_array_equal(seen, np.flatnonzero(lengths > 0))
