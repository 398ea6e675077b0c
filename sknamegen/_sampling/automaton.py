"""Build a deterministic automaton that accepts the names a constraint allows."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from .._arrays import sorted_unique
from .._parallel import MAX_CELLS
from .._text.alphabet import Alphabet
from .._types import Bools, Floats, Ints

# One of the automata whose product is an `Automaton`: the state after each class of characters,
# (n_states, n_classes), or -1 if none of them can follow, whether a name may end in each state, and
# the class of each character. The start state is 0.
Part = tuple[Ints, Bools, Ints]
_State = TypeVar("_State", bound=Hashable)


def determinize(
    start: _State,
    successors: Callable[[_State, int], Mapping[int, _State]],
    n_columns: int,
) -> tuple[Ints, list[_State]]:
    """Number the states that can be reached from a state, breadth first.

    Parameters
    ----------
    start : hashable
    successors : callable
        Returns the state after each column, given a state and its distance from the start.
    n_columns : int

    Returns
    -------
    transitions : ndarray of shape (n_states, n_columns), dtype int32
        The number of the state after each column, or -1 if there is none.
    states : list
        The states, in the order of their numbers.
    """
    states, distances, ids, edges = [start], [0], {start: 0}, list[tuple[int, int, int]]()
    for number, state in enumerate(states):  # the list grows
        for column, target in successors(state, distances[number]).items():
            if target not in ids:
                ids[target] = len(states)
                states.append(target)
                distances.append(distances[number] + 1)
            edges.append((number, column, ids[target]))
    transitions = np.full((len(states), n_columns), -1, dtype=np.int32)
    numbers, columns, targets = np.array(edges, dtype=np.int32).reshape(-1, 3).T
    transitions[numbers, columns] = targets
    return transitions, states


class Automaton(NamedTuple):
    """Deterministic automaton that reads code points.

    Its last state is dead: no continuation is allowed. The end of a name leads to the dead state.

    Attributes
    ----------
    transitions : ndarray or sparse array of shape (n_states, n_characters), dtype int32
        The state after each character. A sparse array contains the state minus that of the dead
        state.
    accepts : ndarray of shape (n_states,), dtype bool
        Whether a name may end in each state.
    starts_cluster : ndarray of shape (n_states, n_characters), dtype bool
        Whether each code point starts a character in each state, see `Clusters`.
    starts : tuple of int
        The state before the first character. Names with different labels may start in different
        states.
    """

    transitions: Ints | csr_array
    accepts: Bools
    starts_cluster: Bools
    starts: tuple[int, ...] = (0,)

    @property
    def dead(self) -> int:
        """The last state."""
        return len(self.accepts) - 1

    def after(self, states: Ints) -> Ints:
        """Return the state after each character, (..., n_characters)."""
        if isinstance(self.transitions, np.ndarray):
            return self.transitions[states]
        rows = self.transitions[states.ravel()].toarray() + np.int32(self.dead)
        return rows.reshape(*states.shape, -1)

    def steps(
        self, end: int | None, proba: Floats, contexts: Ints
    ) -> tuple[csr_matrix, csr_matrix, Floats]:
        """Return the weights of steps between states, and of the end of a name.

        The matrices contain the steps that start a character, and those that continue one.

        Parameters
        ----------
        end : int or None
            The index of the end of a name.
        proba : ndarray of shape (n_contexts, n_characters), dtype float
            The weight of each character in each context.
        contexts : ndarray of shape (n_states,), dtype int
            The context for each state.
        """
        matrix = self.transitions
        if isinstance(matrix, np.ndarray):
            is_live = matrix != self.dead
            n_edges = np.count_nonzero(is_live, axis=1)
            after = matrix[is_live]
            weights = proba.take(contexts, axis=0)[is_live]
        else:
            n_edges = np.diff(matrix.indptr)
            after = matrix.data + self.dead
            weights = proba[np.repeat(contexts, n_edges), matrix.indices]
        places = np.append(0, n_edges.cumsum()).astype(np.int32)
        shape = len(n_edges), len(n_edges)
        ends = self.accepts.astype(float)
        if end is not None:
            ends *= proba[contexts, end]

        def matrix_of(weights: Floats) -> csr_matrix:
            return csr_matrix((weights.astype(float), after, places), shape)

        if self.starts_cluster.all():
            return matrix_of(weights), csr_matrix(shape), ends
        if isinstance(matrix, np.ndarray):
            is_start = self.starts_cluster[is_live]
        else:
            states = np.repeat(np.arange(len(n_edges)), n_edges)
            is_start = self.starts_cluster[states, matrix.indices]
        return matrix_of(weights * is_start), matrix_of(weights * ~is_start), ends


def build_automaton(alphabet: Alphabet, parts: Sequence[Part]) -> Automaton:
    """Build an automaton that accepts names of any length that all parts accept.

    Raises
    ------
    ValueError
        If the automaton is too large.
    """
    clusters = alphabet.clusters
    # Characters with the same effect in all parts form one class.
    columns = np.column_stack([clusters.classes, *(part_classes for _, _, part_classes in parts)])
    _, examples, classes = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    table = clusters.transitions
    transitions = np.vstack([table, np.full_like(table[:1], -1)])[:, clusters.classes[examples]]
    transitions[transitions < 0] = len(table)
    accepts, cluster_states = np.append(clusters.is_complete, False), np.arange(len(transitions))
    for table, part_accepts, part_classes in parts:
        part_table = table[:, part_classes[examples]]
        found = product(transitions, part_table, (0,), MAX_CELLS // len(alphabet))
        if found is None:
            raise too_large_error()
        sparse, (states, part_states) = found
        transitions = sparse.toarray() + np.int32(len(states) - 1)
        accepts = accepts[states] & part_accepts[part_states]
        cluster_states = cluster_states[states]
    transitions = transitions[:, classes.reshape(-1)]
    if alphabet.end is not None:
        transitions[:, alphabet.end] = len(transitions) - 1
    starts_cluster = clusters.starts_cluster[cluster_states][:, clusters.classes]
    return Automaton(transitions, accepts, starts_cluster)


def too_large_error() -> ValueError:
    """Return the error for automata with too many states."""
    return ValueError(
        "pattern, banned, words, min_words and max_words must be simpler: their automaton is too "
        "large. Shorten them, or pass a smaller max_length."
    )


def product(
    first: Ints, second: Ints, starts: tuple[int, ...], max_states: int
) -> tuple[csr_array, Ints] | None:
    """Return the product of two automata, or None if it has more than `max_states` states.

    Parameters
    ----------
    first, second : ndarray of shape (n_states, n_classes), dtype int32
        The state after each class of characters. The last state of `first` is dead. -1 in `second`
        means that the class cannot follow.
    starts : tuple of int
        Where `second` starts. `first` starts in state 0.
    max_states : int

    Returns
    -------
    transitions : sparse array of shape (n_pairs + 1, n_classes), dtype int32
        As in `Automaton`, for the pairs of states that a text can reach, beginning with those in
        which it starts, in order, and for a dead state.
    pairs : ndarray of shape (2, n_pairs + 1), dtype int64
        The states of `first` and `second`.
    """
    n_second, dead = len(second), len(first) - 1
    states, all_classes = np.nonzero(first != dead)
    all_after = first[states, all_classes] * np.int64(n_second)
    counts = np.bincount(states, minlength=len(first))
    places = counts.cumsum() - counts

    def edges(keys: Ints) -> tuple[Ints, ...]:
        """Return the index of the pair before, the class and the pair after each transition."""
        states, others = np.divmod(keys, n_second)
        n_edges = counts[states]
        rows = np.repeat(np.arange(len(keys)), n_edges)
        chosen = np.repeat(places[states] - n_edges.cumsum() + n_edges, n_edges)
        chosen += np.arange(len(rows))
        classes = all_classes[chosen]
        others_after = second.take(others[rows] * second.shape[1] + classes)
        edges = rows, classes, all_after[chosen] + others_after
        is_live = others_after >= 0
        return edges if is_live.all() else tuple(column[is_live] for column in edges)

    frontier = known = np.unique(starts)
    pairs, n_edges, columns, after = [known], list[Ints](), list[Ints](), list[Ints]()
    while len(frontier):  # breadth first
        rows, classes, targets = edges(frontier)
        n_edges.append(np.bincount(rows, minlength=len(frontier)))
        columns.append(classes.astype(np.int32))
        after.append(targets)
        targets = sorted_unique(targets)
        place = np.searchsorted(known, targets)
        is_new = known[place.clip(max=len(known) - 1)] != targets
        frontier = targets[is_new]
        if len(known) + len(frontier) > max_states:
            return None
        known = np.insert(known, place[is_new], frontier)  # stays sorted
        pairs.append(frontier)
    keys = np.concatenate(pairs)
    numbers = (np.argsort(keys) - len(keys)).astype(np.int32)  # of the pairs in `known`
    data = _numbers_of(np.concatenate(after), known, numbers, len(first) * n_second)
    indptr = np.concatenate([[0], *n_edges, [0]]).cumsum(dtype=np.int32)
    arrays = data, np.concatenate(columns), indptr
    matrix = csr_array(arrays, shape=(len(keys) + 1, first.shape[1]))
    return matrix, np.stack(np.divmod(np.append(keys, dead * n_second), n_second))


def _numbers_of(wanted: Ints, known: Ints, numbers: Ints, n_keys: int) -> Ints:
    """Return the number of each wanted key, given sorted keys below `n_keys` and their numbers."""
    if n_keys > len(wanted):
        return numbers[np.searchsorted(known, wanted)]
    table = np.empty(n_keys, dtype=np.int32)  # is faster, and takes no more memory
    table[known] = numbers
    return table[wanted]
