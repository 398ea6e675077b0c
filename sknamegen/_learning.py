"""What a generator learns of names, labels and weights beside its model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._alphabet import (
    END,
    END_UNIT,
    NONE,
    PAD,
    START,
    UNKNOWN,
    Alphabet,
    distinct,
    hash_names,
    hash_rows,
    is_alphabet,
    units_of,
)
from ._models.shapes import ShapeCounts, are_shapes, no_shapes
from ._sequences import Sequences, malformed, read_windows
from ._threads import cached
from ._validation import (
    MAX_TOTAL_WEIGHT,
    MAX_WINDOW,
    check_alphabet,
    check_classes,
    check_known_labels,
    check_labels,
    check_rows,
    check_same_classes,
    check_windows,
    damaged,
    is_array,
    is_int,
)


@dataclass(frozen=True)
class Knowledge:
    """What is known of the names; those with an underscore are attributes of the estimator.

    Attributes
    ----------
    alphabet_, window_length_, max_length_, name_hashes_, classes_, class_count_
        As documented there; None for classes_ and class_count_ without labels.
    seen_weight : float
        Predicted characters, each as often as its name counts.
    shapes : ShapeCounts
        Which kinds of character followed each other.
    """

    alphabet_: NDArray[np.str_]
    window_length_: int
    max_length_: int | None
    name_hashes_: NDArray[np.uint64] | None
    seen_weight: float
    classes_: NDArray[Any] | None
    class_count_: NDArray[np.float64] | None
    shapes: ShapeCounts

    @cached
    def alphabet(self) -> Alphabet:
        """What indices of characters mean."""
        return Alphabet(self.alphabet_)

    @property
    def labels(self) -> list[Any]:
        """The labels, in the order of their indices."""
        return [] if self.classes_ is None else self.classes_.tolist()

    @property
    def label_shares(self) -> NDArray[np.float64]:
        """How frequent each label was."""
        counts = np.empty(0) if self.class_count_ is None else self.class_count_
        return counts / counts.sum()

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """The log-probability of each label."""
        with np.errstate(divide="ignore"):
            return np.log(self.label_shares)

    @property
    def n_characters_seen(self) -> int:
        """Predicted characters in the training data."""
        return max(1, round(self.seen_weight))

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of an estimator that knows this, by their names."""
        names = [field.name for field in fields(self) if field.name.endswith("_")]
        found = {name: getattr(self, name) for name in names}
        if self.classes_ is None:
            del found["classes_"], found["class_count_"]
        seen = {"n_characters_seen_": self.n_characters_seen, "_seen_weight": self.seen_weight}
        return found | seen | {"_shapes": self.shapes._asdict()}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Knowledge":
        """Return what the saved attributes of an estimator say, if `fit` can have set them so."""
        alphabet: Any = state.get("alphabet_")
        if not is_alphabet(alphabet) or not len(alphabet):
            raise damaged("alphabet_", "different characters in the order of their code points")
        is_text = END_UNIT not in alphabet
        hashes: Any = state.get("name_hashes_", np.nan)
        longest = state.get("max_length_", np.nan)
        weight: Any = state.get("_seen_weight")
        sound = {
            "window_length_": is_int(state.get("window_length_"), 1, MAX_WINDOW),
            "max_length_": longest is None if is_text else is_int(longest, 0),
            "_seen_weight": isinstance(weight, (int, float)) and 0 < weight <= MAX_TOTAL_WEIGHT,
            "name_hashes_": hashes is None or (not is_text and _are_hashes(hashes)),
        }
        n_seen = max(1, round(weight)) if sound["_seen_weight"] else 0
        sound["n_characters_seen_"] = is_int(state.get("n_characters_seen_"), n_seen, n_seen)
        if "classes_" in state or "class_count_" in state:
            sound["classes_"] = _are_classes(state.get("classes_"), state.get("class_count_"))
        for name, is_sound in sound.items():
            if not is_sound:
                raise damaged(name, "what `fit` sets it to")
        labels = state.get("classes_"), state.get("class_count_")
        n_labels, shapes = len(state.get("classes_", ())), state.get("_shapes", {})
        if not are_shapes(shapes, Alphabet(alphabet).kinds, n_labels):
            raise damaged("_shapes", "how often kinds of characters followed each other")
        known = alphabet, state["window_length_"], longest, hashes, weight, *labels
        return cls(*known, ShapeCounts(**shapes))

    def read(self, X: ArrayLike) -> tuple[NDArray[np.int32] | None, Sequences]:
        """Return names and sequences of windows of the kind seen in `fit`, as code points."""
        names, sequences = read_windows(check_windows(X, self.window_length_))
        if (names is None) != (self.max_length_ is None):
            raise ValueError(
                "X must be windows of the kind seen in fit, where boundary was "
                f"{self.max_length_ is not None}. Got windows with boundary={names is not None}."
            )
        return names, sequences

    def label_indices(self, y: ArrayLike | None, n_names: int) -> NDArray[np.int32]:
        """Return the index of each name's label, -1 without labels."""
        if y is None:
            return np.full(n_names, NONE, dtype=np.int32)
        if self.classes_ is None:
            raise ValueError("y must be None: this generator has learned without labels. Got some.")
        y = check_labels(y, n_names)
        check_known_labels(y, self.classes_, "; in a search, cv=StratifiedKFold() shares them out")
        return np.searchsorted(self.classes_, y).astype(np.int32)

    def is_known(self, names: list[str]) -> NDArray[np.bool_]:
        """Tell which names were learned from, as far as hashes can."""
        hashes: Any = self.name_hashes_
        return np.isin(hash_names(names), hashes)

    def learn_more(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
    ) -> "tuple[Knowledge, Sequences]":
        """Return what is known with more names, and their sequences of indices."""
        if alphabet is not None:
            asked = check_alphabet(alphabet)
            new = np.setdiff1d(units_of(asked[asked != UNKNOWN]), self.alphabet_).tolist()
            if new:
                raise ValueError(
                    "alphabet must be given in the first call of partial_fit, or be the same. Got "
                    f"characters that the model does not know: {', '.join(map(repr, new))}."
                )
        if classes is not None:
            check_same_classes(classes, self.classes_)
        windows, labels, weights = check_rows(X, y, sample_weight)
        if labels is None and self.classes_ is not None:
            raise ValueError("y must hold the label of each name, as in the first call. Got None.")
        names, sequences = self.read(windows)
        return self._with_rows(names, sequences, labels, weights, len(windows))

    def _with_rows(
        self,
        names: NDArray[np.int32] | None,
        sequences: Sequences,
        y: NDArray[Any] | None,
        weights: NDArray[np.float64] | None,
        n_names: int,
    ) -> "tuple[Knowledge, Sequences]":
        """Add what names or texts tell."""
        labels = self.label_indices(y, n_names)
        n_targets = sequences.has_target.sum(1)
        if not n_targets.any():
            raise ValueError("X must hold at least one character to learn. Got padding only.")
        sequences = sequences._replace(labels=labels[sequences.name_index])
        if weights is not None:
            sequences = sequences._replace(weights=weights[sequences.name_index])
            n_targets = n_targets * sequences.weights
        counts, longest, hashes = self.class_count_, None, None
        if counts is not None:
            counts = counts + np.bincount(labels, weights, minlength=len(counts))
        if names is not None:
            lengths = np.count_nonzero(names, axis=1)
            if not self.alphabet.clusters.is_trivial:
                rows = self.alphabet.indices(np.where(names == PAD, NONE, names))
                lengths = self.alphabet.clusters.lengths(rows)
            longest = max(self.max_length_ or 0, int(lengths.max()))
            if self.name_hashes_ is not None:
                hashes = _union(self.name_hashes_, np.unique(hash_rows(names)))
        sequences = sequences.indexed(self.alphabet)
        known = replace(
            self,
            max_length_=longest,
            name_hashes_=hashes,
            # Not rounded, so that it does not depend on the pieces that the names come in.
            seen_weight=self.seen_weight + float(n_targets.sum()),
            class_count_=counts,
            shapes=self.shapes.more(sequences, self.alphabet.kinds),
        )
        return known, sequences


def learn(
    X: ArrayLike,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    alphabet: Iterable[str] | None = None,
    classes: ArrayLike | None = None,
    others: NDArray[np.str_] | None = None,
) -> tuple[Knowledge, Sequences]:
    """Return what is known of names, and their sequences of indices.

    `alphabet` holds characters to expect, and so does `others`.
    """
    windows, labels, weights = check_rows(X, y, sample_weight)
    classes = check_classes(labels, classes)
    names, sequences = read_windows(windows)
    if names is None and (sequences.targets == END).any():  # parts of names, without starts
        raise malformed()
    codes = np.union1d(distinct(sequences.inputs), distinct(sequences.targets))
    if alphabet is not None:
        codes = np.union1d(codes, check_alphabet(alphabet))
    codes = codes[~np.isin(codes, (PAD, START, END, UNKNOWN))]
    if others is not None:
        codes = np.union1d(codes, others.view(np.int32))
    if names is not None:
        codes = np.union1d(codes, np.int32(END))
    if sequences.has_target.any() and not np.isin(sequences.targets, codes).any():
        raise ValueError("X must hold at least one known character to learn. Got U+FFFD only.")
    counts = None if classes is None else np.zeros(len(classes))
    hashes = np.empty(0, np.uint64)
    shapes = no_shapes(Alphabet(units_of(codes)).kinds)
    known = units_of(codes), windows.shape[2] - 1, 0, hashes, 0.0, classes, counts, shapes
    nothing = Knowledge(*known)
    return nothing._with_rows(names, sequences, labels, weights, len(windows))


def _union(known: Any, new: NDArray[Any]) -> NDArray[Any]:
    """Merge sorted arrays; sorting all of them anew would take several times the memory."""
    place = np.searchsorted(known, new)
    is_new = place == np.searchsorted(known, new, side="right")
    return np.insert(known, place[is_new], new[is_new])


def _are_hashes(hashes: Any) -> bool:
    is_sound = is_array(hashes, "u") and hashes.dtype == np.uint64 and len(hashes) > 0
    return is_sound and bool((hashes[1:] > hashes[:-1]).all())


def _are_classes(classes: Any, counts: Any) -> bool:
    if not isinstance(classes, np.ndarray) or not is_array(counts, "f"):
        return False
    if classes.shape != counts.shape or not len(classes) or counts.dtype != np.float64:
        return False
    are_counts = ((counts >= 0) & (counts <= MAX_TOTAL_WEIGHT)).all() and counts.any()
    return bool(are_counts) and np.array_equal(np.unique(classes), classes)
