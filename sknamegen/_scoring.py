"""Scores and labels of given names."""

from math import exp
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._learning import CharacterLearner
from ._threads import own_torch
from ._validation import check_weights

_NOTHING_TO_PREDICT = "X must hold at least one character to predict. Got padding only."


def _may_have_labels(generator):
    if hasattr(generator, "alphabet_") and not hasattr(generator, "classes_"):
        raise AttributeError("It needs labels to learn from: fit(X, y). None were learned.")
    return True


class CharacterScorer(CharacterLearner):
    """Base of estimators that tell how probable names are, by `_model.sequence_log_proba`."""

    _model: Any

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
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

    def score(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
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

    def perplexity(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
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
            Effective number of equally likely next characters. Lower is better; 1 is
            certainty.
        """
        return exp(-self.score(X, y))

    @available_if(_may_have_labels)
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
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
    def predict(self, X: ArrayLike) -> NDArray[Any]:
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
        sequences, n_characters, unknown = self._sequences_to_score(X)
        labels = self._label_indices(y, len(X))
        return self._log_likelihood(sequences, labels) + unknown, n_characters

    def _joint_log_likelihood(self, X):
        """Log-probability of each name and each label, and its number of characters."""
        sequences, n_characters, unknown = self._sequences_to_score(X)
        columns = [
            self._log_likelihood(sequences, np.full(len(X), label, dtype=np.int32)) + unknown
            for label in range(self._n_labels)
        ]
        return np.stack(columns, axis=1) + self._log_prior(), n_characters

    def _sequences_to_score(self, X):
        """Return sequences, and of each name: how many characters, what unknown ones cost."""
        _, sequences = self._read(X)
        indexed = sequences.indexed(self.alphabet_)
        counts = [
            np.bincount(sequences.name_index, each.has_target.sum(1), minlength=len(X))
            for each in (sequences, indexed)
        ]
        if not counts[0].any():
            raise ValueError(_NOTHING_TO_PREDICT)
        n_unknown = counts[0] - counts[1]
        return indexed, counts[0], -n_unknown * np.log(self.n_characters_seen_ + 1)

    def _log_likelihood(self, sequences, labels):
        labelled = sequences._replace(labels=labels[sequences.name_index])
        with own_torch():
            log_proba = self._model.sequence_log_proba(labelled)
        return np.bincount(sequences.name_index, log_proba, minlength=len(labels))

    def _log_prior(self):
        with np.errstate(divide="ignore"):
            return np.log(self.class_count_ / self.class_count_.sum())
