"""Names in place of windows, and pipelines and searches in place of generators."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import small_pipeline, windows_of
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sknamegen import (
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
    save_page,
)
from sknamegen.datasets import NamesWarning
from sknamegen.display import LossCurveDisplay, NextCharDisplay
from sknamegen.metrics import constraint_probability

CONTAINERS = [list, tuple, np.array, iter, lambda names: np.array(names, dtype=object)]


def test_methods_take_names(make_pipe, names):
    """Names give the same results as windows from a vectorizer with default parameters."""
    train, test = names[:200], [*names[200:240], "Zoe\u0308", "Ωmega"]
    pipe, labels = make_pipe().fit(train), np.resize(["a", "b"], len(train))
    windows, expected = pipe[0].transform(test), pipe.fit(train, labels)[-1]
    generator = make_pipe()[-1].fit(train, labels)
    options = {"n_samples": 9, "random_state": 0}
    assert generator.sample(**options) == expected.sample(**options)
    for container in CONTAINERS:
        scores = generator.score_samples(container(test))
        np.testing.assert_array_equal(scores, expected.score_samples(windows))
    y = np.resize(["a", "b"], len(test))
    assert generator.score(test, y) == expected.score(windows, y)
    assert generator.perplexity(test) == expected.perplexity(windows)
    generator.partial_fit(test, y)
    expected.partial_fit(windows, y)
    assert generator.score(test) == expected.score(windows)


def test_names_have_the_window_length_and_the_spelling_of_fit(names):
    generator = CharNGramGenerator().fit(windows_of(names, 2))
    assert generator.score(names) == generator.score(windows_of(names, 2))
    assert generator.partial_fit(names).window_length_ == 2
    windows = windows_of(["Zoe\u0308", "Ana"], normalization="NFD")
    generator = CharNGramGenerator().fit(windows)
    assert generator.score(["Zo\u00eb"]) == generator.score(["Zoe\u0308"])
    assert generator.score(["Zo\u00eb"]) > generator.score(["Zo\u00e9"])


def test_classifiers_use_the_vectorizer_of_a_frozen_search(names):
    labels = np.where(np.char.endswith(names, "a"), "a", "other")
    vectorizer = CharSequenceVectorizer(lowercase=True)
    pipe = make_pipeline(vectorizer, CharNGramGenerator())
    search = GridSearchCV(pipe, {"charngramgenerator__order": [3]}, cv=StratifiedKFold(2))
    search.fit(names, labels)
    expected = NameClassifier(FrozenEstimator(search.best_estimator_)).fit().predict_proba(names)
    for frozen in (FrozenEstimator(search), FrozenEstimator(FrozenEstimator(search))):
        proba = NameClassifier(frozen).fit().predict_proba(names)
        np.testing.assert_array_equal(proba, expected)


def test_capitals_that_the_model_has_not_seen():
    lower = CharNGramGenerator().fit(["ana"])
    with pytest.warns(UserWarning, match="X contains capitals, .* Pass names in lower case"):
        lower.score(["Ana"])
    mixed, hebrew = CharNGramGenerator().fit(["Ana"]), CharNGramGenerator().fit(["דנה", "רות"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lower.score(["ana"])
        mixed.score(["Zoe"])
        hebrew.score(["Ana"])


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ("Anna", TypeError, r"Got the single str 'Anna'\. Pass \['Anna'\]"),
        ("Anna\nBert", TypeError, r"Pass X\.splitlines\(\)"),
        (Path("names.txt"), TypeError, r"Pass read_names\('names\.txt'\)"),
        (__file__, TypeError, r"Pass read_names\("),
        (None, TypeError, "Pass names as a list of str, or windows"),
        ([1, 2], ValueError, "Pass names as a list of str, or windows"),
        ([["Anna"]], TypeError, "Pass names as a list of str, or windows"),
        (5, (TypeError, ValueError), "Pass names as a list of str, or windows"),
    ],
    ids=str,
)
def test_bad_names(make_pipe, X, error, match, names):
    fitted = CharNGramGenerator().fit(names)
    for method in (make_pipe()[-1].fit, fitted.score, fitted.score_samples, fitted.partial_fit):
        with pytest.raises(error, match=match):
            method(X)


def test_a_text_in_place_of_a_list():
    with pytest.warns(NamesWarning, match=r"text in place of names \(1, such"):
        CharNGramGenerator().fit([" ".join(load_names("female")[:50])])


def test_generators_of_running_text_need_text(text_generator):
    for method in (text_generator.score, text_generator.partial_fit):
        with pytest.raises(ValueError, match=r"X must be windows of running text, .* Got names"):
            method(["Anna"])


@pytest.fixture(scope="module")
def wrapped(names):
    """Return a generator, and estimators that end with it."""
    pipe = small_pipeline(max_epochs=2)
    search = GridSearchCV(pipe, {"lstm__lr": [0.01]}, cv=2).fit(names[:100])
    pipe = search.best_estimator_
    return pipe[-1], [pipe, search, FrozenEstimator(search), FrozenEstimator(pipe[-1])]


@pytest.mark.full
def test_functions_take_pipelines_and_searches(wrapped, names, tmp_path):
    generator, estimators = wrapped
    options = {"pattern": ".*a", "random_state": 0}
    expected = constraint_probability(generator, **options)
    save_page(generator, tmp_path / "expected.html")
    for estimator in estimators:
        assert constraint_probability(estimator, **options) == expected
        assert LossCurveDisplay.from_estimator(estimator).loss_curve == generator.loss_curve_
        assert NextCharDisplay.from_estimator(estimator, "Anna").name == "Anna"
        save_page(estimator, tmp_path / "page.html", title="Names")
        assert (tmp_path / "page.html").stat().st_size > 10_000
