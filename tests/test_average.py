"""Blends of labels, such as half Italian and half Japanese, and means of fitted generators."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, saved_copies, small_generator, windows_of
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknamegen import CharAverageGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import constraint_probability

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


def fitted(names, make=ngram_pipeline):
    return make()[-1].fit(names)


@pytest.fixture(scope="module")
def pair(make_pipe):
    return fitted(ITALIAN, make_pipe), fitted(JAPANESE, make_pipe)


def log_proba(generator, seed, alphabet):
    """Return the log-probabilities of the characters of an alphabet, by the documented formula."""
    proba = dict(zip(generator.alphabet_, generator.next_char_proba([seed])[0], strict=True))
    p_lower = sum(p for c, p in proba.items() if c.islower())
    p_upper = sum(p for c, p in proba.items() if c.isupper())
    share = 1 / (generator.n_characters_seen_ + 1)
    p = [proba.get(c, share * (p_lower if c.islower() else p_upper)) for c in alphabet]
    return np.log(p)


@pytest.mark.parametrize("weights", [None, (1, 1), (0.2, 0.8), (30, 10), (1e308, 1e308)])
def test_average_is_the_weighted_geometric_mean(pair, weights):
    average = CharAverageGenerator(pair, weights=weights).fit()
    assert set(average.alphabet_) == {*pair[0].alphabet_} | {*pair[1].alphabet_}
    assert average.min_length_ == min(map(len, ITALIAN + JAPANESE))
    assert average.max_length_ == max(map(len, ITALIAN + JAPANESE))
    shares = np.array(weights or (1, 1)) / max(weights or (1,))
    for seed in ("", "a", "ma", "ano"):
        log_probas = [log_proba(generator, seed, average.alphabet_) for generator in pair]
        mean = np.exp(np.average(log_probas, axis=0, weights=shares))
        expected = mean / mean.sum()
        np.testing.assert_allclose(average.next_char_proba([seed])[0], expected, rtol=1e-4)


def test_average_of_equal_generators_changes_nothing(pair):
    for generators in ([pair[0]], [pair[0], pair[0]]):
        average = CharAverageGenerator(generators, weights=[3, 1][: len(generators)]).fit()
        scores = [model.score_samples(ITALIAN + JAPANESE) for model in (average, pair[0])]
        np.testing.assert_allclose(*scores, rtol=1e-5)
        np.testing.assert_array_equal(average.alphabet_, pair[0].alphabet_)
        assert average.n_characters_seen_ == pair[0].n_characters_seen_


def test_samples_follow_the_scores():
    """Compare with an enumeration of all names of at most two letters."""
    lists = {2: ["ab", "a", "ba", "aab"], 3: ["cb", "c", "bc", "ccb", "b"]}
    generators = [CharNGramGenerator(order=order).fit(names) for order, names in lists.items()]
    average = CharAverageGenerator(generators).fit()
    names = ["", *"abc", *(x + y for x in "abc" for y in "abc")]
    proba = np.exp(average.score_samples(names))
    options = {"max_length": 2, "random_state": 0}
    share, error = constraint_probability(average, **options)
    assert share == pytest.approx(proba[1:].sum() / (1 - proba[0]), abs=4 * error + 1e-3)
    drawn = average.sample(n_samples=20_000, **options)
    assert_drawn_from(drawn, names[1:], proba[1:])
    likely, log_likelihood = average.most_likely(5, novel=True)
    np.testing.assert_allclose(log_likelihood, average.score_samples(likely), atol=1e-4)
    assert not {*likely} & {*lists[2], *lists[3]}


def test_search_over_weights_does_not_refit_the_generators():
    names = load_names("female")
    good, bad = (CharNGramGenerator(order=order).fit(names[::2]) for order in (5, 1))
    pipe = make_pipeline(CharSequenceVectorizer(), CharAverageGenerator([good, bad]))
    grid = {"charaveragegenerator__weights": [[1, 9], [1, 1], [9, 1]]}
    search = GridSearchCV(pipe, grid, cv=2).fit(names[1::20])
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] < scores[1] < scores[2]
    assert search.best_estimator_[-1].generators[0] is good
    assert good.counts_.order == 5
    frozen = [FrozenEstimator(good), FrozenEstimator(bad)]
    grid = {"charaveragegenerator__generators": [frozen, frozen[:1]]}
    search = GridSearchCV(pipe, grid, cv=2).fit(names[1::20])
    assert search.best_params_ == {"charaveragegenerator__generators": frozen[:1]}


def test_clones_are_unfitted_and_refitting_a_generator_changes_nothing():
    generators, options = [fitted(ITALIAN), fitted(JAPANESE)], {"n_samples": 20, "random_state": 0}
    average = CharAverageGenerator(generators).fit()
    before = average.sample(**options)
    with pytest.raises(NotFittedError):
        clone(average).sample()
    assert clone(average).fit().sample(**options) == before
    generators[0].fit(JAPANESE)
    assert average.sample(**options) == before
    assert average.fit().sample(**options) != before
    with config_context(enable_metadata_routing=True):
        cloned = clone(average.set_score_request(sample_weight=True))
        assert cloned.get_metadata_routing().score.requests == {"sample_weight": True}


def test_save_and_load(pair):
    average = CharAverageGenerator([pair[0], fitted(JAPANESE)], weights=np.array([1, 2])).fit()
    options = {"n_samples": 9, "random_state": 0}
    for loaded in saved_copies(average):
        assert loaded.sample(**options) == average.sample(**options)
    state = average.__getstate__()
    # The state contains each generator once and no attribute that follows from the generators.
    assert len(pickle.dumps(average)) < 1.1 * len(pickle.dumps(state["generators_"]))
    assert not {"alphabet_", "name_hashes_", "max_length_"} & state.keys()
    for name, values in {
        "generators_": (["Maria"], [], None, [CharNGramGenerator()], [average]),
        "weights_": ([1.0], [1.0, -1.0], [1.0, np.nan], "x"),
    }.items():
        for value in values:
            with pytest.raises((TypeError, ValueError), match=r"must be|Got a CharAverageGen"):
                CharAverageGenerator([]).__setstate__(state | {name: value})


def test_weights_set_after_fit_are_saved_but_unused():
    average = CharAverageGenerator([fitted(ITALIAN), fitted(JAPANESE)], weights=[1, 3]).fit()
    before = average.sample(n_samples=20, random_state=0)
    for weights in ([9, 1], [9, 1, 3]):
        average.set_params(weights=weights)
        loaded = pickle.loads(pickle.dumps(average))
        assert loaded.weights == weights
        for model in (average, loaded, copy.copy(average)):
            assert model.sample(n_samples=20, random_state=0) == before


def test_nested_averages_are_rejected():
    average = CharAverageGenerator([fitted(ITALIAN)]).fit()
    for nested in (average, FrozenEstimator(average), clone(average)):
        with pytest.raises(ValueError, match=r"CharAverageGenerator\. Pass its generators"):
            CharAverageGenerator([fitted(JAPANESE), nested]).fit()


def test_forget_names_leaves_the_generators_unchanged(pair):
    average = CharAverageGenerator(pair).fit().forget_names()
    saved = pickle.dumps(average)
    assert not any(generator.name_hashes_.tobytes() in saved for generator in pair)
    loaded = pickle.loads(saved)
    assert loaded.sample(random_state=0) == average.sample(random_state=0)
    with pytest.raises(ValueError, match="has kept their hashes"):
        loaded.sample(novel=True)
    assert pair[0].sample(novel=True)


def test_running_text():
    texts = ["the cat sat on the mat"], ["der Kater sitzt auf der Matte"]
    windows = [windows_of(text, 4, boundary=False) for text in texts]
    generators = [CharNGramGenerator().fit(text) for text in windows]
    average = CharAverageGenerator(generators).fit()
    assert average.max_length_ is None
    assert len(average.sample("the", random_state=0)) == 103
    with pytest.raises(ValueError, match="boundary"):
        CharAverageGenerator([generators[0], fitted(ITALIAN)]).fit()
