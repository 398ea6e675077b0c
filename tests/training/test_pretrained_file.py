"""The file of the base."""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from conftest import small_generator

from sknamegen._models.pretrained import read_pretrained
from sknamegen.lstm import pretrained_of

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("params", [{}, {"embedding_dim": None}])
def test_file_round_trip(names, params, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    write_pretrained = runpy.run_path(str(EXAMPLES / "make_base.py"))["write_pretrained"]
    generator, file = small_generator(init=None, **params).fit(names[:100]), io.BytesIO()
    write_pretrained(pretrained_of(generator), file)
    file.seek(0)
    pretrained = read_pretrained(file)
    assert pretrained.alphabet.characters == generator.alphabet_.tolist()
    weights = generator.nets_[0].module_.state_dict()
    assert pretrained.networks[0].weights.keys() == weights.keys()
    for name, weight in weights.items():
        read = pretrained.networks[0].weights[name]
        if weight.ndim == 1:
            np.testing.assert_allclose(read, weight, rtol=2**-10, atol=1e-6)
            continue
        # Each row has 127 steps.
        steps = abs(weight).numpy().max(axis=1, keepdims=True) / 127
        assert (abs(read - weight.numpy()) <= 0.501 * steps).all()
