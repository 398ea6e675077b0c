"""Classifier of names, based on a generator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._callback import CallbackSupportMixin
from ._generator import BaseCharGenerator, fitted, unwrapped
from ._state import PublicName

__all__ = ["NameClassifier"]


class NameClassifier(
    PublicName, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Classifier that predicts the label of a name with a generator.

    The generator learns the names of each label. The probability of a label then follows from
    Bayes' rule, see Notes.

    Parameters
    ----------
    generator : generator, Pipeline or FrozenEstimator
        A `CharNGramGenerator` or a `CharLSTMGenerator`, which takes names or windows, or a
        `sklearn.pipeline.Pipeline` of a `CharSequenceVectorizer` and a generator. `fit` trains a
        clone. A fitted generator or Pipeline in a `sklearn.frozen.FrozenEstimator` is not trained
        again.

    Attributes
    ----------
    generator_ : generator or Pipeline
        The fitted generator. If `generator` is frozen, the generator in the FrozenEstimator.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.

    See Also
    --------
    CharNGramGenerator.sample : Generates names with a label.

    Notes
    -----
    The classifier computes ``p(label | name) = p(label) p(name | label) / p(name)``. The prior of a
    label is its frequency in the training data, weighted by `sample_weight`. The generator gives
    the probability of the name given the label.

    With metadata routing, call `set_fit_request` of the generator and `set_score_request` of the
    classifier to pass `sample_weight`.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, NameClassifier
    >>> from sknamegen import load_names
    >>> names, labels = load_names(return_X_y=True)
    >>> pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator())
    >>> classifier = NameClassifier(pipe).fit(names, labels)
    >>> classifier.predict(["Noelani", "Brock"]).tolist()
    ['female', 'male']
    >>> classifier.generator_[-1].sample("Al", label="male", random_state=0)
    'Alic'

    A generator that is already fitted with labels, such as a loaded model, needs no data:

    >>> from sklearn.frozen import FrozenEstimator
    >>> fitted_pipe = pipe.fit(names, labels)
    >>> NameClassifier(FrozenEstimator(fitted_pipe)).fit().predict(["Noelani"]).tolist()
    ['female']
    """

    generator_: BaseCharGenerator | Pipeline

    # The generator requests the weights for training.
    __metadata_request__fit: ClassVar = {"sample_weight": UNUSED}
    __metadata_request__partial_fit: ClassVar = {"classes": UNUSED, "sample_weight": UNUSED}

    def __init__(self, generator: BaseCharGenerator | Pipeline | FrozenEstimator):
        self.generator = generator

    @property
    def classes_(self) -> NDArray[np.generic]:
        """Sorted labels."""
        return _last_step(self.generator_).classes_

    def fit(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the generator with labels.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, n_positions, window_length + 1)
            Names, or windows of dtype int for a generator. Only a frozen generator accepts None. It
            ignores X, y and `sample_weight`.
        y : array-like of shape (n_names,)
            Label of each name, either all str or all int.
        sample_weight : array-like of shape (n_names,), default=None
            Weight of each name. Passed to the generator unless None.

        Returns
        -------
        self : NameClassifier

        Raises
        ------
        NotFittedError
            If a frozen generator is not fitted.
        TypeError, ValueError
            If `generator` is invalid or y is None, if a frozen generator was fitted without labels,
            or as in the generator's `fit`.
        """
        if isinstance(self.generator, FrozenEstimator):
            return self._assign(self.generator.estimator)
        return self._train(clone(self.generator), "fit", X, y, sample_weight)

    @available_if(lambda classifier: isinstance(classifier.generator, BaseCharGenerator))
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train the generator on more names. Not available for pipelines and frozen generators.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that occur in any call. If None, the labels in the first call.

        Returns
        -------
        self : NameClassifier

        Raises
        ------
        TypeError, ValueError
            As in the generator's `partial_fit`.
        """
        generator = self.generator_ if hasattr(self, "generator_") else clone(self.generator)
        return self._train(generator, "partial_fit", X, y, sample_weight, classes=classes)

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """Predict the most probable label of each name.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, n_positions, window_length + 1)
            Names or windows, as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_names,)
            Predicted label of each name, one of `classes_`.
        """
        indices = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[indices]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the probability of each label for each name.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, n_positions, window_length + 1)
            Names or windows, as in `fit`.

        Returns
        -------
        proba : ndarray of shape (n_names, n_classes), dtype float64
            ``proba[i, j]`` is the probability that name i has the label ``classes_[j]``. Rows sum
            to 1.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the logarithm of `predict_proba`, in nats.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, n_positions, window_length + 1)
            Names or windows, as in `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_names, n_classes), dtype float64
        """
        check_is_fitted(self)
        *steps, generator = unwrapped(self.generator_)
        for step in steps:
            X = step.transform(X)
        joint, _ = fitted(generator).joint_log_likelihood(X)
        return joint - np.logaddexp.reduce(joint, axis=1)[:, None]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_names,) or (n_names, n_positions, window_length + 1)
            Names or windows, as in `fit`.
        y : array-like of shape (n_names,)
            Label of each name.
        sample_weight : array-like of shape (n_names,), default=None
            Weight of each name. If None, all names have weight 1.

        Returns
        -------
        accuracy : float
            Share of names whose label is predicted correctly, in [0, 1].
        """
        return float(super().score(X, y, sample_weight))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata that the classifier and its generator request.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
        """
        methods = MethodMapping().add(caller="fit", callee="fit")
        methods.add(caller="partial_fit", callee="partial_fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(generator=self.generator, method_mapping=methods)

    def _train(self, generator, method, X, y, sample_weight, **params):
        """Call `fit` or `partial_fit` of a generator, and assign the generator."""
        _last_step(generator)
        if y is None:
            raise ValueError(
                "NameClassifier requires y to be passed, but the target y is None. Pass the label "
                "of each name, or a fitted generator in a sklearn.frozen.FrozenEstimator."
            )
        if sample_weight is not None:
            if get_config()["enable_metadata_routing"]:
                routed = process_routing(self, method, sample_weight=sample_weight)
                params |= routed["generator"][method]
            else:
                prefix = f"{generator.steps[-1][0]}__" if isinstance(generator, Pipeline) else ""
                params[f"{prefix}sample_weight"] = sample_weight
        getattr(generator, method)(X, y, **params)
        return self._assign(generator)

    def _assign(self, generator):
        if not fitted(_last_step(generator)).corpus.labels:
            raise ValueError(
                "generator must be fitted with labels. Got a generator fitted without labels."
            )
        self.generator_ = generator
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # The tags of a Pipeline ignore its input.
        steps = (step for step in unwrapped(self.generator) if hasattr(step, "fit"))
        tags.input_tags = get_tags(next(steps, self.generator)).input_tags
        return tags


def _last_step(generator: object) -> BaseCharGenerator:
    """Return a generator, or the last step of a pipeline, which may be frozen."""
    generator = unwrapped(generator)[-1]
    if not isinstance(generator, BaseCharGenerator):
        raise TypeError(
            "generator must be a generator that learns labels, such as CharNGramGenerator(), or a "
            f"Pipeline that ends with one. Got a {type(generator).__name__}."
        )
    return generator
