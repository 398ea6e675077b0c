import itertools
import math
import pickle
import re
import sys
from collections import Counter

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import (
    constraint_probability,
    expected_novelty,
    exposure,
    far_apart,
    length_divergence,
    likely_typos,
    membership_auc,
    nearest_training_name,
    ngram_divergence,
    novelty,
    temperature_for,
    uniqueness,
)

some_names = st.lists(st.text("abcé", max_size=6), min_size=1, max_size=20)


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def divergence_slow(p, q):
    p, q = np.array(p) / sum(p), np.array(q) / sum(q)
    mean = (p + q) / 2
    return sum(
        x * math.log(x / m) / 2 for r in (p, q) for x, m in zip(r, mean, strict=True) if x > 0
    )


@settings(max_examples=100)
@given(some_names, some_names)
def test_metrics_match_slow_definitions(names, reference):
    assert novelty(names, reference) == np.mean([name not in reference for name in names])
    assert uniqueness(names) == len(set(names)) / len(names)
    nearest, distances = nearest_training_name(names, reference)
    for name, neighbour, distance in zip(names, nearest, distances, strict=True):
        assert distance == min(edit_distance(name, other) for other in reference)
        assert edit_distance(name, neighbour) == distance
    lengths = [np.bincount(list(map(len, x)), minlength=7) for x in (names, reference)]
    assert length_divergence(names, reference) == pytest.approx(
        divergence_slow(*lengths), abs=1e-12
    )
    for n in (2, 3):
        grams = [
            Counter(f"\2{x}\3"[i : i + n] for x in part for i in range(len(x) + 3 - n))
            for part in (names, reference)
        ]
        keys = sorted(grams[0] | grams[1])
        if not all(grams):
            with pytest.raises(ValueError, match="Both lists must contain n-grams of n=3"):
                ngram_divergence(names, reference, n)
            continue
        expected = divergence_slow(*([counts[key] for key in keys] for counts in grams))
        assert ngram_divergence(names, reference, n) == pytest.approx(expected, abs=1e-12)
        assert -1e-12 < ngram_divergence(names, reference, n) < math.log(2) + 1e-12


def test_nearest_names_in_blocks(monkeypatch):
    names, others = load_names("male")[::40], load_names("female")[::40]
    expected = nearest_training_name(names, others)
    monkeypatch.setattr("sknamegen.metrics._BLOCK_PAIRS", 1000)
    nearest = nearest_training_name(iter(names), tuple(others))
    assert nearest[0] == expected[0]
    np.testing.assert_array_equal(nearest[1], expected[1])


def test_without_rapidfuzz(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(ImportError, match=r"rapidfuzz. In a clone of sknamegen, run pip install"):
        nearest_training_name(["a"], ["b"])


@pytest.mark.parametrize("names", ["Anna", [], [1], 5, None, b"Anna", [None]])
def test_bad_names(names):
    for call in (
        lambda: novelty(names, ["a"]),
        lambda: novelty(["a"], names),
        lambda: uniqueness(names),
        lambda: length_divergence(["a"], names),
        lambda: ngram_divergence(names, ["a"]),
        lambda: nearest_training_name(["a"], names),
    ):
        with pytest.raises(
            TypeError, match=r"(names|reference) must be an iterable of str with at"
        ):
            call()


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def make_pipe(request):
    return request.param


@pytest.fixture(scope="module")
def pipe(make_pipe, names):
    return make_pipe().fit(names, ["long" if len(name) > 6 else "short" for name in names])


@pytest.mark.parametrize(
    ("temperature", "constraints"),
    [
        (1.0, {}),
        (0.5, {}),
        (0, {}),
        (0.3, {"label": "long"}),
        (1.4, {"seed": "Ma", "label": "short"}),
        (0.8, {"seed": ["A", "Ma", "Ma"]}),
        (0.7, {"top_k": 4, "top_p": 0.9}),
        (0.6, {"min_length": 4, "max_length": 6}),
        (0.5, {"pattern": ".*a.*", "banned": ["ann"]}),
    ],
)
def test_expected_novelty_matches_samples(pipe, names, temperature, constraints):
    expected = expected_novelty(pipe[-1], pipe[0].transform(names * 2), temperature, **constraints)
    options, n = dict(constraints), 3000
    seed = options.pop("seed", "")
    if isinstance(seed, list):
        drawn = pipe[-1].sample(seed * (n // 3), temperature, random_state=0, **options)
    else:
        drawn = pipe[-1].sample(seed, temperature, n, random_state=0, **options)
    tolerance = 4 * math.sqrt(expected * (1 - expected) / n) + 1e-6
    assert abs(novelty(drawn, names) - expected) < tolerance


def test_expected_novelty_for_names_outside_the_training_list(pipe, names):
    others = [*names[:50], "Жанна", "Not in the list"]
    windows = CharSequenceVectorizer().fit_transform(others)
    proba = np.exp(pipe.score_samples(names[:50])).sum()
    assert 0.9 < expected_novelty(pipe[-1], windows) < 1
    # Samples are never empty and end at the maximum length, so names are slightly likelier.
    assert expected_novelty(pipe[-1], windows) == pytest.approx(1 - proba, abs=0.005)


@pytest.fixture(scope="module")
def memorised(make_pipe, names):
    """A pipeline that has memorised some of the names."""
    options = {"max_epochs": 60, "hidden_size": 64, "dropout": 0}
    pipe = make_pipe(**options if make_pipe is small_pipeline else {})
    return pipe.fit(names, ["long" if len(name) > 6 else "short" for name in names])


@pytest.mark.parametrize(
    ("target", "constraints"),
    [(0.5, {}), (0.8, {"label": "short", "seed": "A"}), (0.8, {"pattern": ".{3,7}"})],
)
def test_temperature_for_gives_the_requested_novelty(memorised, names, target, constraints):
    generator = pickle.loads(pickle.dumps(memorised[-1]))  # a loaded model has no names
    windows = memorised[0].transform(names)
    temperature = temperature_for(generator, windows, target, **constraints)
    assert expected_novelty(generator, windows, temperature, **constraints) == pytest.approx(
        target, abs=0.001
    )
    drawn = generator.sample(temperature=temperature, n_samples=3000, random_state=0, **constraints)
    tolerance = 0.001 + 4 * math.sqrt(target * (1 - target) / 3000)
    assert abs(novelty(drawn, names) - target) < tolerance


def test_unreachable_novelty_is_rejected(pipe, names):
    windows = pipe[0].transform(names)
    with pytest.raises(ValueError, match=r"novelty must be in \(0, 1\). Got 1.5."):
        temperature_for(pipe[-1], windows, 1.5)
    match = r"must be between [\d.]+ and [\d.]+, .* temperatures from 0\.039 to 26\. Got 1e-06\."
    with pytest.raises(ValueError, match=match):
        temperature_for(pipe[-1], windows, 1e-6)


def test_novelty_may_decrease_with_temperature():
    """With few characters, many random names are in the list."""
    words = ["".join(letters) for n in range(1, 4) for letters in itertools.product("ab", repeat=n)]
    pipe = ngram_pipeline(order=2).fit(["aaaabbb"] * 5 + ["ab", "b", "bab"])
    windows = pipe[0].transform(words)
    cold, usual, hot = (expected_novelty(pipe[-1], windows, t) for t in (0.4, 1, 5))
    assert cold > usual + 0.02 > hot + 0.04
    target = (cold + usual) / 2
    temperature = temperature_for(pipe[-1], windows, target)
    assert 0.4 < temperature < 1
    assert expected_novelty(pipe[-1], windows, temperature) == pytest.approx(target, abs=0.001)


def test_expected_novelty_rejects_invalid_arguments(pipe):
    text = CharSequenceVectorizer(boundary=False).fit_transform(["Maria Anna Joanna"])
    with pytest.raises(ValueError, match="require windows of names"):
        expected_novelty(pipe[-1], text)
    with pytest.raises(ValueError, match=r"seed must contain at least one beginning.* Got \[\]"):
        temperature_for(pipe[-1], pipe[0].transform(["Ada"]), 0.5, seed=[])
    with pytest.raises(TypeError, match=re.escape("unexpected keyword argument 'n_samples'")):
        expected_novelty(pipe[-1], pipe[0].transform(["Ada"]), n_samples=5)


def test_far_apart_keeps_the_order():
    pytest.importorskip("rapidfuzz")
    names = ["Anna", "anne", "Anja", "Otto", "OTTA", "Ottilie", "Maria", "Marla", "Zoe\u0301"]
    assert far_apart(names) == ["Anna", "Otto", "Ottilie", "Maria", "Zoe\u0301"]  # not normalised
    assert far_apart(names, 2) == ["Anna", "Otto"]
    assert far_apart(names, min_distance=1) == names
    assert far_apart(names, away_from=["Mario", "anna"]) == ["Otto", "Ottilie", "Marla", names[-1]]
    chosen = far_apart(load_names("female")[:150], min_distance=4)
    folded = [name.casefold() for name in chosen]
    assert all(edit_distance(a, b) >= 4 for i, a in enumerate(folded) for b in folded[:i])
    others = set(load_names("female")[:150]) - set(chosen)
    assert all(any(edit_distance(name.casefold(), f) < 4 for f in folded) for name in others)


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"min_distance": 0}, {"away_from": [1]}, {"away_from": "A"}]
)
def test_far_apart_rejects_invalid_arguments(options):
    with pytest.raises((TypeError, ValueError), match="must be"):
        far_apart(["Anna"], **options)


def test_membership_auc_is_high_for_memorised_names(names):
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform(names)
    memorised = CharNGramGenerator(order=9, discount=0.1).fit(windows[::2])
    auc, error = membership_auc(memorised, windows[::2], windows[1::2])
    assert auc > 0.97
    assert 0 < error < 0.02
    unigrams = CharNGramGenerator(order=1).fit(windows[::2])
    auc, error = membership_auc(unigrams, windows[::2], windows[1::2])
    assert abs(auc - 0.5) < 3 * error
    members, others = (
        unigrams.score_samples(part) / np.count_nonzero(part[..., -1], axis=1)
        for part in (windows[::2], windows[1::2])
    )
    is_member = np.repeat([1, 0], [len(members), len(others)])
    assert auc == pytest.approx(roc_auc_score(is_member, np.append(members, others)))


def test_metrics_require_a_generator(pipe, names):
    windows = pipe[0].transform(names)
    calls = [
        lambda: expected_novelty(pipe, windows),
        lambda: membership_auc(pipe, windows, windows),
        lambda: likely_typos(pipe, windows),
        lambda: constraint_probability(pipe, pattern="a.*"),
        lambda: exposure(pipe, windows, windows),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"Got a Pipeline\. For a pipeline, pass its last step"):
            call()
    frozen = FrozenEstimator(pipe[-1])
    assert expected_novelty(frozen, windows) == expected_novelty(pipe[-1], windows)
    assert membership_auc(frozen, windows, windows)[0] == 0.5


def test_membership_error_matches_the_standard_deviation(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = CharNGramGenerator().fit(windows[:200])
    rng, estimates = np.random.default_rng(0), []
    for _ in range(200):
        rows = rng.integers(0, 200, 60), rng.integers(200, 400, 60)
        estimates.append(membership_auc(generator, windows[rows[0]], windows[rows[1]]))
    auc, error = np.transpose(estimates)
    assert error.mean() == pytest.approx(auc.std(), rel=0.2)


def test_exposure_of_learned_strings(names):
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice([*"abcdefgh"], 9)) for _ in range(2010)]
    vectorizer = CharSequenceVectorizer().fit(names + strings)
    planted, others = vectorizer.transform(strings[:10]), vectorizer.transform(strings[10:])
    generator = CharNGramGenerator().fit(vectorizer.transform(names + strings[:10]))
    bits = exposure(generator, planted, others)
    assert bits.shape == (10,)
    assert (bits > 7).all()
    assert (bits <= np.log2(2001)).all()
    score, scores = generator.score_samples(planted), generator.score_samples(others)
    rank = 1 + (scores[None] >= score[:, None]).sum(axis=1)
    np.testing.assert_allclose(bits, np.log2(2001) - np.log2(rank))


def test_exposure_of_unlearned_strings(names):
    """Ranks are random, so exposure is exponentially distributed with mean 1 / ln 2."""
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice([*"abcdefgh"], 9)) for _ in range(4000)]
    vectorizer = CharSequenceVectorizer().fit(names + strings)
    generator = CharNGramGenerator().fit(vectorizer.transform(names))
    halves = vectorizer.transform(strings[:2000]), vectorizer.transform(strings[2000:])
    assert exposure(generator, *halves).mean() == pytest.approx(1 / np.log(2), abs=0.15)


def test_membership_auc_requires_two_names(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = CharNGramGenerator().fit(windows)
    with pytest.raises(ValueError, match="X_held_out must contain at least two names"):
        membership_auc(generator, windows, windows[:1])
