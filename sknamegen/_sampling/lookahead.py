"""The probability that a prefix can still be completed to a name that satisfies a constraint.

N-grams yield this probability for each length, automaton state and context, starting from the
maximum length [1]_.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._models.contract import Indices
from .backoff import BackoffAutomaton

# Maximum number of cells in a table, and of n-grams read to fill it. The n-gram order is lowered
# to stay within these limits.
_MAX_CELLS, _MAX_WORK = 2**22, 2**26
# Overhead per table row, in cells. It limits the number of small rows.
_EXTRA_CELLS = 2**9
# Usual number of rows after which a table has converged.
_USUAL_ROWS = 64
# Relative difference below which the rows of a table have converged.
_TOLERANCE = 1e-3


class Lookahead:
    """Probability, or possibility, that a prefix can still be completed.

    Parameters
    ----------
    constraint : Constraint
    ngrams : BackoffAutomaton, default=None
        N-grams of names from the model at the same temperature. None: the table only shows whether
        a completion exists.

    Attributes
    ----------
    table : ndarray of shape (n_rows, n_states, n_contexts), dtype float64, or bool without n-grams
        Probability of completion for prefixes of each length. The first `n_late` rows are for the
        lengths from `max_length` down to `min_length`. The last of them covers all remaining
        lengths. Rows for shorter lengths follow in the same way, and are correct up to a factor.
        The final row, for prefixes that are too long, is zero.
    log_scales : ndarray of shape (n_rows,), dtype float64
        The logarithms of these factors.
    contexts_after : ndarray of shape (n_contexts, n_characters), dtype int32
        The context after each context and character, from the n-grams.
    nbytes : int
    """

    table: NDArray[Any]
    contexts_after: NDArray[np.int32]

    def __init__(self, constraint: Any, ngrams: BackoffAutomaton | None = None):
        self.constraint, n_states = constraint, len(constraint.transitions)
        # The row of `next_values` after each state and character. The first rows are for prefixes
        # that are one character longer, in state order. If code points may continue a character,
        # prefixes of the same length follow. The last row is for complete names.
        n_next = n_states * (1 if constraint.one_code_per_cluster else 2) + 1
        next_rows = constraint.transitions + n_states * ~constraint.starts_cluster
        if constraint.end is not None:
            next_rows[:, constraint.end] = np.where(constraint.accepts, n_next - 1, n_states - 1)
        if ngrams is None:
            self._fill(1, lambda next_values: next_values[next_rows].max(axis=1))
            self.table = self.table > 0
        else:
            ngrams = ngrams.truncated(_order(constraint, ngrams))
            self.contexts_after, self._start = ngrams.contexts_after, ngrams.start_context
            self._fill(len(ngrams.parents), ngrams.averages(next_rows, n_next))
            # Rounding must not reduce the probability of a possible completion to zero.
            late = constraint.max_length - np.arange(self.n_late)
            lengths = np.append(late, constraint.min_length - 1 - np.arange(self._n_early))
            is_feasible = constraint.feasibility.is_possible(lengths[:, None], np.arange(n_states))
            positive = np.maximum(self.table[:-1], np.finfo(float).tiny)
            self.table[:-1] = np.where(is_feasible[:, :, None], positive, 0)
        self.nbytes = self.table.nbytes

    def _fill(self, n_contexts, average):
        """Fill the table, from the greatest length to zero."""
        constraint = self.constraint
        min_length, max_length = constraint.min_length, constraint.max_length
        values = np.zeros((len(constraint.transitions), n_contexts))
        table, log_scales = [], []
        for may_end, n_lengths in ((True, max_length - min_length + 1), (False, min_length)):
            for _ in range(n_lengths):
                longer, values = values, self._shorter_values(average, values, may_end)
                scale = 1.0 if may_end else values.max() or 1.0
                values = values / scale
                table.append(values)
                log_scales.append(np.log(scale))
                if (may_end or constraint.one_code_per_cluster) and _is_close(values, longer):
                    break
                if len(table) * (values.size + _EXTRA_CELLS) > 4 * _MAX_CELLS:
                    raise _too_large_error(constraint)
            if may_end:
                self.n_late = len(table)
        self._n_early = len(table) - self.n_late
        self.table = np.stack([*table, np.zeros_like(values)])
        self.log_scales = np.append(np.cumsum(log_scales), 0)

    def _shorter_values(self, average, longer, may_end):
        """Return the probabilities for prefixes that are one character shorter."""
        constraint = self.constraint
        complete = np.full_like(longer[:1], may_end)
        ends = constraint.accepts[:, None] * (may_end and constraint.end is None)
        if constraint.one_code_per_cluster:
            return average(np.concatenate([longer, complete])) + ends
        values = np.zeros_like(longer)
        for _ in range(len(longer)):  # iterate over code points that continue a character
            previous = values
            values = average(np.concatenate([longer, values, complete])) + ends
            if _is_close(values, previous):
                break
        return values

    def row_for_length(self, lengths: Indices) -> Indices:
        """Return the table row for each prefix length."""
        n_late, min_length = self.n_late, self.constraint.min_length
        late = np.minimum(self.constraint.max_length - lengths, n_late - 1)
        early = n_late - 1 + np.minimum(min_length - lengths, self._n_early)
        return np.where(lengths >= min_length, late, early)

    def is_possible(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Return whether prefixes with these lengths and states can still be completed."""
        return self.table[self.row_for_length(lengths), states, 0]

    def context(self, prefix: str) -> int:
        """Return the context after a prefix."""
        context = self._start
        for character in prefix:
            context = int(self.contexts_after[context, self.constraint.index[character]])
        return context

    def ahead(self, lengths: Indices, states: Indices, contexts: Indices) -> NDArray[np.float64]:
        """Return the probability of completion after each next character, up to a factor per row.

        Parameters
        ----------
        lengths, states, contexts : ndarray of shape (n_rows,), dtype int
            The length, automaton state and context of each prefix.

        Returns
        -------
        ahead : ndarray of shape (n_rows, n_characters), dtype float64
        """
        constraint, (_, n_states, n_contexts) = self.constraint, self.table.shape
        longer = table_rows = self.row_for_length(lengths + 1)[:, None]
        if not constraint.one_code_per_cluster:
            same, starts = self.row_for_length(lengths)[:, None], constraint.starts_cluster[states]
            table_rows = np.where(starts, longer, same)
        cells = (table_rows * n_states + constraint.transitions[states]) * n_contexts
        ahead = self.table.ravel().take(cells + self.contexts_after[contexts])
        if not constraint.one_code_per_cluster:
            ahead *= np.exp(self.log_scales[table_rows] - self.log_scales[longer])
        if constraint.end is not None:
            ahead[:, constraint.end] = constraint.may_end(lengths, states)
        return ahead


def _is_close(values, previous):
    return bool((np.abs(values - previous) <= _TOLERANCE * values).all())


def _order(constraint, ngrams):
    """Return the highest order whose table stays within the limits on size and computation."""
    n_states, n_characters = constraint.transitions.shape
    n_rows = min(constraint.max_length, _USUAL_ROWS + constraint.min_length) + 2
    for order in range(int(ngrams.lengths[-1]) + 1, 0, -1):
        n_contexts = int(np.searchsorted(ngrams.lengths, order))
        n_ngrams = int(ngrams.first[n_contexts]) + ngrams.roots.size
        n_cells = n_contexts * (n_states * n_rows + n_characters // 2)
        if n_cells <= _MAX_CELLS and n_states * n_rows * n_ngrams <= _MAX_WORK:
            return order
    raise _too_large_error(constraint)


def _too_large_error(constraint):
    return ValueError(
        "min_length, pattern and banned require a table that is too large: "
        f"{len(constraint.transitions):,} states for names of {constraint.min_length:,} to "
        f"{constraint.max_length:,} characters. Simplify the pattern, or pass a smaller min_length "
        "or max_length."
    )
