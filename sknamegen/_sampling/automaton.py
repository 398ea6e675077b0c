"""Build a deterministic automaton that accepts the names a constraint allows."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._graphemes import MAX_CODE_POINTS
from .regex import PositionAutomaton, bits

# Maximum number of states during construction.
_MAX_STATES = 20_000
# Maximum number of transitions followed during construction.
_MAX_STEPS = 1_000_000
# Maximum number of cells in a transition table.
_MAX_CELLS = 2**24
# Maximum number of rounds in which equivalent states are merged.
_MAX_MERGE_ROUNDS = 256
_ANYTHING = re.compile("(?s).*")


class Automaton(NamedTuple):
    """Deterministic automaton that reads code points.

    Attributes
    ----------
    transitions : ndarray of shape (n_states, n_characters), dtype int32
        The state after each character. The last state is dead: no continuation is allowed. The end
        of a name leads to the dead state.
    accepts : ndarray of shape (n_states,), dtype bool
        Whether a name may end in each state.
    starts_cluster : ndarray of shape (n_states, n_characters), dtype bool
        Whether each code point starts a character in each state, see `Clusters`.
    starts : tuple of int
        The state before the first character. Names with different labels may start in different
        states.
    """

    transitions: NDArray[np.int32]
    accepts: NDArray[np.bool_]
    starts_cluster: NDArray[np.bool_]
    starts: tuple[int, ...] = (0,)

    @property
    def nbytes(self) -> int:
        """Total size of all arrays, in bytes."""
        return self.transitions.nbytes + self.accepts.nbytes + self.starts_cluster.nbytes


def build_automaton(
    alphabet: Alphabet,
    pattern: re.Pattern[str] | None,
    banned: tuple[str, ...],
    max_length: int,
) -> Automaton:
    """Build an automaton that accepts complete, allowed names of any length.

    Parameters
    ----------
    alphabet, pattern, banned
        As in `Constraint`.
    max_length : int
        Maximum input length, in characters.

    Raises
    ------
    ValueError
        If the pattern has no finite automaton, or the automaton is too large.
    """
    characters = alphabet.characters
    if not alphabet.clusters.one_code_per_cluster:
        max_length *= MAX_CODE_POINTS
    ban_transitions, classes = _aho_corasick(characters, banned, max_length)
    clusters = alphabet.clusters
    if pattern is None and clusters.one_code_per_cluster:
        transitions, accepts = ban_transitions, np.ones(len(ban_transitions), dtype=bool)
        cluster_states = np.zeros(len(ban_transitions), dtype=np.int64)
    else:
        positions = PositionAutomaton(pattern or _ANYTHING, characters, max_length)
        # Characters with the same effect in all three automata form one class.
        piece_matches = np.packbits(positions.pieces, axis=0).T
        columns = piece_matches, classes, clusters.transitions.T, clusters.starts_cluster.T
        _, examples, character_classes = np.unique(
            np.column_stack(columns), axis=0, return_index=True, return_inverse=True
        )
        matches = [np.flatnonzero(piece[examples]).tolist() for piece in positions.pieces]
        tables = ban_transitions[:, classes[examples]], clusters.transitions[:, examples]
        transitions, states = _product(positions, matches, *tables, max_length)
        cluster_states = np.array([cluster for _, _, cluster in states])
        accepts = np.array([members & 1 for members, _, _ in states], dtype=bool)
        accepts &= clusters.is_complete[cluster_states]
        classes = character_classes.reshape(-1)
    # Append the dead state.
    transitions = np.vstack([transitions, np.full_like(transitions[:1], -1)])
    accepts = np.append(accepts, False)
    examples = np.unique(classes, return_index=True)[1]
    starts_cluster = clusters.starts_cluster[np.append(cluster_states, 0)][:, examples]
    arrays = transitions, accepts, starts_cluster
    transitions, accepts, starts_cluster = _merge_equivalent(*arrays)
    if len(transitions) * len(characters) > _MAX_CELLS:
        raise _too_large_error()
    transitions, starts_cluster = transitions[:, classes], starts_cluster[:, classes]
    if alphabet.end is not None:
        transitions[:, alphabet.end] = len(transitions) - 1
    return Automaton(transitions, accepts, starts_cluster)


def _too_large_error():
    return ValueError(
        "pattern and banned must be simpler: their automaton is too large. Shorten them, or pass a "
        "smaller max_length."
    )


def _product(positions, matches, ban_transitions, cluster_transitions, max_length):
    """Build the product of a position automaton and automata for banned strings and clusters.

    The product is deterministic. `matches` lists the character classes that each piece matches. The
    transition tables have one column per class. States at depth `max_length` have no transitions.
    Returns the state after each class, and the components of each state.
    """
    ban_transitions, cluster_transitions = ban_transitions.tolist(), cluster_transitions.tolist()
    states = [(positions.first, 0, 0)]
    ids, depths, n_steps = {states[0]: 0}, [0], 0
    edges = []
    for state, (members, ban_state, cluster_state) in enumerate(states):
        followers: dict[int, int] = {}
        for position in bits(members) if depths[state] < max_length else ():
            follow, classes = positions.follow[position], matches[positions.piece_of[position]]
            n_steps += len(classes)
            if n_steps > _MAX_STEPS or len(states) > _MAX_STATES:
                raise _too_large_error()
            for character_class in classes:
                followers[character_class] = followers.get(character_class, 0) | follow
        for character_class, next_members in followers.items():
            next_ban_state = ban_transitions[ban_state][character_class]
            next_cluster_state = cluster_transitions[cluster_state][character_class]
            target = next_members, next_ban_state, next_cluster_state
            if next_ban_state >= 0 and next_cluster_state >= 0:
                if target not in ids:
                    ids[target] = len(states)
                    states.append(target)
                    depths.append(depths[state] + 1)
                edges.append((state, character_class, ids[target]))
    transitions = np.full((len(states), len(ban_transitions[0])), -1, dtype=np.int32)
    sources, classes, targets = np.array(edges, dtype=np.int32).reshape(-1, 3).T
    transitions[sources, classes] = targets
    return transitions, states


def _merge_equivalent(transitions, accepts, starts_cluster):
    """Merge equivalent states (Moore, 1956). The dead state stays last.

    Automata that require many rounds stay as they are. They recognise long strings.
    """
    signature = np.packbits(np.column_stack([accepts, starts_cluster]), axis=1)
    n_blocks = 0
    for _ in range(_MAX_MERGE_ROUNDS):
        _, block = np.unique(signature, axis=0, return_inverse=True)
        block = block.reshape(-1).astype(np.int32)
        if block.max() < n_blocks:
            break
        n_blocks = block.max() + 1
        signature = np.column_stack([block, block[transitions]])
    else:
        return np.where(transitions < 0, len(transitions) - 1, transitions), accepts, starts_cluster
    # Renumber the blocks: the start state first, the dead state last.
    blocks, members = np.unique(block, return_index=True)
    order = sorted(blocks.tolist(), key=lambda b: (b == block[-1], b != block[0]))
    number = np.empty(len(blocks), dtype=np.int32)
    number[order] = np.arange(len(blocks))
    members = members[order]
    return number[block[transitions[members]]], accepts[members], starts_cluster[members]


def _aho_corasick(characters, banned, max_length):
    """Return the transitions of an automaton that searches for banned strings [1]_.

    Parameters
    ----------
    characters : list of str
    banned : tuple of str
        From `check_banned`. Characters are compared with them in case-folded form.
    max_length : int

    Returns
    -------
    transitions : ndarray of shape (n_states, n_classes), dtype int32
        The state after each class of characters, or -1 after a banned string. The start state
        is 0.
    classes : ndarray of shape (n_characters,), dtype int32
        The class of each character.

    References
    ----------
    .. [1] A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic
       Search", Communications of the ACM, 1975.
    """
    folded = [character.casefold() for character in characters]
    longest = max_length * max(map(len, folded), default=0)
    goto: list[dict[int, int]] = [{}]  # the trie of banned strings
    columns: dict[str, int] = {}
    outputs = []
    for word in (string for string in banned if len(string) <= longest):
        state = 0
        for character in word:
            column = columns.setdefault(character, len(columns))
            state = goto[state].setdefault(column, len(goto))
            if state == len(goto):
                goto.append({})
        outputs.append(state)
    # One column per character in the banned strings. All other characters share the last column,
    # which leads to the start state.
    if len(goto) * len(columns) > _MAX_CELLS:
        raise _too_large_error()
    delta = np.zeros((len(goto), len(columns) + 1), dtype=np.int32)
    is_output = np.zeros(len(goto), dtype=bool)
    is_output[outputs] = True
    failure, states = [0] * len(goto), [0]
    for state in states:  # breadth first
        is_output[state] |= is_output[failure[state]]
        delta[state] = delta[failure[state]]
        for column, target in goto[state].items():
            failure[target] = int(delta[state, column])
            delta[state, column] = target
            states.append(target)
    # Remove the states that complete a banned string, and renumber the others.
    number = np.where(is_output, -1, (~is_output).cumsum() - 1).astype(np.int32)
    delta = np.vstack([number[delta[~is_output]], np.full_like(delta[:1], -1)])
    spellings = [
        tuple(columns.get(part, len(columns)) for part in character) for character in folded
    ]
    class_ids = {spelling: number for number, spelling in enumerate(dict.fromkeys(spellings))}
    transitions = np.empty((len(delta) - 1, len(class_ids)), dtype=np.int32)
    for spelling, column in class_ids.items():
        transitions[:, column] = np.arange(len(transitions))
        for character in spelling:
            transitions[:, column] = delta[transitions[:, column], character]
    return transitions, np.array([class_ids[spelling] for spelling in spellings], dtype=np.int32)
