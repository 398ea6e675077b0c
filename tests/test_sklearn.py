"""The contract with scikit-learn.

`parametrize_with_checks` runs a single check for estimators that reject 2-D arrays. All checks run
on subclasses that convert numbers to names.
"""

import re
import runpy
import sys
import tomllib
import warnings
from collections import Counter
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import ClassifierTags, estimator_checks, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import validate_data

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
)

ROOT = Path(__file__).parents[1]
FOLDS = KFold(2, shuffle=True, random_state=0)


@pytest.mark.parametrize("make", [small_pipeline, ngram_pipeline])
def test_html_of_a_pipeline_links_to_the_manual(names, make):
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    pipe = make()
    classifier = NameClassifier(pipe)
    for shown, first in ((pipe, []), (pipe.fit(names), []), (classifier, [classifier])):
        links = re.findall(r'href="([^"]*sknamegen[^"]*[.]html)"', shown._repr_html_())
        pages = [f"/api/sknamegen.{type(step).__name__}.html" for step in [*first, *pipe]]
        assert links == [urls["Documentation"] + page for page in pages]
    # Subclasses of a user have no page.
    user_generator = type("UserGenerator", (CharNGramGenerator,), {"__module__": "mine"})()
    assert "sknamegen" not in user_generator._repr_html_()


class Numeric:
    """Mixin of an estimator that converts numbers to names."""

    def fit(self, X, y=None, **params):
        return super().fit(self._names(X, reset=True), y, **params)

    def _names(self, X, reset=False):
        if not reset:
            estimator_checks.check_is_fitted(self)
        X = validate_data(self, X, reset=reset).astype(float)
        letters = np.array(list("abcdefghijklmnop"))
        scaled = np.abs(np.rint(np.nan_to_num(X) * 4)).astype(int) % len(letters)
        return ["".join(row) for row in letters[scaled]]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = tags.input_tags.three_d_array = False
        return tags


class NumericVectorizer(Numeric, CharSequenceVectorizer):
    def fit_transform(self, X, y=None):
        return super().fit_transform(self._names(X, reset=True), y)

    def transform(self, X):
        return super().transform(self._names(X))


class NumericGenerator(Numeric):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, y, sample_weight=sample_weight)

    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        names = self._names(X, reset=not hasattr(self, "alphabet_"))
        return super().partial_fit(names, y, classes=classes, sample_weight=sample_weight)

    def score_samples(self, X, y=None):
        return super().score_samples(self._names(X), y)

    def score(self, X, y=None, sample_weight=None):
        return super().score(self._names(X), y, sample_weight)


class NumericLSTM(NumericGenerator, CharLSTMGenerator):
    pass


class NumericNGram(NumericGenerator, CharNGramGenerator):
    pass


class NumericClassifier(NameClassifier):
    """Classifier whose generator converts numbers."""

    def predict_log_proba(self, X):
        estimator_checks.check_is_fitted(self)
        return super().predict_log_proba(self.generator_._names(X))

    @property
    def n_features_in_(self):
        return self.generator_.n_features_in_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Similar numbers become unrelated letters.
        tags.classifier_tags = ClassifierTags(poor_score=True)
        return tags


def numeric_lstm():
    return NumericLSTM(init=None, hidden_size=4, embedding_dim=3, max_epochs=1, random_state=0)


# The reason why a check fails.
EXPECTED_FAILURES = {
    "NumericVectorizer": {
        "check_transformer_preserve_dtypes": "the output contains code points, always int32",
    },
    "NumericClassifier of NumericLSTM": {
        "check_sample_weight_equivalence_on_dense_data": "weights affect the draws of batches, "
        "so the order of the same names differs",
    },
}


@pytest.mark.parametrize(
    ("estimator", "min_passed"),
    [
        (NumericVectorizer(), 39),
        (numeric_lstm(), 43),
        (NumericNGram(), 43),
        pytest.param(NumericClassifier(numeric_lstm()), 56, marks=pytest.mark.full),
        (NumericClassifier(NumericNGram()), 57),
    ],
    ids=repr,
)
def test_checks_with_numbers_converted_to_names(estimator, min_passed):
    name = type(estimator).__name__
    if isinstance(estimator, NameClassifier):
        name += f" of {type(estimator.generator).__name__}"
    passed, failed = [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for instance, check in estimator_checks_generator(estimator, legacy=True):
            check_name = getattr(check, "func", check).__name__
            try:
                check(instance)
                passed.append(check_name)
            except SkipTest:
                continue
            except Exception as error:
                failed[check_name] = error
    assert failed.keys() == EXPECTED_FAILURES.get(name, {}).keys(), failed
    assert len(passed) >= min_passed


def test_tags(names):
    vectorizer = CharSequenceVectorizer()
    tags = get_tags(vectorizer).input_tags
    assert (tags.string, tags.two_d_array) == (True, False)
    assert not {"set_output", "get_feature_names_out"} & {*dir(vectorizer)}
    tags = get_tags(CharLSTMGenerator())
    assert (tags.input_tags.three_d_array, tags.input_tags.two_d_array) == (True, False)
    labelled = CharNGramGenerator().fit(names, [name[-1] for name in names])
    assert get_tags(labelled).estimator_type == tags.estimator_type == "density_estimator"


def test_pipeline_with_memory(names, tmp_path):
    plain = small_pipeline(max_epochs=1).fit(names)
    cached = Pipeline(plain.steps, memory=str(tmp_path))
    for _ in range(2):
        cached = clone(cached).fit(names)
        assert cached.score(names) == plain.score(names)


def test_grid_search_over_both_steps(names):
    """The best candidate has the best mean over the folds, and is fitted again to all names."""
    pipe, names = small_pipeline(max_epochs=1), np.array(names[:120])
    grid = {"windows__window_length": [2, 8], "lstm__hidden_size": [4, 16]}
    grid |= {"lstm__lr": [0.001, 0.05]}
    search = GridSearchCV(pipe, grid, cv=FOLDS).fit(names)
    model = clone(pipe).set_params(**search.best_params_)
    held_out = [model.fit(names[i]).score(names[j]) for i, j in FOLDS.split(names)]
    assert search.best_score_ == pytest.approx(np.mean(held_out), abs=1e-12)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.best_params_["lstm__lr"] == 0.05
    refitted = clone(pipe).set_params(**search.best_params_).fit(names)
    assert refitted.score(names) == search.score(names)
    assert search.best_estimator_[-1].sample("Ma", random_state=0).startswith("Ma")


def test_a_diverging_candidate_does_not_stop_the_search(names):
    search = GridSearchCV(small_pipeline(max_epochs=1), {"lstm__lr": [0.01, 1e30]}, cv=FOLDS)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(FitFailedWarning, match=r"Training diverged: a loss of nan in epoch 1"),
    ):
        search.fit(names)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).tolist() == [True, False]
    assert search.best_params_ == {"lstm__lr": 0.01}


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (GridSearchCV, {}),
        (RandomizedSearchCV, {"n_iter": 2}),
        (HalvingGridSearchCV, {"random_state": 0}),
        (HalvingRandomSearchCV, {"n_candidates": 3, "random_state": 0}),
    ],
)
def test_searches_with_their_defaults(kind, options, labelled, names):
    labels = [len(name) > 6 for name in names] if labelled else None
    search = kind(ngram_pipeline(), {"ngram__order": [2, 3, 4]}, **options).fit(names, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert isinstance(search.best_estimator_[-1].sample(), str)


class Count:
    """Callback of scikit-learn 1.9 that counts the tasks of each type of estimator."""

    max_propagation_depth = None

    def __init__(self):
        self.n_tasks = Counter()

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_tasks[type(estimator).__name__, context.task_name] += 1

    def on_fit_task_end(self, estimator, context):
        pass

    teardown = setup


def test_callbacks_of_searches_and_pipelines():
    """No estimator warns that it does not support callbacks, which scikit-learn passes on."""
    pytest.importorskip("sklearn.callback")
    names, labels = (values[::100] for values in load_names(return_X_y=True))
    pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator())
    search = GridSearchCV(clone(pipe), {"charngramgenerator__order": [2, 3]}, cv=FOLDS)
    for estimator in (search, GridSearchCV(NameClassifier(clone(pipe)), {}, cv=FOLDS), pipe):
        count = Count()
        estimator.set_callbacks(count).fit(names, labels)
        assert count.n_tasks[type(estimator).__name__, "fit"] == 1
        n_fits = 2 * FOLDS.get_n_splits() + 1 if estimator is search else 0
        assert estimator is pipe or count.n_tasks["Pipeline", "fit"] == n_fits


def test_earlier_versions_of_scikit_learn_have_no_callbacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    module = runpy.run_path(str(ROOT / "sknamegen/_callback.py"))
    assert not hasattr(module["CallbackSupportMixin"], "set_callbacks")
