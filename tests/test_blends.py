"""Tests of blends of labels, such as half Italian and half Japanese."""

import pickle
from itertools import product

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, small_pipeline

ITALIAN = ["Rossi", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno", "Gallo"]
JAPANESE = ["Sato", "Suzuki", "Takahashi", "Tanaka", "Watanabe", "Yamamoto", "Nakamura", "Ito"]
NAMES, LABELS = ITALIAN + JAPANESE, ["Italian"] * 9 + ["Japanese"] * 8
HALF = {"Italian": 0.5, "Japanese": 0.5}


@pytest.fixture(scope="module", params=[ngram_pipeline, small_pipeline])
def generator(request):
    return request.param().fit(NAMES, LABELS)[-1]


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
    for constraint in ({}, {"min_length": 5, "pattern": ".*a"}):
        names = generator.sample(label=label, **constraint, **options)
        assert generator.sample(label=blend, **constraint, **options) == names
    np.testing.assert_array_equal(
        generator.next_char_proba("S", blend), generator.next_char_proba("S", label)
    )
    assert generator.most_likely(5, label=blend)[0] == generator.most_likely(5, label=label)[0]
    assert list(generator.stream("T", label=blend, random_state=0)) == list(
        generator.stream("T", label=label, random_state=0)
    )


def test_samples_of_a_blend_satisfy_all_options(generator):
    options = {"min_length": 5, "pattern": "[^k]*", "unique": True, "novel": True}
    names = generator.sample("", 1.0, 30, label=HALF, random_state=0, **options)
    assert len(set(names)) == 30
    assert not set(names) & set(NAMES)
    assert all(len(name) >= 5 and "k" not in name for name in names)
    assert all(name.startswith("Ta") for name in generator.sample("Ta", 1.0, 5, label=HALF))


def test_constrained_samples_follow_the_blend():
    names = ["ab", "abb", "b", "ba", "aab", "bbb", "a", "bb", "bab", "aba"]
    generator = ngram_pipeline(order=3).fit(names, ["x", "y"] * 5)[-1]
    for blend in ({"x": 1, "y": 1}, {"x": 1, "y": 9}):  # each blend has its own lookahead
        drawn = generator.sample(
            n_samples=4000, label=blend, pattern="b.*b", max_length=6, random_state=0
        )
        matches = [f"b{''.join(letters)}b" for n in range(5) for letters in product("ab", repeat=n)]
        p = []
        for name in matches:
            rows = generator.next_char_proba([name[:i] for i in range(len(name) + 1)], blend)
            columns = [*np.searchsorted(generator.alphabet_, [*name]), 0]
            p.append(rows[np.arange(len(columns)), columns].prod())
        assert_drawn_from(drawn, matches, p)
        likely, log_likelihood = generator.most_likely(3, label=blend, pattern="b.*b", max_length=6)
        best = np.argsort(p)[::-1][:3]
        assert likely == [matches[i] for i in best]
        np.testing.assert_allclose(log_likelihood, np.log(p)[best])


def test_learned_lookahead_depends_on_the_blend():
    generator = small_pipeline().fit(NAMES, LABELS)[-1]
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
        ({"Italian": -1, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": np.nan, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": "half", "Japanese": 1}, "finite weights > 0"),
        ({"Italian": 10**400, "Japanese": 1}, "finite weights > 0"),
        ({"Italian": 1, "French": 1}, "label must be one of 'Italian', 'Japanese'. Got 'French'"),
        ({"Italian": 1, None: 1}, "label must be one of 'Italian', 'Japanese'. Got None"),
    ],
)
def test_invalid_blends_are_rejected(generator, label, message):
    for call in (generator.sample, generator.stream):
        with pytest.raises(ValueError, match=message):
            call(label=label)
    with pytest.raises(ValueError, match=message):
        generator.next_char_proba("", label)


def test_blend_requires_labels():
    with pytest.raises(ValueError, match="label requires a generator fitted with labels"):
        ngram_pipeline().fit(NAMES)[-1].sample(label=HALF)
