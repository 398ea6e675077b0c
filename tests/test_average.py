"""The mean of several fitted generators."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, small_pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknamegen import (
    SKOPS_TRUSTED,
    CharAverageGenerator,
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
)
from sknamegen.metrics import constraint_probability, expected_novelty

ITALIAN = ["Rossi", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno", "Gallo"]
JAPANESE = ["Sato", "Suzuki", "Takahashi", "Tanaka", "Watanabe", "Yamamoto", "Nakamura", "Ito"]
VECTORIZER = CharSequenceVectorizer().fit(ITALIAN + JAPANESE)


def fitted(names, make=ngram_pipeline):
    return make()[-1].fit(VECTORIZER.transform(names))


@pytest.fixture(scope="module", params=[ngram_pipeline, small_pipeline])
def both(request):
    return fitted(ITALIAN, request.param), fitted(JAPANESE, request.param)


def log_proba(generator, seed, alphabet):
    """Return what a generator says of the characters of another alphabet, by its definition."""
    found = dict(zip(generator.alphabet_, generator.next_char_proba([seed])[0], strict=True))
    small = sum(p for c, p in found.items() if c.islower())
    capital = sum(p for c, p in found.items() if c.isupper())
    share = 1 / (generator.n_characters_seen_ + 1)
    each = [found.get(c, share * (small if c.islower() else capital)) for c in alphabet]
    return np.log(each)


@pytest.mark.parametrize("weights", [None, (1, 1), (0.2, 0.8), (30, 10), (1e308, 1e308)])
def test_each_character_is_from_the_weighted_geometric_mean(both, weights):
    average = CharAverageGenerator(both, weights=weights).fit()
    assert set(average.alphabet_) == {*both[0].alphabet_} | {*both[1].alphabet_}
    shares = np.array(weights or (1, 1)) / max(weights or (1,))
    for seed in ("", "a", "ma", "ano"):
        each = [log_proba(generator, seed, average.alphabet_) for generator in both]
        mean = np.exp(np.average(each, axis=0, weights=shares))
        expected = mean / mean.sum()
        np.testing.assert_allclose(average.next_char_proba([seed])[0], expected, rtol=1e-4)


def test_alone_or_with_itself_a_generator_stays_what_it_is(both):
    windows = VECTORIZER.transform(ITALIAN + JAPANESE)
    for of in ([both[0]], [both[0], both[0]]):
        average = CharAverageGenerator(of, weights=[3, 1][: len(of)]).fit()
        expected = both[0].score_samples(windows)
        np.testing.assert_allclose(average.score_samples(windows), expected, rtol=1e-5)
        np.testing.assert_array_equal(average.alphabet_, both[0].alphabet_)
        assert average.n_characters_seen_ == both[0].n_characters_seen_


def test_it_writes_what_it_scores():
    """All names of two letters at most, one by one."""
    vectorizer = CharSequenceVectorizer()
    each = [CharNGramGenerator(order=2), CharNGramGenerator(order=3)]
    lists = ["ab", "a", "ba", "aab"], ["cb", "c", "bc", "ccb", "b"]
    each = [g.fit(vectorizer.fit_transform(names)) for g, names in zip(each, lists, strict=True)]
    average = CharAverageGenerator(each).fit()
    names = ["", *"abc", *(x + y for x in "abc" for y in "abc")]
    proba = np.exp(average.score_samples(vectorizer.fit(names).transform(names)))
    short = {"max_length": 2}
    share, error = constraint_probability(average, **short, random_state=0)
    assert share == pytest.approx(proba[1:].sum() / (1 - proba[0]), abs=4 * error + 1e-3)
    drawn = average.sample(n_samples=20_000, random_state=0, **short)
    assert_drawn_from(drawn, names[1:], proba[1:])


def test_constraints_prefixes_and_lists_hold(both):
    average = CharAverageGenerator(both).fit()
    options = {"min_length": 5, "pattern": "[^k]*", "random_state": 0}
    names = average.sample("Ma", 1.0, 30, unique=True, novel=True, **options)
    assert len(set(names)) == 30
    assert not {*ITALIAN, *JAPANESE} & {*names}
    assert all(name.startswith("Ma") and len(name) >= 5 and "k" not in name for name in names)
    assert average.max_length_ == max(map(len, ITALIAN + JAPANESE))
    found, log_likelihood = average.most_likely(5, novel=True)
    score = average.score_samples(VECTORIZER.transform(found))
    np.testing.assert_allclose(log_likelihood, score, atol=1e-4)
    streamed = "".join(average.stream("T", random_state=0))
    assert "T" + streamed == average.sample("T", random_state=0)
    windows = VECTORIZER.transform(ITALIAN + JAPANESE)
    assert 0 < expected_novelty(average, windows) < 1


def test_it_stands_between_them(both):
    windows = [VECTORIZER.transform(names) for names in (ITALIAN, JAPANESE)]
    scores = []
    for weights in ([9, 1], [1, 1], [1, 9]):
        average = CharAverageGenerator(both, weights=weights).fit()
        scores.append([average.score(each) for each in windows])
    italian, japanese = np.transpose(scores)
    assert italian[0] > italian[1] > italian[2]
    assert japanese[0] < japanese[1] < japanese[2]


def test_a_search_over_weights_learns_nothing_again():
    names = load_names("female")
    vectorizer = CharSequenceVectorizer()
    learned = vectorizer.fit_transform(names[::2])
    good = CharNGramGenerator(order=5).fit(learned)
    bad = CharNGramGenerator(order=1).fit(learned)
    pipe = make_pipeline(CharSequenceVectorizer(), CharAverageGenerator([good, bad]))
    grid = {"charaveragegenerator__weights": [[1, 9], [1, 1], [9, 1]]}
    search = GridSearchCV(pipe, grid, cv=2).fit(names[1::20])
    found = search.cv_results_["mean_test_score"]
    assert found[0] < found[1] < found[2]
    assert search.best_estimator_[-1].generators[0] is good
    assert good.counts_.order == 5


def test_a_clone_is_not_fitted_and_a_later_fit_of_a_part_changes_nothing():
    generators = [fitted(ITALIAN), fitted(JAPANESE)]
    average = CharAverageGenerator(generators).fit()
    before = average.sample(n_samples=20, random_state=0)
    with pytest.raises(NotFittedError):
        clone(average).sample()
    assert clone(average).fit().sample(n_samples=20, random_state=0) == before
    generators[0].fit(VECTORIZER.transform(JAPANESE))
    assert average.sample(n_samples=20, random_state=0) == before
    loaded = pickle.loads(pickle.dumps(average))
    assert loaded.sample(n_samples=20, random_state=0) == before
    assert average.fit().sample(n_samples=20, random_state=0) != before


def test_it_is_saved(both, tmp_path):
    sio = pytest.importorskip("skops.io")
    average = CharAverageGenerator([both[0], fitted(JAPANESE)], weights=np.array([1, 2])).fit()
    sio.dump(average, tmp_path / "average.skops")
    one = sio.load(tmp_path / "average.skops", trusted=SKOPS_TRUSTED)
    other = pickle.loads(pickle.dumps(average))
    for loaded in (one, other):
        assert loaded.sample(n_samples=9, random_state=0) == average.sample(
            n_samples=9, random_state=0
        )
    state = average.__getstate__()
    # The generators are saved once, and nothing that can be computed from them.
    assert len(pickle.dumps(average)) < 1.1 * len(pickle.dumps(state["generators_"]))
    assert not {"alphabet_", "name_hashes_", "max_length_"} & state.keys()
    spoiled = [
        {"generators_": ["Maria"]},
        {"generators_": []},
        {"generators_": None},
        {"generators_": [CharNGramGenerator()]},
        {"weights_": [1.0]},
        {"weights_": [1.0, -1.0]},
        {"weights_": [1.0, np.nan]},
        {"weights_": "x"},
    ]
    for entry in spoiled:
        with pytest.raises((TypeError, ValueError), match="must be"):
            CharAverageGenerator([]).__setstate__(state | entry)
    names = ["Rossi", "Sato"]
    spoiled = CharAverageGenerator([])
    spoiled.__setstate__(state | {"alphabet_": np.array(["a"]), "max_length_": -1})
    np.testing.assert_array_equal(
        spoiled.score_samples(VECTORIZER.transform(names)),
        average.score_samples(VECTORIZER.transform(names)),
    )
    assert spoiled.max_length_ == average.max_length_


def test_what_is_set_after_fit_is_saved_and_changes_nothing():
    average = CharAverageGenerator([fitted(ITALIAN), fitted(JAPANESE)], weights=[1, 3]).fit()
    before = average.sample(n_samples=20, random_state=0)
    for weights in ([9, 1], [9, 1, 3]):
        average.set_params(weights=weights)
        loaded = pickle.loads(pickle.dumps(average))
        assert loaded.weights == weights
        for each in (average, loaded, copy.copy(average)):
            assert each.sample(n_samples=20, random_state=0) == before


def test_averages_in_averages_are_not_without_end():
    """Nor does a file that says so take long."""
    average = fitted(ITALIAN)
    for _ in range(9):
        average = CharAverageGenerator([average, average]).fit()
    with pytest.raises(ValueError, match="at most 1,000"):
        CharAverageGenerator([average, average]).fit()
    saved = pickle.dumps(average)
    assert len(saved) < 100_000
    with pytest.raises(ValueError, match="at most 1,000"):
        CharAverageGenerator([average, pickle.loads(saved)]).fit()


def test_frozen_generators_in_a_search():
    frozen = [FrozenEstimator(fitted(names)) for names in (ITALIAN, JAPANESE)]
    pipe = make_pipeline(FrozenEstimator(VECTORIZER), CharAverageGenerator(frozen))
    grid = {"charaveragegenerator__generators": [frozen, frozen[:1]]}
    search = GridSearchCV(pipe, grid, cv=2).fit(ITALIAN)
    assert len(search.best_params_["charaveragegenerator__generators"]) == 1


def test_metadata_requests_are_cloned():
    average = CharAverageGenerator([fitted(ITALIAN)])
    with config_context(enable_metadata_routing=True):
        average.set_score_request(sample_weight=True)
        cloned = clone(average)
        assert cloned.get_metadata_routing().score.requests == {"sample_weight": True}


def test_names_are_forgotten_in_the_average_alone(both):
    average = CharAverageGenerator(both).fit().forget_names()
    saved = pickle.dumps(average)
    assert not any(each.name_hashes_.tobytes() in saved for each in both)
    loaded = pickle.loads(saved)
    assert loaded.sample(random_state=0) == average.sample(random_state=0)
    with pytest.raises(ValueError, match="has kept their hashes"):
        loaded.sample(novel=True)
    assert both[0].sample(novel=True)


def test_a_mean_of_means(both):
    inner = CharAverageGenerator(both).fit()
    outer = CharAverageGenerator([inner, both[0]]).fit()
    flat = CharAverageGenerator(both, weights=[3, 1]).fit()
    found = outer.next_char_proba(["Ma"])
    # Not to the digit: what one does not know it guesses from its own letters.
    np.testing.assert_allclose(found, flat.next_char_proba(["Ma"]), atol=0.02)


def test_running_text():
    vectorizer = CharSequenceVectorizer(window_length=4, boundary=False)
    each = [
        CharNGramGenerator().fit(vectorizer.fit_transform([text]))
        for text in ("the cat sat on the mat", "der Kater sitzt auf der Matte")
    ]
    average = CharAverageGenerator(each).fit()
    assert average.max_length_ is None
    assert len(average.sample("the", random_state=0)) == 103
    with pytest.raises(ValueError, match="boundary"):
        CharAverageGenerator([each[0], fitted(ITALIAN)]).fit()


def test_what_cannot_be_averaged_is_told():
    one = fitted(ITALIAN)
    labelled = ngram_pipeline().fit(ITALIAN, ["it"] * 9)[-1]
    short = CharNGramGenerator().fit(CharSequenceVectorizer(window_length=3).fit_transform(ITALIAN))
    with pytest.raises(NotFittedError):
        CharAverageGenerator([one, CharLSTMGenerator()]).fit()
    with pytest.raises(TypeError, match="fitted generators"):
        CharAverageGenerator([one, VECTORIZER]).fit()
    for none in (one, "Maria", 3, iter([one])):
        with pytest.raises(TypeError, match="fitted generators"):
            CharAverageGenerator(none).fit()
    with pytest.raises((TypeError, ValueError), match="at least one"):
        CharAverageGenerator([]).fit()
    with pytest.raises(ValueError, match="y must be None"):
        CharAverageGenerator([one]).fit(VECTORIZER.transform(ITALIAN), ["it"] * 9)
    windows = CharSequenceVectorizer(window_length=3).fit_transform(ITALIAN)
    with pytest.raises(ValueError, match="window_length seen in fit"):
        CharAverageGenerator([one]).fit(windows)
    with pytest.raises(TypeError, match=r"pipe\[-1\]"):
        CharAverageGenerator([ngram_pipeline().fit(ITALIAN)]).fit()
    with pytest.raises(ValueError, match=r"sample\(label="):
        CharAverageGenerator([one, labelled]).fit()
    with pytest.raises(ValueError, match="same vectorizer"):
        CharAverageGenerator([one, short]).fit()
    for weights in (
        [1],
        [1, 0],
        [1, -1],
        [1, np.nan],
        [1, np.inf],
        ["a", "b"],
        3,
        [[1, 2]],
        [1, [2]],
    ):
        with pytest.raises(ValueError, match="weights must be None, or 2"):
            CharAverageGenerator([one, one], weights=weights).fit()
