"""The probability that a prefix can still be completed to a name that satisfies a constraint.

N-grams yield this probability for each length, automaton state and context, starting from the
maximum length [1]_. Only pairs of a state and a context that a prefix can reach are considered.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from .._data.corpus import Corpus
from .._models.kneser_ney import TABLE_CELLS
from .._parallel import BLOCK_CELLS
from .._text.alphabet import Alphabet
from .._types import Bools, Floats, Ints
from .._validation import check_str
from .automaton import Automaton, product
from .cache import Cache
from .constraint import Constraint, SampleRequest
from .contexts import ContextAutomaton

# Maximum number of rows of a table, and the usual number after which it has converged.
_MAX_ROWS, _USUAL_ROWS = 2**14, 64
# Relative difference below which the rows of a table have converged.
_TOLERANCE = 1e-3


class Lookahead(NamedTuple):
    """Probability, or possibility, that a prefix can still be completed.

    Attributes
    ----------
    alphabet : Alphabet
    constraint : Constraint
    automaton : Automaton
        The automaton of the constraint, or its product with the contexts of n-grams.
    rows : ndarray of shape (n_rows, n_states), dtype float32
        Probability of completion in each state for prefixes of one length, or 1 where completion is
        possible. The first `n_late` rows are for the lengths from `max_length` down to
        `min_length`. The last of them covers all remaining lengths. Rows for shorter lengths follow
        in the same way, and are correct up to a factor. The final row, for prefixes that are too
        long, is zero.
    log_scales : ndarray of shape (n_rows,), dtype float64
        The logarithms of these factors.
    n_late : int
    """

    alphabet: Alphabet
    constraint: Constraint
    automaton: Automaton
    rows: Floats
    log_scales: Floats
    n_late: int

    @classmethod
    def possible(cls, alphabet: Alphabet, constraint: Constraint) -> Self:
        """Return a lookahead that only shows which prefixes can be completed."""
        automaton = constraint.automaton(alphabet)
        n_states, n_characters = automaton.transitions.shape
        empty = cls(alphabet, constraint, automaton, np.empty((0, n_states)), np.empty(0), n_late=0)
        every, ids = np.ones((1, n_characters)), np.zeros(n_states, dtype=np.int64)
        return empty._filled(automaton, every, ids)

    def check(self, prefixes: Sequence[str]) -> None:
        """Raise an error if a prefix cannot be completed."""
        states = np.array([self.read(prefix)[0] for prefix in prefixes], dtype=np.int64)
        is_possible = self.is_possible(self.alphabet.lengths(prefixes), states)
        if not is_possible.all():
            prefix, constraint = prefixes[int(is_possible.argmin())], self.constraint
            rules = [f"begins with {prefix!r}" if prefix else "", constraint.describe()]
            raise ValueError(
                f"No name of {constraint.min_length} to {constraint.max_length} characters from "
                f"the model {' and '.join(filter(None, rules)) or 'exists'}. Relax the constraint."
            )

    def weighted(self, ngrams: ContextAutomaton) -> Self:
        """Return the probabilities of completion under n-grams.

        The n-grams should describe names from the model at the same temperature.
        """
        constraint = self.constraint
        n_rows = min(constraint.max_length, _USUAL_ROWS + constraint.min_length) + 2
        max_states = TABLE_CELLS // n_rows if n_rows <= _MAX_ROWS else 0
        automaton = self.automaton
        for order in range(ngrams.order, 0, -1):
            contexts = ngrams.truncated(order)
            found = product(automaton.transitions, contexts.after, contexts.starts, max_states)
            if found:
                break
        else:
            raise _too_large_error(automaton, constraint)
        transitions, (states, ids) = found
        # Dense arrays are faster, and smaller unless most transitions lead to the dead state.
        if np.prod(transitions.shape) <= max(BLOCK_CELLS, 2 * transitions.nnz):
            transitions = transitions.toarray() + np.int32(len(states) - 1)
        every = np.broadcast_to(True, transitions.shape)
        one_code = self.alphabet.clusters.one_code_per_cluster
        starts_cluster = every if one_code else automaton.starts_cluster[states]
        starts = tuple(np.unique(contexts.starts, return_inverse=True)[1].tolist())
        pairs = Automaton(transitions, automaton.accepts[states], starts_cluster, starts)
        return self._filled(pairs, contexts.proba, ids, states)

    def trusted(self, exponent: float) -> Self:
        """Return the probabilities to the power of an exponent."""
        return self._replace(rows=self.rows**exponent, log_scales=exponent * self.log_scales)

    def _filled(
        self, automaton: Automaton, proba: Floats, contexts: Ints, states: Ints | None = None
    ) -> Self:
        """Return a lookahead with all rows.

        Parameters
        ----------
        automaton : Automaton
        proba : ndarray of shape (n_contexts, n_characters), dtype float
            The weight of each character in each context.
        contexts : ndarray of shape (n_states,), dtype int64
            The context for each state.
        states : ndarray of shape (n_states,), dtype int64, default=None
            The state in the automaton of this lookahead for each state. None: show only which
            prefixes can be completed.
        """
        constraint = self.constraint
        to_longer, to_same, ends = automaton.steps(self.alphabet.end, proba, contexts)
        n_repeats = len(self.automaton.accepts) * bool(to_same.data.any())

        def counted(values: Floats) -> Floats:
            """Return probabilities, or 1 where a number of ways to continue is positive."""
            return (values > 0).astype(float) if states is None else values

        def shorter_values(longer: Floats, may_end: bool) -> Floats:
            """Return the values of prefixes that are one character shorter."""
            values = first = counted(to_longer @ longer + ends * may_end)
            for _ in range(n_repeats):  # code points that continue a character
                previous = values
                values = counted(first + to_same @ values)
                if _is_close(values, previous):
                    break
            return values

        values: Floats = np.zeros(len(ends))
        rows, log_scales, n_late = list[Floats](), list[float](), 0
        late = range(constraint.max_length, constraint.min_length - 1, -1)
        for may_end, lengths in ((True, late), (False, range(constraint.min_length - 1, -1, -1))):
            for length in lengths:
                longer, values = values, shorter_values(values, may_end)
                scale = 1.0 if may_end else values.max() or 1.0
                values = values / scale
                row = values.astype(np.float32)
                if states is not None:  # Rounding must not reduce a positive probability to zero.
                    row = np.maximum(row, np.finfo(np.float32).tiny)
                    row *= self.is_possible(np.array(length), states)
                rows.append(row)
                log_scales.append(np.log(scale))
                n_late += may_end
                if (may_end or not n_repeats) and _is_close(values, longer):
                    break
                if len(rows) > _MAX_ROWS or len(rows) * len(ends) > 2 * TABLE_CELLS:
                    raise _too_large_error(self.automaton, constraint)
        rows.append(np.zeros(len(ends), dtype=np.float32))
        scales = np.append(np.cumsum(log_scales), 0)
        return self._replace(
            automaton=automaton, rows=np.stack(rows), log_scales=scales, n_late=n_late
        )

    def read(self, text: str) -> tuple[int, ...]:
        """Return the state after a text, for each start of the automaton.

        The text may only contain known characters.
        """
        states = np.array(self.automaton.starts)
        for character in text:
            states = self.automaton.after(states)[:, self.alphabet.index[character]]
        return tuple(states.tolist())

    @property
    def n_early(self) -> int:
        """Number of rows for lengths below `min_length`."""
        return len(self.rows) - 1 - self.n_late

    def row_for_length(self, lengths: Ints) -> Ints:
        """Return the row for each length."""
        late = np.minimum(self.constraint.max_length - lengths, self.n_late - 1)
        early = self.n_late - 1 + np.minimum(self.constraint.min_length - lengths, self.n_early)
        return np.where(lengths >= self.constraint.min_length, late, early)

    def log_values(self, lengths: Ints, states: Ints) -> Floats:
        """Return the log of the value for these lengths and states."""
        rows = self.row_for_length(lengths)
        # Beyond the last row, the values continue to change by the same factor.
        n_beyond = np.maximum(self.constraint.min_length - lengths - self.n_early, 0)
        log_factor = self.log_scales[-2] - self.log_scales[-3] if self.n_early else 0.0
        with np.errstate(divide="ignore"):
            return np.log(self.rows[rows, states]) + self.log_scales[rows] + n_beyond * log_factor

    def is_possible(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether prefixes with these lengths and states can still be completed."""
        return self.rows[self.row_for_length(lengths), states] > 0

    def may_end(self, lengths: Ints, states: Ints) -> Bools:
        """Return whether names of at most `max_length` characters satisfy the constraint."""
        return self.automaton.accepts[states] & (lengths >= self.constraint.min_length)

    def advance(self, position: Ints, characters: Ints) -> tuple[Ints, Bools, Bools]:
        """Read one more character of each prefix.

        Returns the length and the state after it, (2, n_prefixes), whether the name is complete,
        and whether it satisfies the constraint or can still be completed.
        """
        lengths, states = position
        after = self.automaton.after(states)[np.arange(len(states)), characters]
        longer = lengths + self.automaton.starts_cluster[states, characters]
        is_complete = longer >= self.constraint.max_length
        is_feasible = self.is_possible(longer, after)
        if self.alphabet.end is not None:
            is_complete = characters == self.alphabet.end
            is_feasible[is_complete] = self.may_end(lengths, states)[is_complete]
        return np.stack([longer, after]), is_complete, is_feasible

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
        one_code = self.alphabet.clusters.one_code_per_cluster
        longer = rows = self.row_for_length(lengths + 1)[:, None]
        if not one_code:
            starts = self.automaton.starts_cluster[states]
            rows = np.where(starts, longer, self.row_for_length(lengths)[:, None])
        cells = rows * self.rows.shape[1] + after
        ahead = self.rows.ravel().take(cells).astype(np.float64)
        if not one_code:
            ahead *= np.exp(self.log_scales[rows] - self.log_scales[longer])
        if self.alphabet.end is not None:
            ahead[:, self.alphabet.end] = self.may_end(lengths, states)
        return ahead


def _is_close(values: Floats, previous: Floats) -> bool:
    return bool((np.abs(values - previous) <= _TOLERANCE * values).all())


def _too_large_error(automaton: Automaton, constraint: Constraint) -> ValueError:
    n_states = len(automaton.accepts)
    return ValueError(
        "min_length, pattern, banned, words, min_words and max_words require a table that is too "
        f"large: {n_states:,} states for names of {constraint.min_length:,} to "
        f"{constraint.max_length:,} characters. Simplify them, or pass a smaller min_length or "
        "max_length."
    )


def possible_prefixes(
    corpus: Corpus, cache: Cache, prefixes: list[str], request: SampleRequest
) -> tuple[list[str], Lookahead]:
    """Return prefixes in a supported spelling, and which prefixes can be completed.

    Raises an error if one of these prefixes cannot, or a parameter of the request is invalid.
    """
    for prefix in prefixes:
        check_str("seed", prefix)
    prefixes = corpus.alphabet.checked(prefixes)
    constraint = request.constraint(corpus.alphabet, corpus.max_length_, prefixes)
    possible = cache.get(constraint, lambda: Lookahead.possible(corpus.alphabet, constraint))
    possible.check(prefixes)
    return prefixes, possible
