"""The file format of pretrained networks."""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from conftest import small_generator

from sknamegen._models.pretrained import read_pretrained
from sknamegen.lstm import pretrained_of

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def write(monkeypatch):
    """Return a function that writes the networks of a generator, as the example does."""
    monkeypatch.syspath_prepend(EXAMPLES)
    write_pretrained = runpy.run_path(str(EXAMPLES / "make_base.py"))["write_pretrained"]

    def write(generator):
        file = io.BytesIO()
        write_pretrained(pretrained_of(generator), file)
        file.seek(0)
        return file

    return write


@pytest.mark.parametrize("params", [{}, {"num_networks": 2}, {"embedding_dim": None}])
def test_file_round_trip(names, write, params):
    generator = small_generator(init=None, **params).fit(names[:100])
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


def test_damaged_files_are_rejected(names, write):
    with np.load(write(small_generator().fit(names[:100]))) as arrays:
        valid = dict(arrays)

    def read(**changes):
        changed = io.BytesIO()
        np.savez(changed, **{k: v for k, v in (valid | changes).items() if v is not None})
        changed.seek(0)
        return read_pretrained(changed)

    assert read().alphabet.tolist() == valid["alphabet"].tolist()
    head, scale = valid["networks.0.head.weight"], valid["scale.networks.0.head.weight"]
    assert head.dtype == np.int8
    alphabet = valid.pop("alphabet")
    alphabets = None, alphabet[::-1], alphabet[1:], np.arange(5)
    changes = [{"alphabet": change} for change in alphabets]
    changes += [{"scale.networks.0.head.bias": scale}, {"scale.more": scale}, {"more": head}]
    for name, array in valid.items():
        changes += [{name: change} for change in (None, array[:-1], array[:1], array * np.nan)]
        if array.dtype.kind == "f":
            changes.append({name: array.astype(np.int64)})
    valid["alphabet"] = alphabet
    for change in changes:
        with pytest.raises(ValueError, match="The file is damaged or modified"):
            read(**change)
    with pytest.raises(ValueError, match="allow_pickle=False"):  # loading runs no code
        read(more=np.array([{}], dtype=object))
