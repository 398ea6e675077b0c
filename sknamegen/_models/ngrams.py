"""Counting: n-grams with interpolated modified Kneser-Ney smoothing."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .._alphabet import NONE
from .._parallel import MAX_CELLS, cached
from .._sequences import Sequences
from .._validation import MAX_TOTAL_WEIGHT, corrupt_file_error, is_array
from .contract import Indices, NextCharModel, unique_inverse

MAX_ORDER = 100
# Where there are too few counts to estimate discounts from.
_FALLBACK_DISCOUNT = 0.85
# Of the counts of a label's own names, the rest being those of all; the best of 0.3 to 0.7 for
# surnames of 16 languages and for female and male first names.
_LABEL_WEIGHT = 0.7
# Characters that are shared out, after each kind, as kinds are in all.
_KIND_WEIGHT = 0.5
# The table that contexts are looked up in; those beyond it are searched for. And the probabilities
# of characters after each kind.
_MAX_CELLS = 2**22
# Expected counts: the least that is kept, and how many observations the shorter context counts as.
_LEAST_EXPECTED, _PRIOR = 0.005, 0.5
TINY = np.finfo(float).tiny


class NGrams(NextCharModel):
    """Probabilities of characters given the characters before, from counts.

    The characters may be those of names, or kinds of characters; the counts may be fractions.

    Parameters
    ----------
    contexts : ndarray of shape (n, n_columns), dtype int
        The characters before each target, see `Sequences.contexts`: with labels, these stand in the
        first column.
    characters : ndarray of shape (n,), dtype int
        The targets.
    kinds : ndarray of shape (n_characters + 3,), dtype int
        See `Alphabet`. Contexts may hold two indices more than there are characters.
    n_labels : int, default=0
    discount : float, default=None
        Absolute discount in (0, 1]; None: estimated.
    counts : ndarray of shape (n,), dtype float64, default=None
        How often each n-gram occurred, above zero; None: once.
    label_weight : float, default=0.7
        Weight of the counts given the label in the mean with the counts of all labels.

    Attributes
    ----------
    order : int
        Characters of the longest n-grams.
    discounts : ndarray of shape (n_columns + 1, 3)
        What is subtracted from counts of one, of two, and of more, for n-grams of each length.
    shared : NGrams or None
        The counts of all labels, where they are mixed in.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or hold numbers that are out of range.

    Notes
    -----
    Let c count n-grams, h be a context, and h' the same without its first character. Then::

        p(w | h) = (c(h w) - D(c(h w))) / c(h) + backoff(h) p(w | h')

    where backoff(h) is what the discounts D took, over c(h) [1]_. An n-gram that occurred after
    several characters counts once for each of them instead of as often as it occurred [2]_; the
    longest n-grams, and those at the start of a name, never do. The back-off goes on from the last
    character to its kind k, such as "a small letter"::

        p(w | k) = p(kind of w | k) p(w | kind of w)

    where the first factor is how often kinds followed each other, with half a character shared out
    as kinds are in all, and the second comes from the empty context, which backs off to the uniform
    distribution. So a capital after an unseen small letter is as rare as capitals after small
    letters are. Contexts are numbered: first those that are only a kind, the roots, then the others
    by length.

    References
    ----------
    .. [1] S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language, 1999.
    .. [2] R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling",
       ICASSP 1995.
    """

    block_rows = 2048
    ngrams_: NDArray[np.int64]  # sorted: context * n_characters + character, shorter ones first
    characters: NDArray[np.int64]  # of the n-grams: the last one
    weights: NDArray[np.float64]  # of the n-grams: what is left of their probability
    is_whole: NDArray[np.bool_]  # of the n-grams: whether they were counted with no longer context
    whole_counts: NDArray[np.float64]  # how often those occurred
    first: NDArray[np.int64]  # of the contexts: their first n-gram
    parents: NDArray[np.int64]  # of the contexts: the one without the first character
    lengths: NDArray[np.int64]  # of the contexts
    keys: NDArray[np.int64]  # of the contexts but the roots, sorted: see `_key`
    backoff: NDArray[np.float64]  # of the contexts: the weight of the parent
    roots: NDArray[np.float64]  # the distributions after each kind, (n_kinds, n_characters)

    def __init__(
        self,
        contexts: Indices,
        characters: Indices,
        kinds: Indices,
        n_labels: int = 0,
        *,
        discount: float | None = None,
        counts: NDArray[np.float64] | None = None,
        label_weight: float = _LABEL_WEIGHT,
    ):
        self.n_characters, self.n_labels = len(kinds) - 3, n_labels
        self.kinds, self.n_kinds = kinds, int(kinds.max()) + 1
        is_small = self.n_characters * self.n_kinds <= MAX_CELLS
        given = contexts, characters, counts
        if not is_small or not _fit_each_other(*given, self.n_characters, n_labels):
            raise corrupt_file_error("The n-grams", "counts of characters after others")
        self.discount = None if discount is None else float(discount)
        self._n_label_columns = int(n_labels > 0)
        self.order, self.label_weight = contexts.shape[1] + 1 - self._n_label_columns, label_weight
        self.shared: NGrams | None = None
        if n_labels and label_weight < 1:
            options: Any = {"discount": discount, "counts": counts}
            self.shared = NGrams(contexts[:, 1:], characters, kinds, **options)
        self._count(*self._merge(contexts, characters, counts))

    @classmethod
    def count(
        cls,
        sequences: Sequences,
        order: int,
        kinds: Indices,
        n_labels: int = 0,
        *,
        contexts: Indices | None = None,
        before: "NGrams | None" = None,
        **options: Any,
    ) -> Self:
        """Count the n-grams of sequences of indices, on top of those of `before`.

        `contexts` are those before the targets; None: as the sequences have them.
        """
        has_target, counts = sequences.has_target, None
        contexts = sequences.contexts(order - 1, n_labels) if contexts is None else contexts
        characters = sequences.targets[has_target]
        if sequences.weights is not None:
            counts = np.repeat(sequences.weights, has_target.sum(1))
        if before is not None:
            counts = np.ones(len(characters)) if counts is None else counts
            new: Any = contexts, characters, counts
            pairs: Any = zip(before.learned(), new, strict=True)
            contexts, characters, counts = (np.concatenate(pair) for pair in pairs)
        return cls(contexts, characters, kinds, n_labels, counts=counts, **options)

    @classmethod
    def from_state(cls, state: Any, kinds: Indices, n_labels: int, **options: Any) -> Self:
        """Return the n-grams that `to_state` described."""
        if not isinstance(state, dict) or state.keys() != {"contexts", "characters", "counts"}:
            raise corrupt_file_error("The n-grams", "counts of characters after others")
        contexts, characters, counts = state.values()
        return cls(contexts, characters, kinds, n_labels, counts=counts, **options)

    def to_state(self) -> dict[str, Any]:
        """Return what was counted as arrays, in as few bytes as it takes."""
        contexts, characters, counts = self.learned()
        dtype = np.min_scalar_type(-max(self.n_characters + 3, self.n_labels))
        is_whole = counts.max() < 2**32 and (counts == np.rint(counts)).all()
        return {
            "contexts": contexts.astype(dtype),
            "characters": characters.astype(dtype),
            "counts": counts.astype(np.uint32) if is_whole else counts,
        }

    def _merge(self, contexts, characters, counts):
        """Merge equal n-grams, if a number can hold all of their characters."""
        radix = self._key(1, -1)
        if radix ** (contexts.shape[1] + 1) >= 2**63:
            counts = np.ones(len(characters)) if counts is None else counts.astype(float)
            return contexts.astype(np.int64), characters.astype(np.int64), counts
        packed = characters.astype(np.int64)
        for nearest in contexts.T:
            packed = self._key(packed, nearest)
        if counts is None:
            packed, counts = np.unique(packed, return_counts=True)
        else:
            packed, place = unique_inverse(packed)
            counts = np.bincount(place, weights=counts)
        contexts = np.empty((len(packed), contexts.shape[1]), dtype=np.int32)
        for column in reversed(range(contexts.shape[1])):
            packed, contexts[:, column] = np.divmod(packed, radix)
        return contexts - 1, packed, counts.astype(float)

    def _count(self, contexts, characters, counts):
        """Learn from n-grams that were merged."""
        counts, first = self._number(contexts, characters, counts)
        context, n_contexts = self.ngrams_ // self.n_characters, len(self.parents)
        shorter = (self.parents[context] * self.n_characters + self.characters)[first[1] :]
        shorter = np.searchsorted(self.ngrams_, shorter)
        n_before = np.bincount(shorter, minlength=len(counts))
        whole = counts - np.bincount(shorter, counts[first[1] :], minlength=len(counts))
        self.is_whole = whole > 1e-9 * counts  # but for errors of rounding
        self.whole_counts = whole[self.is_whole]
        occurred, counts = counts[: first[1]], np.where(n_before == 0, counts, n_before)
        self.discounts = np.empty((len(first) - 1, 3))
        taken = np.zeros(len(counts))
        for length, rows in enumerate(map(slice, first[1:-1], first[2:]), 1):
            self.discounts[length], taken[rows] = _discounts(counts[rows], self.discount)
        total = np.bincount(context, weights=counts, minlength=n_contexts)
        total = np.maximum(total, TINY)  # of kinds that did not occur
        self.first = np.searchsorted(context, np.arange(n_contexts + 1))
        self.backoff = np.bincount(context, weights=taken, minlength=n_contexts) / total
        self.weights = (counts - taken) / total[context]
        of_roots = slice(first[1])
        n_before = np.bincount(
            self.characters[of_roots], counts[of_roots], minlength=self.n_characters
        )
        self.roots = self._make_roots(n_before, context[of_roots], occurred)

    def _make_roots(self, n_before, context, occurred):
        """Return the distributions after each kind.

        `n_before` is the number of contexts of each character, `occurred` how often each n-gram
        of a kind and a character did.
        """
        seen = n_before > 0
        self.discounts[0], taken = _discounts(n_before[seen], self.discount)
        unigrams = np.full(self.n_characters, taken.sum() / self.n_characters)
        unigrams[seen] += n_before[seen] - taken
        unigrams /= n_before.sum()
        of_kind = self.kinds[: self.n_characters]
        shares = np.bincount(of_kind, unigrams, minlength=self.n_kinds)
        pairs = context * self.n_kinds + of_kind[self.characters[: len(context)]]
        followed = np.bincount(pairs, occurred, minlength=self.n_kinds**2)
        smoothed = followed.reshape(self.n_kinds, -1) + _KIND_WEIGHT * shares
        smoothed /= smoothed.sum(axis=1, keepdims=True)
        return smoothed[:, of_kind] * (unigrams / shares[of_kind])

    def _number(self, contexts, characters, counts):
        """Number the contexts and the n-grams; return how often each n-gram occurred.

        The n-grams are sorted, shorter ones first; `first` are the rows where each length begins.
        """
        self.parents, self.lengths = np.zeros((2, self.n_kinds), dtype=np.int64)
        self.keys = np.empty(0, dtype=np.int64)
        ids = self._roots_of(contexts)
        ngrams, totals = [], []
        for length in range(contexts.shape[1] + 1):
            if length:
                known = contexts[:, length - 1] >= 0
                contexts, characters = contexts[known], characters[known]
                counts, ids = counts[known], ids[known]
                keys = self._key(ids, contexts[:, length - 1])
                keys, place = unique_inverse(keys)
                ids = len(self.parents) + place
                self.keys = np.append(self.keys, keys)
                self.parents = np.append(self.parents, keys // self._key(1, -1))
                self.lengths = np.append(self.lengths, np.full(len(keys), length))
            unique, place = unique_inverse(ids * self.n_characters + characters)
            ngrams.append(unique)
            totals.append(np.bincount(place, weights=counts))
        self.ngrams_ = np.concatenate(ngrams)
        self.characters = self.ngrams_ % self.n_characters
        return np.concatenate(totals), np.cumsum([0, *map(len, ngrams)])

    @property
    def farthest(self) -> NDArray[np.int64]:
        """The first character of each context but the roots."""
        return self.keys % self._key(1, -1) - 1

    @property
    def total(self) -> float:
        """How many characters were learned from."""
        return self.whole_counts.sum()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in vars(self).values() if isinstance(array, np.ndarray))

    def learned(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Return contexts, characters and counts as in the constructor, each n-gram once."""
        ids, characters = np.divmod(self.ngrams_[self.is_whole], self.n_characters)
        return self.contexts_of(ids), characters.astype(np.int32), self.whole_counts

    def contexts_of(self, ids: Indices) -> NDArray[np.int32]:
        """Return known contexts as in the constructor, with -1 for characters that are left out."""
        n_columns = self.order - 1 + self._n_label_columns
        contexts = np.full((len(ids), n_columns), NONE, dtype=np.int32)
        rows, farthest = np.arange(len(ids)), self.farthest
        while len(rows := rows[ids >= self.n_kinds]):
            ids = ids[ids >= self.n_kinds]
            contexts[rows, self.lengths[ids] - 1] = farthest[ids - self.n_kinds]
            ids = self.parents[ids]
        return contexts

    def _roots_of(self, contexts):
        """Return the contexts that are only the kind of the last character."""
        if self.order == 1:
            return np.full(len(contexts), self.kinds[NONE])
        return self.kinds[contexts[:, self._n_label_columns]]

    def _key(self, ids, characters):
        """Return the keys of contexts that are one character longer than others."""
        return ids * (max(self.n_characters + 2, self.n_labels) + 1) + characters + 1

    def longer(self, ids: Indices, characters: Indices) -> NDArray[np.int64]:
        """Return the contexts with one more character in front, -1 where there are none."""
        return self._search(self._key(ids, characters))

    def _search(self, keys):
        if not len(self.keys):
            return np.full(len(keys), NONE)
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place + self.n_kinds, NONE)

    def find(self, contexts: Indices) -> Indices:
        """Return a number for each context, which decides what `proba` returns."""
        ids = self._find(contexts)
        if self.shared:
            ids = ids * len(self.shared.parents) + self.shared.find(contexts[:, 1:])
        return ids

    def proba(self, ids: Indices) -> NDArray[np.float64]:
        """Return the distribution after each context that `find` returned, (n, n_characters)."""
        if not self.shared:
            return self._proba(ids)
        own, of_all = np.divmod(ids, len(self.shared.parents))
        weight = self.label_weight
        return weight * self._proba(own) + (1 - weight) * self.shared.proba(of_all)

    def _find(self, contexts):
        """Return the longest known context at the end of each one."""
        ids = longest = self._roots_of(contexts)
        table, n_cells, radix = self._table, len(self._table) - 1, self._key(1, -1)
        is_whole = not len(self.keys) or self.keys[-1] < n_cells
        for column in contexts.T + 1:
            keys = ids * radix
            keys += column  # as from `_key`
            ids = table.take(keys, mode="clip").astype(np.int64)  # an int32 holds no keys
            if not is_whole:
                beyond = np.flatnonzero(keys >= n_cells)
                ids[beyond] = self._search(keys[beyond])
            longest = np.maximum(longest, ids)
        return longest

    @cached
    def _table(self):
        """The context of each key below a bound, -1 for none.

        Keys beyond its ends meet -1, too: key 0 has no character, and one cell is added.
        """
        n_cells = min(int(self.keys.max(initial=-1)) + 1, _MAX_CELLS)
        table = np.full(n_cells + 1, NONE, dtype=np.int32)
        known = np.arange(np.searchsorted(self.keys, n_cells))
        table[self.keys[known]] = self.n_kinds + known
        return table

    def _proba(self, ids):
        roots, left = np.array(ids), np.ones(len(ids))  # what longer contexts leave to shorter ones
        rows, parts = np.arange(len(ids)), []
        while len(rows := rows[roots[rows] >= self.n_kinds]):
            contexts = roots[rows]
            parts.append((rows, contexts, left[rows]))
            left[rows] *= self.backoff[contexts]
            roots[rows] = self.parents[contexts]
        proba = self.roots.take(roots, axis=0)
        proba *= left[:, None]
        cells = proba.reshape(-1)  # a view
        for rows, contexts, factors in parts:
            n_ngrams = self.first[contexts + 1] - self.first[contexts]
            ends = n_ngrams.cumsum()
            ngrams = np.arange(ends[-1]) + np.repeat(self.first[contexts + 1] - ends, n_ngrams)
            places = np.repeat(rows * self.n_characters, n_ngrams) + self.characters[ngrams]
            cells[places] += np.repeat(factors, n_ngrams) * self.weights[ngrams]
        return proba

    def _log_proba(self, ids):
        # The smallest discounts leave nothing that a number could hold to unseen characters.
        return np.log(np.maximum(self.proba(ids), TINY))

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, NDArray[np.float64]]:
        """Read contexts."""
        contexts = self.contexts(windows, labels)
        return contexts, self._log_proba(self.find(contexts))

    def contexts(self, windows: Indices, labels: Indices) -> Indices:
        """Return the ends of windows, the nearest character first, after a column of labels."""
        labels = labels[:, None][:, : self._n_label_columns]
        return np.concatenate([labels, windows[:, ::-1][:, : self.order - 1]], axis=1)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, NDArray[np.float64]]:
        """Read one more character of each row."""
        n = self._n_label_columns
        contexts = np.empty_like(state)
        contexts[:, :n], contexts[:, n + 1 :] = state[:, :n], state[:, n:-1]
        if self.order > 1:
            contexts[:, n] = characters
        return contexts, self._log_proba(self.find(contexts))

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        return state[rows]

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, NDArray[np.float64]]:
        """Return a row number for each target, and the log-probabilities of these rows."""
        contexts = sequences.contexts(self.order - 1, self.n_labels)
        ids, rows = unique_inverse(self.find(contexts))
        return rows, self._log_proba(ids)

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs."""
        names = "parents", "farthest", "backoff", "first", "weights", "roots", "kinds"
        return {name: getattr(self, name) for name in names} | {
            "type": "ngrams",
            "characters": self.n_characters,
            "order": self.order,
            "last": self.characters,
            "radix": int(self._key(1, -1)),
            "hasLabels": self.n_labels > 0,
            "labelWeight": self.label_weight,
            "shared": self.shared and self.shared.exported(),
        }

    def ngrams(self) -> "NGrams | None":
        """Return itself, None with labels, of which each would have n-grams of its own."""
        return None if self.n_labels else self

    def with_expected_counts(self, contexts: Indices, proba: NDArray[np.floating[Any]]) -> "NGrams":
        """Return n-grams of the same contexts with probabilities from distributions.

        ``p(w | h) = (s(h w) + (a + u(h)) p(w | h')) / (n(h) + a)``, where n(h) distributions were
        observed after a context h, s(h w) is the sum of their probabilities of w, u(h) that of all
        characters whose sum is too small to keep, h' is h without its first character, and a is a
        constant. The roots stay as they were counted.

        Parameters
        ----------
        contexts : ndarray of shape (n, n_columns), dtype int
        proba : ndarray of shape (n, n_characters), dtype float
            The distribution of the character after each context.
        """
        result, n_contexts, n_rows = copy.copy(self), len(self.parents), len(contexts)
        cells = np.ones(n_rows), (self._find(contexts), np.arange(n_rows))
        after = csr_matrix(cells, shape=(n_contexts, n_rows))
        n = self._with_longer(np.asarray(after.sum(axis=1)))[:, 0] + _PRIOR
        width = max(1, _MAX_CELLS // n_contexts)
        ngrams, expected = [np.empty(0, np.int64)], [np.empty(0)]
        for first in range(0, self.n_characters, width):
            sums = self._with_longer(after @ proba[:, first : first + width].astype(np.float64))
            rows, columns = np.nonzero(sums >= _LEAST_EXPECTED)
            ngrams.append(rows * self.n_characters + first + columns)
            expected.append(sums[rows, columns])
        sums, n_most = np.concatenate(expected), MAX_CELLS // 32
        if len(sums) > n_most:  # those of shorter contexts are larger
            least = np.partition(sums, -n_most)[-n_most]
            ngrams, expected = [np.concatenate(ngrams)[sums >= least]], [sums[sums >= least]]
        order = np.argsort(np.concatenate(ngrams), kind="stable")
        result.ngrams_, sums = np.concatenate(ngrams)[order], np.concatenate(expected)[order]
        context, result.characters = np.divmod(result.ngrams_, self.n_characters)
        result.first = np.searchsorted(context, np.arange(n_contexts + 1))
        result.weights = sums / n[context]
        result.backoff = (n - np.bincount(context, weights=sums, minlength=n_contexts)) / n
        return result

    def _with_longer(self, sums):
        """Add the sums of contexts to those of all shorter ones, in place."""
        ends = np.searchsorted(self.lengths, np.arange(self.lengths[-1] + 2))
        for first, end in reversed(list(pairwise(ends[1:].tolist()))):
            parents = self.parents[first:end]  # sorted
            starts = np.flatnonzero(np.diff(parents, prepend=-1))
            sums[parents[starts]] += np.add.reduceat(sums[first:end], starts)
        return sums

    def truncated(self, order: int) -> "NGrams":
        """Return n-grams of a lower order; what they were counted from is lost."""
        result, n = copy.copy(self), int(np.searchsorted(self.lengths, order))
        for name in ("_table", "contexts_after"):
            vars(result).pop(name, None)
        result.order, result.keys = order, self.keys[: n - self.n_kinds]
        result.lengths, result.parents = self.lengths[:n], self.parents[:n]
        result.backoff, result.first = self.backoff[:n], self.first[: n + 1]
        ngrams = slice(self.first[n])
        result.ngrams_, result.characters = self.ngrams_[ngrams], self.characters[ngrams]
        result.weights = self.weights[ngrams]
        return result

    def tempered(self, power: float) -> "NGrams":
        """Return n-grams whose conditional probabilities are taken to a power and normalised.

        They back off in the same way: ``p(c | h) ** a == backoff(h) ** a * p(c | h') ** a`` for
        each character c that was not seen after h, where h' is h without its first character.
        """
        result, n_roots = copy.copy(self), self.n_kinds
        proba, shorter = (p**power for p in self._seen_proba())
        roots, sums = self.roots**power, np.empty(len(self.parents))
        sums[:n_roots] = roots.sum(axis=1)
        backoff, start = self.backoff**power, self.first[n_roots]
        for level in self._levels():
            rows = slice(self.first[level[0]] - start, self.first[level[-1] + 1] - start)
            first = self.first[level] - start - rows.start
            below = np.add.reduceat(shorter[rows], first)
            unseen = np.maximum(sums[self.parents[level]] - below, 0)
            sums[level] = backoff[level] * unseen + np.add.reduceat(proba[rows], first)
        context = self.ngrams_[start:] // self.n_characters
        parents = self.parents[context]
        result.roots = roots / sums[:n_roots, None]
        result.backoff = backoff * sums[self.parents] / sums
        result.weights = self.weights.copy()
        result.weights[start:] = (
            proba / sums[context] - result.backoff[context] * shorter / sums[parents]
        )
        return result

    def _levels(self):
        """Return the contexts of each length from 1 on."""
        lengths = range(1, int(self.lengths[-1]) + 1)
        return [np.flatnonzero(self.lengths == length) for length in lengths]

    def _seen_proba(self):
        """Return the probabilities of the n-grams after more than a kind, and of shorter ones."""
        start = self.first[self.n_kinds]
        context, character = np.divmod(self.ngrams_[start:], self.n_characters)
        parents = self.parents[context]
        place = np.searchsorted(self.ngrams_, parents * self.n_characters + character) - start
        proba, shorter = self.weights[start:].copy(), np.empty(len(context))
        for number, level in enumerate(self._levels()):
            rows = slice(self.first[level[0]] - start, self.first[level[-1] + 1] - start)
            of_shorter = (
                proba[place[rows]] if number else self.roots[parents[rows], character[rows]]
            )
            shorter[rows] = of_shorter
            proba[rows] += self.backoff[context[rows]] * of_shorter
        return proba, shorter

    @cached
    def contexts_after(self) -> NDArray[np.int32]:
        """The longest known context after each context and character, without labels."""
        n_contexts, farthest = len(self.parents), np.full(len(self.parents), NONE)
        farthest[self.n_kinds :] = self.farthest
        levels = self._levels()
        # Of each context: its last character, and the context without that.
        nearest, rest = farthest.copy(), self.kinds[farthest]
        for level in levels[1:]:
            parents = self.parents[level]
            nearest[level] = nearest[parents]
            before = rest[level] if level is levels[1] else rest[parents]
            rest[level] = self.longer(before, farthest[level])
        after = np.empty((n_contexts, self.n_characters), dtype=np.int32)
        after[: self.n_kinds] = self.kinds[: self.n_characters]
        for length, level in enumerate(levels):
            known = level[(nearest[level] < self.n_characters) & (rest[level] >= 0)]
            if length:
                shorter = levels[length - 1]
                after[shorter] = after[self.parents[shorter]]
                after[rest[known], nearest[known]] = known
            else:
                after[: self.n_kinds, nearest[known]] = known
        if levels:
            after[levels[-1]] = after[self.parents[levels[-1]]]
        return after

    @property
    def start_context(self) -> int:
        """The context of a name without a character; of running text, a root."""
        start = np.array([self.n_characters])
        context = int(self.longer(self.kinds[start], start)[0])
        return context if context >= 0 else int(self.kinds[NONE])

    def averages(
        self, after: Indices, n_later: int
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return a function that averages over the next character, for a `Lookahead`.

        ``after[state, character]`` is the next state, one of `n_later`. The function takes values
        of shape (n_later, n_contexts) and returns their means in each state and context before.
        """
        n_states, n_contexts, n_roots = len(after), len(self.parents), self.n_kinds
        proba, shorter = self._seen_proba()
        start = self.first[n_roots]
        context, character = np.divmod(self.ngrams_[start:], self.n_characters)
        next_context = self.contexts_after[context, character]
        next_shorter = self.contexts_after[self.parents[context], character]
        # Each n-gram adds its probability, and takes away what the shorter context says of it.
        columns = np.stack([next_context, next_shorter], axis=1).ravel()
        values = np.stack([proba, -self.backoff[context] * shorter], axis=1).ravel()
        columns = after[:, np.repeat(character, 2)] * n_contexts + columns
        starts = 2 * (self.first[n_roots:-1] - start)
        starts = np.append(np.arange(n_states)[:, None] * len(values) + starts, columns.size)
        cells = np.tile(values, n_states), columns.ravel(), starts
        shape = n_states * (n_contexts - n_roots), n_later * n_contexts
        seen, levels = csr_matrix(cells, shape=shape), self._levels()

        def average(later):
            now = np.empty((n_states, n_contexts))
            now[:, :n_roots] = later[after, self.contexts_after[0]] @ self.roots.T
            now[:, n_roots:] = (seen @ later.ravel()).reshape(n_states, -1)
            for level in levels:
                now[:, level] += self.backoff[level] * now[:, self.parents[level]]
                np.maximum(now[:, level], 0, out=now[:, level])
            return now

        return average


def _fit_each_other(contexts, characters, counts, n_characters, n_labels):
    """Whether arrays hold n-grams, and counts of them."""
    arrays = [(contexts, "iu", 2), (characters, "iu", 1)]
    if counts is not None:
        arrays.append((counts, "uf", 1))
    if not all(is_array(*array) for array in arrays) or not len(characters):
        return False
    if len({len(array) for array, _, _ in arrays}) > 1:
        return False
    labels, contexts = contexts[:, : n_labels > 0], contexts[:, n_labels > 0 :]
    return bool(
        (n_labels == 0 or labels.shape[1])
        and contexts.shape[1] < MAX_ORDER
        and (counts is None or ((counts > 0) & (counts <= MAX_TOTAL_WEIGHT)).all())
        and characters.min() >= 0
        and characters.max() < n_characters
        and contexts.min(initial=0) >= NONE
        and contexts.max(initial=0) <= n_characters + 1
        and labels.min(initial=0) >= 0
        and labels.max(initial=-1) < n_labels
    )


def _discounts(counts, discount):
    """Return the discounts of n-grams of one length, and what is taken from each."""
    discounts = discount or _estimate_discounts(counts)
    discounts = np.broadcast_to(discounts, 3)
    up_to_3 = np.minimum(_rounded_up(counts), 3).astype(np.int64)
    return discounts, np.minimum(discounts[up_to_3 - 1], counts)  # counts may be parts of one


def _rounded_up(counts):
    """Round up, except for rounding errors in sums of parts of one."""
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
