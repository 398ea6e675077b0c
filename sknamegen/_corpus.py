"""Data about the training names, apart from the model: lengths, hashes, labels, weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._alphabet import END, NONE, UNKNOWN, Alphabet, characters_of, distinct, encode, hash_rows
from ._sequences import Sequences, malformed_error, read_windows
from ._types import Bools, Floats, Ints, Strs
from ._validation import (
    MAX_WINDOW,
    check_alphabet,
    check_int,
    check_labels,
    check_rows,
    check_windows,
    warn_user,
)
from .vectorizer import CharSequenceVectorizer, are_names, check_names, windows_of


@dataclass(frozen=True)
class Corpus:
    """Data about the training names.

    Attributes
    ----------
    alphabet_, window_length_, max_length_, name_hashes_, classes_, class_count_
        Attributes of the estimator, documented there. Without labels, classes_ and class_count_
        are None.
    weight : float
        Sum of the sample weights of all predicted characters.
    """

    alphabet_: Strs
    window_length_: int
    max_length_: int | None
    name_hashes_: Ints | None
    weight: float
    classes_: NDArray[Any] | None = None
    class_count_: Floats | None = None

    @cached_property
    def alphabet(self) -> Alphabet:
        """The alphabet of the names, which maps characters to indices."""
        return Alphabet(self.alphabet_)

    @property
    def is_text(self) -> bool:
        """Whether the corpus is running text, which has neither an end nor a maximum length."""
        return self.max_length_ is None

    @property
    def labels(self) -> list[Any]:
        """The labels, in the order of their indices."""
        return [] if self.classes_ is None else self.classes_.tolist()

    @property
    def label_shares(self) -> Floats:
        """The relative frequency of each label."""
        counts = np.empty(0) if self.class_count_ is None else self.class_count_
        return counts / counts.sum()

    @property
    def log_prior(self) -> Floats:
        """The log-probability of each label, in nats."""
        with np.errstate(divide="ignore"):
            return np.log(self.label_shares)

    @property
    def n_characters_seen(self) -> int:
        """The number of predicted characters in the training data, at least 1."""
        return max(1, round(self.weight))

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of an estimator with this corpus, as a dict."""
        values = {name: value for name, value in vars(self).items() if name.endswith("_")}
        if self.classes_ is None:
            del values["classes_"], values["class_count_"]
        return values | {"n_characters_seen_": self.n_characters_seen}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Corpus":
        """Return the corpus of a saved estimator, or raise ValueError if its state is invalid."""
        values: dict[str, Any] = {field.name: state.get(field.name) for field in fields(cls)}
        values["weight"] = float(state.get("_weight", 1))
        check_int("window_length_", values["window_length_"], 1, high=MAX_WINDOW)
        corpus = cls(**values)
        if (corpus.alphabet.end is None) != corpus.is_text:
            raise ValueError("Only running text has neither an end nor a maximum length.")
        return corpus

    def windows(self, X: Any) -> NDArray[Any]:
        """Return windows like those in `fit`, or the windows of names."""
        if not are_names(X):
            return check_windows(X, self.window_length_)
        names = check_names(X)
        if self.is_text:
            raise ValueError(
                "X must be windows of running text, because this generator was fitted with "
                "boundary=False. Got names. Pass windows from the CharSequenceVectorizer used in "
                "fit."
            )
        text = "".join(names)
        cases = {(letter.islower(), letter.isupper()) for letter in self.alphabet_.tolist()}
        if (False, True) not in cases and (True, False) in cases and text != text.lower():
            warn_user(
                "X contains capitals, but this generator was fitted to names in lower case, so "
                "capitals are unknown. Pass names in lower case."
            )
        vectorizer = CharSequenceVectorizer(window_length=self.window_length_, normalization=None)
        vectorizer.alphabet_ = self.alphabet_
        return vectorizer.transform(names if text.isascii() else self.alphabet.composed(names))

    def read(self, X: Any) -> tuple[Ints | None, Sequences]:
        """Return the names and sequences of windows or names, as code points."""
        names, sequences = read_windows(self.windows(X))
        if (names is None) != self.is_text:
            raise ValueError(
                "X must contain the same kind of windows as in fit, where boundary was "
                f"{not self.is_text}. Got windows with boundary={names is not None}."
            )
        return names, sequences

    def label_indices(self, y: ArrayLike | None, n_names: int) -> Ints:
        """Return the label index of each name, or -1 without labels."""
        if y is None:
            return np.full(n_names, NONE, dtype=np.int32)
        if self.classes_ is None:
            raise ValueError(
                "y must be None, because this generator was fitted without labels. Got labels."
            )
        y = check_labels(y, n_names)
        unknown = y[~np.isin(y, self.classes_)].tolist()
        if unknown:
            raise ValueError(
                f"y must contain only the labels {', '.join(map(repr, self.labels))}. Got "
                f"{unknown[0]!r}, which fit has not seen. In a search, use cv=StratifiedKFold()."
            )
        return np.searchsorted(self.classes_, y).astype(np.int32)

    def contains(self, names: list[str]) -> Bools:
        """Whether the hash of each name is the hash of a training name."""
        hashes: Any = self.name_hashes_
        return np.isin(hash_rows(encode(names)), hashes)

    def extend(
        self,
        X: Any,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
    ) -> "tuple[Corpus, Sequences]":
        """Return the corpus with more names, and the new sequences as indices."""
        codes = check_alphabet(alphabet)
        if new := np.setdiff1d(characters_of(codes[codes != UNKNOWN]), self.alphabet_).tolist():
            raise ValueError(
                "alphabet must not add characters after the first call to partial_fit. Got new "
                f"characters: {', '.join(map(repr, new))}."
            )
        if classes is not None:
            given = np.unique(check_labels(classes, name="classes"))
            if given.tolist() != self.labels:
                raise ValueError(
                    "classes must be the same in all calls to partial_fit, including the first. "
                    f"The first call had {self.classes_!r}. Got {classes!r}."
                )
        windows, labels, weights = check_rows(self.windows(X), y, sample_weight)
        if labels is None and self.classes_ is not None:
            raise ValueError("y must contain each name's label, as in the first call. Got None.")
        names, sequences = self.read(windows)
        return self._with_rows(names, sequences, self.label_indices(labels, len(windows)), weights)

    def _with_rows(
        self,
        names: Ints | None,
        sequences: Sequences,
        labels: Ints,
        weights: Floats | None,
    ) -> "tuple[Corpus, Sequences]":
        """Return the corpus with more rows, and the new sequences as indices."""
        n_targets = sequences.has_target.sum(1)
        if not n_targets.any():
            raise ValueError("X must contain at least one character to learn. Got only padding.")
        sequences = sequences._replace(labels=labels[sequences.name_index])
        if weights is not None:
            sequences = sequences._replace(weights=weights[sequences.name_index])
            n_targets = n_targets * sequences.weights
        # Not rounded, so that the sum does not depend on how the names are split into batches.
        changes: dict[str, Any] = {"weight": self.weight + float(n_targets.sum())}
        if self.class_count_ is not None:
            counts = np.bincount(labels, weights, minlength=len(self.class_count_))
            changes["class_count_"] = self.class_count_ + counts
        if names is not None:
            lengths = self.alphabet.lengths_of_rows(names)
            changes["max_length_"] = max(self.max_length_ or 0, int(lengths.max()))
            if self.name_hashes_ is not None:
                changes["name_hashes_"] = _union(self.name_hashes_, np.unique(hash_rows(names)))
        return replace(self, **changes), sequences.indexed(self.alphabet)


def learn(
    X: Any,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    alphabet: Iterable[str] | None = None,
    classes: ArrayLike | None = None,
) -> tuple[Corpus, Sequences]:
    """Return the corpus of names or windows, and their sequences as indices.

    `alphabet` contains additional characters for later names.
    """
    windows, labels, weights = check_rows(windows_of(X), y, sample_weight)
    known = None if labels is None else np.unique(labels)
    if classes is not None:
        known = np.unique(check_labels(classes, name="classes"))
        if labels is None:
            raise ValueError("classes requires y, the label of each name. Got y=None.")
    names, sequences = read_windows(windows)
    if names is None and (sequences.targets == END).any():  # incomplete names without a start
        raise malformed_error()
    codes = distinct(sequences.inputs, sequences.targets, check_alphabet(alphabet))
    codes = codes[codes != UNKNOWN]
    if names is not None:
        codes = np.union1d(codes, np.int32(END))
    if sequences.has_target.any() and not np.isin(sequences.targets, codes).any():
        raise ValueError("X must contain at least one known character to learn. Got only U+FFFD.")
    corpus = Corpus(
        characters_of(codes),
        windows.shape[2] - 1,
        max_length_=None if names is None else 0,
        name_hashes_=None if names is None else np.empty(0, np.uint64),
        weight=0.0,
        classes_=known,
        class_count_=None if known is None else np.zeros(len(known)),
    )
    indices = corpus.label_indices(labels, len(windows))
    return corpus._with_rows(names, sequences, indices, weights)


def _union(hashes: Any, new: NDArray[Any]) -> NDArray[Any]:
    """Merge sorted arrays. Sorting their concatenation would take several times the memory."""
    positions = np.searchsorted(hashes, new)
    is_new = positions == np.searchsorted(hashes, new, side="right")
    return np.insert(hashes, positions[is_new], new[is_new])
