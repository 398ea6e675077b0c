"""The file format of pretrained networks."""

import io

import numpy as np
import pytest
from conftest import small_generator

from sknamegen import CharSequenceVectorizer
from sknamegen._models.pretrained import read_pretrained, write_pretrained
from sknamegen.lstm import pretrained_of


def write(generator):
    file = io.BytesIO()
    write_pretrained(pretrained_of(generator), file)
    file.seek(0)
    return file


@pytest.fixture(scope="module")
def windows(names):
    return CharSequenceVectorizer().fit_transform(names[:100])


@pytest.mark.parametrize("params", [{}, {"num_networks": 2}, {"embedding_dim": None}])
def test_file_round_trip(windows, params):
    generator = small_generator(init=None, **params).fit(windows)
    pretrained = read_pretrained(write(generator))
    assert pretrained.alphabet.tolist() == generator.alphabet_.tolist()
    assert len(pretrained.networks) == len(generator.nets_)
    for network, net in zip(pretrained.networks, generator.nets_, strict=True):
        weights = net.module_.state_dict()
        assert network.weights.keys() == weights.keys()
        for name, weight in weights.items():
            if weight.ndim == 1:
                np.testing.assert_allclose(network.weights[name], weight, rtol=2**-10, atol=1e-6)
                continue
            # Each row has 127 steps.
            steps = abs(weight).numpy().max(axis=1, keepdims=True) / 127
            assert (abs(network.weights[name] - weight.numpy()) <= 0.501 * steps).all()


def test_damaged_files_are_rejected(windows):
    with np.load(write(small_generator(init=None).fit(windows))) as arrays:
        valid = dict(arrays)

    def read(**changes):
        changed = io.BytesIO()
        np.savez(changed, **{k: v for k, v in (valid | changes).items() if v is not None})
        changed.seek(0)
        return read_pretrained(changed)

    assert read().alphabet.tolist() == valid["alphabet"].tolist()
    head, scale = valid["networks.0.head.weight"], valid["scale.networks.0.head.weight"]
    assert head.dtype == np.int8
    for changes in (
        {"alphabet": None},
        {"alphabet": valid["alphabet"][::-1]},
        {"alphabet": valid["alphabet"][1:]},
        {"alphabet": np.arange(5)},
        {"networks.0.head.weight": None},
        {"networks.0.head.weight": head[:-1]},
        {"networks.0.head.bias": np.full(len(head), np.nan, np.float16)},
        {"networks.0.head.bias": valid["networks.0.head.bias"].astype(np.int8)},
        {"scale.networks.0.head.weight": None},
        {"scale.networks.0.head.weight": scale[:-1]},
        {"scale.networks.0.head.weight": scale.ravel()},
        {"scale.networks.0.head.weight": scale * np.inf},
        {"scale.networks.0.head.weight": scale.astype(np.int64)},
        {"scale.networks.0.head.bias": scale},
        {"scale.more": scale},
        {"more": head},
    ):
        with pytest.raises(ValueError, match="The file is damaged or was modified"):
            read(**changes)
    with pytest.raises(ValueError, match="allow_pickle=False"):  # loading runs no code
        read(more=np.array([{}], dtype=object))
