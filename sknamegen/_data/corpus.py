"""Data about the training names, apart from the model: lengths, hashes, labels, weights."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import sorted_unique
from .._text.alphabet import NONE, Alphabet
from .._text.codes import END, UNKNOWN, characters_of, decode, distinct, encode, hash_names
from .._text.unicode import compose, missing_letters
from .._text.words import WordCounts, count_words, usual_numbers
from .._types import Bools, Data, Floats, Ints, Labels, Strs
from .._validation import (
    check_alphabet,
    check_arrays,
    check_int,
    check_labels,
    check_real,
    check_weights,
    warn_user,
)
from .cleaning import warn_about_suspicious_names
from .english import are_english, like_english
from .rows import MAX_WINDOW, Rows, are_names, check_names, encode_rows, malformed_error
from .sequences import Sequences

# How often similar names must contain a letter for it to become part of the alphabet.
_MIN_COUNT = 3
_NO_WORDS = np.empty(0, dtype=np.uint64)
# Fields that are no attributes of estimators.
_SAVED = ["weight", "is_own", "repeats_words", "n_names", "word_hashes", "word_counts"]
_SAVED += ["first_counts", "is_balanced", "usual_words", "usual_n_words"]


@dataclass(frozen=True)
class Corpus:
    """Data about the training names.

    Attributes
    ----------
    alphabet_, window_length_, min_length_, max_length_, name_hashes_, classes_, class_count_
        Attributes of the estimator, documented there. Without labels, classes_ and class_count_
        are None.
    weight : float
        Sum of the sample weights of all predicted characters.
    is_own : ndarray of shape (n_characters,), dtype bool, or None
        Whether the training names contain each character. None: all of them.
    repeats_words : bool
        Whether a word occurs twice in a training name. True for running text.
    n_names : int
        Number of training names.
    word_hashes, word_counts : ndarray of shape (n_words,), dtype uint64 and int64
        Sorted hashes of the words that at least two training names of several words contain, and
        the number of these names.
    is_balanced : bool
        Whether brackets and quotes are balanced in all training names, see `is_balanced`.
    usual_words : ndarray of shape (n_words,), dtype str
        The words of the training names and words like them, in case most names consist of several
        English words, otherwise none, see `like_english`.
    usual_n_words : tuple of int
        The 5th and the 95th percentile of the numbers of words in names. They matter only with
        `usual_words`.
    first_counts : ndarray of shape (n_characters,), dtype int64, or None
        Number of running texts that begin with each character. None: names.
    """

    alphabet_: Strs
    window_length_: int
    min_length_: int | None = None
    max_length_: int | None = None
    name_hashes_: Ints | None = None
    weight: float = 0.0
    classes_: Labels | None = None
    class_count_: Floats | None = None
    is_own: Bools | None = None
    repeats_words: bool = False
    n_names: int = 0
    word_hashes: Ints = field(default_factory=lambda: _NO_WORDS)
    word_counts: Ints = field(default_factory=lambda: _NO_WORDS)
    is_balanced: bool = True
    usual_words: Strs = field(default_factory=lambda: np.empty(0, dtype="U1"))
    usual_n_words: tuple[int, int] = 0, 0
    first_counts: Ints | None = None

    def with_letters_of(self, similar: list[str]) -> "Corpus":
        """Return the corpus with similar names, which are not novel, and with their letters.

        The alphabet also gains the letters of the list's scripts and cases, but no rare letters of
        the similar names.
        """
        if not similar:
            return self
        counts = Counter("".join(similar))
        letters = {letter for letter, count in counts.items() if count >= _MIN_COUNT}
        letters |= missing_letters(self.alphabet.index)
        alphabet = np.union1d(self.alphabet_, np.array(sorted(letters), dtype="=U1"))
        hashes = _with_hashes(self.name_hashes_, encode(similar))
        is_own = np.isin(alphabet, self.alphabet_)
        return replace(self, alphabet_=alphabet, name_hashes_=hashes, is_own=is_own)

    @cached_property
    def alphabet(self) -> Alphabet:
        """The alphabet of the names, which maps characters to indices."""
        return Alphabet(self.alphabet_)

    @property
    def own(self) -> Bools | slice:
        """Index of the characters that the training names contain."""
        return slice(None) if self.is_own is None else self.is_own

    @property
    def is_text(self) -> bool:
        """Whether the corpus is running text, which has neither an end nor a maximum length."""
        return self.max_length_ is None

    @property
    def labels(self) -> list[object]:
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

    def attributes(self) -> Data:
        """Return the attributes of an estimator with this corpus, as a dict."""
        values = {name: value for name, value in vars(self).items() if name.endswith("_")}
        if self.classes_ is None:
            del values["classes_"], values["class_count_"]
        return values | {"n_characters_seen_": self.n_characters_seen}

    def without_hashes(self) -> "Corpus":
        """Return the corpus without words, and without hashes of names and words."""
        forgotten: Data = {"name_hashes_": None, "usual_words": self.usual_words[:0]}
        return replace(self, **forgotten, word_hashes=_NO_WORDS, word_counts=_NO_WORDS)

    def to_state(self) -> Data:
        """Return what the attributes of an estimator with this corpus do not contain."""
        return {name: getattr(self, name) for name in _SAVED}

    @classmethod
    def from_state(cls, state: Data) -> "Corpus":
        """Return the corpus of a saved estimator, or raise ValueError if its state is invalid."""
        values: Data = {field.name: state.get(field.name) for field in fields(cls)}
        values |= {name: state["_fitted"][name] for name in _SAVED}
        arrays = {"word_hashes": ("u", ("words",)), "word_counts": ("iu", ("words",))}
        arrays["usual_words"] = "U", ("usual_words",)
        check_arrays({name: values[name] for name in arrays}, arrays)
        check_real("weight", values["weight"], "a number >= 0", lambda weight: weight >= 0)
        check_int("n_names", values["n_names"], 0)
        check_int("window_length_", values["window_length_"], 1, high=MAX_WINDOW)
        corpus = cls(**values)
        own = corpus.is_own
        if own is not None and (own.dtype, own.shape) != (bool, corpus.alphabet_.shape):
            raise ValueError("Expected whether the training names contain each character.")
        if (corpus.alphabet.end is None) != corpus.is_text:
            raise ValueError("Only running text has neither an end nor a maximum length.")
        if not corpus.is_text:
            check_int("min_length_", corpus.min_length_, 0)
        elif (counts := values["first_counts"]).dtype.kind != "i" or counts.min() < 0:
            raise ValueError("Expected how many texts begin with each character.")
        elif counts.shape != corpus.alphabet_.shape:
            raise ValueError("Expected a count for each character.")
        return corpus

    def read(self, X: object) -> Rows:
        """Return the rows of windows like those in `fit`, or of names."""
        if not are_names(X):
            rows = Rows.of_windows(X, self.window_length_)
            if rows.is_text != self.is_text:
                raise ValueError(
                    "X must contain the same kind of windows as in fit, where boundary was "
                    f"{not self.is_text}. Got windows with boundary={not rows.is_text}."
                )
            return rows
        names = check_names(X)
        if self.is_text:
            raise ValueError(
                "X must be windows of running text, as in fit, where boundary was False. Got names."
                " Pass windows from the same CharSequenceVectorizer."
            )
        if "".join(self.alphabet_).islower() and (text := "".join(names)) != text.lower():
            warn_user(
                "X contains capitals, but this generator was fitted to names in lower case, so "
                "capitals are unknown. Pass names in lower case."
            )
        return Rows(encode_rows(self.alphabet.composed(names)), self.window_length_)

    def sequences(self, names: Sequence[str]) -> Sequences:
        """Return the sequences of names that consist of known characters."""
        return Sequences.of_rows(Rows(encode_rows(names), self.window_length_), self.alphabet)

    def known_sequences(self, rows: Rows) -> Sequences:
        """Return the sequences of rows, in which characters that no name contains are unknown."""
        return Sequences.of_rows(rows, self.alphabet, self.own)

    def label_index(self, label: object) -> int:
        """Return the index of a label, or raise an error if there is none."""
        labels = self.labels
        if not labels:
            raise ValueError(f"label requires a generator fitted with labels. Got {label!r}.")
        if not np.isscalar(label) or label not in labels:
            raise ValueError(f"label must be one of {', '.join(map(repr, labels))}. Got {label!r}.")
        return labels.index(label)

    def label_indices(self, y: ArrayLike | None, n_names: int) -> Ints:
        """Return the label index of each name, or -1 without labels."""
        if y is None:
            return np.full(n_names, NONE, dtype=np.int32)
        if self.classes_ is None:
            raise ValueError(
                "y must be None, because this generator was fitted without labels. Got labels."
            )
        y = check_labels(y, n_names)
        if unknown := y[~np.isin(y, self.classes_)].tolist():
            raise ValueError(
                f"y must contain only the labels {', '.join(map(repr, self.labels))}. Got "
                f"{unknown[0]!r}, which fit has not seen. In a search, use cv=StratifiedKFold()."
            )
        return np.searchsorted(self.classes_, y).astype(np.int32)

    def word_shares(self, words: list[str]) -> Floats:
        """Return the share of the training names that contain each folded word.

        It is 0 for words that fewer than two names of several words contain.
        """
        hashes = hash_names(encode(words))
        places = np.searchsorted(self.word_hashes, hashes)
        is_known = np.append(self.word_hashes, np.uint64(0))[places] == hashes
        return np.where(is_known, np.append(self.word_counts, 0)[places], 0) / max(1, self.n_names)

    def contains(self, names: list[str]) -> Bools:
        """Whether the hash of each name is the hash of a training name, regardless of case."""
        known = () if self.name_hashes_ is None else self.name_hashes_
        return np.isin(hash_names(encode(names)), known)

    def with_names(self, names: "Names") -> "tuple[Corpus, Sequences]":
        """Return the corpus with more names, and their sequences."""
        rows, labels, weights = names.rows, names.labels, names.weights
        n_targets = np.count_nonzero(rows.targets, axis=1)
        if not n_targets.any():
            raise ValueError("X must contain at least one character to learn. Got only padding.")
        sequences = Sequences.of_rows(rows.to_learn(), self.alphabet).with_labels(labels, weights)
        # Not rounded, so that the sum does not depend on how the names are split into batches.
        weight = float(n_targets.sum() if weights is None else n_targets @ weights)
        changes: Data = {"weight": self.weight + weight}
        if self.class_count_ is not None:
            counts = np.bincount(labels, weights, minlength=len(self.class_count_))
            changes["class_count_"] = self.class_count_ + counts
        if rows.is_text:
            before = 0 if self.first_counts is None else self.first_counts
            n = len(self.alphabet)
            changes["first_counts"] = before + np.bincount(sequences.inputs[:, 1], minlength=n)[:n]
        else:
            codes = rows.names
            lengths = self.alphabet.lengths_of_rows(codes)
            shortest = [] if self.min_length_ is None else [self.min_length_]
            changes["min_length_"] = min([*shortest, int(lengths.min())])
            changes["max_length_"] = max(self.max_length_ or 0, int(lengths.max()))
            counted = count_words(codes)
            changes["repeats_words"] = self.repeats_words or counted.repeats
            changes["is_balanced"] = self.is_balanced and counted.is_balanced
            changes["n_names"] = self.n_names + len(codes)
            changes |= self._with_usual_words(codes, counted)
            frequent = {word: count for word, count in counted.of_words.items() if count > 1}
            hashes = np.append(self.word_hashes, hash_names(encode([*frequent])))
            counts = np.append(self.word_counts, [*frequent.values()])
            changes["word_hashes"], places = np.unique(hashes, return_inverse=True)
            changes["word_counts"] = np.bincount(places, counts).astype(np.int64)
            changes["name_hashes_"] = _with_hashes(self.name_hashes_, codes)
        if self.is_own is not None:
            characters = characters_of(distinct(rows.codes))
            changes["is_own"] = self.is_own | np.isin(self.alphabet_, characters)
        return replace(self, **changes), sequences

    def _with_usual_words(self, codes: Ints, counted: WordCounts) -> Data:
        """Return `usual_words` and `usual_n_words` with those of more names.

        There are words only if there are some in each call of `partial_fit`.
        """
        low, median, high = usual_numbers(counted.of_numbers.elements())
        is_english = median > 1 and are_english(counted.of_words)
        words = like_english(decode(codes)) if is_english else []
        before, (lowest, highest) = self.usual_words.tolist(), self.usual_n_words
        if not self.n_names:
            before, lowest, highest = words, low, high
        usual_words = np.array(sorted({*words, *before}) if words and before else [], dtype=str)
        limits = min(low, lowest), max(high, highest)
        return {"usual_words": usual_words, "usual_n_words": limits}


@dataclass(frozen=True, eq=False)
class Names:
    """Names to learn, after validation.

    Attributes
    ----------
    corpus : Corpus
        That of earlier names, or one without names, but with the alphabet of these names.
    rows : Rows
    labels : ndarray of shape (n_names,), dtype int32
        Label index of each name, or -1 without labels.
    weights : ndarray of shape (n_names,), dtype float64, or None
        Sample weight of each name. None: 1.
    """

    corpus: Corpus
    rows: Rows
    labels: Ints
    weights: Floats | None

    @classmethod
    def read(
        cls,
        before: Corpus | None,
        X: object,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
    ) -> "Names":
        """Validate the arguments of `fit` or `partial_fit`.

        `before` is the corpus of earlier calls. `alphabet` contains more characters for later ones.
        """
        rows = before.read(X) if before else _read_first(X)
        y = None if y is None else check_labels(y, len(rows))
        weights = None if sample_weight is None else check_weights(sample_weight, len(rows))
        if weights is not None and not weights.all():
            is_used = weights > 0
            rows = replace(rows, codes=rows.codes[is_used])
            weights = weights[is_used]
            y = None if y is None else y[is_used]
        codes = check_alphabet(() if alphabet is None else alphabet)
        known = None if classes is None else np.unique(check_labels(classes, name="classes"))
        if before:
            _check_unchanged(before, codes[codes != UNKNOWN], y, classes, known)
        corpus = before or _empty_corpus(rows, codes, y, known)
        return cls(corpus, rows, corpus.label_indices(y, len(rows)), weights)


def _empty_corpus(rows: Rows, codes: Ints, y: Labels | None, classes: Labels | None) -> Corpus:
    """Return a corpus without names, but with the alphabet and the labels of the first names."""
    if y is None and classes is not None:
        raise ValueError("classes requires y, the label of each name. Got y=None.")
    if y is not None and classes is None:
        classes = np.unique(y)
    if rows.is_text and (rows.targets == END).any():  # incomplete names without a start
        raise malformed_error()
    codes = np.setdiff1d(distinct(rows.codes, codes), UNKNOWN)
    counts = None if classes is None else np.zeros(len(classes))
    empty: Data = {"classes_": classes, "class_count_": counts, "repeats_words": rows.is_text}
    if not rows.is_text:
        codes = np.union1d(codes, np.int32(END))
        empty |= {"max_length_": 0, "name_hashes_": np.empty(0, np.uint64)}
    if 0 < (rows.targets == UNKNOWN).sum() == np.count_nonzero(rows.targets):
        raise ValueError("X must contain at least one known character to learn. Got only U+FFFD.")
    return Corpus(characters_of(codes), rows.window_length, **empty)


def _read_first(X: object) -> Rows:
    """Return the rows of the names or windows in the first call of `fit` or `partial_fit`."""
    if not are_names(X):
        return Rows.of_windows(X)
    names = check_names(X)
    warn_about_suspicious_names(names)
    return Rows(encode_rows(list(map(compose, names))))


def _check_unchanged(
    corpus: Corpus, codes: Ints, labels: Labels | None, classes: object, known: Labels | None
) -> None:
    """Raise an error if a later call has new characters or classes, or lacks labels."""
    if new := np.setdiff1d(characters_of(codes), corpus.alphabet_).tolist():
        raise ValueError(
            "alphabet must not add characters after the first call to partial_fit. Got new "
            f"characters: {', '.join(map(repr, new))}."
        )
    if known is not None and known.tolist() != corpus.labels:
        raise ValueError(
            "classes must be the same in all calls to partial_fit, including the first. "
            f"The first call had {corpus.classes_!r}. Got {classes!r}."
        )
    if labels is None and corpus.classes_ is not None:
        raise ValueError("y must contain each name's label, as in the first call. Got None.")


def _with_hashes(hashes: Ints | None, names: Ints) -> Ints | None:
    """Insert the hashes of names into a sorted array, if any.

    Sorting all hashes would take several times the memory.
    """
    if hashes is None:
        return None
    new = sorted_unique(hash_names(names))
    positions = np.searchsorted(hashes, new)
    is_new = positions == np.searchsorted(hashes, new, side="right")
    return np.insert(hashes, positions[is_new], new[is_new])
