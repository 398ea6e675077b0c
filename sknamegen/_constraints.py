"""What a whole name must look like, as an automaton that knows what can still be finished.

A regular expression becomes a nondeterministic automaton over the characters of a model, the
banned strings a deterministic one, and both run side by side. Sets of states are made
deterministic only as names reach them, so no pattern makes more of them than there are
characters to write.
"""

import re
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]

import numpy as np

_MAX_MOVES = 2000
# Cells of the table that tells what can be finished, and products to fill one step of it.
_MAX_CELLS = 10**8
_MAX_PRODUCTS = 10**10

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_ALL = re.compile(".*", re.DOTALL)


class Constraint:
    """Tells which characters may follow so that a name can still become what is asked for.

    Parameters
    ----------
    alphabet : list of str
        The characters of a model.
    end : int or None
        Index of the one that ends a name; None if texts end at `max_length`.
    pattern : str, re.Pattern or None
        A regular expression that the whole name must match.
    banned : tuple of str
        Strings that must not occur in it, whatever their case, from `check_banned`.
    min_length, max_length : int
        Characters it has at least and at most.

    Raises
    ------
    TypeError, ValueError
        If the pattern is no regular expression of the kind that automata can tell, or too
        large.
    """

    def __init__(self, alphabet, end, pattern, banned, min_length, max_length):
        self.index = {letter: i for i, letter in enumerate(alphabet)}
        self.end = end
        self.min_length = max_length if end is None else min_length
        self.max_length = max_length
        compiled = _ALL if pattern is None else _compile(pattern)
        accepted, follow, first = _Moves(alphabet, compiled, max_length).tables()
        after = _avoid(alphabet, banned)
        if end is not None:
            accepted[:, end] = False
        n_moves = len(accepted)
        if (max_length + 1) * n_moves * len(after) > _MAX_CELLS or n_moves**2 * len(after) * (
            max_length + 1
        ) > _MAX_PRODUCTS:
            raise ValueError(
                f"pattern and banned must be smaller for names of up to max_length={max_length:,}: "
                f"the pattern holds {n_moves:,} characters when written out, the banned strings "
                f"{len(after):,}. Shorten them, or pass a smaller max_length."
            )
        # Characters that are alike in all respects are one kind.
        columns = np.concatenate([accepted, after])
        _, some, self.kinds = np.unique(columns, axis=1, return_index=True, return_inverse=True)
        self.kinds = self.kinds.reshape(-1)
        self.accepted, self.follow, self.after = accepted[:, some], follow, after[:, some]
        self.can_end = self._lengths_to_an_end()  # (max_length + 1, moves + 1, banned)
        self.ids, self.sets, self.lengths_left = {}, [], []
        self.next = np.full((64, len(some)), -2)  # -2: not known yet
        self.allowed = {}
        self.first = self._add(first, 0)

    def _lengths_to_an_end(self):
        """Tell from which states a name can end after exactly so many more characters."""
        n_moves, n_banned = len(self.accepted), len(self.after)
        found = np.zeros((self.max_length + 1, n_moves + 1, n_banned), dtype=bool)
        found[0, -1] = True
        follow = self.follow.astype(np.float32)
        for length in range(1, self.max_length + 1):
            behind = follow @ found[length - 1].astype(np.float32) > 0  # (moves, banned)
            for kind, after in enumerate(self.after.T):
                possible = behind[:, after] & (after >= 0) & self.accepted[:, kind, None]
                found[length, :-1] |= possible
            if not found[length].any() and not found[length - 1].any():
                break
        return found

    def _add(self, moves, banned):
        """Return the number of a set of states, a new one if it was never met."""
        key = moves.tobytes(), int(banned)
        if key not in self.ids:
            self.ids[key] = len(self.sets)
            self.sets.append((moves, banned))
            self.lengths_left.append(self.can_end[:, moves, banned].any(1))
            if len(self.sets) > len(self.next):
                self.next = np.concatenate([self.next, np.full_like(self.next, -2)])
        return self.ids[key]

    def _step(self, state, kind):
        """Return the state after a character of a kind, -1 if there is no way."""
        if self.next[state, kind] == -2:
            moves, banned = self.sets[state]
            after = self.after[banned, kind]
            taken = moves[:-1] & self.accepted[:, kind]
            new = self.follow[taken].any(0)
            self.next[state, kind] = self._add(new, after) if after >= 0 and new.any() else -1
        return self.next[state, kind]

    def start(self, beginning):
        """Return the state after a beginning, -1 if no name of the kind begins like that."""
        state = self._read(beginning)
        return state if state >= 0 and self._can_finish(state, len(beginning)) else -1

    def accepts(self, name):
        """Tell whether a whole name is as asked for."""
        state = self._read(name)
        lengths = self.min_length, self.max_length
        return bool(
            state >= 0 and lengths[0] <= len(name) <= lengths[1] and self.lengths_left[state][0]
        )

    def _read(self, text):
        state = self.first
        for letter in text:
            if state < 0 or letter not in self.index:
                return -1
            state = self._step(state, self.kinds[self.index[letter]])
        return state

    def _can_finish(self, state, length):
        shortest, longest = max(self.min_length - length, 0), self.max_length - length
        return longest >= 0 and self.lengths_left[state][shortest : longest + 1].any()

    def mask(self, states, lengths):
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
            after = [self._step(state, kind) for kind in range(self.next.shape[1])]
            kinds = [new >= 0 and self._can_finish(new, length + 1) for new in after]
            allowed = np.array(kinds)[self.kinds]
            if self.end is not None:
                allowed[self.end] = self.lengths_left[state][0] and length >= self.min_length
            self.allowed[state, length] = allowed
        return self.allowed[state, length]

    def advance(self, states, characters):
        """Return the states after one more character each, which `mask` allowed."""
        return self.next[states, self.kinds[characters]]


class _Moves:
    """A regular expression as moves between states, each by one character."""

    def __init__(self, letters, compiled, max_length):
        self.letters, self.pattern, self.max_length = letters, compiled.pattern, max_length
        self.accepted, self.targets = [], []
        self.leaving = [[]]  # of each state: moves, or states reached without a character
        self.jumps = [[]]
        self.cache = {}
        try:
            tree = _parser.parse(compiled.pattern, compiled.flags)
            self.end = self._build(tree, 0, tree.state.flags, at_start=True, at_end=True)
        except RecursionError:
            raise ValueError(
                f"pattern must not be nested so deeply. Got {_shown(self.pattern)}."
            ) from None

    def tables(self):
        """Return what each move accepts, what may follow it, and what a name begins with.

        Returns
        -------
        accepted : ndarray of shape (n_moves, n_letters), dtype bool
        follow : ndarray of shape (n_moves, n_moves + 1), dtype bool
            The last column stands for the end of the name.
        first : ndarray of shape (n_moves + 1,), dtype bool
        """
        n_moves = len(self.targets)
        accepted = np.array(self.accepted, dtype=bool).reshape(n_moves, len(self.letters))
        follow = np.zeros((n_moves, n_moves + 1), dtype=bool)
        for move, target in enumerate(self.targets):
            follow[move, self._reached(target)] = True
        first = np.zeros(n_moves + 1, dtype=bool)
        first[self._reached(0)] = True
        return accepted, follow, first

    def _reached(self, state):
        found, waiting = {state}, [state]
        while waiting:
            for other in self.jumps[waiting.pop()]:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        moves = [move for other in found for move in self.leaving[other]]
        return moves + [len(self.targets)] * (self.end in found)

    def _new_state(self, reached_from=()):
        self.leaving.append([])
        self.jumps.append([])
        new = len(self.jumps) - 1
        for state in reached_from:
            self.jumps[state].append(new)
        if new > 4 * _MAX_MOVES:
            self._refuse_size()
        return new

    def _refuse_size(self):
        raise ValueError(
            f"pattern must hold fewer repetitions: written out for max_length={self.max_length} "
            f"it has more than {_MAX_MOVES:,} characters. Got {_shown(self.pattern)}."
        )

    def _build(self, tree, state, flags, at_start=False, at_end=False):
        """Append a sequence to a state and return the state behind it."""
        for i, (op, argument) in enumerate(tree):
            first, last = at_start and i == 0, at_end and i == len(tree) - 1
            state = self._append(str(op), argument, state, flags, first, last)
        return state

    def _append(self, op, argument, state, flags, at_start, at_end):
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._append_move(_one_character(op, argument), state, flags)
        if op == "BRANCH":
            branches = argument[1]
            ends = [
                self._build(branch, self._new_state([state]), flags, at_start, at_end)
                for branch in branches
            ]
            return self._new_state(ends)
        if op == "SUBPATTERN":
            _, added, removed, tree = argument
            return self._build(tree, state, (flags | added) & ~removed, at_start, at_end)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(*argument, state, flags)
        anchors = [("BEGINNING", at_start), ("END", at_end)]
        if op == "AT" and any(name in str(argument) and here for name, here in anchors):
            return state
        kind = "ASSERT" if op == "AT" else op
        raise ValueError(
            "pattern must be a regular expression of characters, classes, groups, alternatives "
            f"and repetitions. Got {_shown(self.pattern)}, which holds {_REFUSED.get(kind, kind)}."
        )

    def _append_move(self, piece, state, flags):
        key = piece, flags
        if key not in self.cache:
            matches = re.compile(piece, flags & ~re.DEBUG).fullmatch
            self.cache[key] = [matches(letter) is not None for letter in self.letters]
        if len(self.targets) == _MAX_MOVES:
            self._refuse_size()
        self.leaving[state].append(len(self.targets))
        self.accepted.append(self.cache[key])
        self.targets.append(self._new_state())
        return self.targets[-1]

    def _repeat(self, least, most, tree, state, flags):
        # A name holds no more repetitions than characters, apart from empty ones.
        for _ in range(min(least, self.max_length + 1)):
            state = self._build(tree, self._new_state([state]), flags)
        if most == _parser.MAXREPEAT:
            before = self._new_state([state])
            self.jumps[self._build(tree, before, flags)].append(before)
            return self._new_state([before])
        stops = [state]
        for _ in range(min(most - min(least, most), self.max_length)):
            state = self._build(tree, self._new_state([state]), flags)
            stops.append(state)
        return self._new_state(stops)


_REFUSED = {
    "ASSERT": "an anchor or a look at what surrounds it",
    "ASSERT_NOT": "a look at what surrounds it",
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a reference to a group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
    "ATOMIC_GROUP": "an atomic group",
}


def _one_character(op, argument):
    """Write a node that stands for one character as a pattern of its own."""
    if op == "ANY":
        return "."
    if op in ("LITERAL", "NOT_LITERAL"):
        return f"[{'^' * (op == 'NOT_LITERAL')}{_escape(argument)}]"
    parts = []
    for kind, value in argument:
        if str(kind) == "RANGE":
            parts.append("-".join(map(_escape, value)))
        else:
            single = {"NEGATE": lambda _: "^", "LITERAL": _escape}
            parts.append(single.get(str(kind), lambda name: _CATEGORIES[str(name)])(value))
    return f"[{''.join(parts)}]"


def _escape(code):
    return f"\\U{code:08x}"


def _compile(pattern):
    if not isinstance(pattern, (str, re.Pattern)):
        raise TypeError(f"pattern must be a regular expression, a str. Got {pattern!r}.")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"pattern must be a regular expression. Got {_shown(pattern)}: {error}."
        ) from None
    if isinstance(compiled.pattern, bytes):
        raise TypeError(f"pattern must be a regular expression of str. Got {pattern!r}.")
    return compiled


def _shown(pattern, length=80):
    shown = repr(pattern)
    return shown if len(shown) <= length else shown[:length] + "…"


def check_banned(banned):
    """Return banned strings as a sorted tuple, in the form in which case does not count."""
    strings = tuple(banned) if isinstance(banned, Iterable) else (banned,)
    if isinstance(banned, str) or not all(isinstance(s, str) and s for s in strings):
        raise TypeError(f"banned must be an iterable of str, none of them empty. Got {banned!r}.")
    return tuple(sorted({s.casefold() for s in strings}))


def _avoid(letters, banned):
    """Return the states after each letter of an automaton that looks for banned strings.

    Returns
    -------
    after : ndarray of shape (n_states, n_letters), dtype int64
        -1 where a banned string would be complete. State 0 is the first.

    References
    ----------
    A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic Search",
    Communications of the ACM, 1975.
    """
    longer, complete = [{}], [False]  # of each beginning of a banned string
    for word in banned:
        state = 0
        for character in word:
            if character not in longer[state]:
                longer[state][character] = len(longer)
                longer.append({})
                complete.append(False)
            state = longer[state][character]
        complete[state] = True
    ending = [0] * len(longer)  # the longest other beginning that a beginning ends in
    steps = [{}] * len(longer)
    states = [0]
    for state in states:  # shorter ones first
        steps[state] = steps[ending[state]] | longer[state]
        complete[state] |= complete[ending[state]]
        for character, new in longer[state].items():
            ending[new] = steps[ending[state]].get(character, 0) if state else 0
            states.append(new)

    folded = [letter.casefold() for letter in letters]
    after = np.empty((len(longer), len(letters)), dtype=np.int64)
    for first in states:
        for column, added in enumerate(folded):
            state = first
            for character in added:
                state = steps[state].get(character, 0)
                if complete[state]:
                    break
            after[first, column] = -1 if complete[state] else state
    kept = ~np.array(complete)
    numbers = np.append(np.cumsum(kept) - 1, -1)
    return numbers[after[kept]]
