"""What a whole name must look like, as automata that know what can still be finished.

The automaton of a regular expression and that of the banned strings run side by side. Sets of
states are made deterministic only as names reach them, so no pattern makes more of them than there
are characters to write.
"""

import re

import numpy as np
from numpy.typing import NDArray

from .._codepoints import Alphabet
from .regex import compile_pattern, position_automaton

# Cells of the table that tells what can be finished, and products to fill one step of it.
_MAX_CELLS = 10**8
_MAX_PRODUCTS = 10**10
_ANYTHING = re.compile(".*", re.DOTALL)
_UNKNOWN = -2


class Constraint:
    """Tells which characters may follow so that a name can still become what is asked for.

    Parameters
    ----------
    alphabet : Alphabet
        The characters of a model.
    pattern : str, re.Pattern or None
        A regular expression that the whole name must match.
    banned : tuple of str
        Strings that must not occur in it, whatever their case, from `check_banned`.
    min_length, max_length : int
        Characters it has at least and at most. Running text has `max_length` of them.

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
        min_length: int,
        max_length: int,
    ):
        self.alphabet = alphabet
        self.end = alphabet.end
        self.min_length = max_length if alphabet.end is None else min_length
        self.max_length = max_length
        compiled = _ANYTHING if pattern is None else compile_pattern(pattern)
        accepts, follow, first = position_automaton(compiled, alphabet.letters, max_length)
        after = _aho_corasick(alphabet.letters, banned)
        if self.end is not None:
            accepts[:, self.end] = False
        _check_size(len(accepts), len(after), max_length)
        # Letters that are alike in all respects form one symbol class.
        columns = np.concatenate([accepts, after])
        _, some, classes = np.unique(columns, axis=1, return_index=True, return_inverse=True)
        self.symbol_classes = classes.reshape(-1)
        self.accepts, self.follow, self.after = accepts[:, some], follow, after[:, some]
        self.can_end = self._lengths_to_an_end()  # (max_length + 1, positions + 1, banned)
        self.ids: dict[tuple[bytes, int], int] = {}
        self.sets: list[tuple[NDArray[np.bool_], int]] = []
        self.lengths_left: list[NDArray[np.bool_]] = []
        self.next = np.full((64, len(some)), _UNKNOWN)
        self.allowed: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self.first = self._add(first, 0)

    def _lengths_to_an_end(self):
        """Tell from which states a name can end after exactly so many more characters."""
        n_positions, n_banned = len(self.accepts), len(self.after)
        found = np.zeros((self.max_length + 1, n_positions + 1, n_banned), dtype=bool)
        found[0, -1] = True
        follow = self.follow.astype(np.float32)
        for length in range(1, self.max_length + 1):
            behind = follow @ found[length - 1].astype(np.float32) > 0  # (positions, banned)
            for symbol_class, after in enumerate(self.after.T):
                possible = behind[:, after] & (after >= 0) & self.accepts[:, symbol_class, None]
                found[length, :-1] |= possible
            if not found[length].any() and not found[length - 1].any():
                break
        return found

    def _add(self, positions, banned):
        """Return the number of a set of states, a new one if it was never met."""
        key = positions.tobytes(), int(banned)
        if key not in self.ids:
            self.ids[key] = len(self.sets)
            self.sets.append((positions, banned))
            self.lengths_left.append(self.can_end[:, positions, banned].any(1))
            if len(self.sets) > len(self.next):
                self.next = np.concatenate([self.next, np.full_like(self.next, _UNKNOWN)])
        return self.ids[key]

    def _step(self, state, symbol_class):
        """Return the state after a character of a class, -1 if there is no way."""
        if self.next[state, symbol_class] == _UNKNOWN:
            positions, banned = self.sets[state]
            after = self.after[banned, symbol_class]
            taken = positions[:-1] & self.accepts[:, symbol_class]
            new = self.follow[taken].any(0)
            is_possible = after >= 0 and new.any()
            self.next[state, symbol_class] = self._add(new, after) if is_possible else -1
        return self.next[state, symbol_class]

    def start(self, beginning: str) -> int:
        """Return the state after a beginning, -1 if no name of the kind begins like that."""
        state = self._read(beginning)
        return state if state >= 0 and self._can_finish(state, len(beginning)) else -1

    def accepts_name(self, name: str) -> bool:
        """Tell whether a whole name is as asked for."""
        state = self._read(name)
        fits = self.min_length <= len(name) <= self.max_length
        return bool(fits and state >= 0 and self.lengths_left[state][0])

    def _read(self, text):
        state = self.first
        for letter in text:
            if state < 0 or letter not in self.alphabet.index:
                return -1
            state = self._step(state, self.symbol_classes[self.alphabet.index[letter]])
        return state

    def _can_finish(self, state, length):
        shortest, longest = max(self.min_length - length, 0), self.max_length - length
        return longest >= 0 and self.lengths_left[state][shortest : longest + 1].any()

    def mask(self, states: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell what may follow.

        Parameters
        ----------
        states : ndarray of shape (n_rows,), dtype int64
        lengths : ndarray of shape (n_rows,), dtype int64
            Characters each row has already, fewer than `max_length`.

        Returns
        -------
        allowed : ndarray of shape (n_rows, n_characters), dtype bool
        """
        keys, rows = np.unique(states * self.max_length + lengths, return_inverse=True)
        allowed = [self._allowed(*divmod(key, self.max_length)) for key in keys.tolist()]
        return np.stack(allowed)[rows.reshape(-1)]

    def _allowed(self, state, length):
        if (state, length) not in self.allowed:
            after = [self._step(state, each) for each in range(self.next.shape[1])]
            classes = [new >= 0 and self._can_finish(new, length + 1) for new in after]
            allowed = np.array(classes)[self.symbol_classes]
            if self.end is not None:
                allowed[self.end] = self.lengths_left[state][0] and length >= self.min_length
            self.allowed[state, length] = allowed
        return self.allowed[state, length]

    def advance(
        self, states: NDArray[np.int64], characters: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the states after one more character each, which `mask` allowed."""
        return self.next[states, self.symbol_classes[characters]]


def _check_size(n_positions, n_banned, max_length):
    n_cells = (max_length + 1) * n_positions * n_banned
    if n_cells > _MAX_CELLS or n_cells * n_positions > _MAX_PRODUCTS:
        raise ValueError(
            f"pattern and banned must be smaller for names of up to max_length={max_length:,}: "
            f"the pattern holds {n_positions:,} characters when written out, the banned strings "
            f"{n_banned:,}. Shorten them, or pass a smaller max_length."
        )


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
