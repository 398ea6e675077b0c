"""The probability that a prefix can still be completed to a name that satisfies a constraint.

It is computed by n-grams for each length, state of the automaton and context, from the greatest
length down [1]_.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._models.contract import Indices
from .._models.ngrams import NGrams

# Cells of a table, where a level counts as some more, which bounds their number; and n-grams to
# look at to fill it: the order of the n-grams is lowered until they suffice.
_MAX_CELLS, _LEVEL_CELLS, _MAX_WORK = 2**22, 2**9, 2**26
_USUAL_LEVELS = 64  # after which the greatest length has next to no effect
_CONVERGED = 1e-3


class Lookahead:
    """The probability that a prefix can still be completed, or whether it can.

    Parameters
    ----------
    constraint : Constraint
    ngrams : NGrams, default=None
        Of names like those that the model writes, at the same temperature. None: all that is
        possible counts as 1.

    Attributes
    ----------
    table : ndarray of shape (n_levels, n_states, n_contexts), dtype float64
        The probability for prefixes of each length: first the `n_late` lengths at which a name may
        end, from the greatest down, the last one also for those between; then shorter ones, the
        last one also for those below; zeros come last, for those that are too long. Where names
        must not end yet, it is right up to a factor for each length.
    log_scales : ndarray of shape (n_levels,), dtype float64
        The logarithms of these factors.
    contexts_after : ndarray of shape (n_contexts, n_characters), dtype int32
        Of the n-grams.
    nbytes : int
    """

    contexts_after: NDArray[np.int32]

    def __init__(self, constraint: Any, ngrams: NGrams | None = None):
        self.constraint = constraint
        n_states = len(constraint.after)
        after, n_later = constraint.rows_after()
        if ngrams is None:
            self._start, n_contexts = 0, 1
            self._average: Any = lambda later: later[after].max(axis=1)
        else:
            ngrams = ngrams.truncated(_order(constraint, ngrams))
            self.contexts_after, self._start = ngrams.contexts_after, ngrams.start_context
            n_contexts = len(ngrams.parents)
            self._average = ngrams.averages(after, n_later)
        table: list[Any] = []
        log_scales: list[float] = []
        now = np.zeros((n_states, n_contexts))
        min_length, max_length = constraint.min_length, constraint.max_length
        for may_end, n in ((True, max_length - min_length + 1), (False, min_length)):
            for _ in range(n):
                later, now = now, self._before(now, may_end)
                scale = 1.0 if may_end else now.max() or 1.0
                now = now / scale
                table.append(now)
                log_scales.append((log_scales or [0.0])[-1] + np.log(scale))
                if (may_end or constraint.all_begin) and _is_close(now, later):
                    break
                if len(table) * (now.size + _LEVEL_CELLS) > 4 * _MAX_CELLS:
                    raise _too_large(constraint)
            if may_end:
                self.n_late = len(table)
        del self._average
        self._n_early = len(table) - self.n_late
        self.table = np.stack([*table, np.zeros_like(now)])
        self.log_scales = np.array([*log_scales, 0.0])
        if ngrams is None:
            self.table = self.table > 0
        else:  # what is possible is above zero, however it was rounded
            late = max_length - np.arange(self.n_late)
            lengths = np.append(late, min_length - 1 - np.arange(self._n_early))
            possible = constraint.possible.table[constraint.possible.level(lengths)]
            self.table[:-1] = np.where(
                possible, np.maximum(self.table[:-1], np.finfo(float).tiny), 0
            )
        self.nbytes = self.table.nbytes

    def _before(self, later, may_end):
        """Return the probabilities for prefixes one character shorter."""
        constraint = self.constraint
        whole = np.full_like(later[:1], may_end)
        ends = constraint.accepts[:, None] * (may_end and constraint.end is None)
        if constraint.all_begin:
            return self._average(np.concatenate([later, whole])) + ends
        now = np.zeros_like(later)
        for _ in range(len(later)):  # code points that continue a character
            previous, now = now, self._average(np.concatenate([later, now, whole])) + ends
            if _is_close(now, previous):
                break
        return now

    def level(self, lengths: Indices) -> Indices:
        """Return the rows of the table for prefixes of these lengths."""
        n_late, shortest = self.n_late, self.constraint.min_length
        late = np.minimum(self.constraint.max_length - lengths, n_late - 1)
        early = n_late - 1 + np.minimum(shortest - lengths, self._n_early)
        return np.where(lengths >= shortest, late, early)

    def is_possible(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Whether prefixes, of these lengths and in these states, can still be completed."""
        return self.table[self.level(lengths), states, 0]

    def context(self, prefix: list[int]) -> int:
        """Return the context after the indices of a prefix."""
        context = self._start
        for character in prefix:
            context = int(self.contexts_after[context, character])
        return context

    def ahead(self, lengths: Indices, states: Indices, contexts: Indices) -> NDArray[np.float64]:
        """Return the probability of completion after each next character, up to a factor per row.

        Parameters
        ----------
        lengths, states, contexts : ndarray of shape (n_rows,), dtype int
            Of prefixes.

        Returns
        -------
        ahead : ndarray of shape (n_rows, n_characters), dtype float64
        """
        constraint, (_, n_states, n_contexts) = self.constraint, self.table.shape
        longer = level = self.level(lengths + 1)[:, None]
        if not constraint.all_begin:
            begins, stays = constraint.begins[states], self.level(lengths)[:, None]
            level = np.where(begins, longer, stays)
        cells = (level * n_states + constraint.after[states]) * n_contexts
        ahead = self.table.ravel().take(cells + self.contexts_after[contexts])
        if not constraint.all_begin:
            factors = np.exp(self.log_scales[stays] - self.log_scales[longer])
            ahead *= np.where(begins, 1, factors)
        if constraint.end is not None:
            ahead[:, constraint.end] = constraint.may_end(lengths, states)
        return ahead


def _is_close(now, later):
    return bool((np.abs(now - later) <= _CONVERGED * now).all())


def _order(constraint, ngrams):
    """Return the highest order whose tables are small enough, and quickly filled."""
    n_states, n_characters = constraint.after.shape
    n_levels = min(constraint.max_length, _USUAL_LEVELS + constraint.min_length) + 2
    for order in range(ngrams.order, 0, -1):
        n_contexts = int(np.searchsorted(ngrams.lengths, order))
        n_ngrams = int(ngrams.first[n_contexts]) + ngrams.roots.size
        n_cells = n_contexts * (n_states * n_levels + n_characters // 2)
        if n_cells <= _MAX_CELLS and n_states * n_levels * n_ngrams <= _MAX_WORK:
            return order
    raise _too_large(constraint)


def _too_large(constraint):
    return ValueError(
        f"min_length, pattern and banned need too large a table: {len(constraint.after):,} states "
        f"for names of {constraint.min_length:,} to {constraint.max_length:,} characters. Simplify "
        "the pattern, or pass a smaller min_length or max_length."
    )
