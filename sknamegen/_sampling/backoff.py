"""N-grams as a weighted automaton whose states are contexts, for the lookahead."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .._alphabet import NONE
from .._models.contract import Indices
from .._models.ngrams import NGrams
from .._parallel import cached

# Smallest expected count to store.
_MIN_EXPECTED = 0.005
# Weight of the shorter context in expected counts, as a number of observations.
_PRIOR = 0.5
# Maximum number of expected counts in memory at a time, and to store.
_MAX_CELLS, _MAX_STORED = 2**22, 2**20


@dataclass(frozen=True)
class BackoffAutomaton:
    """Distributions of the next character in each context, with transitions between contexts.

    ``p(c | h) = weight(h c) + backoff(h) p(c | h')``, where h' is context h without its first
    character. Contexts and n-grams are numbered as in `NGrams`. The first contexts are the roots.

    Attributes
    ----------
    kinds, keys, parents, lengths, first, ngrams_, weights, backoff, roots
        The arrays of an `NGrams` without labels.
    """

    kinds: Indices
    keys: NDArray[np.int64]
    parents: NDArray[np.int64]
    lengths: NDArray[np.int64]
    first: NDArray[np.int64]
    ngrams_: NDArray[np.int64]
    weights: NDArray[np.float64]
    backoff: NDArray[np.float64]
    roots: NDArray[np.float64]

    @classmethod
    def from_ngrams(cls, ngrams: NGrams) -> Self:
        """Return the automaton of an n-gram model without labels."""
        return cls(*(getattr(ngrams, field.name) for field in fields(cls)))

    @classmethod
    def from_distributions(
        cls, ngrams: NGrams, contexts: Indices, proba: NDArray[np.floating]
    ) -> Self:
        """Return an automaton with the contexts of n-grams, estimated from distributions.

        ``p(w | h) = (s(h w) + (a + u(h)) p(w | h')) / (n(h) + a)``, where n(h) is the number of
        distributions after context h, and s(h w) is the sum of their probabilities for w. Sums that
        are too small are not stored: u(h) is their total. a is a constant. The roots are those of
        the n-grams.

        Parameters
        ----------
        ngrams : NGrams
            Without labels.
        contexts : ndarray of shape (n, n_columns), dtype int
        proba : ndarray of shape (n, n_characters), dtype float
            The distribution of the next character after each context.
        """
        automaton = cls.from_ngrams(ngrams)
        n_contexts, n_rows = len(ngrams.parents), len(contexts)
        cells = np.ones(n_rows), (ngrams.find(contexts), np.arange(n_rows))
        after = csr_matrix(cells, shape=(n_contexts, n_rows))
        n = automaton._add_to_suffixes(np.asarray(after.sum(axis=1)))[:, 0] + _PRIOR
        ngrams_, expected = [], []
        width = max(1, _MAX_CELLS // n_contexts)
        for first in range(0, ngrams.n_characters, width):
            columns_proba = proba[:, first : first + width].astype(np.float64)
            sums = automaton._add_to_suffixes(after @ columns_proba)
            rows, columns = np.nonzero(sums >= _MIN_EXPECTED)
            ngrams_.append(rows * ngrams.n_characters + first + columns)
            expected.append(sums[rows, columns])
        stored, sums = np.concatenate(ngrams_), np.concatenate(expected)
        if len(sums) > _MAX_STORED:  # shorter contexts have larger sums
            limit = np.partition(sums, -_MAX_STORED)[-_MAX_STORED]
            stored, sums = stored[sums >= limit], sums[sums >= limit]
        order = np.argsort(stored, kind="stable")
        stored, sums = stored[order], sums[order]
        context = stored // ngrams.n_characters
        return replace(
            automaton,
            ngrams_=stored,
            first=np.searchsorted(context, np.arange(n_contexts + 1)),
            weights=sums / n[context],
            backoff=(n - np.bincount(context, weights=sums, minlength=n_contexts)) / n,
        )

    def _add_to_suffixes(self, sums):
        """Add the sums of contexts to the sums of all their suffixes, in place."""
        for level in reversed(self._levels()):
            parents = self.parents[level]  # sorted
            starts = np.flatnonzero(np.diff(parents, prepend=-1))
            sums[parents[starts]] += np.add.reduceat(sums[level], starts)
        return sums

    @property
    def n_characters(self) -> int:
        """The number of characters to predict."""
        return self.roots.shape[1]

    @property
    def nbytes(self) -> int:
        """Total size of all arrays, in bytes."""
        return sum(array.nbytes for array in vars(self).values())

    @cached
    def contexts_after(self) -> NDArray[np.int32]:
        """Longest known context after each context and character."""
        n_roots, after = len(self.roots), np.empty((len(self.parents), self.n_characters), np.int32)
        kinds, farthest = self.kinds[: self.n_characters], self.keys % (self.n_characters + 3) - 1
        after[:n_roots] = np.maximum(self._longer(kinds, np.arange(self.n_characters)), kinds)
        for level in self._levels():
            after[level] = after[self.parents[level]]
            # A context can only be extended by characters that extend its whole parent.
            rows, characters = np.nonzero(after[level] >= level.start)
            rows += level.start
            shorter = after[rows, characters]
            longer = self._longer(shorter, farthest[rows - n_roots])
            after[rows, characters] = np.maximum(longer, shorter)
        return after

    @property
    def start_context(self) -> int:
        """Context at the start of a name, or a root for running text."""
        start = np.array([self.n_characters])
        return int(max(self._longer(self.kinds[start], start)[0], self.kinds[NONE]))

    def _longer(self, contexts, characters):
        """Return contexts with one more character in front, or -1 for unknown contexts."""
        if not len(self.keys):
            return np.full(len(contexts), NONE)
        keys = contexts.astype(np.int64) * (self.n_characters + 3) + characters + 1
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place + len(self.roots), NONE)

    def truncated(self, order: int) -> Self:
        """Return an automaton without the contexts of `order` characters or more."""
        n = int(np.searchsorted(self.lengths, order))
        ngrams = slice(self.first[n])
        return replace(
            self,
            keys=self.keys[: n - len(self.roots)],
            parents=self.parents[:n],
            lengths=self.lengths[:n],
            first=self.first[: n + 1],
            ngrams_=self.ngrams_[ngrams],
            weights=self.weights[ngrams],
            backoff=self.backoff[:n],
        )

    def tempered(self, power: float) -> Self:
        """Return an automaton with probabilities raised to a power and renormalised.

        The back-off stays valid: ``p(c | h) ** a == backoff(h) ** a * p(c | h') ** a`` for each
        character c that was not seen after h.
        """
        n_roots = len(self.roots)
        proba, shorter = (p**power for p in self._seen_proba())
        roots, backoff = self.roots**power, self.backoff**power
        sums = np.empty(len(self.parents))
        sums[:n_roots] = roots.sum(axis=1)
        for level in self._levels():
            rows = slice(self.first[level.start], self.first[level.stop])
            below = np.add.reduceat(shorter[rows], self.first[level] - rows.start)
            unseen = np.maximum(sums[self.parents[level]] - below, 0)
            seen = np.add.reduceat(proba[rows], self.first[level] - rows.start)
            sums[level] = backoff[level] * unseen + seen
        context = self.ngrams_ // self.n_characters
        backoff = backoff * sums[self.parents] / sums
        weights = proba / sums[context]
        weights -= backoff[context] * shorter / sums[self.parents[context]]
        return replace(self, weights=weights, backoff=backoff, roots=roots / sums[:n_roots, None])

    def _levels(self):
        """Return the contexts of each length, starting at 1, as slices."""
        ends = np.searchsorted(self.lengths, np.arange(1, self.lengths[-1] + 2))
        return list(map(slice, ends[:-1], ends[1:]))

    def _seen_proba(self):
        """Return the probability of each n-gram, and after the context's parent (0 for roots)."""
        context, character = np.divmod(self.ngrams_, self.n_characters)
        place = np.searchsorted(self.ngrams_, self.parents[context] * self.n_characters + character)
        proba, shorter, n = self.weights.copy(), np.zeros(len(context)), self.first[len(self.roots)]
        proba[:n] = self.roots[context[:n], character[:n]]
        for level in self._levels():
            rows = slice(self.first[level.start], self.first[level.stop])
            shorter[rows] = proba[place[rows]]
            proba[rows] += self.backoff[context[rows]] * shorter[rows]
        return proba, shorter

    def averages(
        self, after: Indices, n_later: int
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return a function that averages over the next character.

        ``after[state, character]`` is the next state, from 0 to n_later - 1. The function takes
        values of shape (n_later, n_contexts) and returns means of shape (n_states, n_contexts).
        """
        n_states, n_contexts, n_roots = len(after), len(self.parents), len(self.roots)
        start = self.first[n_roots]
        proba, shorter = (p[start:] for p in self._seen_proba())
        context, character = np.divmod(self.ngrams_[start:], self.n_characters)
        next_context = self.contexts_after[context, character]
        next_shorter = self.contexts_after[self.parents[context], character]
        # Each n-gram adds its probability and subtracts its back-off probability.
        columns = np.stack([next_context, next_shorter], axis=1).ravel()
        values = np.stack([proba, -self.backoff[context] * shorter], axis=1).ravel()
        columns = after[:, np.repeat(character, 2)] * n_contexts + columns
        starts = 2 * (self.first[n_roots:-1] - start)
        starts = np.append(np.arange(n_states)[:, None] * len(values) + starts, columns.size)
        cells = np.tile(values, n_states), columns.ravel(), starts
        shape = n_states * (n_contexts - n_roots), n_later * n_contexts
        seen, levels = csr_matrix(cells, shape=shape), self._levels()

        def average(later: NDArray[np.float64]) -> NDArray[np.float64]:
            now = np.empty((n_states, n_contexts))
            now[:, :n_roots] = later[after, self.contexts_after[0]] @ self.roots.T
            now[:, n_roots:] = (seen @ later.ravel()).reshape(n_states, -1)
            for level in levels:
                now[:, level] += self.backoff[level] * now[:, self.parents[level]]
                np.maximum(now[:, level], 0, out=now[:, level])
            return now

        return average
