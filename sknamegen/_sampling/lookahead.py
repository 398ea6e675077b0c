"""How probable it is that a name can still be finished as asked.

The probability, by n-grams, is computed for each length, state of the automaton and context, from
the greatest length down [1]_.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .._models.kneser_ney import KneserNey
from .._models.model import Indices
from .constraint import Constraint

# Bytes of the tables, which a `Cache` must be able to keep, and n-grams to look at to fill them:
# the order of the n-grams is lowered until they suffice.
_MAX_BYTES = 56 * 2**20
_MAX_WORK = 2**24
_USUAL_LEVELS = 64  # after which what the greatest length changes is too little to count
_CONVERGED = 1e-3
_LEAST = 1e-290  # what is possible but less probable counts as that


class Lookahead:
    """How probable it is that a name can still be finished as asked, by n-grams.

    Parameters
    ----------
    constraint : Constraint
    ngrams : KneserNey
        Of names like those that the model writes.
    power : float
        Their conditional probabilities count to this power: one over the temperature.

    Attributes
    ----------
    table : ndarray of shape (n_levels, n_states, n_contexts), dtype float64
        The probability for names of one length each, in the order of `Constraint.level`. Those
        of names that must not end yet are right up to a factor for each length.
    contexts_after : ndarray of shape (n_contexts, n_characters), dtype int32
        The context after each context and character: the longest known one.
    nbytes : int
    """

    def __init__(self, constraint: Constraint, ngrams: KneserNey, power: float = 1.0):
        self.constraint = constraint
        tables = _NGramTables(ngrams, power, _order(constraint, ngrams))
        self.contexts_after, self.start_context = tables.after, tables.start
        after, accepts = constraint.states_after, constraint.accepts
        too_long = np.zeros((len(after), tables.n_contexts))
        can: Any = np.zeros_like(accepts)
        now, table = too_long, []
        average = tables.averages(after)
        end = constraint.end
        p_end = np.ones(tables.n_contexts) if end is None else tables.proba_of(end)
        for _ in range(constraint.max_length - constraint.min_length + 1):
            later, can = now, can[after].any(1) | accepts
            now = average(later) + p_end * accepts[:, None]
            now = np.where(can[:, None], np.maximum(now, _LEAST), 0)
            table.append(now)
            if (np.abs(now - later) <= _CONVERGED * now).all():
                break
        self.n_late = len(table)
        for _ in range(constraint.min_length):
            can = can[after].any(1)
            now = average(now)
            now = np.where(can[:, None], np.maximum(now / (now.max() or 1.0), _LEAST), 0)
            table.append(now)
        self.table = np.stack([*table, too_long])
        self.nbytes = self.table.nbytes + self.contexts_after.nbytes

    def context(self, prefix: list[int]) -> int:
        """Return the context behind the indices of a prefix."""
        context = self.start_context
        for character in prefix:
            context = int(self.contexts_after[context, character])
        return context

    def ahead(self, lengths: Indices, states: Indices, contexts: Indices) -> NDArray[np.float64]:
        """Return what each next character is worth, up to a factor for each row.

        Parameters
        ----------
        lengths, states, contexts : ndarray of shape (n_rows,), dtype int
            Of names that have not ended.

        Returns
        -------
        worth : ndarray of shape (n_rows, n_characters), dtype float64
        """
        constraint, (_, n_states, n_contexts) = self.constraint, self.table.shape
        level = constraint.level(lengths + 1, self.n_late)
        cells = level[:, None] * n_states + constraint.states_after[states]
        cells = cells * n_contexts + self.contexts_after[contexts]
        worth = self.table.ravel().take(cells)
        if constraint.end is not None:
            worth[:, constraint.end] = constraint.may_end(lengths, states)
        return worth


def _order(constraint, ngrams):
    """Return the highest order whose tables are small enough, and quickly filled."""
    n_states, n_characters = constraint.states_after.shape
    n_levels = min(constraint.max_length, _USUAL_LEVELS + constraint.min_length) + 2
    for order in range(ngrams.order, 0, -1):
        n_contexts = int(np.searchsorted(ngrams.lengths, order))
        n_ngrams = int(ngrams.first[n_contexts]) + n_characters
        n_bytes = n_contexts * (8 * n_states * n_levels + 4 * n_characters)
        if n_bytes <= _MAX_BYTES and n_states * n_levels * n_ngrams <= _MAX_WORK:
            return order
    raise ValueError(
        "pattern and banned must be simpler for names of up to max_length="
        f"{constraint.max_length:,}: together they need {n_states:,} states. Shorten them, "
        "or pass a smaller max_length."
    )


class _NGramTables:
    """N-gram probabilities to a power, as tables.

    They back off like the counts: ``p(c | h) ** a == backoff(h) ** a * p(c | h') ** a`` for each
    character c that was not seen after h, where h' is h without its first character.

    Parameters
    ----------
    counts : KneserNey
    power : float
        To which conditional probabilities are taken.
    order : int
        Of the n-grams to use, at most that of the counts.

    Attributes
    ----------
    after : ndarray of shape (n_contexts, n_characters), dtype int32
        The context after each context and character: the longest known one.
    start : int
        The context of a name that has no character yet; 0, the empty one, in running text.
    """

    def __init__(self, counts: KneserNey, power: float, order: int):
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
        """Return a function that averages over the next character, for a `Lookahead`.

        ``after[state, character]`` is the state behind it. The function takes values of each
        state and context there and returns their means in each state and context before it.
        """
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
