"""Counting: interpolated modified Kneser-Ney smoothing of character n-grams."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._sequences import Sequences
from .._threads import cached
from .._validation import MAX_TOTAL_WEIGHT, damaged, is_array

MAX_ORDER = 100
# Where counts are too few to estimate discounts from.
_FALLBACK_DISCOUNT = 0.85
# Of the counts of a label's own beside those of all; the best of 0.3 to 0.7 for surnames of 16
# languages and for female and male first names.
_LABEL_WEIGHT = 0.7
_KIND_WEIGHT = 0.5
_TINY = 1e-300
# Of the table that contexts are found in; those beyond it are searched for.
_MAX_CELLS = 2**22


class KneserNey:
    """Probabilities of characters given those before, from counts.

    Parameters
    ----------
    contexts : ndarray of shape (n, order - 1), dtype int
        The characters before each one to learn from, see `Sequences.contexts`.
    characters : ndarray of shape (n,), dtype int
        The characters themselves.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        See `Alphabet`. Indices in contexts may go two beyond those of the characters.
    discount : float, default=None
        Absolute discount; None: estimated.
    counts : ndarray of shape (n,), dtype float64, default=None
        How often each of them occurred, above zero; None: once.
    n_labels : int, default=0
        If the first column of the contexts holds labels, one more than the highest.

    Notes
    -----
    Let c count n-grams, h be a context, and h' the same without its first character.
    Then::

        p(w | h) = (c(h w) - D(c(h w))) / c(h) + backoff(h) p(w | h')

    where backoff(h) is what the discounts D took, over c(h) [1]_. An n-gram that was found
    behind other characters counts once for each of them instead of as often as it occurs [2]_;
    the longest ones, and those at the start of a name, never are. Below the last character alone
    stands its kind k, such as "a small letter"::

        p(w | k) = p(kind of w | k) p(w | kind of w)

    where the first factor is how often kinds followed each other, with a half of a character
    shared out as kinds are in all, and the second comes from the empty context, which backs off
    to the uniform distribution. So a capital behind an unseen small letter is as rare as capitals
    behind small letters are. A context is known by a number: first come those that are no more
    than a kind, the roots; longer ones have higher numbers.

    References
    ----------
    .. [1] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language, 1999.
    .. [2] R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling",
       ICASSP 1995.
    """

    ngrams: NDArray[np.int64]  # sorted: context * n_characters + character, shorter ones first
    characters: NDArray[np.int64]  # of the n-grams
    weights: NDArray[np.float64]  # of the n-grams: what discounts left of their probability
    is_longest: NDArray[np.bool_]  # of the n-grams: whether none was counted that ends in it
    longest_counts: NDArray[np.float64]  # how often those occurred
    first: NDArray[np.int64]  # of the contexts: their first n-gram
    parents: NDArray[np.int64]  # of the contexts: the one without the first character
    lengths: NDArray[np.int64]  # of the contexts
    keys: NDArray[np.int64]  # of the contexts but the empty one, sorted: see `_key`
    backoff: NDArray[np.float64]  # of the contexts: the share of what the parent says
    roots: NDArray[np.float64]  # the distributions after each kind, (n_kinds, n_characters)
    discounts: NDArray[np.float64]

    def __init__(
        self,
        contexts: NDArray[np.int32],
        characters: NDArray[np.int32],
        kinds: NDArray[np.integer[Any]],
        discount: float | None = None,
        counts: NDArray[np.float64] | None = None,
        n_labels: int = 0,
    ):
        self.n_characters = n_characters = len(kinds) - 3
        self.kinds, self.n_kinds = kinds, int(kinds.max()) + 1
        self.n_labels = n_labels
        self.discount = None if discount is None else float(discount)
        self.order: int = contexts.shape[1] + 1
        contexts, characters, counts = self._merge(contexts, characters, counts)
        counts, first = self._count(contexts, characters, counts)
        context, self.characters = np.divmod(self.ngrams, n_characters)
        n_contexts = len(self.parents)

        shorter = (self.parents[context] * n_characters + self.characters)[first[1] :]
        n_behind = np.bincount(np.searchsorted(self.ngrams, shorter), minlength=len(counts))
        self.is_longest = n_behind == 0
        self.longest_counts = counts[self.is_longest]
        occurred, counts = counts[: first[1]], np.where(self.is_longest, counts, n_behind)

        self.discounts = np.empty((self.order, 3))
        taken = np.zeros(len(counts))
        for length, rows in enumerate(map(slice, first[1:-1], first[2:]), 1):
            self.discounts[length], taken[rows] = _discounts(counts[rows], discount)
        total = np.bincount(context, weights=counts, minlength=n_contexts)
        total = np.maximum(total, _TINY)  # of kinds that were not seen
        self.first = np.searchsorted(context, np.arange(n_contexts + 1))
        self.backoff = np.bincount(context, weights=taken, minlength=n_contexts) / total
        self.weights = (counts - taken) / total[context]
        roots = slice(first[1])
        behind = np.bincount(self.characters[roots], counts[roots], minlength=n_characters)
        self.roots = self._make_roots(behind, context[roots], occurred, discount)

    def _make_roots(self, behind, context, occurred, discount):
        """Return the distributions after each kind.

        `behind` is how many contexts each character was found behind, `occurred` how often
        each character did behind each kind.
        """
        seen = behind > 0
        self.discounts[0], taken = _discounts(behind[seen], discount)
        unigrams = np.full(self.n_characters, taken.sum() / self.n_characters)
        unigrams[seen] += behind[seen] - taken
        unigrams /= behind.sum()
        of_kind = self.kinds[: self.n_characters]
        shares = np.bincount(of_kind, unigrams, minlength=self.n_kinds)
        pairs = context * self.n_kinds + of_kind[self.characters[: len(context)]]
        followed = np.bincount(pairs, occurred, minlength=self.n_kinds**2)
        smoothed = followed.reshape(self.n_kinds, -1) + _KIND_WEIGHT * shares
        smoothed /= smoothed.sum(axis=1, keepdims=True)
        return smoothed[:, of_kind] * (unigrams / shares[of_kind])

    def _merge(self, contexts, characters, counts):
        """Merge what is equal, if numbers are large enough to tell all of it apart."""
        radix = self._key(1, -1)
        if radix**self.order >= 2**63:
            return contexts, characters, np.ones(len(characters)) if counts is None else counts
        packed = characters.astype(np.int64)
        for nearest in contexts.T:
            packed = self._key(packed, nearest)
        if counts is None:
            packed, counts = np.unique(packed, return_counts=True)
        else:
            packed, position = np.unique(packed, return_inverse=True)
            counts = np.bincount(position, weights=counts)
        contexts = np.empty((len(packed), self.order - 1), dtype=np.int32)
        for column in range(self.order - 2, -1, -1):
            packed, contexts[:, column] = np.divmod(packed, radix)
        return contexts - 1, packed, counts

    def _count(self, contexts, characters, counts):
        """Number the contexts and the n-grams; return how often each n-gram occurs.

        An n-gram is known by its context's number times `n_characters` plus its last
        character. They are sorted, shorter ones first; `first` are the rows where each
        length begins.
        """
        self.parents, self.lengths = np.zeros((2, self.n_kinds), dtype=np.int64)
        self.keys = np.empty(0, dtype=np.int64)
        ids = self._roots_of(contexts)
        ngrams, totals = [], []
        for length in range(self.order):
            if length:
                known = contexts[:, length - 1] >= 0
                contexts, characters = contexts[known], characters[known]
                counts, ids = counts[known], ids[known]
                keys = self._key(ids, contexts[:, length - 1])
                keys, position = np.unique(keys, return_inverse=True)
                ids = len(self.parents) + position
                self.keys = np.append(self.keys, keys)
                self.parents = np.append(self.parents, keys // self._key(1, -1))
                self.lengths = np.append(self.lengths, np.full(len(keys), length))
            found, position = np.unique(ids * self.n_characters + characters, return_inverse=True)
            ngrams.append(found)
            totals.append(np.bincount(position, weights=counts))
        self.ngrams = np.concatenate(ngrams)
        return np.concatenate(totals), np.cumsum([0, *map(len, ngrams)])

    def _roots_of(self, contexts):
        """Return the contexts that are no more than the kind of the last character."""
        of_labels = int(self.n_labels > 0)
        if contexts.shape[1] == of_labels:
            return np.full(len(contexts), self.kinds[NONE])
        return self.kinds[contexts[:, of_labels]]

    def learned(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return contexts, characters and counts, as at the beginning, each n-gram once."""
        ids, characters = np.divmod(self.ngrams[self.is_longest], self.n_characters)
        contexts = np.full((len(ids), self.order - 1), -1, dtype=np.int32)
        rows = np.arange(len(ids))
        while len(rows := rows[ids >= self.n_kinds]):
            ids = ids[ids >= self.n_kinds]
            contexts[rows, self.lengths[ids] - 1] = self.farthest[ids - self.n_kinds]
            ids = self.parents[ids]
        return contexts, characters, self.longest_counts

    @property
    def total(self) -> float:
        """How many characters were learned from."""
        return self.longest_counts.sum()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))

    def _key(self, ids, characters):
        """Return numbers by which contexts are found, from those one character shorter."""
        return ids * (max(self.n_characters + 2, self.n_labels) + 1) + characters + 1

    @property
    def farthest(self) -> NDArray[np.int64]:
        """The first character of each context but the roots."""
        return self.keys % self._key(1, -1) - 1

    def longer(
        self, ids: NDArray[np.int64], characters: NDArray[np.integer[Any]]
    ) -> NDArray[np.int64]:
        """Return the contexts with one more character in front, -1 where there are none."""
        if not len(self.keys):
            return np.full(len(ids), -1)
        keys = self._key(ids, characters)
        position = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[position] == keys, position + self.n_kinds, -1)

    def find(self, contexts: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return the number of the longest known context at the end of each one."""
        ids = longest = self._roots_of(contexts)
        table, n_cells = self._table, len(self._table) - 1
        is_whole = not len(self.keys) or self.keys[-1] < n_cells
        for characters in contexts.T:
            keys = self._key(ids, characters)
            found = table.take(keys, mode="clip").astype(np.int64)  # an int32 holds no keys
            if not is_whole:
                beyond = np.flatnonzero(keys >= n_cells)
                found[beyond] = self.longer(ids[beyond], characters[beyond])
            ids = found
            longest = np.maximum(longest, ids)
        return longest.astype(np.int32)

    @cached
    def _table(self):
        """The context of each key below a bound, -1 for none.

        Keys beyond its ends meet -1, too: key 0 has no character, and one cell is added.
        """
        n_cells = min(int(self.keys.max(initial=-1)) + 1, _MAX_CELLS)
        table = np.full(n_cells + 1, -1, dtype=np.int32)
        known = np.arange(np.searchsorted(self.keys, n_cells))
        table[self.keys[known]] = self.n_kinds + known
        return table

    def proba(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the distribution after each context that `find` found, (n, n_characters)."""
        roots, left = np.array(ids), np.ones(len(ids))  # what longer contexts leave to shorter ones
        rows, parts = np.arange(len(ids)), []
        while len(rows := rows[roots[rows] >= self.n_kinds]):
            found = roots[rows]
            parts.append((rows, found, left[rows]))
            left[rows] *= self.backoff[found]
            roots[rows] = self.parents[found]
        proba = self.roots.take(roots, axis=0)
        proba *= left[:, None]
        cells = proba.reshape(-1)  # a view
        for rows, found, factors in parts:
            n_each = self.first[found + 1] - self.first[found]
            ends = n_each.cumsum()
            ngrams = np.arange(ends[-1]) + np.repeat(self.first[found + 1] - ends, n_each)
            places = np.repeat(rows * self.n_characters, n_each) + self.characters[ngrams]
            cells[places] += np.repeat(factors, n_each) * self.weights[ngrams]
        return proba


class LabelledKneserNey:
    """Probabilities given a label too: a mixture of counts of all labels and of each.

    The latter back off to the characters of their label, and at last to those of all. The
    methods are those of `KneserNey`, with contexts that begin with the label.
    """

    def __init__(self, shared: KneserNey, labelled: KneserNey):
        self.shared: KneserNey = shared
        self.labelled: KneserNey = labelled
        self.order: int = shared.order
        self.n_characters: int = shared.n_characters
        self.n_labels: int = labelled.n_labels
        self.discount: float | None = shared.discount
        self.learned: Callable[..., Any] = labelled.learned

    @property
    def total(self) -> float:
        """How many characters were learned from."""
        return self.labelled.total

    def find(self, contexts: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return a number for each context."""
        labelled = self.labelled.find(contexts).astype(np.int64)
        return labelled * len(self.shared.parents) + self.shared.find(contexts[:, 1:])

    def proba(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Compute the distribution of the character after each context."""
        labelled, shared = np.divmod(ids, len(self.shared.parents))
        own, all_of_them = self.labelled.proba(labelled), self.shared.proba(shared)
        return _LABEL_WEIGHT * own + (1 - _LABEL_WEIGHT) * all_of_them


Counts = KneserNey | LabelledKneserNey


def count(
    sequences: Sequences,
    order: int,
    kinds: NDArray[np.integer[Any]],
    n_labels: int = 0,
    discount: float | None = None,
    before: Counts | None = None,
) -> Counts:
    """Count the n-grams of sequences of indices, and those of `before`, if there are some."""
    has_target, counts = sequences.has_target, None
    contexts = sequences.contexts(order - 1, n_labels)
    characters = sequences.targets[has_target]
    if sequences.weights is not None:
        counts = np.repeat(sequences.weights, has_target.sum(1))
    if before is not None:
        counts = np.ones(len(characters)) if counts is None else counts
        old = before.learned()
        contexts = np.concatenate([old[0], contexts])
        characters = np.concatenate([old[1], characters])
        counts = np.concatenate([old[2], counts])
    return _counts_of(contexts, characters, kinds, n_labels, discount, counts)


def _counts_of(contexts, characters, kinds, n_labels, discount, counts):
    """Count n-grams; with labels the first column of the contexts holds them."""
    if not n_labels:
        return KneserNey(contexts, characters, kinds, discount, counts)
    return LabelledKneserNey(
        KneserNey(contexts[:, 1:], characters, kinds, discount, counts),
        KneserNey(contexts, characters, kinds, discount, counts, n_labels),
    )


def to_state(counts: Counts) -> dict[str, Any]:
    """Return what `from_state` makes the same counts from again, in as few bytes as it takes."""
    contexts, characters, times = counts.learned()
    dtype = np.min_scalar_type(-max(counts.n_characters + 3, counts.n_labels))
    is_whole = times.max() < 2**32 and (times == np.rint(times)).all()
    return {
        "contexts": contexts.astype(dtype),
        "characters": characters.astype(dtype),
        "times": times.astype(np.uint32) if is_whole else times,
        "discount": counts.discount,
    }


def from_state(
    state: Any, window_length: int, kinds: NDArray[np.integer[Any]], n_labels: int = 0
) -> Counts:
    """Return the counts that `to_state` described, if they can be some."""
    is_sound = isinstance(state, dict)
    is_sound = is_sound and state.keys() == {"contexts", "characters", "times", "discount"}
    if not is_sound or not _are_counts(window_length, len(kinds) - 3, n_labels, **state):
        raise damaged("The n-grams", "counts of characters behind others")
    contexts, characters = (state[name].astype(np.int32) for name in ("contexts", "characters"))
    times = state["times"].astype(np.float64)
    return _counts_of(contexts, characters, kinds, n_labels, state["discount"], times)


def _are_counts(window_length, n_characters, n_labels, contexts, characters, times, discount):
    """Whether arrays are what `to_state` returns."""
    kinds = (contexts, "iu", 2), (characters, "iu", 1), (times, "uf", 1)
    if not all(is_array(*each) for each in kinds):
        return False
    if not len(times) or not len(contexts) == len(characters) == len(times):
        return False
    if not 0 <= contexts.shape[1] - (n_labels > 0) <= min(window_length, MAX_ORDER - 1):
        return False
    labels, contexts = contexts[:, : n_labels > 0], contexts[:, n_labels > 0 :]
    return bool(
        ((times > 0) & (times <= MAX_TOTAL_WEIGHT)).all()
        and characters.min() >= 0
        and characters.max() < n_characters
        and contexts.min(initial=0) >= NONE
        and contexts.max(initial=0) <= n_characters + 1
        and labels.min(initial=0) >= 0
        and labels.max(initial=-1) < n_labels
        and (discount is None or (isinstance(discount, float) and 0 < discount <= 1))
    )


def _discounts(counts, discount):
    """Return the discounts of n-grams of one length, and what is taken from each."""
    discounts = discount or _estimate_discounts(counts)
    discounts = np.broadcast_to(discounts, 3)
    up_to_3 = np.minimum(_rounded_up(counts), 3).astype(np.int64)
    return discounts, np.minimum(discounts[up_to_3 - 1], counts)  # counts may be parts of one


def _rounded_up(counts):
    """Round up, but for errors of rounding in sums of parts of one."""
    return np.maximum(np.ceil(counts - 1e-9), 1)


def _estimate_discounts(counts):
    """Estimate discounts as Chen and Goodman do, from how many counts are 1, 2, 3 and 4."""
    n1, n2, n3, n4 = (np.count_nonzero(_rounded_up(counts) == n) for n in (1, 2, 3, 4))
    if n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        discounts = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        if 0 < discounts[0] <= discounts[1] <= discounts[2]:
            return discounts
    return (_FALLBACK_DISCOUNT,) * 3
