"""Classification of names. `test_sklearn.py` runs scikit-learn's own checks on the classifier."""

import pickle

import numpy as np
import pytest
import sklearn
from conftest import classifier_of, ngram_pipeline, saved_copies, windows_of
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, NameClassifier, load_names


@pytest.fixture(scope="module")
def labelled():
    """Real names sorted by label, of which a third are male, and weights."""
    names, labels = load_names(return_X_y=True)
    rows = [i for i in range(0, len(names), 8) if labels[i] == "female" or i % 16]
    weights = np.random.default_rng(0).integers(1, 5, len(rows)).astype(float)
    return [names[i] for i in rows], labels[rows], weights


@pytest.fixture(scope="module")
def windows(labelled):
    return windows_of(labelled[0])


@pytest.fixture(params=["pipeline in the classifier", "classifier in a pipeline"])
def make_classifier(request):
    if request.param == "classifier in a pipeline":
        return lambda g: make_pipeline(CharSequenceVectorizer(), NameClassifier(g))
    return lambda g: NameClassifier(make_pipeline(CharSequenceVectorizer(), g))


def test_probabilities_follow_bayes_rule(make_pipe, labelled):
    names, labels, weights = labelled
    generator = make_pipe()[-1].fit(names, labels)
    classifier, classes = NameClassifier(make_pipe()).fit(names, labels), ["female", "male"]
    assert classifier.classes_.tolist() == classes
    joint = [generator.score_samples(names, [label] * len(names)) for label in classes]
    joint = np.transpose(np.exp(joint)) * [(labels == label).mean() for label in classes]
    proba = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(names), proba, rtol=1e-6)
    np.testing.assert_allclose(classifier.predict_log_proba(names), np.log(proba), atol=1e-5)
    predicted = [classes[i] for i in proba.argmax(axis=1)]
    assert classifier.predict(names).tolist() == predicted
    for w in (None, weights):
        assert classifier.score(names, labels, w) == np.average(predicted == labels, weights=w)


def test_names_and_windows_give_equal_probabilities(labelled, windows):
    names, labels, weights = labelled
    alone = NameClassifier(CharNGramGenerator()).fit(windows, labels, weights)
    outside = NameClassifier(ngram_pipeline()).fit(names, labels, weights)
    inside = make_pipeline(CharSequenceVectorizer(), NameClassifier(CharNGramGenerator()))
    inside.fit(names, labels, nameclassifier__sample_weight=weights)
    expected = classifier_of(CharNGramGenerator().fit(windows, labels, weights))
    for classifier, X in ((alone, windows), (alone, names), (outside, names), (inside, names)):
        np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(windows))
    one_step = NameClassifier(Pipeline([("ngram", CharNGramGenerator())])).fit(windows, labels)
    unweighted = NameClassifier(CharNGramGenerator()).fit(windows, labels).predict_proba(windows)
    np.testing.assert_array_equal(one_step.predict_proba(windows), unweighted)
    assert not np.array_equal(alone.predict_proba(windows), unweighted)


@pytest.mark.parametrize("frozen", [False, True])
def test_tags_before_and_after_fit(labelled, windows, frozen):
    names, labels, _ = labelled
    for model, X, is_names in (
        (CharNGramGenerator(), windows, False),
        (ngram_pipeline(), names, True),
    ):
        classifier = NameClassifier(FrozenEstimator(model.fit(X, labels)) if frozen else model)
        for estimator in (classifier, classifier.fit(X, labels)):
            tags = get_tags(estimator)
            assert is_classifier(estimator)
            assert tags.target_tags.required
            kinds = tags.input_tags
            actual = kinds.two_d_array, kinds.string, kinds.three_d_array
            assert actual == (False, True, not is_names)


def test_parameters():
    classifier = NameClassifier(ngram_pipeline())
    classifier.set_params(generator__ngram__order=3, generator__windows__window_length=4)
    assert clone(classifier).generator[-1].order == 3
    assert classifier.get_params()["generator__ngram__order"] == 3
    assert not hasattr(classifier, "partial_fit")  # pipelines have none


@pytest.mark.parametrize("frozen", [False, True])
def test_saved_classifiers_predict_the_same(make_pipe, labelled, frozen):
    names, labels, _ = labelled
    classifier = NameClassifier(make_pipe()).fit(names, labels)
    if frozen:
        classifier = classifier_of(classifier.generator_)
    # so that the module can change
    assert b"sknamegen.classifier" not in pickle.dumps(classifier)
    for other in saved_copies(classifier):
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


def test_folds_of_a_sorted_list_are_stratified(make_classifier, labelled):
    names, labels, _ = labelled
    classifier = make_classifier(CharNGramGenerator())
    scores = cross_val_score(classifier, names, labels, cv=3, error_score="raise")
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


def test_partial_fit_equals_that_of_the_generator(labelled):
    """The first call takes the classes."""
    names, labels, weights = labelled
    classifier, generator = NameClassifier(CharNGramGenerator()), CharNGramGenerator()
    for model in (classifier, generator):
        model.partial_fit(names[:3], ["female"] * 3, classes=["male", "female"])
    assert classifier.classes_.tolist() == ["female", "male"]
    np.testing.assert_array_equal(classifier.predict_log_proba(names)[:, 1], -np.inf)
    for model in (classifier, generator):
        model.partial_fit(names, labels, sample_weight=weights)
    expected = classifier_of(generator).predict_proba(names)
    np.testing.assert_array_equal(classifier.predict_proba(names), expected)
    assert expected[:, 1].min() > 0
    with pytest.raises(ValueError, match="requires y"):
        classifier.partial_fit(names, None)


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
