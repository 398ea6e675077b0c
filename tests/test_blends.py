"""Tests of blends of labels, such as half Italian and half Japanese."""

import pickle
from functools import partial
from itertools import product

import numpy as np
import pytest
from conftest import assert_drawn_from, small_generator

from sknamegen import CharNGramGenerator

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


def test_constrained_samples_follow_the_blend():
    names = ["ab", "abb", "b", "ba", "aab", "bbb", "a", "bb", "bab", "aba"]
    generator = CharNGramGenerator(order=3).fit(names, ["x", "y"] * 5)
    for blend in ({"x": 1, "y": 1}, {"x": 1, "y": 9}):  # each blend has its own lookahead
        options = {"label": blend, "pattern": "b.*b", "max_length": 6}
        drawn = generator.sample(n_samples=4000, random_state=0, **options)
        matches = [f"b{''.join(letters)}b" for n in range(5) for letters in product("ab", repeat=n)]
        p = []
        for name in matches:
            rows = generator.next_char_proba([name[:i] for i in range(len(name) + 1)], blend)
            columns = [*np.searchsorted(generator.alphabet_, [*name]), 0]
            p.append(rows[np.arange(len(columns)), columns].prod())
        assert_drawn_from(drawn, matches, p)
        likely, log_likelihood = generator.most_likely(3, **options)
        best = np.argsort(p)[::-1][:3]
        assert likely == [matches[i] for i in best]
        np.testing.assert_allclose(log_likelihood, np.log(p)[best])


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
