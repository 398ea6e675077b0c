"""Classification of names. `test_sklearn.py` runs scikit-learn's own checks on the classifier."""

import pickle

import numpy as np
import pytest
import sklearn
import skops.io
from conftest import classifier_of, ngram_pipeline, small_pipeline
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags

from sknamegen import (
    SKOPS_TRUSTED,
    CharAverageGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
    load_names,
)


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def make_pipe(request):
    return request.param


@pytest.fixture(scope="module")
def labelled():
    """Real names sorted by label, of which a third are male, and weights."""
    names, labels = load_names(return_X_y=True)
    rows = [i for i in range(0, len(names), 8) if labels[i] == "female" or i % 16]
    weights = np.random.default_rng(0).integers(1, 5, len(rows)).astype(float)
    return [names[i] for i in rows], labels[rows], weights


@pytest.fixture(scope="module")
def windows(labelled):
    return CharSequenceVectorizer().fit_transform(labelled[0])


@pytest.fixture(scope="module", params=["pipeline in the classifier", "classifier in a pipeline"])
def make_classifier(request):
    if request.param == "classifier in a pipeline":
        return lambda g: make_pipeline(CharSequenceVectorizer(), NameClassifier(g))
    return lambda g: NameClassifier(make_pipeline(CharSequenceVectorizer(), g))


def test_probabilities_follow_bayes_rule(make_pipe, labelled):
    names, labels, _ = labelled
    pipe = make_pipe().fit(names, labels)
    classifier = NameClassifier(make_pipe()).fit(names, labels)
    assert classifier.classes_.tolist() == ["female", "male"]
    windows = pipe[0].transform(names)
    p = np.stack(
        [
            np.exp(pipe[-1].score_samples(windows, [label] * len(names))) * (labels == label).mean()
            for label in ("female", "male")
        ],
        axis=1,
    )
    proba = p / p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(names), proba, rtol=1e-6)
    np.testing.assert_allclose(classifier.predict_log_proba(names), np.log(proba), atol=1e-5)
    predicted = [["female", "male"][i] for i in proba.argmax(axis=1)]
    assert classifier.predict(names).tolist() == predicted
    for weights in (None, np.arange(len(names))):
        accuracy = np.average(predicted == labels, weights=weights)
        assert classifier.score(names, labels, weights) == accuracy


def test_names_and_windows_give_equal_probabilities(labelled, windows):
    names, labels, weights = labelled
    alone = NameClassifier(CharNGramGenerator()).fit(windows, labels, weights)
    outside = NameClassifier(ngram_pipeline()).fit(names, labels, weights)
    inside = make_pipeline(CharSequenceVectorizer(), NameClassifier(CharNGramGenerator()))
    inside.fit(names, labels, nameclassifier__sample_weight=weights)
    expected = CharNGramGenerator().fit(windows, labels, weights)
    for actual in (alone.predict_proba(windows), outside.predict_proba(names)):
        np.testing.assert_array_equal(actual, classifier_of(expected).predict_proba(windows))
        np.testing.assert_array_equal(actual, inside.predict_proba(names))
    one_step = NameClassifier(Pipeline([("ngram", CharNGramGenerator())])).fit(windows, labels)
    unweighted = NameClassifier(CharNGramGenerator()).fit(windows, labels).predict_proba(windows)
    np.testing.assert_array_equal(one_step.predict_proba(windows), unweighted)
    assert not np.array_equal(alone.predict_proba(windows), unweighted)


def test_integer_labels_and_a_single_label(make_pipe, labelled):
    names, labels, _ = labelled
    numbers = (labels == "male").astype(int) * 7
    assert set(NameClassifier(make_pipe()).fit(names, numbers).predict(names).tolist()) == {0, 7}
    single = NameClassifier(make_pipe()).fit(names[:30], ["all"] * 30)
    np.testing.assert_allclose(single.predict_proba(names[:3]), 1)


@pytest.mark.parametrize("frozen", [False, True])
def test_tags_before_and_after_fit(labelled, windows, frozen):
    names, labels, _ = labelled
    generator, pipe = CharNGramGenerator(), ngram_pipeline()
    if frozen:
        generator = FrozenEstimator(generator.fit(windows, labels))
        pipe = FrozenEstimator(pipe.fit(names, labels))
    for classifier, X, is_names in (
        (NameClassifier(generator), windows, False),
        (NameClassifier(pipe), names, True),
    ):
        for estimator in (classifier, classifier.fit(X, labels)):
            tags = get_tags(estimator)
            assert is_classifier(estimator)
            assert tags.target_tags.required
            expected = False, is_names, not is_names
            kinds = tags.input_tags
            assert (kinds.two_d_array, kinds.string, kinds.three_d_array) == expected


def test_parameters_and_html():
    classifier = NameClassifier(ngram_pipeline())
    classifier.set_params(generator__ngram__order=3, generator__windows__window_length=4)
    assert clone(classifier).generator[-1].order == 3
    assert classifier.get_params()["generator__ngram__order"] == 3
    assert not hasattr(classifier, "partial_fit")  # pipelines have none
    html = classifier._repr_html_()
    assert "/api/sknamegen.NameClassifier.html" in html
    assert "CharNGramGenerator" in html


@pytest.mark.parametrize("frozen", [False, True])
def test_saved_classifiers_predict_the_same(make_pipe, labelled, frozen):
    names, labels, _ = labelled
    classifier = NameClassifier(make_pipe()).fit(names, labels)
    if frozen:
        classifier = classifier_of(classifier.generator_)
    pickled, dumped = pickle.dumps(classifier), skops.io.dumps(classifier)
    assert b"sknamegen.classifier" not in pickled  # so that the module can change
    for other in (pickle.loads(pickled), skops.io.loads(dumped, trusted=SKOPS_TRUSTED)):
        np.testing.assert_array_equal(other.predict_proba(names), classifier.predict_proba(names))
        assert other.classes_.tolist() == ["female", "male"]
        assert repr(other) == repr(classifier)


def test_refit_and_failed_fit(labelled):
    names, labels, _ = labelled
    classifier = NameClassifier(ngram_pipeline())
    assert not hasattr(classifier, "classes_")
    with pytest.raises(NotFittedError):
        classifier.predict(names)
    classifier.fit(names, labels)
    before = classifier.predict_proba(names)
    with pytest.raises(ValueError, match="y must contain one label for each"):
        classifier.fit(names, labels[:3])
    np.testing.assert_array_equal(classifier.predict_proba(names), before)
    assert classifier.fit(names[:4], [1, 2, 1, 2]).classes_.tolist() == [1, 2]


def test_an_interrupt_keeps_progress(labelled):
    from skorch.callbacks import Callback

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    classifier = NameClassifier(small_pipeline(callbacks=[Interrupt()]))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*labelled[:2])
    assert classifier.predict(labelled[0][:3]).shape == (3,)


def test_an_interrupt_without_progress_keeps_the_last_fit(labelled, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    names, labels, _ = labelled
    classifier = NameClassifier(ngram_pipeline()).fit(names, labels)
    expected = classifier.generator_
    monkeypatch.setattr(CharNGramGenerator, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(names, labels)
    assert classifier.generator_ is expected


def test_fit_does_not_train_a_frozen_generator(make_pipe, labelled):
    names, labels, weights = labelled
    pipe = pickle.loads(pickle.dumps(make_pipe().fit(names, labels)))
    expected = NameClassifier(make_pipe()).fit(names, labels).predict_proba(names)
    frozen, last_step = FrozenEstimator(pipe), FrozenEstimator(pipe[-1])
    for generator in (frozen, make_pipeline(CharSequenceVectorizer(), last_step)):
        classifier = NameClassifier(generator).fit(names, np.arange(len(names)) % 3, weights)
        assert classifier.classes_.tolist() == ["female", "male"]
        np.testing.assert_array_equal(classifier.predict_proba(names), expected)
    classifier = NameClassifier(last_step).fit()
    np.testing.assert_array_equal(classifier.predict_proba(pipe[0].transform(names)), expected)
    assert not hasattr(classifier, "partial_fit")  # it would train the frozen generator
    assert clone(NameClassifier(frozen)).fit().generator_ is pipe


def unlabelled():
    return ngram_pipeline().fit(["Ada", "Eve"])


@pytest.mark.parametrize(
    ("generator", "error", "match"),
    [
        (CharAverageGenerator([]), TypeError, "learns labels, .* Got a CharAverageGenerator"),
        (GridSearchCV(ngram_pipeline(), {}), TypeError, "Pipeline .* Got a GridSearchCV"),
        (FrozenEstimator(CharSequenceVectorizer()), TypeError, "Got a CharSequenceVectorizer"),
        (FrozenEstimator(ngram_pipeline()), NotFittedError, "not fitted yet"),
        (FrozenEstimator(unlabelled()), ValueError, "Got a generator fitted without labels"),
    ],
)
def test_bad_generators(generator, error, match):
    classifier = NameClassifier(generator)
    with pytest.raises(error, match=match):
        classifier.fit(["Ada", "Eve"], ["a", "b"])
    assert not hasattr(classifier, "generator_")


def test_bad_input(windows):
    with pytest.raises(ValueError, match=r"requires y to be passed, .* Pass the label of each"):
        NameClassifier(ngram_pipeline()).fit(["Ada"])
    with pytest.raises(ValueError, match="Pass names as a list of str, or windows"):
        NameClassifier(CharNGramGenerator()).fit([1, 2], ["a", "b"])
    with pytest.raises(TypeError, match="X must be an iterable of str"):
        NameClassifier(ngram_pipeline()).fit(windows, ["a"] * len(windows))


def test_folds_of_a_sorted_list_are_stratified(make_classifier, labelled):
    names, labels, _ = labelled
    scores = cross_val_score(
        make_classifier(CharNGramGenerator()), names, labels, cv=3, error_score="raise"
    )
    assert scores.min() > max(np.mean(labels == "female"), np.mean(labels == "male"))


def test_grid_search(make_pipe, labelled):
    names, labels, _ = labelled
    grid = {"generator__windows__window_length": [1, 4]}
    options = {"cv": 2, "scoring": ["accuracy", "neg_log_loss"], "error_score": "raise"}
    search = GridSearchCV(NameClassifier(make_pipe()), grid, refit="accuracy", **options)
    search.fit(names, labels)
    assert np.isfinite(search.cv_results_["mean_test_neg_log_loss"]).all()
    assert search.classes_.tolist() == ["female", "male"]
    assert search.predict(names[:5]).shape == (5,)
    assert search.best_estimator_.generator_[-1].sample("Ma", label="male").startswith("Ma")


@pytest.mark.parametrize(
    "make",
    [
        lambda c: VotingClassifier([("a", c), ("b", clone(c))], voting="soft"),
        lambda c: VotingClassifier([("a", c), ("b", clone(c))], voting="hard"),
        lambda c: StackingClassifier([("a", c), ("b", clone(c))], cv=2),
        lambda c: CalibratedClassifierCV(c, cv=2),
        lambda c: CalibratedClassifierCV(c, cv=2, method="isotonic", ensemble=False),
    ],
    ids=["soft vote", "hard vote", "stacking", "calibration", "one calibrator"],
)
@pytest.mark.parametrize("takes_windows", [False, True])
def test_ensembles_and_calibration(make, labelled, windows, takes_windows):
    names, labels, weights = labelled
    classifier = NameClassifier(CharNGramGenerator() if takes_windows else ngram_pipeline())
    X = windows if takes_windows else names
    ensemble = make(classifier).fit(X, labels)
    assert ensemble.score(X, labels) > 0.8
    weighted = make(classifier).fit(X, labels, sample_weight=weights)
    assert weighted.predict(X).shape == labels.shape
    if hasattr(ensemble, "predict_proba"):
        assert not np.array_equal(weighted.predict_proba(X), ensemble.predict_proba(X))


def test_bagging_needs_numbers(labelled):
    """The documentation says so."""
    with pytest.raises(ValueError, match="Expected 2D array"):
        BaggingClassifier(NameClassifier(ngram_pipeline())).fit(*labelled[:2])


def test_partial_fit_equals_fit(labelled, windows):
    names, labels, weights = labelled
    fitted = NameClassifier(CharNGramGenerator()).fit(windows, labels, weights)
    classifier = NameClassifier(CharNGramGenerator())
    row_of = {character: i for i, name in enumerate(names) for character in name}
    first = sorted({*row_of.values(), len(names) - 1})  # all characters and both labels
    rest = np.setdiff1d(np.arange(len(names)), first)
    for rows in (first, rest):
        assert classifier.partial_fit(windows[rows], labels[rows], sample_weight=weights[rows])
    np.testing.assert_allclose(
        classifier.predict_proba(windows), fitted.predict_proba(windows), rtol=1e-9
    )


def test_partial_fit_takes_the_classes_in_the_first_call(labelled, windows):
    labels = labelled[1]
    classifier = NameClassifier(CharNGramGenerator())
    is_female = labels == "female"
    classifier.partial_fit(windows[is_female], labels[is_female], classes=["male", "female"])
    assert classifier.classes_.tolist() == ["female", "male"]
    np.testing.assert_array_equal(classifier.predict_log_proba(windows)[:, 1], -np.inf)
    assert classifier.partial_fit(windows, labels).predict_proba(windows)[:, 1].min() > 0
    with pytest.raises(ValueError, match="requires y"):
        classifier.partial_fit(windows, None)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("in_fit", [False, True])
def test_requested_weights_are_routed(routing, make_classifier, labelled, in_fit):
    names, labels, weights = labelled
    folds = KFold(2, shuffle=True, random_state=0)
    classifier = make_classifier(CharNGramGenerator().set_fit_request(sample_weight=in_fit))
    last_step = classifier[-1] if isinstance(classifier, Pipeline) else classifier
    for estimator in {classifier, last_step}:  # scikit-learn 1.6 also asks the Pipeline
        estimator.set_score_request(sample_weight=True)
    options = {"params": {"sample_weight": weights}, "error_score": "raise"}
    scores = cross_val_score(classifier, names, labels, cv=folds, **options)
    for (train, test), score in zip(folds.split(names), scores, strict=True):
        vectorizer, generator = CharSequenceVectorizer(), CharNGramGenerator()
        windows = vectorizer.fit_transform([names[i] for i in train])
        generator.fit(windows, labels[train], weights[train] if in_fit else None)
        held_out = vectorizer.transform([names[i] for i in test])
        predicted = classifier_of(generator).predict(held_out)
        assert score == pytest.approx(np.average(predicted == labels[test], weights=weights[test]))


def test_weights_without_a_request_are_an_error(routing, make_classifier, labelled):
    names, labels, weights = labelled
    classifier = make_classifier(CharNGramGenerator())
    with pytest.raises(UnsetMetadataPassedError, match=r"CharNGramGenerator\.fit"):
        classifier.fit(names, labels, sample_weight=weights)
    assert classifier.fit(names, labels).score(names, labels) > 0.8


def test_routing_through_partial_fit_and_ensembles(routing, labelled, windows):
    _, labels, weights = labelled
    generator = CharNGramGenerator()
    with pytest.raises(UnsetMetadataPassedError, match=r"CharNGramGenerator\.partial_fit"):
        NameClassifier(generator).partial_fit(windows, labels, sample_weight=weights)
    generator.set_partial_fit_request(sample_weight=True).set_fit_request(sample_weight=True)
    actual = NameClassifier(generator).partial_fit(windows, labels, sample_weight=weights)
    fitted = NameClassifier(generator).fit(windows, labels, weights)
    np.testing.assert_array_equal(actual.predict_proba(windows), fitted.predict_proba(windows))
    vote = VotingClassifier([("a", NameClassifier(generator))], voting="soft")
    vote.fit(windows, labels, sample_weight=weights)
    np.testing.assert_array_equal(vote.predict_proba(windows), fitted.predict_proba(windows))
