"""Tests of training plans for runs that are too slow or need several machines."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sknamegen import CharLSTMGenerator
from sknamegen._alphabet import NONE
from sknamegen._sequences import Sequences
from sknamegen._training.batches import LengthGroupedBatches, SequenceDataset
from sknamegen._training.plan import check_params, make_plans, uses_bfloat16


@pytest.mark.parametrize(
    ("n_names", "hidden_size", "batch_size", "n_epochs", "ngram_weight"),
    [
        (1, 240, 8, 10, 0.9),
        (200, 240, 16, 10, 0.899),
        (300, 240, 32, 10, 0.723),
        (16_383, 240, 64, 10, 0.5),
        (16_384, 352, 128, 10, 0.5),
        (32_000, 352, 128, 7, 0.5),
        (100_000, 352, 256, 4, 0.5),
        (10**6, 352, 512, 3, 0.5),
    ],
)
def test_settings_adapt_to_the_number_of_names(
    n_names, hidden_size, batch_size, n_epochs, ngram_weight
):
    corpus = SimpleNamespace(alphabet=range(50), labels=[])

    def plans(**params):
        all_params = check_params(CharLSTMGenerator(**params).get_params())
        return make_plans(all_params, corpus, n_names, np.random.default_rng(0))

    first, second = plans()
    for plan in (first, second):
        assert (plan.batch_size, plan.max_epochs) == (min(batch_size, n_names), n_epochs)
        assert (plan.weight, plan.initial_weights, plan.hidden_size) == (0.5, None, hidden_size)
        assert (plan.lr, plan.weight_decay) == (0.02, 0.1)
        assert plan.dropout == 0.2
        assert plan.ngram_weight == pytest.approx(ngram_weight, abs=5e-4)
        assert (plan.head_lr_factor, plan.label_lr_factor, plan.n_steps_before) == (1, 1, None)
    assert first.seed != second.seed
    (alone,) = plans(num_networks=1, optimizer="Adam")
    assert (alone.weight_decay, alone.weight) == (0, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        alone.hidden_size = 1


def test_precision_depends_on_the_processor(monkeypatch):
    for bf16, amx, avx512, amd in itertools.product([True, False], repeat=4):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda bf16=bf16: bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda avx512=avx512: avx512)
        monkeypatch.setattr("sknamegen._training.plan._is_amd", lambda amd=amd: amd)
        is_fast = bf16 and (amx or (avx512 and amd))
        assert uses_bfloat16("auto", torch.device("cpu")) == is_fast
    assert not uses_bfloat16("float32", torch.device("cpu"))


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
