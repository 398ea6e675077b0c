"""What a generator learns from windows, labels and weights before it has a model."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import ClassifierTags

from ._codepoints import END, PAD, START, encode
from ._sequences import NONE, Sequences, distinct, malformed, read_windows
from ._state import StateFormat
from ._validation import (
    check_alphabet,
    check_classes,
    check_known_labels,
    check_labels,
    check_rows,
    check_same_classes,
    check_saved_knowledge,
    check_windows,
)


class CharacterLearner(StateFormat, DensityMixin, BaseEstimator):
    """Base of estimators that learn from windows of characters.

    Indices of characters: those of `alphabet_`, then the start of a name, then an unknown
    character. Indices of labels: those of `classes_`, -1 for none.
    """

    alphabet_: NDArray[np.str_]
    window_length_: int
    max_length_: int | None
    name_hashes_: NDArray[np.uint64] | None
    n_characters_seen_: int
    _seen_weight: float
    classes_: NDArray[Any]
    class_count_: NDArray[np.float64]

    @contextmanager
    def _undone_on_error(
        self, unless: Callable[[BaseException], bool] = lambda error: False
    ) -> Iterator[None]:
        """Take back what the block has learned if it fails, whatever the error, Ctrl-C included."""
        before = vars(self).copy()
        try:
            yield
        except BaseException as error:
            if not unless(error):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "alphabet_" in state:
            check_saved_knowledge(dict(vars(self)))

    def _learn_characters(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
        with_others: Callable[[NDArray[np.int32]], NDArray[np.int32]] | None = None,
    ) -> Sequences:
        """Set what is learned without a model; return the sequences of indices.

        `with_others` adds code points of characters that were not seen but may come.
        """
        windows, labels, weights = check_rows(X, y, sample_weight)
        classes = check_classes(labels, classes)
        names, sequences = read_windows(windows)
        if names is None and (sequences.targets == END).any():  # parts of names, without starts
            raise malformed()
        codes = np.union1d(distinct(sequences.inputs), distinct(sequences.targets))
        if alphabet is not None:
            codes = np.union1d(codes, check_alphabet(alphabet))
        codes = codes[~np.isin(codes, (PAD, START, END))]
        if with_others:
            codes = with_others(codes)
        if names is not None:
            codes = np.union1d(codes, np.int32(END))
        self.alphabet_ = codes.view("=U1")
        self.window_length_ = windows.shape[2] - 1
        for name in ("classes_", "class_count_"):
            self.__dict__.pop(name, None)
        if classes is not None:
            self.classes_, self.class_count_ = classes, np.zeros(len(classes))
        self._seen_weight, self.n_characters_seen_ = 0.0, 0
        self.max_length_, self.name_hashes_ = 0, np.empty(0, np.uint64)
        return self._learn_rows(names, sequences, labels, weights, len(windows))

    def _learn_more_characters(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
    ) -> Sequences:
        """Update what was learned without a model; return the sequences of indices."""
        if alphabet is not None:
            new = sorted(set(map(chr, check_alphabet(alphabet))) - set(self.alphabet_.tolist()))
            if new:
                raise ValueError(
                    "alphabet must be given in the first call of partial_fit, or be the same. Got "
                    f"characters that the model does not know: {', '.join(map(repr, new))}."
                )
        if classes is not None:
            check_same_classes(classes, getattr(self, "classes_", None))
        windows, labels, weights = check_rows(X, y, sample_weight)
        if labels is None and self._n_labels:
            raise ValueError("y must hold the label of each name, as in the first call. Got None.")
        names, sequences = self._read(windows)
        return self._learn_rows(names, sequences, labels, weights, len(windows))

    def _learn_rows(self, names, sequences, y, weights, n_names):
        """Add what names or texts tell; return their sequences of indices."""
        labels = self._label_indices(y, n_names)
        n_targets = sequences.has_target.sum(1)
        if not n_targets.any():
            raise ValueError("X must hold at least one character to learn. Got padding only.")
        sequences = sequences._replace(labels=labels[sequences.name_index])
        if weights is not None:
            sequences = sequences._replace(weights=weights[sequences.name_index])
            n_targets = n_targets * sequences.weights
        # Rounded once, so that it does not depend on the pieces that the names come in.
        self._seen_weight += float(n_targets.sum())
        self.n_characters_seen_ = max(1, round(self._seen_weight))
        if y is not None:
            found = np.bincount(labels, weights, minlength=len(self.classes_))
            self.class_count_ = self.class_count_ + found
        if names is None:
            self.max_length_ = self.name_hashes_ = None
        else:
            longest = int(np.count_nonzero(names, axis=1).max())
            self.max_length_ = max(self.max_length_ or 0, longest)
            self.name_hashes_ = _union(self.name_hashes_, np.unique(_hash_rows(names)))
        return sequences.indexed(self.alphabet_)

    def _read(self, X):
        """Return names and sequences of windows of the kind seen in `fit`, as code points."""
        names, sequences = read_windows(check_windows(X, self.window_length_))
        if (names is None) != (self.max_length_ is None):
            raise ValueError(
                "X must be windows of the kind seen in fit, where boundary was "
                f"{self.max_length_ is not None}. Got windows with boundary={names is not None}."
            )
        return names, sequences

    @property
    def _n_labels(self):
        return len(getattr(self, "classes_", ()))

    def _label_indices(self, y, n_names):
        """Return the index of each name's label in `classes_`, -1 without labels."""
        if y is None:
            return np.full(n_names, NONE, dtype=np.int32)
        if not self._n_labels:
            raise ValueError("y must be None: this generator has learned without labels. Got some.")
        y = check_labels(y, n_names)
        check_known_labels(y, self.classes_, "; in a search, cv=StratifiedKFold() shares them out")
        return np.searchsorted(self.classes_, y).astype(np.int32)

    def _is_known(self, names: list[str]) -> NDArray[np.bool_]:
        """Tell which names the generator has learned from, as far as hashes can."""
        hashes: Any = self.name_hashes_
        return np.isin(_hash_rows(encode(names, max(map(len, names)))), hashes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        if hasattr(self, "classes_"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()
        return tags


def _union(known, new):
    """Merge sorted arrays; sorting all of them anew would take several times the memory."""
    place = np.searchsorted(known, new)
    is_new = place == np.searchsorted(known, new, side="right")
    return np.insert(known, place[is_new], new[is_new])


def _hash_rows(codes):
    """Hash zero-padded rows of code points to 64 bits: FNV-1a, over code points [1]_.

    References
    ----------
    .. [1] G. Fowler, L. C. Noll, K.-P. Vo and D. Eastlake, "The FNV Non-Cryptographic Hash
       Algorithm", IETF draft.
    """
    hashes = np.full(len(codes), 0xCBF29CE484222325, dtype=np.uint64)
    for column in codes.T:
        mixed = (hashes ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
        hashes = np.where(column == PAD, hashes, mixed)
    return hashes
