"""What a whole name must look like, as a deterministic automaton over a model's characters."""

import re

import numpy as np

from .._alphabet import Alphabet
from .regex import PositionAutomaton, bits, compile_pattern

_MAX_STATES = 2000


class Automaton:
    """Reads names and tells which are as asked for, whatever their length.

    Parameters
    ----------
    alphabet : Alphabet
    pattern : str, re.Pattern or None
        A regular expression that the whole name must match.
    banned : tuple of str
        Strings that must not occur in it, whatever their case, from `check_banned`.
    max_length : int
        Characters of the longest name to be read.

    Attributes
    ----------
    after : ndarray of shape (n_states, n_characters), dtype int64
        The state after each character. A name begins in state 0; in the last state it is
        dead: nothing that follows makes it as asked for. The end of a name leads there.
    accepts : ndarray of shape (n_states,), dtype bool
        Whether a name may end in a state.

    Raises
    ------
    TypeError, ValueError
        If the pattern is no regular expression that automata can read, or too large.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        pattern: str | re.Pattern[str] | None,
        banned: tuple[str, ...],
        max_length: int,
    ):
        self._index = alphabet.index
        n_characters = len(alphabet.letters)
        if pattern is None and not banned:
            self.after, self.accepts = (
                np.zeros((2, n_characters), np.int64),
                np.array([True, False]),
            )
            self.after[1] = 1
            if alphabet.end is not None:
                self.after[0, alphabet.end] = 1
            return
        if pattern is None:  # one position that any character matches, and may follow itself
            matches, follow, first = np.ones((1, n_characters), dtype=bool), [3], 3
        else:
            positions = PositionAutomaton(compile_pattern(pattern), alphabet.letters, max_length)
            matches = np.array(positions.matches, dtype=bool).reshape(-1, n_characters)
            follow, first = positions.follow, positions.first
        avoids = _aho_corasick(alphabet.letters, banned)
        if alphabet.end is not None:
            matches[:, alphabet.end] = False
        # Characters that are alike in all respects form one symbol class.
        columns = np.concatenate([matches, avoids])
        _, some, classes = np.unique(columns, axis=1, return_index=True, return_inverse=True)
        after, accepts = _subsets(matches[:, some], follow, first, avoids[:, some], max_length)
        after, self.accepts = _merge_equivalent(after, accepts, max_length)
        self.after = after[:, classes.reshape(-1)]

    def read(self, text: str) -> int:
        """Return the state after a text."""
        state = 0
        for letter in text:
            known = letter in self._index
            state = int(self.after[state, self._index[letter]]) if known else -1
        return state % len(self.after)


def _subsets(matches, follow, first, avoids, max_length):
    """Make the position automaton and that of banned strings deterministic, side by side.

    Sets of positions are integers, a bit for each and a highest one for the end. States that
    no string of `max_length` characters goes beyond lead nowhere.
    """
    n_positions, n_classes = matches.shape
    class_masks = list(map(_mask, matches.T))
    states = [(first, 0)]
    ids, depths, after = {states[0]: 0}, [0], []
    for state, (positions, banned) in enumerate(states):
        row = [-1] * n_classes
        for symbol_class in range(n_classes) if depths[state] < max_length else ():
            reached = 0
            for position in bits(positions & class_masks[symbol_class]):
                reached |= follow[position]
            new = reached, int(avoids[banned, symbol_class])
            if not reached or new[1] < 0:
                continue
            if new not in ids:
                ids[new] = len(states)
                states.append(new)
                depths.append(depths[state] + 1)
            row[symbol_class] = ids[new]
        after.append(row)
        if len(states) > _MAX_STATES:
            raise ValueError(
                f"pattern and banned must be simpler: together they need more than {_MAX_STATES:,} "
                f"states for names of up to {max_length=:,}. Shorten them, or pass a smaller "
                "max_length."
            )
    accepts = [positions >> n_positions & 1 for positions, _ in states]
    dead = [-1] * n_classes
    return np.array([*after, dead]).reshape(-1, n_classes), np.array([*accepts, 0], dtype=bool)


def _mask(row):
    return int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little")


def _merge_equivalent(after, accepts, max_length):
    """Merge states that tell no strings apart (Moore, 1956); the last one is dead."""
    block = accepts.astype(np.int64)
    for _ in range(max_length + 1):
        signature = np.column_stack([block, block[after]])
        _, finer = np.unique(signature, axis=0, return_inverse=True)
        finer = finer.reshape(-1)
        if finer.max() == block.max():
            break
        block = finer
    # Numbered anew: the block of the first state is 0, that of the dead one the last.
    kept, some = np.unique(block, return_index=True)
    order = sorted(kept.tolist(), key=lambda b: (b == block[-1], b != block[0]))
    number = np.empty(len(kept), dtype=np.int64)
    number[order] = np.arange(len(kept))
    return number[block[after[some[order]]]], accepts[some[order]]


def _aho_corasick(letters, banned):
    """Return the states after each letter of an automaton that looks for banned strings [1]_.

    Parameters
    ----------
    letters : list of str
    banned : tuple of str
        From `check_banned`; a letter counts by its case-folded form.

    Returns
    -------
    after : ndarray of shape (n_states, n_letters), dtype int64
        -1 where a banned string would be complete. State 0 is the first.

    References
    ----------
    .. [1] A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic
       Search", Communications of the ACM, 1975.
    """
    goto: list[dict[str, int]] = [{}]  # the trie of banned strings
    is_output = [False]
    for word in banned:
        state = 0
        for character in word:
            if character not in goto[state]:
                goto[state][character] = len(goto)
                goto.append({})
                is_output.append(False)
            state = goto[state][character]
        is_output[state] = True
    failure = [0] * len(goto)
    delta: list[dict[str, int]] = [{}] * len(
        goto
    )  # the transitions that do not lead back to state 0
    states = [0]
    for state in states:  # breadth first
        delta[state] = delta[failure[state]] | goto[state]
        is_output[state] |= is_output[failure[state]]
        for character, new in goto[state].items():
            failure[new] = delta[failure[state]].get(character, 0) if state else 0
            states.append(new)

    folded = [letter.casefold() for letter in letters]
    after = np.empty((len(goto), len(letters)), dtype=np.int64)
    for first in states:
        for column, added in enumerate(folded):
            state = first
            for character in added:
                state = delta[state].get(character, 0)
                if is_output[state]:
                    break
            after[first, column] = -1 if is_output[state] else state
    kept = ~np.array(is_output)
    numbers = np.append(np.cumsum(kept) - 1, -1)
    return numbers[after[kept]]
