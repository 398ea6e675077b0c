"""The probability that a prefix can still be completed to a name that satisfies a constraint.

N-grams yield this probability for each length, automaton state and context, starting from the
maximum length [1]_. Only pairs of a state and a context that a prefix can reach are considered.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from .._models.kneser_ney import TABLE_CELLS
from .._parallel import BLOCK_CELLS
from .._types import Bools, Floats, Ints
from .automaton import Automaton, product
from .constraint import Constraint, Limits
from .contexts import ContextAutomaton

# Maximum number of rows of a table, and the usual number after which it has converged.
_MAX_ROWS, _USUAL_ROWS = 2**14, 64
# Relative difference below which the rows of a table have converged.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class LengthTable:
    """Values of automaton states for each length of a prefix.

    Attributes
    ----------
    limits : Limits
    rows : ndarray of shape (n_rows, n_states), dtype float32
        The first `n_late` rows are for the lengths from `max_length` down to `min_length`. The last
        of them covers all remaining lengths. Rows for shorter lengths follow in the same way, and
        are correct up to a factor. The final row, for prefixes that are too long, is zero.
    log_scales : ndarray of shape (n_rows,), dtype float64
        The logarithms of these factors.
    n_late : int
    """

    limits: Limits
    rows: Floats
    log_scales: Floats
    n_late: int

    @property
    def n_early(self) -> int:
        """Number of rows for lengths below `min_length`."""
        return len(self.rows) - 1 - self.n_late

    @property
    def lengths(self) -> Ints:
        """Length of the prefixes of each row but the final row."""
        late = self.limits.max_length - np.arange(self.n_late)
        return np.append(late, self.limits.min_length - 1 - np.arange(self.n_early))

    def row_for_length(self, lengths: Ints) -> Ints:
        """Return the row for each length."""
        limits = self.limits
        late = np.minimum(limits.max_length - lengths, self.n_late - 1)
        early = self.n_late - 1 + np.minimum(limits.min_length - lengths, self.n_early)
        return np.where(lengths >= limits.min_length, late, early)

    def log_values(self, lengths: Ints, states: Ints) -> Floats:
        """Return the log of the value for these lengths and states."""
        rows = self.row_for_length(lengths)
        # Beyond the last row, the values continue to change by the same factor.
        n_beyond = np.maximum(self.limits.min_length - lengths - self.n_early, 0)
        log_factor = self.log_scales[-2] - self.log_scales[-3] if self.n_early else 0.0
        with np.errstate(divide="ignore"):
            return np.log(self.rows[rows, states]) + self.log_scales[rows] + n_beyond * log_factor


@dataclass(frozen=True, eq=False)
class Lookahead:
    """Probability, or possibility, that a prefix can still be completed.

    Attributes
    ----------
    constraint : Constraint
    automaton : Automaton
        The automaton of the constraint, or its product with the contexts of n-grams.
    table : LengthTable
        Probability of completion for prefixes of each length, or 1 where completion is possible.
    """

    constraint: Constraint
    automaton: Automaton
    table: LengthTable

    @classmethod
    def possible(cls, constraint: Constraint) -> Self:
        """Return a lookahead that only shows which prefixes can be completed."""
        automaton = constraint.automaton
        return cls(constraint, automaton, _fill(constraint, automaton))

    def weighted(self, ngrams: ContextAutomaton) -> Self:
        """Return the probabilities of completion under n-grams.

        The n-grams should describe names from the model at the same temperature.
        """
        constraint = self.constraint
        n_rows = min(constraint.limits.max_length, _USUAL_ROWS + constraint.limits.min_length) + 2
        max_states = TABLE_CELLS // n_rows if n_rows <= _MAX_ROWS else 0
        for order in range(ngrams.order, 0, -1):
            contexts = ngrams.truncated(order)
            if found := _product(self.automaton, contexts, max_states):
                break
        else:
            raise _too_large_error(constraint)
        pairs, states, context = found
        table = _fill(constraint, pairs, (contexts.proba, context))
        # Rounding must not reduce the probability of a possible completion to zero.
        np.maximum(table.rows, np.finfo(np.float32).tiny, out=table.rows)
        table.rows[:-1] *= self.is_possible(table.lengths[:, None], states)
        table.rows[-1] = 0
        return type(self)(constraint, pairs, table)

    @property
    def nbytes(self) -> int:
        """Total size of all arrays, in bytes."""
        return self.table.rows.nbytes + self.automaton.nbytes

    def read(self, text: str) -> tuple[int, ...]:
        """Return the state after a text, for each start of the automaton.

        The text may only contain known characters.
        """
        states = np.array(self.automaton.starts)
        for character in text:
            states = self.automaton.after(states)[:, self.constraint.index[character]]
        return tuple(states.tolist())

    def is_possible(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether prefixes with these lengths and states can still be completed."""
        return self.table.rows[self.table.row_for_length(lengths), states] > 0

    def may_end(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether names of at most `max_length` characters satisfy the constraint."""
        return self.automaton.accepts[states] & (lengths >= self.constraint.limits.min_length)

    def ahead(self, lengths: Ints, states: Ints, after: Ints) -> Floats:
        """Return the probability of completion after each next character, up to a factor per row.

        Parameters
        ----------
        lengths, states : ndarray of shape (n_rows,), dtype int
            The length and automaton state of each prefix.
        after : ndarray of shape (n_rows, n_characters), dtype int
            The state after each next character.

        Returns
        -------
        ahead : ndarray of shape (n_rows, n_characters), dtype float64
        """
        table, one_code = self.table, self.constraint.one_code_per_cluster
        longer = rows = table.row_for_length(lengths + 1)[:, None]
        if not one_code:
            starts = self.automaton.starts_cluster[states]
            rows = np.where(starts, longer, table.row_for_length(lengths)[:, None])
        cells = rows * table.rows.shape[1] + after
        ahead = table.rows.ravel().take(cells).astype(np.float64)
        if not one_code:
            ahead *= np.exp(table.log_scales[rows] - table.log_scales[longer])
        if self.constraint.end is not None:
            ahead[:, self.constraint.end] = self.may_end(lengths, states)
        return ahead


def _fill(
    constraint: Constraint,
    automaton: Automaton,
    predicted: tuple[Floats, Ints] | None = None,
) -> LengthTable:
    """Return the table of a lookahead, given distributions and the row of each state."""
    n_states, limits = len(automaton.accepts), constraint.limits
    to_longer, to_same, ends = _steps(automaton, constraint.end, predicted)
    n_repeats = len(constraint.automaton.accepts) * (to_same.nnz > 0)

    def counted(values: Floats) -> Floats:
        """Return probabilities, or 1 where a number of ways to continue is positive."""
        return values if predicted is not None else (values > 0).astype(float)

    def shorter_values(longer: Floats, may_end: bool) -> Floats:
        """Return the values of prefixes that are one character shorter."""
        values = first = counted(to_longer @ longer + ends * may_end)
        for _ in range(n_repeats):  # code points that continue a character
            previous = values
            values = counted(first + to_same @ values)
            if _is_close(values, previous):
                break
        return values

    values: Floats = np.zeros(n_states)
    table, log_scales = list[Floats](), list[float]()
    n_late = limits.max_length - limits.min_length + 1
    for may_end, n_lengths in ((True, n_late), (False, limits.min_length)):
        for _ in range(n_lengths):
            longer, values = values, shorter_values(values, may_end)
            scale = 1.0 if may_end else values.max() or 1.0
            values = values / scale
            table.append(values.astype(np.float32))
            log_scales.append(np.log(scale))
            if (may_end or not n_repeats) and _is_close(values, longer):
                break
            if len(table) > _MAX_ROWS or len(table) * n_states > 2 * TABLE_CELLS:
                raise _too_large_error(constraint)
        if may_end:
            n_late = len(table)
    table.append(np.zeros(n_states, dtype=np.float32))
    return LengthTable(limits, np.stack(table), np.append(np.cumsum(log_scales), 0), n_late)


def _steps(
    automaton: Automaton, end: int | None, predicted: tuple[Floats, Ints] | None
) -> tuple[csr_matrix, csr_matrix, Floats]:
    """Return the weights of steps between states, and of the end of a name.

    The matrices contain the steps that start a character, and those that continue one.
    """
    n_edges, after, cells = automaton.edges()
    starts, ends = automaton.starts_cluster, automaton.accepts.astype(float)
    weights = np.ones(len(cells))
    if predicted is not None:
        proba, contexts = predicted
        shifts = (contexts - np.arange(len(contexts))) * proba.shape[1]
        weights = proba.ravel().take(cells + np.repeat(shifts, n_edges)).astype(np.float64)
        if end is not None:
            ends *= proba[contexts, end]

    def matrix(weights: Floats) -> csr_matrix:
        places = np.append(0, n_edges.cumsum())
        return csr_matrix((weights, after, places), shape=(len(n_edges), len(n_edges)))

    if starts.all() or (is_start := starts.ravel()[cells]).all():
        return matrix(weights), csr_matrix((len(ends), len(ends))), ends
    return matrix(weights * is_start), matrix(weights * ~is_start), ends


def _is_close(values: Floats, previous: Floats) -> bool:
    return bool((np.abs(values - previous) <= _TOLERANCE * values).all())


def _product(
    automaton: Automaton, contexts: ContextAutomaton, max_states: int
) -> tuple[Automaton, Ints, Ints] | None:
    """Return the product of an automaton and the contexts of n-grams, as an automaton.

    Also returns the state and the context of each of its states, or None if there are more than
    `max_states`.
    """
    n_live, n_contexts = automaton.dead, len(contexts.after)
    if n_live * contexts.after.size <= 2 * BLOCK_CELLS and n_live * n_contexts < max_states:
        # It is faster to include the pairs that no text can reach.
        states, ids = np.divmod(np.arange(n_live * n_contexts + 1), n_contexts)
        after = automaton.transitions[:-1, None] * np.int32(n_contexts) + contexts.after
        transitions = np.minimum(after, n_live * n_contexts).reshape(-1, after.shape[2])
        transitions = np.concatenate([transitions, np.full_like(transitions[:1], len(states) - 1)])
    else:
        found = product(automaton.transitions, contexts.after, contexts.starts, max_states)
        if found is None:
            return None
        transitions, (states, ids) = found
        if np.prod(transitions.shape) <= BLOCK_CELLS:  # dense arrays are faster
            transitions = transitions.toarray() + np.int32(len(states) - 1)
    starts_cluster = automaton.starts_cluster
    if starts_cluster.all():
        starts_cluster = np.broadcast_to(True, transitions.shape)
    else:
        starts_cluster = starts_cluster[states]
    starts = np.searchsorted(states * len(contexts.after) + ids, contexts.starts)
    accepts = automaton.accepts[states]
    return Automaton(transitions, accepts, starts_cluster, tuple(starts.tolist())), states, ids


def _too_large_error(constraint: Constraint) -> ValueError:
    n_states, limits = len(constraint.automaton.accepts), constraint.limits
    return ValueError(
        "min_length, pattern, banned, words and n_words require a table that is too large: "
        f"{n_states:,} states for names of {limits.min_length:,} to {limits.max_length:,} "
        "characters. Simplify them, or pass a smaller min_length or max_length."
    )
