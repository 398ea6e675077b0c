"""N-gram probabilities as tables: what guides names towards what is asked for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .kneser_ney import KneserNey


class Guide:
    """N-gram probabilities at a temperature.

    Conditional probabilities are taken to the power of one over the temperature. They back off
    like the counts: ``p(c | h) ** a == backoff(h) ** a * p(c | h') ** a`` for each character c
    that was not seen after h, where h' is h without its first character.

    Parameters
    ----------
    counts : KneserNey
    temperature : float
    order : int
        Of the n-grams to use, at most that of the counts.

    Attributes
    ----------
    after : ndarray of shape (n_contexts, n_characters), dtype int32
        The context after each context and character: the longest known one.
    start : int
        The context of a name that has no character yet; 0, the empty one, in running text.
    """

    def __init__(self, counts: KneserNey, temperature: float, order: int):
        self.n_contexts = int(np.searchsorted(counts.lengths, order))
        self.lengths = counts.lengths[: self.n_contexts]
        self.levels = [np.flatnonzero(self.lengths == n) for n in range(1, self.lengths[-1] + 1)]
        self.parents = counts.parents[: self.n_contexts]
        self.after = self._contexts_after(counts)
        n_ngrams, n_first = counts.first[self.n_contexts], counts.first[1]
        context, character = np.divmod(counts.ngrams[:n_ngrams], counts.n_characters)
        shorter = self.parents[context] * counts.n_characters + character
        lower = np.searchsorted(counts.ngrams, shorter)  # the n-grams without a first character
        p = np.zeros(n_ngrams)
        p[:n_first] = counts.unigrams[character[:n_first]]
        power = 1 / temperature
        unigrams, backoff = counts.unigrams**power, counts.backoff[: self.n_contexts] ** power
        sums = np.full(self.n_contexts, unigrams.sum())
        for level in self.levels:
            rows = slice(counts.first[level[0]], counts.first[level[-1] + 1])
            p[rows] = counts.weights[rows] + counts.backoff[context[rows]] * p[lower[rows]]
            first = counts.first[level] - counts.first[level[0]]
            below = np.add.reduceat(p[lower[rows]] ** power, first)
            unseen = np.maximum(sums[self.parents[level]] - below, 0)
            sums[level] = backoff[level] * unseen + np.add.reduceat(p[rows] ** power, first)
        self.unigrams = unigrams / sums[0]
        self.backoff = backoff * sums[self.parents] / sums
        # Of the n-grams that have a context, which begin at `first` for each context:
        self.first = counts.first[1 : self.n_contexts] - n_first
        context, self.character = context[n_first:], character[n_first:]
        self.p = p[n_first:] ** power / sums[context]
        self.lower_p = p[lower[n_first:]] ** power / sums[self.parents[context]]
        self.next = self.after[context, self.character]
        self.lower_next = self.after[self.parents[context], self.character]

    def _contexts_after(self, counts):
        """Tabulate: that of the shorter context, but where a longer one is known."""
        farthest = np.append(0, counts.farthest[: self.n_contexts - 1])
        # Of each context: its last character, and the context without that.
        nearest, rest = farthest.copy(), np.zeros(self.n_contexts, dtype=np.int64)
        for level in self.levels[1:]:
            nearest[level] = nearest[self.parents[level]]
            rest[level] = counts.longer(rest[self.parents[level]], farthest[level])
        starts = np.flatnonzero((nearest == counts.n_characters) & (self.lengths == 1))
        self.start = int(starts[0]) if len(starts) else 0
        after = np.zeros((self.n_contexts, counts.n_characters), dtype=np.int32)
        for length, level in enumerate(self.levels):
            if length:
                shorter = self.levels[length - 1]
                after[shorter] = after[self.parents[shorter]]
            level = level[nearest[level] < counts.n_characters]
            after[rest[level], nearest[level]] = level
        if self.levels:
            after[self.levels[-1]] = after[self.parents[self.levels[-1]]]
        return after

    def proba_of(self, character: int) -> NDArray[np.float64]:
        """Return the probability of a character after each context."""
        p = np.full(self.n_contexts, self.unigrams[character])
        (ngrams,) = np.nonzero(self.character == character)
        seen = np.searchsorted(self.first, ngrams, side="right")
        for level in self.levels:
            p[level] = self.backoff[level] * p[self.parents[level]]
            here = (seen >= level[0]) & (seen <= level[-1])
            p[seen[here]] = self.p[ngrams[here]]
        return p

    def averages(
        self, after: NDArray[np.int64]
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return a function that averages over the next character, see `wish.Guide`."""
        n_states, n_ngrams = len(after), len(self.character)
        seen, below = (
            self._matrix(after, *each)
            for each in ((self.p, self.next), (self.lower_p, self.lower_next))
        )

        def average(later):
            now = np.empty_like(later)
            now[:, 0] = later[after, self.after[0]] @ self.unigrams
            if n_ngrams:
                of_seen, of_below = (
                    (matrix @ later.ravel()).reshape(n_states, -1) for matrix in (seen, below)
                )
            for level in self.levels:
                unseen = np.maximum(now[:, self.parents[level]] - of_below[:, level - 1], 0)
                now[:, level] = self.backoff[level] * unseen + of_seen[:, level - 1]
            return now

        return average

    def _matrix(self, after, p, contexts):
        """Return a sparse matrix: row (state, context but the empty one), column the next ones."""
        n_states, n_ngrams = len(after), len(p)
        columns = (after[:, self.character] * self.n_contexts + contexts).astype(np.int32)
        starts = (np.arange(n_states)[:, None] * n_ngrams + self.first).ravel()
        starts = np.append(starts, n_states * n_ngrams).astype(np.int32)
        shape = (n_states * (self.n_contexts - 1), n_states * self.n_contexts)
        return csr_matrix((np.tile(p, n_states), columns.ravel(), starts), shape=shape)


def make_guide(
    counts: KneserNey, temperature: float, fits: Callable[[int, int], bool]
) -> Guide | None:
    """Return the guide of the highest order that is small enough, None if all are too large.

    ``fits(n_contexts, n_ngrams)`` tells whether one of that size is.
    """
    for order in range(counts.order, 0, -1):
        n_contexts = int(np.searchsorted(counts.lengths, order))
        if fits(n_contexts, int(counts.first[n_contexts]) + counts.n_characters):
            return Guide(counts, temperature, order)
    return None
