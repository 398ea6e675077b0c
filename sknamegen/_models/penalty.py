"""Penalties on characters that a model overestimates because it has seen few examples."""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import csr_array

from .._arrays import look_up, unique_inverse
from .._data.corpus import Corpus
from .._data.sequences import Sequences
from .._text.alphabet import NONE, Alphabet
from .._types import Data, Floats, Ints
from .counts import NGramCounts
from .kneser_ney import TINY, KneserNey

# Order and discount of the n-grams of kinds.
_ORDER, _DISCOUNT = 8, 0.3
# Maximum numbers of kinds per run, and of caseless kinds, in a context.
_RUN, _CASELESS = 3, 2
# Multiplier for the probability of kinds that occurred after a context.
_SLACK = 3
# Lowest penalty, in nats.
_LOWEST = -8.0


class NewCharacterPenalty:
    """Penalises characters that no name with a label contains.

    Together, they become as probable as the characters that occur once in those names [1]_.

    Parameters
    ----------
    counted : NGramCounts
        The characters of names, without contexts.
    n_labels, n_characters : int

    Attributes
    ----------
    counts : sparse array of shape (n_labels, n_characters), dtype float64
        How often the names with each label contain each character.
    penalty : ndarray of shape (n_labels,), dtype float32
        For the characters U that no name with the label contains,
        ``min(0, log((n_once + 0.5) / (n + 1) / p(U)))``, clipped at -8. The label's names contain n
        characters, n_once of them only once. p(U) is the share of U in all names.

    References
    ----------
    .. [1] I. J. Good, "The Population Frequencies of Species and the Estimation of Population
       Parameters", Biometrika, 1953.
    """

    def __init__(self, counted: NGramCounts, n_labels: int, n_characters: int):
        cells = counted.filled_counts, (counted.contexts[:, 0], counted.characters)
        self.counts = counts = csr_array(cells, shape=(n_labels, n_characters))
        self._seen = np.split(counts.indices, counts.indptr[1:-1])
        labels = counts.tocoo().row
        overall = counts.sum(axis=0) / counts.sum()
        share_seen = np.bincount(labels, overall[counts.indices], n_labels)
        n_once = np.bincount(labels, counts.data <= 1, n_labels)
        share_once = (n_once + 0.5) / (counts.sum(axis=1) + 1)
        penalty = np.log(share_once / np.maximum(1 - share_seen, TINY))
        self.penalty = penalty.clip(_LOWEST, 0).astype(np.float32)

    @classmethod
    def learn(cls, corpus: Corpus, sequences: Sequences, before: Self | None) -> Self:
        """Count the characters of sequences with labels, and add the counts of earlier calls."""
        counted = NGramCounts.of(sequences, 1, before.counted() if before else None)
        return cls(counted, len(corpus.labels), len(corpus.alphabet))

    @classmethod
    def from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        """Return the penalty from a state returned by `to_state`, or raise ValueError."""
        counted = NGramCounts.from_state(state, alphabet.kinds, n_labels)
        return cls(counted, n_labels, len(alphabet))

    def counted(self) -> NGramCounts:
        """Return the merged counts."""
        counts = self.counts.tocoo()
        return NGramCounts(counts.row[:, None], counts.col, counts.data)

    def to_state(self) -> Data:
        """Return the counts as compact arrays."""
        n_labels, n_characters = self.counts.shape
        return self.counted().to_state(n_characters, n_labels)

    def of(self, labels: Ints) -> Floats:
        """Return the penalties for rows of logits with these labels, or for all rows."""
        labels, inverse = unique_inverse(labels)
        table = np.repeat(self.penalty[labels, None], self.counts.shape[1], axis=1)
        for row, label in zip(table, labels.tolist(), strict=True):
            row[self._seen[label]] = 0
        return table if len(table) == 1 else table.take(inverse, axis=0)

    def export(self) -> Data:
        """Return the data for the web page script."""
        seen = [characters.tolist() for characters in self._seen]
        return {"penalty": self.penalty.tolist(), "seen": seen}


class KindPenalty:
    """Penalises kinds of characters that are rare after the preceding kinds.

    Networks and smoothed counts give every character some probability. Over seven characters,
    these errors add up: a few names in a hundred have a capital in the middle or begin with a
    lowercase letter. There are only a few kinds of characters and each is frequent, so even a short
    list shows which kinds follow each other. The penalty compares a kind's frequency after the
    preceding kinds with its overall frequency.

    The methods identify contexts of kinds by their rows of `by_kind`.

    Parameters
    ----------
    alphabet : Alphabet
    counted : NGramCounts
        N-grams of kinds.
    n_labels : int

    Attributes
    ----------
    kind_ngrams : KneserNey
        N-grams of kinds.
    by_kind : ndarray of shape (n_contexts, n_kinds), dtype float32
        For kind k after kinds h, ``min(0, log p(k | h) - log p(k))``, clipped at -8. If k occurred
        after h, p(k | h) is multiplied by three. Kinds that are only slightly rarer than overall
        thus get no penalty, so spelling styles keep their frequency.
    one_hot : ndarray of shape (n_kinds, n_characters), dtype float32
        The kind of each character.
    """

    def __init__(self, alphabet: Alphabet, counted: NGramCounts, n_labels: int):
        self._alphabet, self._kind_of = alphabet, _kind_of(alphabet)
        self.kind_ngrams = KneserNey(counted, _kinds_of_kinds(alphabet), n_labels, _DISCOUNT)
        kind_of, n_kinds = self._kind_of[: len(alphabet)], self.kind_ngrams.n_characters
        _, kind, counts = self.kind_ngrams.counted()
        overall = np.bincount(kind_of, minlength=n_kinds) / len(kind_of)
        overall += np.bincount(kind, counts, n_kinds)
        overall = np.maximum(overall / overall.sum(), TINY)
        proba = np.maximum(self.kind_ngrams.proba(np.arange(self.kind_ngrams.n_contexts)), TINY)
        proba.reshape(-1)[self.kind_ngrams.cells] *= _SLACK  # those that occurred
        self.by_kind = np.log(proba / overall).clip(_LOWEST, 0).astype(np.float32)
        self.one_hot = np.equal.outer(np.arange(n_kinds), kind_of).astype(np.float32)

    @classmethod
    def learn(cls, corpus: Corpus, sequences: Sequences, before: Self | None) -> Self:
        """Count the kinds in sequences of indices, and add the counts of earlier calls."""
        earlier = [before.kind_ngrams.counted()] if before else []
        counted = NGramCounts.joined([*earlier, *_count_kinds(corpus, sequences)])
        return cls(corpus.alphabet, counted, len(corpus.labels))

    @classmethod
    def from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        """Return the penalty from a state returned by `to_state`, or raise ValueError."""
        counted = NGramCounts.from_state(state, _kinds_of_kinds(alphabet), n_labels)
        return cls(alphabet, counted, n_labels)

    def to_state(self) -> Data:
        """Return the counts as compact arrays."""
        return self.kind_ngrams.to_state()

    @cached_property
    def _after(self) -> Ints:
        """Next context for each context (row) and kind (column, the last for no character)."""
        rows, after = np.arange(self.kind_ngrams.n_contexts), list[Ints]()
        contexts = self.kind_ngrams.contexts_of(rows)
        for kind in range(self._kind_of.max() + 1):
            kinds = np.pad(contexts[:, :0:-1], ((0, 0), (0, 1)), constant_values=kind)
            kinds = _recent_kinds(kinds, rows, -1, self.kind_ngrams.order - 1, self._alphabet)
            after.append(self.kind_ngrams.find(np.append(contexts[:, :1], kinds, axis=1)))
        return np.stack([*after, rows], axis=1).astype(np.int32)

    @cached_property
    def _first(self) -> Ints:
        """Context before the first kind of a name, for each label."""
        contexts = np.full((max(1, self.kind_ngrams.n_labels), self.kind_ngrams.order), NONE)
        contexts[:, 0] = np.arange(len(contexts))
        return self.kind_ngrams.find(contexts)

    def contexts(self, indices: Ints, labels: Ints) -> Ints:
        """Return the context after each column of indices of characters, in the same shape."""
        contexts = self._first[labels]  # without labels, -1 is the only row
        by_step = np.empty(indices.shape, dtype=np.int32)
        for step, column in enumerate(self._kind_of[indices].T):
            contexts = by_step[:, step] = self._after[contexts, column]
        return by_step

    def advance(self, contexts: Ints, characters: Ints) -> Ints:
        """Return the contexts after one more character per row."""
        return self._after[contexts, self._kind_of[characters]]

    def of(self, contexts: Ints) -> Floats:
        """Return the penalties for rows of logits after these contexts."""
        return self.by_kind.take(contexts, axis=0) @ self.one_hot

    def log_proba(self, logits: Floats, rows: Ints, contexts: Ints, targets: Ints) -> Floats:
        """Return the log-probability of each target, with the penalties, in nats.

        Penalties are the same for all characters of a kind, so rows are first summed by kind. This
        is faster than adding them. `logits` are overwritten. Each target has a row of them.
        """
        logits -= logits.max(axis=1, keepdims=True)
        penalties = self.by_kind.take(contexts, axis=0)
        target_logits = logits[rows, targets].astype(np.float64)
        target_logits += penalties[np.arange(len(targets)), self._kind_of[targets]]
        by_kind = (np.exp(logits, out=logits) @ self.one_hot.T).take(rows, axis=0)
        total = np.einsum("ij,ij->i", by_kind, np.exp(penalties), dtype=np.float64)
        return target_logits - np.log(total)

    def export(self) -> Data:
        """Return the data for the web page script."""
        return {
            "nKinds": self.by_kind.shape[1],
            "kinds": self._kind_of,
            "first": self._first,
            "after": self._after,
            "byKind": self.by_kind,
        }


def _count_kinds(corpus: Corpus, sequences: Sequences) -> Iterator[NGramCounts]:
    """Yield the n-grams of character kinds in blocks of sequences."""
    alphabet, kind_of = corpus.alphabet, _kind_of(corpus.alphabet)
    n_values = len(_kinds_of_kinds(alphabet)) + len(corpus.labels)
    # Most names consist of the same kinds as many others, so each pattern is counted once.
    ids: Ints = np.zeros(len(sequences.inputs), dtype=np.int64)
    characters = sequences.inputs, sequences.targets
    for column in chain([sequences.labels], *(look_up(kind_of, x).T for x in characters)):
        _, ids = unique_inverse(ids * n_values + column + 1)
    n_names = np.bincount(ids, sequences.weights).astype(float)
    examples = np.empty(len(n_names), dtype=np.int64)
    examples[ids] = np.arange(len(ids))
    sequences = sequences.take(examples)._replace(name_index=np.arange(len(examples)))
    order = min(_ORDER, corpus.window_length_ + 1)
    for part in sequences.blocks(order):
        rows, steps = np.nonzero(part.has_target)
        recent = _recent_kinds(kind_of[part.inputs], rows, steps, order - 1, alphabet)
        contexts = np.append(part.labels[rows][:, None], recent, axis=1)
        targets, counts = kind_of[part.targets[rows, steps]], n_names[part.name_index[rows]]
        yield NGramCounts(contexts, targets, counts)


def _recent_kinds(
    kinds: Ints, rows: Ints, steps: Ints | int, length: int, alphabet: Alphabet
) -> Ints:
    """Return the last kinds up to the given steps of rows, nearest first, (n_rows, length).

    At most `_RUN` equal kinds follow each other, so lowercase words of any length, such as "van" in
    "van Dyk", give the same context. After marks and caseless letters, the last two kinds determine
    what may follow, while words in cased scripts have longer patterns. The nearest caseless kind
    from the third on, and all earlier kinds, are therefore replaced with the kind of index -1,
    which does not otherwise occur in contexts.
    """
    n_rows, n_steps = kinds.shape
    run = min(_RUN, length)
    padded = np.concatenate([np.full((n_rows, run), NONE, kinds.dtype), kinds], axis=1)
    is_included = np.logical_or.reduce([padded[:, i : i + n_steps] != kinds for i in range(run)])
    n_included = is_included.cumsum(axis=1)
    shortened = np.full((n_rows, length + n_steps), NONE, kinds.dtype)
    shortened[np.nonzero(is_included)[0], length - 1 + n_included[is_included]] = kinds[is_included]
    ends = n_included[rows, steps]
    recent = sliding_window_view(shortened, length, axis=1)[rows, ends][:, ::-1]
    is_far = np.append(alphabet.caseless, False)[recent]  # index -1 means no kind
    is_far[:, :_CASELESS] = False
    distance = is_far.cumsum(axis=1).cumsum(axis=1)  # 1 at the nearest, more from there on
    recent[distance == 1] = alphabet.kinds[NONE]
    recent[distance > 1] = NONE
    return recent


def _kinds_of_kinds(alphabet: Alphabet) -> Ints:
    """Return the `kinds` for n-grams of kinds: all kinds are of the same kind."""
    return np.zeros(int(alphabet.kinds.max()) + 4, dtype=np.int64)


def _kind_of(alphabet: Alphabet) -> Ints:
    """Return the kind of each context index, with -1 for index -1 (no character)."""
    # Unicode has fewer than 100 kinds.
    return np.append(alphabet.kinds[:-1], NONE).astype(np.int8)
