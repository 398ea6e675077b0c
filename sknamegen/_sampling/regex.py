"""Regular expressions as finite automata, by the parse tree of Python's own `re`.

`re._parser` is private: this module alone reads it. It was tried on CPython 3.11, 3.12 and 3.13,
whose trees agree for what is accepted here.
"""

import re
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._codepoints import shorten

_MAX_TRANSITIONS = 2000
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_REFUSED = {
    "ASSERT": "an anchor or a look at what surrounds it",
    "ASSERT_NOT": "a look at what surrounds it",
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a reference to a group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
    "ATOMIC_GROUP": "an atomic group",
}


class PositionAutomaton(NamedTuple):
    """A nondeterministic automaton without epsilon transitions (Glushkov, 1961).

    Its states are the positions of a regular expression: the places that one character matches.

    Attributes
    ----------
    accepts : ndarray of shape (n_positions, n_letters), dtype bool
        Which letters match at each position.
    follow : ndarray of shape (n_positions, n_positions + 1), dtype bool
        Which positions may come next; the last column stands for the end of the string.
    first : ndarray of shape (n_positions + 1,), dtype bool
        Which positions a string may begin with.
    """

    accepts: NDArray[np.bool_]
    follow: NDArray[np.bool_]
    first: NDArray[np.bool_]


def compile_pattern(pattern: object) -> re.Pattern[str]:
    """Return a compiled regular expression of str."""
    if not isinstance(pattern, (str, re.Pattern)):
        raise TypeError(f"pattern must be a regular expression, a str. Got {pattern!r}.")
    try:
        compiled: re.Pattern[Any] = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"pattern must be a regular expression. Got {shorten(str(pattern), 80)}: {error}."
        ) from None
    if isinstance(compiled.pattern, bytes):
        raise TypeError(f"pattern must be a regular expression of str. Got {pattern!r}.")
    return compiled


def position_automaton(
    compiled: re.Pattern[str], letters: list[str], max_length: int
) -> PositionAutomaton:
    """Turn a regular expression into an automaton that reads whole strings of some letters.

    No string is longer than `max_length`. Raises if automata cannot read such an expression.
    """
    nfa = _NFA(letters, compiled, max_length)
    n_positions = len(nfa.targets)
    accepts = np.array(nfa.symbol_classes, dtype=bool).reshape(n_positions, len(letters))
    follow = np.zeros((n_positions, n_positions + 1), dtype=bool)
    for position, state in enumerate(nfa.targets):
        follow[position, nfa.reachable(state)] = True
    first = np.zeros(n_positions + 1, dtype=bool)
    first[nfa.reachable(0)] = True
    return PositionAutomaton(accepts, follow, first)


class _NFA:
    """A nondeterministic automaton with epsilon transitions (Thompson, 1968).

    Attributes
    ----------
    epsilon : list of list of int
        The states that each state reaches without a character.
    transitions : list of list of int
        The transitions that leave each state.
    symbol_classes : list of list of bool
        Which letters each transition accepts.
    targets : list of int
        The state that each transition leads to.
    accepting : int
        The state behind a whole string.
    """

    def __init__(self, letters, compiled, max_length):
        self.letters, self.pattern, self.max_length = letters, compiled.pattern, max_length
        self.epsilon: list[list[int]] = [[]]
        self.transitions: list[list[int]] = [[]]
        self.symbol_classes: list[list[bool]] = []
        self.targets: list[int] = []
        self.cache: dict[tuple[str, int], list[bool]] = {}
        try:
            tree = _parser.parse(compiled.pattern, compiled.flags)
            self.accepting = self._build(tree, 0, tree.state.flags, at_start=True, at_end=True)
        except RecursionError:
            raise ValueError(
                f"pattern must not be nested so deeply. Got {shorten(self.pattern, 80)}."
            ) from None

    def reachable(self, state):
        """Return the transitions that a state reaches, and their number if it accepts."""
        closure, waiting = {state}, [state]
        while waiting:
            for other in self.epsilon[waiting.pop()]:
                if other not in closure:
                    closure.add(other)
                    waiting.append(other)
        found = [transition for other in closure for transition in self.transitions[other]]
        return found + [len(self.targets)] * (self.accepting in closure)

    def _new_state(self, reached_from=()):
        new = len(self.epsilon)
        if new > 4 * _MAX_TRANSITIONS:
            self._refuse_size()
        self.epsilon.append([])
        self.transitions.append([])
        for state in reached_from:
            self.epsilon[state].append(new)
        return new

    def _refuse_size(self):
        raise ValueError(
            f"pattern must hold fewer repetitions: written out for max_length={self.max_length} "
            f"it has more than {_MAX_TRANSITIONS:,} characters. Got {shorten(self.pattern, 80)}."
        )

    def _build(self, tree, state, flags, at_start=False, at_end=False):
        """Append a sequence to a state and return the state behind it."""
        for i, (op, argument) in enumerate(tree):
            first, last = at_start and i == 0, at_end and i == len(tree) - 1
            state = self._append(str(op), argument, state, flags, first, last)
        return state

    def _append(self, op, argument, state, flags, at_start, at_end):
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._append_transition(_one_character(op, argument), state, flags)
        if op == "BRANCH":
            ends = [
                self._build(branch, self._new_state([state]), flags, at_start, at_end)
                for branch in argument[1]
            ]
            return self._new_state(ends)
        if op == "SUBPATTERN":
            _, added, removed, tree = argument
            return self._build(tree, state, (flags | added) & ~removed, at_start, at_end)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, tree = argument
            return self._repeat(least, most, tree, state, flags)
        anchors = [("BEGINNING", at_start), ("END", at_end)]
        if op == "AT" and any(name in str(argument) and here for name, here in anchors):
            return state
        kind = "ASSERT" if op == "AT" else op
        raise ValueError(
            "pattern must be a regular expression of characters, classes, groups, alternatives "
            f"and repetitions. Got {shorten(self.pattern, 80)}, which holds "
            f"{_REFUSED.get(kind, kind)}."
        )

    def _append_transition(self, piece, state, flags):
        key = piece, flags
        if key not in self.cache:
            matches = re.compile(piece, flags & ~re.DEBUG).fullmatch
            self.cache[key] = [matches(letter) is not None for letter in self.letters]
        if len(self.targets) == _MAX_TRANSITIONS:
            self._refuse_size()
        self.transitions[state].append(len(self.targets))
        self.symbol_classes.append(self.cache[key])
        self.targets.append(self._new_state())
        return self.targets[-1]

    def _repeat(self, least, most, tree, state, flags):
        # A string holds no more repetitions than characters, apart from empty ones.
        for _ in range(min(least, self.max_length + 1)):
            state = self._build(tree, self._new_state([state]), flags)
        if most == _parser.MAXREPEAT:
            loop = self._new_state([state])
            self.epsilon[self._build(tree, loop, flags)].append(loop)
            return self._new_state([loop])
        exits = [state]
        for _ in range(min(most - min(least, most), self.max_length)):
            state = self._build(tree, self._new_state([state]), flags)
            exits.append(state)
        return self._new_state(exits)


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
