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

from .._alphabet import NONE
from .._models.kneser_ney import KneserNey
from .._models.model import Indices
from .constraint import Constraint

# Bytes of the tables, which a `Cache` must be able to keep, and n-grams to look at to fill them:
# the order of the n-grams is lowered until they suffice.
_MAX_BYTES = 40 * 2**20
_MAX_WORK = 2**26
_USUAL_LEVELS = 64  # after which what the greatest length changes is too little to count
_CONVERGED, _MAX_GOES_ON = 1e-3, 16
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
    table : ndarray of shape (n_levels, n_states - 1, n_contexts), dtype float64
        The probability for names of one length each, in the order of `Constraint.level`; not for
        the last state, which is dead. Zeros come last. Those of names that must not end yet are
        right up to a factor for each length.
    log_scales : ndarray of shape (n_levels,), dtype float64
        The logarithms of these factors.
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
        average = self._averages(tables)
        end = constraint.end
        p_end = np.ones(tables.n_contexts) if end is None else tables.proba_of(end)
        for _ in range(constraint.max_length - constraint.min_length + 1):
            later, can = now, constraint.before(can, accepts)
            now = average(later, p_end * accepts[:, None])
            now = np.where(can[:, None], np.maximum(now, _LEAST), 0)
            table.append(now[:-1])
            if (np.abs(now - later) <= _CONVERGED * now).all():
                break
        self.n_late = len(table)
        log_scales = [0.0] * self.n_late
        for _ in range(constraint.min_length):
            can = constraint.before(can, np.zeros_like(can))
            now = average(now, 0.0)
            scale = now.max() or 1.0
            now = np.where(can[:, None], np.maximum(now / scale, _LEAST), 0)
            table.append(now[:-1])
            log_scales.append(log_scales[-1] + np.log(scale))
        self.table = np.stack([*table, too_long[:-1]])
        self.log_scales = np.array([*log_scales, 0.0])
        self.nbytes = self.table.nbytes + self.contexts_after.nbytes

    def _averages(self, tables):
        """Return a function that averages over what follows names of one length, and adds `ends`.

        What begins a character leads to the next length; what goes on with one stays.
        """
        after, begins = self.constraint.states_after, self.constraint.begins
        n_states = len(after)
        if self.constraint.all_begin:
            average = tables.averages(after, n_states)
            return lambda later, ends: average(later) + ends
        average = tables.averages(np.where(begins, after, after + n_states), 2 * n_states)

        def until_it_stays(later, ends):
            now = average(np.concatenate([later, np.zeros_like(later)])) + ends
            for _ in range(_MAX_GOES_ON):
                before, now = now, average(np.concatenate([later, now])) + ends
                if (np.abs(now - before) <= _CONVERGED * now).all():
                    break
            return now

        return until_it_stays

    def context(self, prefix: list[int]) -> int:
        """Return the context behind the indices of a prefix."""
        context = self.start_context
        for character in prefix:
            context = int(self.contexts_after[context, character])
        return context

    def log_fits(self, lengths: Indices, states: Indices, contexts: Indices) -> NDArray[np.float64]:
        """Return the log-probability, by n-grams, that names that have not ended will fit."""
        level = self.constraint.level(lengths, self.n_late)
        return np.log(self.table[level, states, contexts]) + self.log_scales[level]

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
        longer = level = constraint.level(lengths + 1, self.n_late)[:, None]
        if not constraint.all_begin:
            begins = constraint.begins[states]
            stays = constraint.level(lengths, self.n_late)[:, None]
            level = np.where(begins, longer, stays)
        after = constraint.states_after[states]
        cells = np.where(after < n_states, level * n_states + after, -1)  # what is dead: zeros
        cells = cells * n_contexts + self.contexts_after[contexts]
        worth = self.table.ravel().take(cells)
        if not constraint.all_begin:
            factors = np.exp(self.log_scales[stays] - self.log_scales[longer])
            worth *= np.where(begins, 1, factors)
        if constraint.end is not None:
            worth[:, constraint.end] = constraint.may_end(lengths, states)
        return worth


def _order(constraint, ngrams):
    """Return the highest order whose tables are small enough, and quickly filled."""
    n_states, n_characters = constraint.states_after.shape
    n_levels = min(constraint.max_length, _USUAL_LEVELS + constraint.min_length) + 2
    for order in range(ngrams.order, 0, -1):
        n_contexts = int(np.searchsorted(ngrams.lengths, order))
        n_ngrams = int(ngrams.first[n_contexts]) + ngrams.roots.size
        n_bytes = n_contexts * (8 * (n_states - 1) * n_levels + 4 * n_characters)
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
        The context of a name that has no character yet; a root in running text.
    """

    def __init__(self, counts: KneserNey, power: float, order: int):
        self.n_contexts = int(np.searchsorted(counts.lengths, order))
        self.lengths = counts.lengths[: self.n_contexts]
        self.levels = [np.flatnonzero(self.lengths == n) for n in range(1, self.lengths[-1] + 1)]
        self.parents = counts.parents[: self.n_contexts]
        self.after = self._contexts_after(counts)
        n_roots, n_characters = counts.roots.shape
        # Of the n-grams that have a context longer than a root, which begin at `first` for each:
        n_below = counts.first[n_roots]
        self.first = counts.first[n_roots : self.n_contexts] - n_below
        ngrams = slice(n_below, counts.first[self.n_contexts])
        context, self.character = np.divmod(counts.ngrams[ngrams], n_characters)
        shorter = self.parents[context] * n_characters + self.character
        lower = np.searchsorted(counts.ngrams, shorter) - n_below  # n-grams of their parents
        p, lower_p = counts.weights[ngrams].copy(), np.empty(len(context))
        roots, backoff = counts.roots**power, counts.backoff[: self.n_contexts] ** power
        sums = np.empty(self.n_contexts)
        sums[:n_roots] = roots.sum(axis=1)
        for level in self.levels:
            start = self.first[level[0] - n_roots]
            rows = slice(start, counts.first[level[-1] + 1] - n_below)
            if level is self.levels[0]:
                lower_p[rows] = counts.roots[self.parents[context[rows]], self.character[rows]]
            else:
                lower_p[rows] = p[lower[rows]]
            p[rows] += counts.backoff[context[rows]] * lower_p[rows]
            first = self.first[level - n_roots] - start
            below = np.add.reduceat(lower_p[rows] ** power, first)
            unseen = np.maximum(sums[self.parents[level]] - below, 0)
            sums[level] = backoff[level] * unseen + np.add.reduceat(p[rows] ** power, first)
        self.roots = roots / sums[:n_roots, None]
        self.backoff = backoff * sums[self.parents] / sums
        self.p = p**power / sums[context]
        self.lower_p = lower_p**power / sums[self.parents[context]]
        self.next = self.after[context, self.character]
        self.lower_next = self.after[self.parents[context], self.character]

    def _contexts_after(self, counts):
        """Tabulate: that of the shorter context, but where a longer one is known."""
        n_roots, n_characters = counts.roots.shape
        farthest = np.full(self.n_contexts, NONE)
        farthest[n_roots:] = counts.farthest[: self.n_contexts - n_roots]
        # Of each context: its last character, and the context without that.
        nearest, rest = farthest.copy(), counts.kinds[farthest]
        for level in self.levels[1:]:
            parents = self.parents[level]
            nearest[level] = nearest[parents]
            before = rest[level] if level is self.levels[1] else rest[parents]
            rest[level] = counts.longer(before, farthest[level])
        starts = np.flatnonzero(nearest == n_characters)
        self.start = int(starts[0] if len(starts) else counts.kinds[NONE])
        after = np.empty((self.n_contexts, n_characters), dtype=np.int32)
        after[:n_roots] = counts.kinds[:n_characters]
        for length, level in enumerate(self.levels):
            known = level[nearest[level] < n_characters]
            if length:
                shorter = self.levels[length - 1]
                after[shorter] = after[self.parents[shorter]]
                after[rest[known], nearest[known]] = known
            else:
                after[:n_roots, nearest[known]] = known
        if self.levels:
            after[self.levels[-1]] = after[self.parents[self.levels[-1]]]
        return after

    def proba_of(self, character: int) -> NDArray[np.float64]:
        """Return the probability of a character after each context."""
        n_roots = len(self.roots)
        p = np.empty(self.n_contexts)
        p[:n_roots] = self.roots[:, character]
        (ngrams,) = np.nonzero(self.character == character)
        seen = np.searchsorted(self.first, ngrams, side="right") - 1 + n_roots
        for level in self.levels:
            p[level] = self.backoff[level] * p[self.parents[level]]
            here = (seen >= level[0]) & (seen <= level[-1])
            p[seen[here]] = self.p[ngrams[here]]
        return p

    def averages(
        self, after: NDArray[np.integer[Any]], n_later: int
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return a function that averages over the next character, for a `Lookahead`.

        ``after[state, character]`` is the state behind it, one of `n_later`. The function takes
        values of each state and context there and returns their means in each state and context
        before it.
        """
        n_states, n_ngrams, n_roots = len(after), len(self.character), len(self.roots)
        seen, below = (
            self._matrix(after, n_later, *each)
            for each in ((self.p, self.next), (self.lower_p, self.lower_next))
        )

        def average(later):
            now = np.empty((n_states, self.n_contexts))
            now[:, :n_roots] = later[after, self.after[0]] @ self.roots.T
            if n_ngrams:
                of_seen, of_below = (
                    (matrix @ later.ravel()).reshape(n_states, -1) for matrix in (seen, below)
                )
            for level in self.levels:
                unseen = np.maximum(now[:, self.parents[level]] - of_below[:, level - n_roots], 0)
                now[:, level] = self.backoff[level] * unseen + of_seen[:, level - n_roots]
            return now

        return average

    def _matrix(self, after, n_later, p, contexts):
        """Return a sparse matrix: row (state, context but the roots), column the next ones."""
        n_states, n_ngrams, n_rows = len(after), len(p), len(self.first)
        columns = (after[:, self.character] * self.n_contexts + contexts).astype(np.int32)
        starts = (np.arange(n_states)[:, None] * n_ngrams + self.first).ravel()
        starts = np.append(starts, n_states * n_ngrams).astype(np.int32)
        shape = (n_states * n_rows, n_later * self.n_contexts)
        return csr_matrix((np.tile(p, n_states), columns.ravel(), starts), shape=shape)
