"""Kneser-Ney estimates of probabilities from n-gram counts."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from .._arrays import log_softmax, unique_inverse
from .._text.alphabet import NONE
from .._types import Bools, Data, Floats, Ints
from .counts import NGramCounts

# Maximum number of cells of a table (16 MB in 32 bits).
TABLE_CELLS = 2**22
# Minimum probability, which keeps logarithms finite.
TINY = np.finfo(float).tiny
# Discount used if there are too few counts to estimate it.
_FALLBACK_DISCOUNT = 0.85
# Pseudo-count, in characters, of the overall kind distribution after each kind.
_KIND_WEIGHT = 0.5


class KneserNey:
    """Character probabilities after contexts, estimated from counts.

    The contexts of the n-grams form a tree. The parent of a context is the context without its
    first character. Contexts are numbered by length, starting with the roots, which consist only of
    a kind. With labels, the label is the last character of a context, next to the predicted
    character.

    Parameters
    ----------
    counted : NGramCounts
    kinds : ndarray of shape (n_characters + 3,), dtype int
        See `Alphabet`. Contexts may also contain the indices n_characters and n_characters + 1.
    n_labels : int, default=0
        0: the counts of all labels are added up.
    discount : float, default=None
        Absolute discount in (0, 1]. None: estimated from the counts.

    Attributes
    ----------
    order : int
        Length of the longest n-grams, in characters.
    radix : int
        A context with one more character c in front has the key ``id * radix + c + 1``.
    n_contexts : int
        Number of contexts, including the roots.
    keys : ndarray of shape (n_contexts - n_kinds,), dtype int64
        Sorted keys of all contexts but the roots.
    parents, lengths : ndarray of shape (n_contexts,), dtype int64
        The parent of each context, and its length, in characters.
    discounts : ndarray of shape (n_columns + 1, 3)
        Discounts for counts of 1, 2, and 3 or more, for each n-gram length.
    total : float
        Total number of counted characters.
    first : ndarray of shape (n_contexts + 1,), dtype int64
        First n-gram of each context.
    totals : ndarray of shape (n_contexts,), dtype float64
        Total count of the n-grams of each context.
    backoff : ndarray of shape (n_contexts,), dtype float64
        Weight of each context's parent.
    roots : ndarray of shape (n_kinds, n_characters), dtype float64
        Distributions after each kind.
    cells : ndarray of shape (n_ngrams,), dtype int64
        Sorted values of ``context * n_characters + character``, by length.
    characters : ndarray of shape (n_ngrams,), dtype int64
        Last character of each n-gram.
    weights : ndarray of shape (n_ngrams,), dtype float64
        Discounted probability of each n-gram.

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
    after lowercase letters in general.

    References
    ----------
    .. [1] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language, 1999.
    .. [2] R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling",
       ICASSP 1995.
    """

    def __init__(
        self, counted: NGramCounts, kinds: Ints, n_labels: int = 0, discount: float | None = None
    ):
        self.order, self.kinds, self.n_labels = counted.contexts.shape[1], kinds, n_labels
        self.n_characters, self.n_kinds = len(kinds) - 3, int(kinds.max()) + 1
        self._discount = discount
        self.radix = max(self.n_characters + 2, n_labels) + 1
        self.first_column = int(n_labels == 0)  # of the contexts in `NGramCounts`
        self.parents, self.lengths = np.zeros((2, self.n_kinds), dtype=np.int64)
        self.keys = np.empty(0, dtype=np.int64)
        merged = counted.merged(self.first_column, self.radix)
        counts, ngrams, occurrences = merged.filled_counts, list[Ints](), list[Ints | Floats]()
        for rows, ids in self._grow(merged.contexts):
            unique, inverse = unique_inverse(ids * self.n_characters + merged.characters[rows])
            ngrams.append(unique)
            occurrences.append(np.bincount(inverse, weights=counts[rows]))
        self.n_contexts = len(self.parents)
        self.cells = np.concatenate(ngrams)
        self.characters = self.cells % self.n_characters
        self._estimate(np.concatenate(occurrences), np.cumsum([0, *map(len, ngrams)]))

    def _grow(self, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Add contexts, one length after the other.

        Yields the rows that have a context of each length, and the ids of these contexts.
        `columns` are those of merged n-grams.
        """
        rows, ids = np.arange(len(columns)), self._roots(columns[:, 1 - self.first_column :])
        yield rows, ids
        for length, column in enumerate(columns.T, 1):
            has_character = column[rows] >= 0
            rows, ids = rows[has_character], ids[has_character]
            keys, inverse = unique_inverse(ids * self.radix + column[rows] + 1)
            ids = len(self.parents) + inverse
            self.keys = np.append(self.keys, keys)
            self.parents = np.append(self.parents, keys // self.radix)
            self.lengths = np.append(self.lengths, np.full(len(keys), length))
            yield rows, ids

    def _roots(self, recent: Ints) -> Ints:
        """Return the root of each context, the kind of its last character."""
        if self.order == 1:
            return np.full(len(recent), self.kinds[NONE])
        return self.kinds[recent[:, 0]]

    def _estimate(self, counts: Floats, first: Ints) -> None:
        """Estimate the model from the count of each n-gram, and the first n-gram of each length."""
        context = self.cells // self.n_characters
        shorter = (self.parents[context] * self.n_characters + self.characters)[first[1] :]
        shorter = np.searchsorted(self.cells, shorter)
        n_before = np.bincount(shorter, minlength=len(counts))
        full = counts - np.bincount(shorter, counts[first[1] :], minlength=len(counts))
        self._has_full_context: Bools = full > 1e-9 * counts  # tolerates rounding errors
        self._full_counts = full[self._has_full_context]
        self.total: float = self._full_counts.sum()
        n_roots = first[1]
        root_counts, counts = counts[:n_roots], np.where(n_before == 0, counts, n_before)
        self.discounts = np.empty((len(first) - 1, 3))
        taken = np.zeros(len(counts))
        for length, rows in enumerate(map(slice, first[1:-1], first[2:]), 1):
            self.discounts[length], taken[rows] = _discounts(counts[rows], self._discount)
        # Kinds that did not occur have no counts.
        self.totals = np.maximum(np.bincount(context, counts, self.n_contexts), TINY)
        self.first = np.searchsorted(context, np.arange(self.n_contexts + 1))
        self.backoff = np.bincount(context, taken, self.n_contexts) / self.totals
        self.weights = (counts - taken) / self.totals[context]
        n_before = np.bincount(self.characters[:n_roots], counts[:n_roots], self.n_characters)
        self.roots = self._make_roots(n_before, context[:n_roots], root_counts)

    def _make_roots(self, n_before: Ints | Floats, context: Ints, root_counts: Floats) -> Floats:
        """Return the distribution after each kind.

        `n_before` is the number of contexts before each character. `root_counts` are the counts of
        n-grams that consist of a kind and a character.
        """
        n_characters, n_kinds, seen = self.n_characters, self.n_kinds, n_before > 0
        self.discounts[0], taken = _discounts(n_before[seen], self._discount)
        unigrams = np.full(n_characters, taken.sum() / n_characters)
        unigrams[seen] += n_before[seen] - taken
        unigrams /= n_before.sum()
        character_kinds = self.kinds[:n_characters]
        shares = np.bincount(character_kinds, unigrams, minlength=n_kinds)
        pairs = context * n_kinds + character_kinds[self.characters[: len(context)]]
        kind_counts = np.bincount(pairs, root_counts, minlength=n_kinds**2)
        smoothed = kind_counts.reshape(n_kinds, -1) + _KIND_WEIGHT * shares
        smoothed /= smoothed.sum(axis=1, keepdims=True)
        return smoothed[:, character_kinds] * (unigrams / shares[character_kinds])

    @property
    def farthest(self) -> Ints:
        """First character of each context except the roots."""
        return self.keys % self.radix - 1

    def contexts_of(self, ids: Ints) -> Ints:
        """Return contexts as in `NGramCounts`, with -1 where they have no character."""
        contexts = np.full((len(ids), self.order), NONE, dtype=np.int32)
        columns, farthest = contexts[:, self.first_column :], self.farthest
        rows = np.arange(len(ids))
        while len(rows := rows[ids >= self.n_kinds]):
            ids = ids[ids >= self.n_kinds]
            columns[rows, self.lengths[ids] - 1] = farthest[ids - self.n_kinds]
            ids = self.parents[ids]
        return contexts

    def counted(self) -> NGramCounts:
        """Return the merged counts."""
        ids, characters = np.divmod(self.cells[self._has_full_context], self.n_characters)
        contexts = self.contexts_of(ids)
        return NGramCounts(contexts, characters.astype(np.int32), self._full_counts)

    def to_state(self) -> Data:
        """Return the counts as compact arrays."""
        return self.counted().to_state(self.n_characters, self.n_labels)

    def find(self, contexts: Ints) -> Ints:
        """Return an id for each context, for use with `proba`: its longest known suffix."""
        ids = longest = self._roots(contexts[:, 1:])
        if len(ids) == 1:
            return self._find_one(int(ids[0]), contexts[0, self.first_column :].tolist())
        for column in contexts.T[self.first_column :] + 1:
            ids = self._longer(ids, column)
            longest = np.maximum(longest, ids)
        return longest

    def _find_one(self, longest: int, characters: list[int]) -> Ints:
        """Return the same for a context of a root and some characters, in a sixth of the time."""
        for character in characters:
            key = longest * self.radix + character + 1
            place = int(self.keys.searchsorted(key))
            if place == len(self.keys) or self.keys[place] != key:
                break
            longest = place + self.n_kinds
        return np.array([longest])

    def _longer(self, ids: Ints, columns: Ints | int) -> Ints:
        """Return contexts with one more character in front, or -1 for unknown contexts.

        `columns` are the characters plus 1.
        """
        n_cells, keys = len(self._table) - 1, ids * self.radix + columns
        longer = self._table.take(keys, mode="clip").astype(np.int64)  # keys can exceed int32
        if n_cells == TABLE_CELLS:
            beyond = np.flatnonzero(keys >= n_cells)
            place = np.searchsorted(self.keys[:-1], keys[beyond])
            is_known = self.keys[place] == keys[beyond]
            longer[beyond] = np.where(is_known, place + self.n_kinds, NONE)
        return longer

    @cached_property
    def _table(self) -> Ints:
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
        if len(ids) == 1:
            return self._proba_of_one(int(ids[0]))[None]
        n_characters, n_kinds = self.n_characters, self.n_kinds
        roots, scale = np.array(ids), np.ones(len(ids))  # products of back-off weights
        rows, parts = np.arange(len(ids)), []
        while len(rows := rows[roots[rows] >= n_kinds]):
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
            places = np.repeat(rows * n_characters, n_ngrams) + self.characters[ngrams]
            cells[places] += np.repeat(factors, n_ngrams) * self.weights[ngrams]
        return proba

    def _proba_of_one(self, context: int) -> Floats:
        """Return the same for one context, in a sixth of the time."""
        scale, parts = 1.0, list[tuple[slice, float]]()
        while context >= self.n_kinds:
            parts.append((slice(*self.first[context : context + 2].tolist()), scale))
            scale *= float(self.backoff[context])
            context = int(self.parents[context])
        proba = self.roots[context] * scale
        for ngrams, factor in parts:
            proba[self.characters[ngrams]] += factor * self.weights[ngrams]
        return proba

    def transitions(self) -> tuple[Ints, int]:
        """Return the longest context after each context and character, and the start of a name.

        The contexts are the roots, and all others up to a length for which the tables stay within
        the limit. In running text, the start is a root.
        """
        n_characters, n_roots, kinds = self.n_characters, self.n_kinds, self.kinds
        limit = max(TABLE_CELLS // n_characters, n_roots)
        end = self.lengths[limit] if limit < len(self.lengths) else self.order + 1
        n_contexts = int(np.searchsorted(self.lengths, end))

        def longer(contexts: Ints, characters: Ints | int) -> Ints:
            ids = self._longer(contexts, characters + 1)
            return np.where(ids < n_contexts, ids, NONE)

        after = np.empty((n_contexts, n_characters), dtype=np.int32)
        roots, farthest = kinds[:n_characters], self.farthest
        after[:n_roots] = np.maximum(longer(roots, np.arange(n_characters)), roots)
        for level in levels_of(self.lengths[:n_contexts]):
            after[level] = after[self.parents[level]]
            # A context can only be extended by characters that extend its whole parent.
            rows, characters = np.nonzero(after[level] >= level.start)
            rows += level.start
            shorter = after[rows, characters].astype(np.int64)
            after[rows, characters] = np.maximum(longer(shorter, farthest[rows - n_roots]), shorter)
        (start,) = longer(kinds[[n_characters]], n_characters).tolist()
        return after, max(start, int(kinds[NONE]))

    def export(self) -> Data:
        """Return the data for the web page script."""
        arrays = "parents", "farthest", "kinds", "backoff", "first", "weights", "roots"
        return {name: getattr(self, name) for name in (*arrays, "order", "radix")} | {
            "characters": self.n_characters,
            "last": self.characters,
            "hasLabels": self.n_labels > 0,
        }


class BackoffTable:
    """N-grams that back off from contexts of two characters to given distributions.

    Parameters
    ----------
    ngrams : KneserNey
    concentration : float
        In a context of k characters, the shorter context has the weight of
        ``concentration / (k - 1)^3`` more observed characters.

    Attributes
    ----------
    weights, backoff : ndarray, dtype float64
        As in `KneserNey`, with the concentration.
    first : int
        The first context of at least two characters.
    scale : ndarray of shape (n_contexts,), dtype float64
        Weight of the given distribution in each context.
    sums : ndarray of shape (n_contexts, n_characters), dtype float32
        Total weight of the n-grams in each context and its suffixes.
    """

    def __init__(self, ngrams: KneserNey, concentration: float):
        self.ngrams, self.order = ngrams, ngrams.order
        lengths = ngrams.lengths - int(ngrams.n_labels > 0)
        contexts = ngrams.cells // ngrams.n_characters
        kept = ngrams.totals / (ngrams.totals + concentration / np.maximum(lengths - 1, 1) ** 3)
        self.backoff = 1 - kept * (1 - ngrams.backoff)
        self.weights = kept[contexts] * ngrams.weights
        self.first = int(np.searchsorted(lengths, 2))
        self.scale = np.ones(len(lengths))
        self.sums = np.zeros((len(lengths), ngrams.n_characters), dtype=np.float32)
        for level in levels_of(lengths)[1:]:
            parents = ngrams.parents[level]
            self.scale[level] = self.backoff[level] * self.scale[parents]
            self.sums[level] = self.backoff[level, None] * self.sums[parents]
            cells = slice(*ngrams.first[[level.start, level.stop]])
            self.sums.reshape(-1)[ngrams.cells[cells]] += self.weights[cells]

    def find(self, contexts: Ints) -> Ints:
        """Return an id for each context, as in `Sequences.contexts`."""
        return self.ngrams.find(contexts)

    def log_proba(self, ids: Ints, logits: Floats) -> Floats:
        """Return the log-probabilities in contexts, given the logits to back off to."""
        proba = np.exp(log_softmax(logits).astype(np.float64))
        proba *= self.scale[ids, None]
        proba += self.sums[ids]
        return np.log(np.maximum(proba, TINY))

    def export(self) -> Data:
        """Return the data for the web page script."""
        tables = {"weights": self.weights, "backoff": self.backoff, "shared": None}
        return self.ngrams.export() | tables | {"firstLong": self.first}


def levels_of(lengths: Ints) -> list[slice]:
    """Return the contexts of each length, starting at 1, as slices."""
    ends = np.searchsorted(lengths, np.arange(1, lengths[-1] + 2))
    return list(map(slice, ends[:-1], ends[1:]))


def _discounts(counts: Ints | Floats, discount: float | None) -> tuple[Floats, Floats]:
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
