"""A penalty on characters that a model overestimates because it has seen few examples."""

from functools import cached_property
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._alphabet import NONE, Alphabet
from .._corpus import Corpus
from .._parallel import BLOCK_CELLS
from .._sequences import Sequences
from .._types import Data, Floats, Ints
from .contract import NextCharModel, State, unique_inverse
from .ngrams import TINY, NGrams

# Order and parameters of the n-grams of kinds.
_ORDER = 8
_OPTIONS: Data = {"discount": 0.3, "label_weight": 1.0}
# Maximum numbers of kinds per run, and of caseless kinds, in a context.
_RUN, _CASELESS = 3, 2
# Multiplier for the probability of kinds that occurred after a context.
_SLACK = 3
# Lowest penalty, in nats.
_LOWEST = -8.0
# The kinds in the windows, (n_rows, window_length), the labels, and the contexts at the ends of the
# windows, as row numbers of `Penalty.by_kind`, (n_rows,).
Context = tuple[Ints, Ints, Ints]


class Penalty:
    """Penalty on characters that a model overestimates because it has seen few examples.

    Networks and smoothed counts give every character some probability. Over seven characters,
    these errors add up: a few names in a hundred have a capital in the middle or begin with a
    lowercase letter. There are only a few kinds of characters and each is frequent, so even a short
    list shows which kinds follow each other. The first part of the penalty compares a kind's
    frequency after the preceding kinds with its overall frequency.

    With labels, the second part penalises characters that no name with the label contains.
    Together, they become as probable as the characters that occur once in those names [1]_.

    Parameters
    ----------
    alphabet : Alphabet
    kinds : NGrams
        N-grams of kinds.
    characters : NGrams, default=None
        N-grams of order 1, counting each label's characters.

    Attributes
    ----------
    by_kind : ndarray of shape (n_contexts, n_kinds), dtype float32
        For kind k after kinds h, ``min(0, log p(k | h) - log p(k))``, clipped at -8. If k occurred
        after h, p(k | h) is multiplied by three. Kinds that are only slightly rarer than overall
        thus get no penalty, so spelling styles keep their frequency.
    one_hot : ndarray of shape (n_kinds, n_characters), dtype float32
        The kind of each character.
    unseen : ndarray of shape (n_labels,), dtype float32
        For the characters U that no name with the label contains,
        ``min(0, log((n_once + 0.5) / (n + 1) / p(U)))``, clipped at -8. The label's names contain n
        characters, n_once of them only once. p(U) is the share of U in all names.

    References
    ----------
    .. [1] I. J. Good, "The Population Frequencies of Species and the Estimation of Population
       Parameters", Biometrika, 1953.
    """

    def __init__(self, alphabet: Alphabet, kinds: NGrams, characters: NGrams | None = None):
        self._alphabet, self._kinds, self._characters = alphabet, kinds, characters
        self.kind_of = _kind_of(alphabet)
        self.unseen, self._seen = np.empty(0, np.float32), []
        if characters:
            self.unseen, self._seen = _penalise_unseen(characters)
        kind_of = self.kind_of[: len(alphabet)]
        _, kind, kind_counts = kinds.counted_ngrams()
        overall = np.bincount(kind_of, minlength=kinds.n_characters) / len(kind_of)
        overall += np.bincount(kind, kind_counts, kinds.n_characters)
        overall = np.maximum(overall / overall.sum(), TINY)
        proba = np.maximum(kinds.proba(np.arange(len(kinds.parents))), TINY)
        proba.ravel()[kinds.ngrams_] *= _SLACK  # of kinds that occurred after a context
        self.by_kind = np.log(proba / overall).clip(_LOWEST, 0).astype(np.float32)
        self.one_hot = np.equal.outer(np.arange(len(overall)), kind_of).astype(np.float32)

    @classmethod
    def count(cls, corpus: Corpus, sequences: Sequences, before: "Penalty | None" = None) -> Self:
        """Count kinds and characters in sequences of indices, and add the counts of `before`."""
        kinds, characters = _count_kinds(corpus, sequences, before and before._kinds), None
        if corpus.labels:
            sizes = 1, corpus.alphabet.kinds, len(corpus.labels)
            counted = before._characters if before else None
            characters = NGrams.count(sequences, *sizes, before=counted, label_weight=1.0)
        return cls(corpus.alphabet, kinds, characters)

    @classmethod
    def from_state(cls, state: Data, corpus: Corpus) -> Self:
        """Return a penalty from a state returned by `to_state`, or raise ValueError."""
        alphabet, n_labels, characters = corpus.alphabet, len(corpus.labels), None
        kinds = NGrams.from_state(state["kinds"], _kinds_of_kinds(alphabet), n_labels, **_OPTIONS)
        if n_labels:
            sizes = alphabet.kinds, n_labels
            characters = NGrams.from_state(state["characters"], *sizes, label_weight=1.0)
        return cls(alphabet, kinds, characters)

    def to_state(self) -> Data:
        """Return the counts as arrays."""
        counts = {"kinds": self._kinds, "characters": self._characters}
        return {name: ngrams.to_state() for name, ngrams in counts.items() if ngrams}

    def add_unseen(self, logits: Floats, labels: Ints) -> None:
        """Add the penalties for unseen characters to rows of logits, in place."""
        if not len(self.unseen):
            return
        labels, inverse = unique_inverse(labels)
        table = np.repeat(self.unseen[labels, None], logits.shape[1], axis=1)
        for row, label in zip(table, labels.tolist(), strict=True):
            row[self._seen[label]] = 0
        logits += table if len(table) == 1 else table.take(inverse, axis=0)

    @cached_property
    def _next_contexts(self) -> Ints:
        """Next context for each context (row) and kind (column, the last for no character)."""
        contexts = self._kinds.contexts_of(np.arange(len(self._kinds.parents)))
        labels, recent = np.split(contexts, [self._kinds.n_labels > 0], axis=1)
        after = np.empty((len(contexts), int(self.kind_of.max()) + 2), dtype=np.int32)
        after[:, NONE] = np.arange(len(contexts))
        for kind in range(after.shape[1] - 1):
            kinds = np.append(recent[:, ::-1], np.full((len(recent), 1), kind, np.int32), axis=1)
            rows, length = np.arange(len(kinds)), recent.shape[1]
            kinds = _recent_kinds(kinds, rows, -1, length, self._alphabet)
            after[:, kind] = self._kinds.find(np.append(labels, kinds, axis=1))
        return after

    @cached_property
    def _start_contexts(self) -> Ints:
        """Context before the first kind of a name, for each label."""
        labels = np.arange(max(1, self._kinds.n_labels))
        empty = np.full((len(labels), self._kinds.order - 1), NONE)
        return self._kinds.find(self._kinds.contexts(empty, labels))

    def _read(self, kinds, labels):
        """Return the contexts after each column of kinds, given the labels."""
        contexts = self._start_contexts[labels]  # without labels, -1 is the only row
        by_step = np.empty(kinds.shape, dtype=np.int32)
        for step, column in enumerate(kinds.T):
            contexts = by_step[:, step] = self._next_contexts[contexts, column]
        return by_step

    def start(self, windows: Ints, labels: Ints) -> Context:
        """Read contexts."""
        kinds = self.kind_of[windows]
        return kinds, labels, self._read(kinds, labels)[:, -1]

    def advance(self, state: Context, characters: Ints) -> Context:
        """Append the kind of one more character to each row."""
        kinds, labels, contexts = state
        longer, new_kinds = np.empty_like(kinds), self.kind_of[characters]
        longer[:, :-1], longer[:, -1] = kinds[:, 1:], new_kinds
        if (kinds[:, 0] != NONE).any():  # the window alone determines the context
            return longer, labels, self._read(longer, labels)[:, -1]
        return longer, labels, self._next_contexts[contexts, new_kinds]

    def of_sequences(self, sequences: Sequences) -> Floats:
        """Return the penalty for each kind at each target, (n_targets, n_kinds)."""
        contexts = self._read(self.kind_of[sequences.inputs], sequences.labels)
        return self.by_kind.take(contexts[sequences.has_target], axis=0)

    def export(self) -> Data:
        """Return the data for the web page script."""
        return {
            "nKinds": self.by_kind.shape[1],
            "kinds": self.kind_of,
            "first": self._start_contexts,
            "after": self._next_contexts,
            "byKind": self.by_kind,
            "unseen": self.unseen.tolist(),
            "seen": [characters.tolist() for characters in self._seen],
        }


class Penalised(NextCharModel):
    """A model whose logits are reduced by a penalty.

    Parameters
    ----------
    model : NextCharModel
    penalty : Penalty
        For the same characters and labels.
    """

    def __init__(self, model: NextCharModel, penalty: Penalty):
        self.model, self.penalty = model, penalty
        self.n_characters, self.n_labels = model.n_characters, model.n_labels
        self.block_rows = model.block_rows

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        output = self.model.start(windows, labels)
        return self._penalise(output, self.penalty.start(windows, labels))

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        state, penalty_state = state
        output = self.model.advance(state, characters)
        return self._penalise(output, self.penalty.advance(penalty_state, characters))

    def select(self, state: State, rows: Ints) -> State:
        """Return the state of the selected rows."""
        state, penalty_state = state
        columns = tuple(column.take(rows, axis=0) for column in penalty_state)
        return self.model.select(state, rows), columns

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows."""
        rows, logits = self._penalised_by_label(sequences)
        logits = logits.take(rows, axis=0)
        logits += self.penalty.of_sequences(sequences) @ self.penalty.one_hot
        return np.arange(len(logits)), logits

    def log_proba(self, sequences: Sequences) -> Floats:
        """Return the log-probability of each target.

        Penalties by kind are the same for all characters of a kind, so rows are first summed by
        kind. This is faster than `distinct_logits`.
        """
        rows, logits = self._penalised_by_label(sequences)
        logits -= logits.max(axis=1, keepdims=True)
        targets = sequences.targets[sequences.has_target]
        penalties = self.penalty.of_sequences(sequences)
        target_logits = logits[rows, targets].astype(np.float64)
        target_logits += penalties[np.arange(len(targets)), self.penalty.kind_of[targets]]
        by_kind = (np.exp(logits, out=logits) @ self.penalty.one_hot.T).take(rows, axis=0)
        total = np.einsum("ij,ij->i", by_kind, np.exp(penalties), dtype=np.float64)
        return target_logits - np.log(total)

    def export(self) -> Data:
        """Return the data for the web page script."""
        return {"type": "penalised", "model": self.model.export()} | self.penalty.export()

    def ngrams(self) -> NGrams | None:
        """Return the n-grams of the model, which ignore the penalty."""
        return self.model.ngrams()

    def _penalise(self, output, penalty_state):
        (state, logits), (_, labels, contexts) = output, penalty_state
        logits += self.penalty.by_kind.take(contexts, axis=0) @ self.penalty.one_hot
        self.penalty.add_unseen(logits, labels)
        return (state, penalty_state), logits

    def _penalised_by_label(self, sequences):
        """Return each target's row index, and logits that only include the penalty by label."""
        rows, logits = self.model.distinct_logits(sequences)
        if not len(self.penalty.unseen):
            return rows, logits
        labels = np.repeat(sequences.labels, sequences.has_target.sum(1))
        if (labels != labels[:1]).any():  # penalties differ between rows with equal logits
            pairs, rows = unique_inverse(rows * self.n_labels + labels)
            labels, logits = pairs % self.n_labels, logits.take(pairs // self.n_labels, axis=0)
        else:
            labels = labels[:1]
        self.penalty.add_unseen(logits, labels)
        return rows, logits


def _penalise_unseen(characters):
    """Return each label's penalty for unseen characters, and the characters that it has seen."""
    columns, seen, counts = characters.counted_ngrams()
    labels, n_labels = columns[:, 0].astype(np.int64), characters.n_labels
    order = np.argsort(labels, kind="stable")
    seen_by_label = np.split(seen[order], np.searchsorted(labels[order], np.arange(1, n_labels)))
    n = np.bincount(labels, counts, n_labels)
    n_once = np.bincount(labels, counts <= 1, n_labels)
    overall = np.bincount(seen, counts) / counts.sum()
    unseen_share = np.maximum(1 - np.bincount(labels, overall[seen], n_labels), TINY)
    penalty = np.log((n_once + 0.5) / (n + 1) / unseen_share).clip(_LOWEST, 0)
    return penalty.astype(np.float32), seen_by_label


def _count_kinds(corpus, sequences, before):
    """Count the n-grams of character kinds, and add the counts from `before`."""
    alphabet, n_labels, window_length = corpus.alphabet, len(corpus.labels), corpus.window_length_
    kind_of, sizes = _kind_of(alphabet), (_kinds_of_kinds(alphabet), n_labels)
    order, counted = min(_ORDER, window_length + 1), [before.counted_ngrams()] if before else []
    size = max(1, BLOCK_CELLS // (order * window_length))
    for start in range(0, len(sequences.inputs), size):
        part = sequences.take(slice(start, start + size))
        rows, steps = np.nonzero(part.has_target)
        if not len(rows):
            continue
        recent = _recent_kinds(kind_of[part.inputs], rows, steps, order - 1, alphabet)
        labels = part.labels[rows][:, None][:, : n_labels > 0]
        contexts, characters = np.append(labels, recent, axis=1), part.targets[rows, steps]
        counts = None if part.weights is None else part.weights[rows]
        block = NGrams(contexts, kind_of[characters], *sizes, counts=counts, **_OPTIONS)
        counted.append(block.counted_ngrams())
    contexts, characters, counts = map(np.concatenate, zip(*counted, strict=True))
    return NGrams(contexts, characters, *sizes, counts=counts, **_OPTIONS)


def _recent_kinds(kinds, rows, steps, length, alphabet):
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
    before = [padded[:, i : i + n_steps] for i in range(run)]
    is_included = np.logical_or.reduce([earlier != kinds for earlier in before])
    n_included = is_included.cumsum(axis=1)
    shortened = np.full((n_rows, length + n_steps), NONE, kinds.dtype)
    shortened[np.nonzero(is_included)[0], length - 1 + n_included[is_included]] = kinds[is_included]
    ends = n_included[rows, steps]
    recent = sliding_window_view(shortened, length, axis=1)[rows, ends][:, ::-1]
    is_far = np.append(alphabet.caseless, False)[recent]  # index -1 means no kind
    is_far[:, :_CASELESS] = False
    rows = is_far.any(axis=1)
    n_far = np.logical_or.accumulate(is_far[rows], axis=1).cumsum(axis=1)
    farthest = np.where(n_far > 1, NONE, recent[rows])
    recent[rows] = np.where(n_far == 1, alphabet.kinds[NONE], farthest)
    return recent


def _kinds_of_kinds(alphabet):
    """Return the `kinds` for n-grams of kinds: all kinds are of the same kind."""
    return np.zeros(int(alphabet.kinds.max()) + 4, dtype=np.int64)


def _kind_of(alphabet):
    """Return the kind of each context index, with -1 for index -1 (no character)."""
    # Unicode has fewer than 100 kinds.
    return np.append(alphabet.kinds[:-1], NONE).astype(np.int8)
