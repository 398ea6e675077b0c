"""N-grams with interpolated modified Kneser-Ney smoothing."""

from functools import cached_property
from typing import Any, Self

import numpy as np

from .._alphabet import NONE
from .._parallel import MAX_CELLS
from .._sequences import Sequences
from .._types import Data, Floats, Ints
from .._validation import MAX_TOTAL_WEIGHT, check_arrays
from .contract import TABLE_CELLS, NextCharModel, State, unique_inverse

# Maximum order of an n-gram model.
MAX_ORDER = 100
# Discount used if there are too few counts to estimate it.
_FALLBACK_DISCOUNT = 0.85
# Weight of a label's n-grams in the average with those of all labels. Best of the values from 0.3
# to 0.7 for surnames in 16 languages and for female and male first names.
_LABEL_WEIGHT = 0.7
# Pseudo-count, in characters, of the overall kind distribution after each kind.
_KIND_WEIGHT = 0.5
# Minimum probability, which keeps logarithms finite.
TINY = np.finfo(float).tiny


class NGrams(NextCharModel):
    """Character probabilities given the preceding characters, estimated from counts.

    The characters may also be kinds of characters. Counts may be fractional.

    Parameters
    ----------
    contexts : ndarray of shape (n, n_columns), dtype int
        The characters before each target, see `Sequences.contexts`. With labels, the first column
        contains the labels.
    characters : ndarray of shape (n,), dtype int
        The targets.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        See `Alphabet`. Contexts may also contain the indices n_characters and n_characters + 1.
    n_labels : int, default=0
    discount : float, default=None
        Absolute discount in (0, 1]. None: estimated from the counts.
    counts : ndarray of shape (n,), dtype float64, default=None
        Positive number of occurrences of each n-gram. None: 1 each.
    label_weight : float, default=0.7
        Weight of a label's n-grams in the average with those of all labels.

    Attributes
    ----------
    order : int
        Length of the longest n-grams, in characters.
    discounts : ndarray of shape (n_columns + 1, 3)
        Discounts for counts of 1, 2, and 3 or more, for each n-gram length.
    shared : NGrams or None
        The n-grams of all labels, if they are part of the average.
    radix : int
        A context with one more character c in front has the key ``id * radix + c + 1``.
    keys : ndarray of shape (n_contexts - n_kinds,), dtype int64
        Sorted keys of all contexts but the roots.
    parents, lengths : ndarray of shape (n_contexts,), dtype int64
        Each context without its first character, and its length, in characters.
    first : ndarray of shape (n_contexts + 1,), dtype int64
        First n-gram of each context.
    totals : ndarray of shape (n_contexts,), dtype float64
        Total count of the n-grams of each context.
    backoff : ndarray of shape (n_contexts,), dtype float64
        Weight of each context's parent.
    roots : ndarray of shape (n_kinds, n_characters), dtype float64
        Distributions after each kind.
    ngrams_ : ndarray of shape (n_ngrams,), dtype int64
        Sorted values of ``context * n_characters + character``, by length.
    characters : ndarray of shape (n_ngrams,), dtype int64
        Last character of each n-gram.
    weights : ndarray of shape (n_ngrams,), dtype float64
        Discounted probability of each n-gram.
    has_full_context : ndarray of shape (n_ngrams,), dtype bool
        Whether each n-gram occurred with its full context.
    full_counts : ndarray of shape (n_full,), dtype float64
        Counts of the n-grams that occurred with their full context.

    Notes
    -----
    Let c be the n-gram counts, h a context, and h' the context without its first character.
    Then::

        p(w | h) = (c(h w) - D(c(h w))) / c(h) + backoff(h) p(w | h')

    where backoff(h) is the sum of the discounts D after h, divided by c(h) [1]_. For an n-gram that
    is part of longer n-grams, c is the number of distinct characters that precede it, not its
    number of occurrences [2]_. The longest n-grams, and n-grams at the start of a name, always use
    the number of occurrences. A context of one character backs off to the character's kind k, such
    as "lowercase letter"::

        p(w | k) = p(kind of w | k) p(w | kind of w)

    The first factor is the frequency of kinds after kind k, smoothed with the overall kind
    distribution (pseudo-count 0.5). The second factor comes from the empty context, which backs
    off to the uniform distribution. A capital after an unseen lowercase letter is thus as rare as
    after lowercase letters in general. Contexts are numbered by length, starting with the roots,
    which consist only of a kind.

    References
    ----------
    .. [1] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language, 1999.
    .. [2] R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling",
       ICASSP 1995.
    """

    block_rows = 2048

    def __init__(
        self,
        contexts: Ints,
        characters: Ints,
        kinds: Ints,
        n_labels: int = 0,
        *,
        discount: float | None = None,
        counts: Floats | None = None,
        label_weight: float = _LABEL_WEIGHT,
    ):
        self.n_characters, self.n_labels = len(kinds) - 3, n_labels
        self.kinds, self.n_kinds = kinds, int(kinds.max()) + 1
        self.radix = max(self.n_characters + 2, n_labels) + 1
        self.discount = None if discount is None else float(discount)
        self._n_label_columns = int(n_labels > 0)
        self.order, self.label_weight = contexts.shape[1] + 1 - self._n_label_columns, label_weight
        self.shared: NGrams | None = None
        if n_labels and label_weight < 1:
            self.shared = NGrams(
                contexts[:, 1:], characters, kinds, discount=discount, counts=counts
            )
        self._estimate(*self._merge(contexts, characters, counts))

    @classmethod
    def count(
        cls,
        sequences: Sequences,
        order: int,
        kinds: Ints,
        n_labels: int = 0,
        *,
        before: "NGrams | None" = None,
        **options: Any,
    ) -> Self:
        """Count the n-grams in sequences of indices, and add the counts from `before`."""
        has_target, counts = sequences.has_target, None
        contexts = sequences.contexts(order - 1, n_labels > 0)
        characters = sequences.targets[has_target]
        if sequences.weights is not None:
            counts = np.repeat(sequences.weights, has_target.sum(1))
        if before is not None:
            counts = np.ones(len(characters)) if counts is None else counts
            counted: Any = before.counted_ngrams(), (contexts, characters, counts)
            contexts, characters, counts = map(np.concatenate, zip(*counted, strict=True))
        return cls(contexts, characters, kinds, n_labels, counts=counts, **options)

    @classmethod
    def from_state(cls, state: Data, kinds: Ints, n_labels: int, **options: Any) -> Self:
        """Return n-grams from a state returned by `to_state`, or raise ValueError."""
        expected = {
            "contexts": ("iu", ("n-grams", "columns")),
            "characters": ("iu", ("n-grams",)),
            "counts": ("iuf", ("n-grams",)),
        }
        sizes, n, n_label_columns = check_arrays(state, expected), len(kinds) - 3, int(n_labels > 0)
        contexts, characters, counts = (state[name] for name in expected)
        if not (
            sizes["n-grams"] > 0
            and n_label_columns <= sizes["columns"] < MAX_ORDER + n_label_columns
            and n * (kinds.max() + 1) <= MAX_CELLS
            and ((counts > 0) & (counts <= MAX_TOTAL_WEIGHT)).all()
            and _are_within(characters, 0, n)
            and _are_within(contexts[:, n_label_columns:], NONE, n + 2)
            and _are_within(contexts[:, :n_label_columns], 0, max(n_labels, 1))
        ):
            raise ValueError("A number is out of range.")
        return cls(contexts, characters, kinds, n_labels, counts=counts, **options)

    def to_state(self) -> Data:
        """Return contexts, characters and counts as compact arrays."""
        contexts, characters, counts = self.counted_ngrams()
        dtype = np.min_scalar_type(-max(self.n_characters + 3, self.n_labels))
        is_integer = counts.max() < 2**32 and (counts == np.rint(counts)).all()
        return {
            "contexts": contexts.astype(dtype),
            "characters": characters.astype(dtype),
            "counts": counts.astype(np.uint32) if is_integer else counts,
        }

    def _merge(self, contexts, characters, counts):
        """Merge equal n-grams if an int64 can encode all of their characters."""
        if self.radix ** (contexts.shape[1] + 1) >= 2**63:
            counts = np.ones(len(characters)) if counts is None else counts.astype(float)
            return contexts.astype(np.int64), characters.astype(np.int64), counts
        packed = characters.astype(np.int64)
        for column in contexts.T:
            packed = packed * self.radix + column + 1
        if counts is None:
            packed, counts = np.unique(packed, return_counts=True)
        else:
            packed, inverse = unique_inverse(packed)
            counts = np.bincount(inverse, weights=counts)
        contexts = np.empty((len(packed), contexts.shape[1]), dtype=np.int32)
        for column in reversed(range(contexts.shape[1])):
            packed, contexts[:, column] = np.divmod(packed, self.radix)
        return contexts - 1, packed, counts.astype(float)

    def _estimate(self, contexts, characters, counts):
        """Estimate the model from merged n-grams."""
        counts, first = self._number(contexts, characters, counts)
        context, n_contexts = self.ngrams_ // self.n_characters, len(self.parents)
        shorter = (self.parents[context] * self.n_characters + self.characters)[first[1] :]
        shorter = np.searchsorted(self.ngrams_, shorter)
        n_before = np.bincount(shorter, minlength=len(counts))
        full = counts - np.bincount(shorter, counts[first[1] :], minlength=len(counts))
        self.has_full_context = full > 1e-9 * counts  # tolerates rounding errors
        self.full_counts = full[self.has_full_context]
        root_counts, counts = counts[: first[1]], np.where(n_before == 0, counts, n_before)
        self.discounts = np.empty((len(first) - 1, 3))
        taken = np.zeros(len(counts))
        for length, rows in enumerate(map(slice, first[1:-1], first[2:]), 1):
            self.discounts[length], taken[rows] = _discounts(counts[rows], self.discount)
        total = np.bincount(context, weights=counts, minlength=n_contexts)
        self.totals = np.maximum(total, TINY)  # zero for kinds that did not occur
        self.first = np.searchsorted(context, np.arange(n_contexts + 1))
        self.backoff = np.bincount(context, weights=taken, minlength=n_contexts) / self.totals
        self.weights = (counts - taken) / self.totals[context]
        n_roots = first[1]
        n_before = np.bincount(self.characters[:n_roots], counts[:n_roots], self.n_characters)
        self.roots = self._make_roots(n_before, context[:n_roots], root_counts)

    def _make_roots(self, n_before, context, root_counts):
        """Return the distribution after each kind.

        `n_before` is the number of contexts before each character. `root_counts` are the counts of
        n-grams that consist of a kind and a character.
        """
        seen = n_before > 0
        self.discounts[0], taken = _discounts(n_before[seen], self.discount)
        unigrams = np.full(self.n_characters, taken.sum() / self.n_characters)
        unigrams[seen] += n_before[seen] - taken
        unigrams /= n_before.sum()
        character_kinds = self.kinds[: self.n_characters]
        shares = np.bincount(character_kinds, unigrams, minlength=self.n_kinds)
        pairs = context * self.n_kinds + character_kinds[self.characters[: len(context)]]
        kind_counts = np.bincount(pairs, root_counts, minlength=self.n_kinds**2)
        smoothed = kind_counts.reshape(self.n_kinds, -1) + _KIND_WEIGHT * shares
        smoothed /= smoothed.sum(axis=1, keepdims=True)
        return smoothed[:, character_kinds] * (unigrams / shares[character_kinds])

    def _number(self, contexts, characters, counts):
        """Number the contexts and the n-grams. Return the count of each n-gram.

        The n-grams are sorted by length first. The second result is the first row of each length.
        """
        self.parents, self.lengths = np.zeros((2, self.n_kinds), dtype=np.int64)
        self.keys = np.empty(0, dtype=np.int64)
        ids = self._roots_of(contexts)
        ngrams, totals = [], []
        for length in range(contexts.shape[1] + 1):
            if length:
                has_character = contexts[:, length - 1] >= 0
                contexts, characters = contexts[has_character], characters[has_character]
                counts, ids = counts[has_character], ids[has_character]
                keys, inverse = unique_inverse(ids * self.radix + contexts[:, length - 1] + 1)
                ids = len(self.parents) + inverse
                self.keys = np.append(self.keys, keys)
                self.parents = np.append(self.parents, keys // self.radix)
                self.lengths = np.append(self.lengths, np.full(len(keys), length))
            unique, inverse = unique_inverse(ids * self.n_characters + characters)
            ngrams.append(unique)
            totals.append(np.bincount(inverse, weights=counts))
        self.ngrams_ = np.concatenate(ngrams)
        self.characters = self.ngrams_ % self.n_characters
        return np.concatenate(totals), np.cumsum([0, *map(len, ngrams)])

    @property
    def farthest(self) -> Ints:
        """First character of each context except the roots."""
        return self.keys % self.radix - 1

    @property
    def total(self) -> float:
        """Total number of counted characters."""
        return self.full_counts.sum()

    def counted_ngrams(self) -> tuple[Ints, Ints, Floats]:
        """Return the merged contexts, characters and counts for the constructor."""
        ids, characters = np.divmod(self.ngrams_[self.has_full_context], self.n_characters)
        return self.contexts_of(ids), characters.astype(np.int32), self.full_counts

    def contexts_of(self, ids: Ints) -> Ints:
        """Return contexts as in the constructor, with -1 where they have no character."""
        n_columns = self.order - 1 + self._n_label_columns
        contexts = np.full((len(ids), n_columns), NONE, dtype=np.int32)
        rows, farthest = np.arange(len(ids)), self.farthest
        while len(rows := rows[ids >= self.n_kinds]):
            ids = ids[ids >= self.n_kinds]
            contexts[rows, self.lengths[ids] - 1] = farthest[ids - self.n_kinds]
            ids = self.parents[ids]
        return contexts

    def _roots_of(self, contexts):
        """Return the root of each context, which is the kind of its last character."""
        if self.order == 1:
            return np.full(len(contexts), self.kinds[NONE])
        return self.kinds[contexts[:, self._n_label_columns]]

    def find(self, contexts: Ints) -> Ints:
        """Return an id for each context, for use with `proba`: its longest known suffix."""
        ids = self.find_own(contexts)
        if self.shared:
            ids = ids * len(self.shared.parents) + self.shared.find_own(contexts[:, 1:])
        return ids

    def find_own(self, contexts: Ints) -> Ints:
        """Return the longest known suffix of each context, without the average of all labels."""
        ids = longest = self._roots_of(contexts)
        table, n_cells = self._table, len(self._table) - 1
        is_complete = not len(self.keys) or self.keys[-1] < n_cells
        for column in contexts.T + 1:
            keys = ids * self.radix
            keys += column
            ids = table.take(keys, mode="clip").astype(np.int64)  # keys can exceed int32
            if not is_complete:
                beyond = np.flatnonzero(keys >= n_cells)
                place = np.searchsorted(self.keys[:-1], keys[beyond])
                is_known = self.keys[place] == keys[beyond]
                ids[beyond] = np.where(is_known, place + self.n_kinds, NONE)
            longest = np.maximum(longest, ids)
        return longest

    @cached_property
    def _table(self):
        """Context for each key below a limit, or -1 for unused keys.

        Keys outside the table also map to -1: key 0 is unused, and the last cell is always -1.
        Contexts outside it require a binary search.
        """
        n_cells = min(int(self.keys.max(initial=-1)) + 1, TABLE_CELLS)
        table = np.full(n_cells + 1, NONE, dtype=np.int32)
        positions = np.arange(np.searchsorted(self.keys, n_cells))
        table[self.keys[positions]] = self.n_kinds + positions
        return table

    def proba(self, ids: Ints) -> Floats:
        """Return the distribution for each context id, (n, n_characters)."""
        if self.shared:
            ids, shared_ids = np.divmod(ids, len(self.shared.parents))
        roots, scale = np.array(ids), np.ones(len(ids))  # products of back-off weights
        rows, parts = np.arange(len(ids)), []
        while len(rows := rows[roots[rows] >= self.n_kinds]):
            contexts = roots[rows]
            parts.append((rows, contexts, scale[rows]))
            scale[rows] *= self.backoff[contexts]
            roots[rows] = self.parents[contexts]
        proba = self.roots.take(roots, axis=0)
        proba *= scale[:, None]
        cells = proba.reshape(-1)  # a view
        for rows, contexts, factors in parts:
            n_ngrams = self.first[contexts + 1] - self.first[contexts]
            ends = n_ngrams.cumsum()
            ngrams = np.arange(ends[-1]) + np.repeat(self.first[contexts + 1] - ends, n_ngrams)
            places = np.repeat(rows * self.n_characters, n_ngrams) + self.characters[ngrams]
            cells[places] += np.repeat(factors, n_ngrams) * self.weights[ngrams]
        if self.shared:
            proba *= self.label_weight
            proba += (1 - self.label_weight) * self.shared.proba(shared_ids)
        return proba

    def _log_proba(self, ids):
        # With very small discounts, the probability of unseen characters underflows to zero.
        return np.log(np.maximum(self.proba(ids), TINY))

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        contexts = self.contexts(windows, labels)
        return contexts, self._log_proba(self.find(contexts))

    def contexts(self, windows: Ints, labels: Ints) -> Ints:
        """Return the label column, if any, and the last characters, nearest first."""
        labels = labels[:, None][:, : self._n_label_columns]
        return np.concatenate([labels, windows[:, ::-1][:, : self.order - 1]], axis=1)

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        n = self._n_label_columns
        columns = state[:, :n], characters[:, None], state[:, n:]
        contexts = np.concatenate(columns, axis=1)[:, : state.shape[1]]
        return contexts, self._log_proba(self.find(contexts))

    def select(self, state: State, rows: Ints) -> State:
        """Return the state of the selected rows."""
        return state[rows]

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the log-probabilities of the rows."""
        contexts = sequences.contexts(self.order - 1, self.n_labels > 0)
        ids, rows = unique_inverse(self.find(contexts))
        return rows, self._log_proba(ids)

    def export(self) -> Data:
        """Return the data for the web page script."""
        names = "parents", "farthest", "backoff", "first", "weights", "roots", "kinds"
        return {name: getattr(self, name) for name in names} | {
            "type": "ngrams",
            "characters": self.n_characters,
            "order": self.order,
            "last": self.characters,
            "radix": self.radix,
            "hasLabels": self.n_labels > 0,
            "labelWeight": self.label_weight,
            "shared": self.shared and self.shared.export(),
        }

    def ngrams(self) -> "NGrams | None":
        """Return the model itself. With labels, return None: each label needs its own n-grams."""
        return None if self.n_labels else self


def _are_within(numbers, low, end):
    return not numbers.size or (low <= numbers.min() and numbers.max() < end)


def _discounts(counts, discount):
    """Return the three discounts for n-grams of one length, and each n-gram's discount.

    By default, estimate Chen and Goodman's discounts from how many counts are 1, 2, 3 and 4.
    """
    # Round up, ignoring rounding errors in sums of fractions.
    whole = np.maximum(np.ceil(counts - 1e-9), 1)
    discounts = np.full(3, discount or _FALLBACK_DISCOUNT)
    n1, n2, n3, n4 = (np.count_nonzero(whole == n) for n in (1, 2, 3, 4))
    if discount is None and n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        estimates = np.array([1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if 0 < estimates[0] <= estimates[1] <= estimates[2]:
            discounts = estimates
    kind = np.minimum(whole, 3).astype(np.int64) - 1
    return discounts, np.minimum(discounts[kind], counts)  # counts may be below one
