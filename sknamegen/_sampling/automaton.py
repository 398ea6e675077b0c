"""What a whole name must look like, as a deterministic automaton over a model's characters."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._graphemes import MAX_CODE_POINTS
from .regex import PositionAutomaton, bits

# States, steps from one to another that are looked at, and cells of the final table.
_MAX_STATES, _MAX_STEPS, _MAX_CELLS = 20_000, 1_000_000, 2**24
_ANYTHING = re.compile("(?s).*")


def build_automaton(
    alphabet: Alphabet,
    pattern: re.Pattern[str] | None,
    banned: tuple[str, ...],
    max_length: int,
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Build an automaton that tells which names are whole and allowed, whatever their length.

    Parameters
    ----------
    alphabet, pattern, banned
        As in `Constraint`.
    max_length : int
        Characters of the longest name to be read.

    Returns
    -------
    after : ndarray of shape (n_states, n_characters), dtype int32
        The state after each character. A name begins in state 0. The last state is dead: nothing
        that follows makes the name allowed. The end of a name leads there.
    accepts : ndarray of shape (n_states,), dtype bool
        Whether a name may end in a state.
    begins : ndarray of shape (n_states, n_characters), dtype bool
        Whether a code point there begins a character, see `Clusters`.

    Raises
    ------
    ValueError
        If automata cannot read such an expression, or it is too large.
    """
    letters = alphabet.letters
    if not alphabet.clusters.is_trivial:
        max_length *= MAX_CODE_POINTS
    avoids, classes = _aho_corasick(letters, banned, max_length)
    clusters = alphabet.clusters
    if pattern is None and clusters.is_trivial:
        after, accepts = avoids, np.ones(len(avoids), dtype=bool)
        of_clusters = np.zeros(len(avoids), dtype=np.int64)
    else:
        positions = PositionAutomaton(pattern or _ANYTHING, letters, max_length)
        # Letters that are alike in all respects form one class.
        matched = np.packbits(positions.pieces, axis=0).T
        alike = np.column_stack([matched, classes, clusters.after.T, clusters.begins.T])
        _, some, symbols = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        matches = [np.flatnonzero(piece[some]).tolist() for piece in positions.pieces]
        readers = avoids[:, classes[some]], clusters.after[:, some]
        after, states = _product(positions, matches, *readers, max_length)
        of_clusters = np.array([cluster for _, _, cluster in states])
        accepts = np.array([here & 1 for here, _, _ in states], dtype=bool)
        accepts, classes = accepts & clusters.is_whole[of_clusters], symbols.reshape(-1)
    # The dead state comes last.
    after, accepts = np.vstack([after, np.full_like(after[:1], -1)]), np.append(accepts, False)
    some = np.unique(classes, return_index=True)[1]
    begins = clusters.begins[np.append(of_clusters, 0)][:, some]
    after, accepts, begins = _merge_equivalent(after, accepts, begins, max_length)
    if len(after) * len(letters) > _MAX_CELLS:
        raise _too_large(max_length)
    after, begins = after[:, classes], begins[:, classes]
    if alphabet.end is not None:
        after[:, alphabet.end] = len(after) - 1
    return after, accepts, begins


def _too_large(max_length):
    return ValueError(
        "pattern and banned must be simpler: together they need too large an automaton, for "
        f"names of up to {max_length=:,}. Shorten them, or pass a smaller max_length."
    )


def _product(positions, matches, avoids, clusters, max_length):
    """Make a position automaton deterministic, beside those of banned strings and of clusters.

    `matches` has the classes of letters that each piece matches, `avoids` and `clusters` a column
    for each class. States that no string of `max_length` characters goes beyond lead nowhere.
    Returns the state after each class, and what each state consists of.
    """
    avoids, clusters = avoids.tolist(), clusters.tolist()
    states = [(positions.first, 0, 0)]
    ids, depths, n_steps = {states[0]: 0}, [0], 0
    rows: list[dict[int, int]] = []
    for state, (here, banned, cluster) in enumerate(states):
        reached: dict[int, int] = {}
        for position in bits(here) if depths[state] < max_length else ():
            follow, classes = positions.follow[position], matches[positions.piece_of[position]]
            n_steps += len(classes)
            if n_steps > _MAX_STEPS or len(states) > _MAX_STATES:
                raise _too_large(max_length)
            for symbol in classes:
                reached[symbol] = reached.get(symbol, 0) | follow
        rows.append({})
        for symbol, ahead in reached.items():
            new = ahead, avoids[banned][symbol], clusters[cluster][symbol]
            if new[1] >= 0 and new[2] >= 0:
                if new not in ids:
                    ids[new] = len(states)
                    states.append(new)
                    depths.append(depths[state] + 1)
                rows[-1][symbol] = ids[new]
    after = np.full((len(states), len(avoids[0])), -1, dtype=np.int32)
    for state, row in enumerate(rows):
        after[state, [*row]] = [*row.values()]
    return after, states


def _merge_equivalent(after, accepts, begins, max_length):
    """Merge states that tell no strings apart (Moore, 1956); the last one is dead."""
    looks = np.packbits(np.column_stack([accepts, begins]), axis=1)
    _, found = np.unique(looks, axis=0, return_inverse=True)
    block: Any = found.reshape(-1).astype(np.int32)
    for _ in range(max_length + 1):
        signature = np.column_stack([block, block[after]])
        _, finer = np.unique(signature, axis=0, return_inverse=True)
        finer = finer.reshape(-1).astype(np.int32)
        if finer.max() == block.max():
            break
        block = finer
    # Numbered anew: the block of the first state is 0, that of the dead one the last.
    kept, some = np.unique(block, return_index=True)
    order = sorted(kept.tolist(), key=lambda b: (b == block[-1], b != block[0]))
    number = np.empty(len(kept), dtype=np.int32)
    number[order] = np.arange(len(kept))
    some = some[order]
    return number[block[after[some]]], accepts[some], begins[some]


def _aho_corasick(letters, banned, max_length):
    """Return the transitions of an automaton that looks for banned strings [1]_.

    Parameters
    ----------
    letters : list of str
    banned : tuple of str
        From `check_banned`; a letter counts by its case-folded form.
    max_length : int

    Returns
    -------
    after : ndarray of shape (n_states, n_classes), dtype int32
        The state after each class of letters, -1 where a banned string would be complete.
        State 0 is the first.
    classes : ndarray of shape (n_letters,), dtype int32
        The class of each letter.

    References
    ----------
    .. [1] A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic
       Search", Communications of the ACM, 1975.
    """
    folded = [letter.casefold() for letter in letters]
    longest = max_length * max(map(len, folded), default=0)
    goto: list[dict[int, int]] = [{}]  # the trie of banned strings
    is_output = [False]
    columns: dict[str, int] = {}
    for word in (each for each in banned if len(each) <= longest):
        state = 0
        for character in word:
            column = columns.setdefault(character, len(columns))
            if column not in goto[state]:
                goto[state][column] = len(goto)
                goto.append({})
                is_output.append(False)
            state = goto[state][column]
        is_output[state] = True
    # The state after each character of banned strings; other characters lead to the first one.
    if len(goto) * len(columns) > _MAX_CELLS:
        raise _too_large(max_length)
    delta = np.zeros((len(goto), len(columns) + 1), dtype=np.int32)
    failure, states = [0] * len(goto), [0]
    for state in states:  # breadth first
        is_output[state] |= is_output[failure[state]]
        delta[state] = delta[failure[state]]
        for column, new in goto[state].items():
            failure[new] = int(delta[state, column])
            delta[state, column] = new
            states.append(new)
    # Banned strings are never left behind, and have numbers of their own no more.
    kept = ~np.array(is_output)
    number = np.where(kept, kept.cumsum() - 1, -1).astype(np.int32)
    delta = np.vstack([number[delta[kept]], np.full_like(delta[:1], -1)])
    read = [tuple(columns.get(each, len(columns)) for each in letter) for letter in folded]
    different = {each: number for number, each in enumerate(dict.fromkeys(read))}
    after = np.empty((len(delta) - 1, len(different)), dtype=np.int32)
    for each, column in different.items():
        after[:, column] = np.arange(len(after))
        for character in each:
            after[:, column] = delta[after[:, column], character]
    return after, np.array([different[each] for each in read], dtype=np.int32)
