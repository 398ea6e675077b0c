"""What a generator learns from windows, labels and weights before it has a model."""

from collections.abc import Iterable
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._batches import NO_TARGET, Sequences, check_windows, sequences_from_windows
from ._codepoints import END, PAD, RESERVED, START, decode, distinct, hash_rows, index_table
from ._state import StateFormat

_NOTHING_TO_LEARN = "X must hold at least one character to learn. Got padding only."


class CharacterLearner(StateFormat, BaseEstimator):
    """Base of estimators that learn from windows of characters.

    Indices of characters: those of `alphabet_`, then the start of a name, then an unknown
    character; with labels, an input is ``label * (n_characters + 2)`` higher.
    """

    @contextmanager
    def _undone_on_error(self, unless=lambda error: False):
        """Take back what the block has learned if it fails, whatever the error, Ctrl-C included."""
        before = vars(self).copy()
        try:
            yield
        except BaseException as error:
            if not unless(error):
                vars(self).clear()
                vars(self).update(before)
            raise

    def _learn_characters(self, X, y=None, sample_weight=None, alphabet=None, classes=None):
        """Set what is learned without a model; return sequences of indices and their weights."""
        X, y, weights = _check_rows(X, y, sample_weight)
        classes = _check_classes(y, classes)
        sequences = sequences_from_windows(X)
        if not sequences.targets.any():
            raise ValueError(_NOTHING_TO_LEARN)
        codes = np.union1d(distinct(sequences.inputs), distinct(sequences.targets))
        if alphabet is not None:
            codes = np.union1d(codes, _check_alphabet(alphabet))
        codes = codes[codes != END]
        if START in codes:  # names have ends, even if a step leaps over all of them
            codes = np.union1d(codes, np.int32(END))
        self.alphabet_ = codes[~np.isin(codes, (PAD, START))].view("=U1")
        self.window_length_ = X.shape[2] - 1
        for name in ("classes_", "class_count_"):
            vars(self).pop(name, None)
        if y is not None:
            self.classes_, self.class_count_ = classes, np.zeros(len(classes))
        self.n_characters_seen_, self.max_length_, self.name_hashes_ = 0, 0, np.empty(0, np.uint64)
        return self._learn_rows(X, self._label_indices(y, len(X)), weights, self._index(sequences))

    def _learn_more_characters(self, X, y=None, sample_weight=None, alphabet=None, classes=None):
        """Update what was learned without a model; return sequences of indices and weights."""
        if alphabet is not None:
            new = sorted(set(map(chr, _check_alphabet(alphabet))) - set(self.alphabet_.tolist()))
            if new:
                raise ValueError(
                    "alphabet must be given in the first call of partial_fit, or be the same. Got "
                    f"characters that the model does not know: {', '.join(map(repr, new))}."
                )
        known = getattr(self, "classes_", None)
        if classes is not None and not np.array_equal(
            np.unique(_check_1d(classes, "classes")), known
        ):
            raise ValueError(
                "classes must be given in the first call of partial_fit, or be the same. Got "
                f"{classes!r} instead of {known!r}."
            )
        X, y, weights = _check_rows(X, y, sample_weight)
        if y is None and known is not None:
            raise ValueError("y must hold the label of each name, as in the first call. Got None.")
        labels = self._label_indices(y, len(X))
        sequences = self._read(X)
        if (sequences.targets == NO_TARGET).all():
            raise ValueError(_NOTHING_TO_LEARN)
        return self._learn_rows(X, labels, weights, sequences)

    def _learn_rows(self, X, labels, weights, sequences):
        """Add what rows of windows say; return their sequences with labels, and weights."""
        n_targets = (sequences.targets != NO_TARGET).sum(1)
        each = None if weights is None else weights[sequences.owner]
        n_seen = n_targets.sum() if each is None else max(1, n_targets @ each)
        self.n_characters_seen_ += round(n_seen)
        if labels is not None:
            found = np.bincount(labels, weights, minlength=len(self.classes_))
            self.class_count_ = self.class_count_ + found
        if self._end is None:
            self.max_length_ = None
        else:
            self.max_length_ = max(self.max_length_, _longest_name(X))
        names = whole_names(X) if self._end is not None else None
        self._names = None
        if names is None or self.name_hashes_ is None:
            self.name_hashes_ = None
        else:
            hashes = np.unique(hash_rows(names))
            # Both are sorted; sorting all of them anew would take several times the memory.
            place = np.searchsorted(self.name_hashes_, hashes)
            is_new = place == np.searchsorted(self.name_hashes_, hashes, side="right")
            self.name_hashes_ = np.insert(self.name_hashes_, place[is_new], hashes[is_new])
            if len(hashes) == len(self.name_hashes_):
                self._names = names  # all that were learned; not saved
        return self._labelled(sequences, labels), each

    def _read(self, X):
        """Check windows against those of `fit` and return their sequences as indices."""
        X = check_windows(X, self.window_length_)
        if (X[0, :, :-1] == START).any() != (self._end is not None):
            raise ValueError(
                "X must be windows of the kind seen in fit, where boundary was "
                f"{self._end is not None}. Got windows with boundary={self._end is None}."
            )
        return self._index(sequences_from_windows(X))

    @property
    def _end(self):
        """Index of the end in the alphabet, None if running text was learned."""
        found = np.flatnonzero(self.alphabet_ == chr(END))
        return int(found[0]) if len(found) else None

    @property
    def _n_labels(self):
        return len(getattr(self, "classes_", ()))

    def _label_indices(self, y, n_names):
        """Return the index of each label in `classes_`, None without labels."""
        if y is None:
            return None
        if not self._n_labels:
            raise ValueError("y must be None: this generator has learned without labels. Got some.")
        y = _check_labels(y, n_names)
        _check_known(y, self.classes_)
        return np.searchsorted(self.classes_, y)

    def _labelled(self, sequences, labels):
        """Add the label of each name to its inputs."""
        if labels is None:
            return sequences
        offsets = (labels * (len(self.alphabet_) + 2)).astype(np.int32)
        return sequences._replace(inputs=sequences.inputs + offsets[sequences.owner, None])

    def _index(self, sequences):
        """Replace code points by indices."""
        table = index_table(self.alphabet_.view(np.int32))
        targets = np.where(sequences.targets == PAD, NO_TARGET, table[sequences.targets])
        return Sequences(table[sequences.inputs], targets, sequences.owner)

    def _distinct_names(self):
        """Return the different names learned from, None if they are not known any more."""
        names = getattr(self, "_names", None)
        return None if names is None else distinct_names(names)

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_names", None)
        return state


def _check_rows(X, y, sample_weight):
    """Return windows, labels and weights without the rows of weight zero."""
    X = check_windows(X)
    if y is not None:
        y = _check_labels(y, len(X))
    if sample_weight is None:
        return X, y, None
    weights = check_weights(sample_weight, len(X))
    if (weights == 0).any():
        chosen = weights > 0
        X, weights = X[chosen], weights[chosen]
        y = None if y is None else y[chosen]
    return X, y, weights


def check_weights(sample_weight, n_names):
    """Return weights as an ndarray of shape (n_names,), dtype float64."""
    expected = f"sample_weight must hold one number from 0 to 1e12 for each of {n_names:,} names"
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{expected}. Got {sample_weight!r}.") from None
    if weights.shape != (n_names,):
        raise ValueError(f"{expected}. Got shape {weights.shape}.")
    wrong = ~((weights >= 0) & (weights <= 1e12))
    if wrong.any():
        raise ValueError(f"{expected}. Got {weights[wrong][0]}.")
    if not weights.any():
        raise ValueError(f"{expected}, at least one of them above zero. Got zeros.")
    return weights


def _check_labels(y, n_names):
    y = _check_1d(y)
    if len(y) != n_names:
        raise ValueError(
            f"y must hold one label for each of the {n_names:,} names. Got {len(y):,}."
        )
    return y


def _check_classes(y, classes):
    """Return the sorted labels, None without any."""
    if classes is None:
        return None if y is None else np.unique(y)
    if y is None:
        raise ValueError("classes needs y, the label of each name. Got y=None.")
    classes = np.unique(_check_1d(classes, "classes"))
    _check_known(y, classes)
    return classes


def _check_known(y, classes):
    unknown = ~np.isin(y, classes)
    if unknown.any():
        raise ValueError(
            f"y must hold the labels {', '.join(map(repr, classes.tolist()))}. "
            f"Got {y[unknown].tolist()[0]!r}."
        )


def _check_1d(y, name="y"):
    try:
        y = column_or_1d(y, warn=True)
        assert_all_finite(y)
        if bytes in set(map(type, y.tolist())):  # scikit-learn 1.6 takes them, with a warning
            raise TypeError("bytes")
        with np.errstate(invalid="ignore"):  # it casts floats to int64 to see if they are whole
            check_classification_targets(y)
        np.unique(y)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must hold labels, all of them str or all of them int. Got others: {error}"
        ) from None
    return y


def _check_alphabet(alphabet):
    """Return the code points of an alphabet."""
    characters = list(alphabet) if isinstance(alphabet, Iterable) else [alphabet]
    for character in characters:
        if not (isinstance(character, str) and len(character) == 1):
            raise TypeError(f"alphabet must hold single characters. Got {character!r}.")
        if ord(character) in RESERVED and ord(character) != END:
            raise ValueError(f"alphabet must not hold {character!r}, which frames the names.")
    return np.array([ord(character) for character in characters], dtype=np.int32)


def distinct_names(codes):
    """Return the different names among rows of code points."""
    return sorted(set(decode(codes)))


def whole_names(X):
    """Return the code points of the names, None if steps leap over some of their characters."""
    text = X[:, :, -1]
    follows = X[:, 1:, -2] == text[:, :-1]
    if not (follows | (text[:, 1:] == PAD)).all():
        return None
    return np.where(text == END, PAD, text).astype(np.int32)


def _longest_name(X):
    """Return the characters of the longest name, up to step - 1 more if positions leap over some.

    The start moves by one step from a position to the next; if it has left the window at the
    second, the step is taken for the window's length.
    """
    last = np.flatnonzero((X[:, :, -1] != PAD).any(axis=0)).max()
    starts = (X[0, :2, :-1] == START).nonzero()[1]
    step = starts[0] - starts[1] if len(starts) == 2 else X.shape[2] - 1
    return int(step * (last + 1) - 1) if X.shape[1] > 1 else 0
