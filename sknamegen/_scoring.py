"""What a fitted generator says of names it is given: their scores and their labels."""

from abc import ABCMeta, abstractmethod
from math import exp

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._batches import NO_TARGET
from ._learning import CharacterLearner, check_weights
from ._threads import one_thread

_NOTHING_TO_PREDICT = "X must hold at least one character to predict. Got padding only."


def _may_have_labels(generator):
    if hasattr(generator, "alphabet_") and not hasattr(generator, "classes_"):
        raise AttributeError("It needs labels to learn from: fit(X, y). None were learned.")
    return True


class CharacterScorer(DensityMixin, CharacterLearner, metaclass=ABCMeta):
    """Base of estimators that tell how probable names are, on top of `_sequence_log_proba`."""

    @abstractmethod
    def _sequence_log_proba(self, inputs, targets):
        """Sum the log-probabilities of the targets of each sequence.

        Parameters
        ----------
        inputs, targets : ndarray of shape (n_sequences, n_steps), dtype int32
            Indices, inputs with labels; a target is one of `alphabet_` or `NO_TARGET`.

        Returns
        -------
        log_proba : ndarray of shape (n_sequences,), dtype float64
            In nats.
        """

    def score_samples(self, X, y=None):
        """Compute the log-likelihood of each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, if the model learned with labels. None: any label,
            each as probable as it was frequent.

        Returns
        -------
        log_likelihood : ndarray of shape (n_names,), dtype float64
            In nats: the sum of the log-probabilities of the characters of a
            name and of its end, given the label. An unknown character, which has no place
            in the distribution over `alphabet_`, counts as
            ``-log(n_characters_seen_ + 1)``.
        """
        return self._score(X, y)[0]

    def score(self, X, y=None, sample_weight=None):
        """Compute the mean log-likelihood per predicted character.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, as in `score_samples`.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts; None: once.

        Returns
        -------
        score : float
            In nats per character, the ends of names included. Higher is better;
            comparable over window lengths, models and folds.
        """
        log_likelihood, n_characters = self._score(X, y)
        if sample_weight is None:
            return float(log_likelihood.sum() / n_characters.sum())
        weights = check_weights(sample_weight, len(log_likelihood))
        if not weights @ n_characters:
            raise ValueError(_NOTHING_TO_PREDICT)
        return float(weights @ log_likelihood / (weights @ n_characters))

    def perplexity(self, X, y=None):
        """Compute the perplexity, ``exp(-score(X, y))``.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, as in `score_samples`.

        Returns
        -------
        perplexity : float
            Between how many equally likely characters the model hesitates, on
            average. Lower is better, 1 is certainty.
        """
        return exp(-self.score(X, y))

    @available_if(_may_have_labels)
    def predict_proba(self, X):
        """Compute the probability of each label for each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        proba : ndarray of shape (n_names, n_classes), dtype float64
            In the order of `classes_`. By Bayes' rule: in proportion to the frequency of
            the label times the probability of the name given the label.
        """
        check_is_fitted(self)
        joint, _ = self._joint_log_likelihood(X)
        joint = joint - np.logaddexp.reduce(joint, axis=1)[:, None]
        return np.exp(joint)

    @available_if(_may_have_labels)
    def predict(self, X):
        """Find the most probable label of each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        labels : ndarray of shape (n_names,)
        """
        check_is_fitted(self)
        return self.classes_[self._joint_log_likelihood(X)[0].argmax(axis=1)]

    def _score(self, X, y=None):
        """Log-likelihood and number of predicted characters of each name."""
        check_is_fitted(self)
        if y is None and self._n_labels:
            joint, n_characters = self._joint_log_likelihood(X)
            return np.logaddexp.reduce(joint, axis=1), n_characters
        sequences = self._read(X)
        n_characters = _count_characters(sequences, len(X))
        labels = self._label_indices(y, len(X))
        return self._log_likelihood(sequences, labels, len(X)), n_characters

    def _joint_log_likelihood(self, X):
        """Log-probability of each name and each label, and the number of characters."""
        sequences = self._read(X)
        n_characters = _count_characters(sequences, len(X))
        columns = [
            self._log_likelihood(sequences, np.full(len(X), label), len(X))
            for label in range(self._n_labels)
        ]
        return np.stack(columns, axis=1) + self._log_prior(), n_characters

    def _log_likelihood(self, sequences, labels, n_names):
        inputs, targets, owner = self._labelled(sequences, labels)
        unknown = targets == len(self.alphabet_) + 1
        with one_thread():
            log_proba = self._sequence_log_proba(inputs, np.where(unknown, NO_TARGET, targets))
        log_proba = log_proba - unknown.sum(1) * np.log(self.n_characters_seen_ + 1)
        return np.bincount(owner, weights=log_proba, minlength=n_names)

    def _log_prior(self):
        with np.errstate(divide="ignore"):
            return np.log(self.class_count_ / self.class_count_.sum())

    def _check_label(self, label):
        """Return the index of a label, None for any."""
        if label is None:
            return None
        if not self._n_labels:
            raise ValueError(
                f"label needs a model that has learned with labels: fit(X, y). Got {label!r}."
            )
        known = self.classes_.tolist() if np.ndim(label) == 0 else []
        found = [i for i, each in enumerate(known) if each == label]
        if not found:
            raise ValueError(
                f"label must be one of {', '.join(map(repr, self.classes_.tolist()))}. "
                f"Got {label!r}."
            )
        return found[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        if hasattr(self, "predict"):
            tags.estimator_type = "classifier"  # so that searches make stratified folds
            tags.classifier_tags = ClassifierTags()
        return tags


def _count_characters(sequences, n_names):
    """Return how many characters of each name are to be predicted."""
    n_targets = (sequences.targets != NO_TARGET).sum(1)
    if not n_targets.any():
        raise ValueError(_NOTHING_TO_PREDICT)
    return np.bincount(sequences.owner, weights=n_targets, minlength=n_names)
