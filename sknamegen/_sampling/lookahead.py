"""The probability that a prefix can still be completed to a name that satisfies a constraint.

N-grams yield this probability for each length, automaton state and context, starting from the
maximum length [1]_. Only pairs of a state and a context that a prefix can reach are considered.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix

from .._alphabet import Alphabet
from .._models.contract import TABLE_CELLS
from .._parallel import BLOCK_CELLS
from .._types import Bools, Floats, Ints
from .automaton import Automaton, product
from .cache import Cache
from .constraint import Constraint, check_limits
from .contexts import ContextAutomaton

# Maximum number of rows of a table, and the usual number after which it has converged.
_MAX_ROWS, _USUAL_ROWS = 2**14, 64
# Relative difference below which the rows of a table have converged.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Lookahead:
    """Probability, or possibility, that a prefix can still be completed.

    Attributes
    ----------
    constraint : Constraint
    automaton : Automaton
        The automaton of the constraint, or its product with the contexts of n-grams.
    table : ndarray of shape (n_rows, n_states), dtype float32
        Probability of completion for prefixes of each length, or 1 where completion is possible.
        The first `n_late` rows are for the lengths from `max_length` down to `min_length`. The last
        of them covers all remaining lengths. Rows for shorter lengths follow in the same way, and
        are correct up to a factor. The final row, for prefixes that are too long, is zero.
    log_scales : ndarray of shape (n_rows,), dtype float64
        The logarithms of these factors.
    n_late : int
    """

    constraint: Constraint
    automaton: Automaton
    table: Floats
    log_scales: Floats
    n_late: int

    @classmethod
    def possible(cls, constraint: Constraint) -> Self:
        """Return a lookahead that only shows which prefixes can be completed."""
        automaton = constraint.automaton
        edges = _edges(automaton, constraint.end)
        return cls(constraint, automaton, *_fill(constraint, automaton, edges))

    def weighted(self, ngrams: ContextAutomaton) -> Self:
        """Return the probabilities of completion under n-grams.

        The n-grams should describe names from the model at the same temperature.
        """
        constraint, automaton = self.constraint, self.automaton
        n_rows = min(constraint.max_length, _USUAL_ROWS + constraint.min_length) + 2
        if n_rows > _MAX_ROWS:
            raise _too_large_error(constraint)
        max_states = TABLE_CELLS // n_rows
        for order in range(ngrams.order, 0, -1):
            contexts = ngrams.truncated(order)
            found = _product(automaton, contexts, max_states)
            if found:
                break
        else:
            raise _too_large_error(constraint)
        pairs, states, context = found
        edges = _edges(pairs, constraint.end)
        proba = contexts.proba[context[edges[0]], edges[2]].astype(np.float64)
        table, log_scales, n_late = _fill(constraint, pairs, edges, proba)
        # Rounding must not reduce the probability of a possible completion to zero.
        n_early = len(table) - 1 - n_late
        late, early = constraint.max_length - np.arange(n_late), np.arange(n_early)
        lengths = np.append(late, constraint.min_length - 1 - early)
        np.maximum(table, np.finfo(np.float32).tiny, out=table)
        table[:-1] *= self.is_possible(lengths[:, None], states)
        table[-1] = 0
        return type(self)(constraint, pairs, table, log_scales, n_late)

    @property
    def nbytes(self) -> int:
        """Total size of all arrays, in bytes."""
        return self.table.nbytes + self.automaton.nbytes

    def read(self, text: str) -> tuple[int, ...]:
        """Return the state after a text, for each start of the automaton.

        The text may only contain known characters.
        """
        states = np.array(self.automaton.starts)
        for character in text:
            states = self.automaton.after(states)[:, self.constraint.index[character]]
        return tuple(states.tolist())

    def _row_for_length(self, lengths):
        """Return the table row for each prefix length."""
        constraint, n_early = self.constraint, len(self.table) - 1 - self.n_late
        late = np.minimum(constraint.max_length - lengths, self.n_late - 1)
        early = self.n_late - 1 + np.minimum(constraint.min_length - lengths, n_early)
        return np.where(lengths >= constraint.min_length, late, early)

    def is_possible(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether prefixes with these lengths and states can still be completed."""
        return self.table[self._row_for_length(lengths), states] > 0

    def log_values(self, lengths: Ints, states: Ints) -> Floats:
        """Return the log of the probability of completion for these lengths and states."""
        rows, n_early = self._row_for_length(lengths), len(self.table) - 1 - self.n_late
        # Beyond the last row, the values continue to change by the same factor.
        n_beyond = np.maximum(self.constraint.min_length - lengths - n_early, 0)
        log_factor = self.log_scales[-2] - self.log_scales[-3] if n_early else 0.0
        with np.errstate(divide="ignore"):
            return np.log(self.table[rows, states]) + self.log_scales[rows] + n_beyond * log_factor

    def may_end(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether names of at most `max_length` characters satisfy the constraint."""
        return self.automaton.accepts[states] & (lengths >= self.constraint.min_length)

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
        automaton, one_code = self.automaton, self.constraint.one_code_per_cluster
        longer = rows = self._row_for_length(lengths + 1)[:, None]
        if not one_code:
            same, starts = self._row_for_length(lengths)[:, None], automaton.starts_cluster[states]
            rows = np.where(starts, longer, same)
        cells = rows * self.table.shape[1] + after
        ahead = self.table.ravel().take(cells).astype(np.float64)
        if not one_code:
            ahead *= np.exp(self.log_scales[rows] - self.log_scales[longer])
        if self.constraint.end is not None:
            ahead[:, self.constraint.end] = self.may_end(lengths, states)
        return ahead


def possible_names(
    alphabet: Alphabet, longest_name: int | None, prefixes: list[str], cache: Cache, **limits: Any
) -> Lookahead:
    """Validate the parameters of `sample`, and return which prefixes can be completed.

    Raises an error if one of `prefixes` cannot. The other parameters are those of `check_limits`.
    """
    key = check_limits(alphabet, longest_name, prefixes, **limits)
    possible = cache.get(key, lambda: Lookahead.possible(Constraint.build(alphabet, *key)))
    states = np.array([possible.read(prefix)[0] for prefix in prefixes], dtype=np.int64)
    is_possible = possible.is_possible(alphabet.lengths(prefixes), states)
    if not is_possible.all():
        prefix, (pattern, banned, *_, words) = prefixes[int(is_possible.argmin())], key
        rules = [f"begins with {prefix!r}"] if prefix else []
        rules += [f"matches pattern={pattern.pattern!r}"] if pattern else []
        rules += [f"contains none of banned={banned!r}"] if banned else []
        rules += ["consists of the given words"] if words is not None else []
        constraint = possible.constraint
        raise ValueError(
            f"No name of {constraint.min_length} to {constraint.max_length} characters that the "
            f"model can generate {' and '.join(rules) or 'exists'}. Relax the constraint or the "
            "length limits."
        )
    return possible


def _edges(automaton, end):
    """Return the edges of an automaton, and those from accepting states to the end of the name.

    The state after the end is the number of states.
    """
    rows, after, characters = automaton.edges()
    if end is None:
        return rows, after, characters
    accepts = np.flatnonzero(automaton.accepts)
    place = np.searchsorted(rows, accepts)
    ends = np.insert(after, place, len(automaton.accepts))
    return np.insert(rows, place, accepts), ends, np.insert(characters, place, end)


def _fill(constraint, automaton, edges, proba=None):
    """Return the `table`, the `log_scales` and `n_late` of a `Lookahead`."""
    n_states, min_length = len(automaton.accepts), constraint.min_length
    rows, columns, characters = edges
    starts = automaton.starts_cluster[rows, characters] | (columns == n_states)
    weights = np.ones(len(rows)) if proba is None else proba

    def matrix(selected):
        places = np.append(0, np.bincount(rows[selected], minlength=n_states).cumsum())
        cells = weights[selected], columns[selected], places
        return csr_matrix(cells, shape=(n_states, n_states + 1))

    to_longer, to_same = matrix(starts), matrix(~starts)
    n_repeats = len(constraint.automaton.accepts) * (to_same.nnz > 0)

    def shorter_values(longer, may_end):
        """Return the values of prefixes that are one character shorter."""
        values = first = to_longer @ np.append(longer, may_end)
        if constraint.end is None:
            first += automaton.accepts * may_end
        for _ in range(n_repeats):  # code points that continue a character
            previous = values
            values = first + to_same @ np.append(values, 0)
            if _is_close(values, previous):
                break
        return values if proba is not None else (values > 0).astype(float)

    values, table, log_scales = np.zeros(n_states), list[Floats](), list[float]()
    for may_end, n_lengths in ((True, constraint.max_length - min_length + 1), (False, min_length)):
        for _ in range(n_lengths):
            longer, values = values, shorter_values(values, may_end)
            scale = 1.0 if may_end else values.max() or 1.0
            values = values / scale
            table.append(values.astype(np.float32))
            log_scales.append(np.log(scale))
            if (may_end or not to_same.nnz) and _is_close(values, longer):
                break
            if len(table) > _MAX_ROWS or len(table) * n_states > 2 * TABLE_CELLS:
                raise _too_large_error(constraint)
        if may_end:
            n_late = len(table)
    table.append(np.zeros(n_states, dtype=np.float32))
    return np.stack(table), np.append(np.cumsum(log_scales), 0), n_late


def _is_close(values, previous):
    return bool((np.abs(values - previous) <= _TOLERANCE * values).all())


def _product(automaton, contexts, max_states):
    """Return the product of an automaton and the contexts of n-grams, as an automaton.

    Also returns the state and the context of each of its states, or None if there are more than
    `max_states`.
    """
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


def _too_large_error(constraint):
    return ValueError(
        "min_length, pattern, banned and words require a table that is too large: "
        f"{len(constraint.automaton.accepts):,} states for names of {constraint.min_length:,} to "
        f"{constraint.max_length:,} characters. Simplify them, or pass a smaller min_length or "
        "max_length."
    )
