"""Blends of labels, such as half Italian and half Japanese."""

import pickle
from functools import partial

import numpy as np
import pytest
from conftest import small_generator

ITALIAN = ["Rossi", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno", "Gallo"]
JAPANESE = ["Sato", "Suzuki", "Takahashi", "Tanaka", "Watanabe", "Yamamoto", "Nakamura", "Ito"]
NAMES, LABELS = ITALIAN + JAPANESE, ["Italian"] * 9 + ["Japanese"] * 8
HALF = {"Italian": 0.5, "Japanese": 0.5}


@pytest.fixture(scope="module")
def generator(make_pipe):
    return make_pipe().fit(NAMES, LABELS)[-1]


@pytest.mark.parametrize("weights", [(1, 1), (0.2, 0.8), (30, 10), (1e308, 1e308)])
def test_blend_is_the_weighted_geometric_mean(generator, weights):
    seeds = ["", "S", "Ma", "Tanaka"]
    shares = np.array(weights) / max(weights)
    shares /= shares.sum()
    log_probas = [np.log(generator.next_char_proba(seeds, label)) for label in HALF]
    mean = np.exp(shares[0] * log_probas[0] + shares[1] * log_probas[1])
    blend = dict(zip(HALF, weights, strict=True))
    expected = mean / mean.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(generator.next_char_proba(seeds, blend), expected, rtol=1e-4)


@pytest.mark.parametrize("weight", [1, 0.3])
def test_blend_of_one_label_equals_the_label(generator, weight):
    blend, label = {"Japanese": weight}, "Japanese"
    options = {"n_samples": 20, "random_state": 0}
    for call in (
        partial(generator.sample, **options),
        partial(generator.sample, min_length=5, pattern=".*a", **options),
        lambda label: generator.next_char_proba("S", label).tolist(),
        lambda label: generator.most_likely(5, label=label)[0],
        lambda label: list(generator.stream("T", label=label, random_state=0)),
    ):
        assert call(label=blend) == call(label=label)


def test_learned_lookahead_depends_on_the_blend():
    generator = small_generator().fit(NAMES, LABELS)
    loaded = pickle.loads(pickle.dumps(generator))  # without a learned lookahead
    options = {"n_samples": 20, "pattern": ".*[ou].*a", "random_state": 0}
    blends = [{"Italian": 1, "Japanese": 5}, {"Italian": 5, "Japanese": 1}]
    names = [generator.sample(label=blend, **options) for blend in blends]
    assert names[0] != names[1]
    assert [loaded.sample(label=blend, **options) for blend in blends[::-1]][::-1] == names


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({}, "a non-empty dict from labels to finite weights > 0"),
        ({"Italian": 0, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": np.nan, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": "half", "Japanese": 1}, "finite weights > 0"),
        ({"Italian": 10**400, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": 1, None: 1}, "label must be one of 'Italian', 'Japanese'. Got None"),
    ],
)
def test_invalid_blends_are_rejected(generator, label, message):
    for call in (generator.sample, generator.stream, partial(generator.next_char_proba, "")):
        with pytest.raises(ValueError, match=message):
            call(label=label)
