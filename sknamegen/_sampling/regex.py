"""Convert regular expressions to finite automata, using the parse tree of Python's `re`.

Only this module uses the private `re._parser` and `re._compiler`. It is tested on CPython 3.11 to
3.14, whose parse trees agree for all supported expressions.
"""

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

from .._text.codes import shorten
from .._types import Bools
from .automaton import Part, determinize, too_large_error

# Maximum number of states of an automaton, and of steps of its construction.
MAX_STATES, MAX_STEPS = 40_000, 2_000_000
# A node of a parse tree that matches nothing.
_NOTHING = _parser.FAILURE, ()
_UNSUPPORTED = {
    "ASSERT": "an anchor or a lookaround assertion",
    "ASSERT_NOT": "a lookaround assertion",
    "AT": "an anchor or a lookaround assertion",
    "GROUPREF": "a group reference",
    "GROUPREF_EXISTS": "a group reference",
    "POSSESSIVE_REPEAT": "a possessive quantifier",
    "ATOMIC_GROUP": "an atomic group",
}


def compile_pattern(pattern: object) -> re.Pattern[str]:
    """Return a compiled string pattern."""
    if not isinstance(pattern, (str, re.Pattern)):
        raise TypeError(f"pattern must be a str or a compiled regular expression. Got {pattern!r}.")
    try:
        compiled: re.Pattern[Any] = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"pattern must be a valid regular expression. Got {shorten(str(pattern), 80)}: {error}."
        ) from None
    if isinstance(compiled.pattern, bytes):
        raise TypeError(f"pattern must be a string pattern. Got {pattern!r}.")
    return compiled


def pattern_part(pattern: re.Pattern[str], characters: list[str], max_length: int) -> Part:
    """Return an automaton for a pattern. Its states are sets of positions in the pattern.

    Raises ValueError if the pattern has no finite automaton, or it is too large.
    """
    positions = _Positions(pattern, characters, max_length)
    pieces = positions.pieces
    matches = np.packbits([*pieces.values()], axis=0).T
    _, examples, classes = np.unique(matches, axis=0, return_index=True, return_inverse=True)
    classes_of = {key: np.flatnonzero(piece[examples]).tolist() for key, piece in pieces.items()}
    n_states = n_steps = 0

    def successors(members: int, length: int) -> dict[int, int]:
        nonlocal n_states, n_steps
        n_states += 1
        followers: dict[int, int] = {}
        for position in _bits(members) if length < max_length else ():
            columns = classes_of[positions.piece_of[position]]
            n_steps += len(columns)
            if n_steps > MAX_STEPS or n_states > MAX_STATES:
                raise too_large_error()
            for column in columns:
                followers[column] = followers.get(column, 0) | positions.follow[position]
        return followers

    transitions, states = determinize(positions.first, successors, len(examples))
    accepts = np.array([members & 1 for members in states], dtype=bool)
    return transitions, accepts, classes.reshape(-1)


def _bits(mask: int) -> Iterator[int]:
    """Yield the positions of the set bits, highest first."""
    while mask:
        yield (highest := mask.bit_length() - 1)
        mask ^= 1 << highest


class _Positions:
    """Nondeterministic automaton without epsilon transitions (Glushkov, 1961).

    Its states are the positions of a regular expression, each of which matches one character.
    Position 0 is the end. The automaton matches whole strings over `characters`, up to `max_length`
    characters. A set of positions is an int with one bit per position.

    Attributes
    ----------
    pieces : dict of (str, int) to ndarray of shape (n_characters,), dtype bool
        Whether each character matches, for each distinct piece of the expression and its flags.
    piece_of : list of (str, int)
        The piece at each position.
    follow : list of int
        The set of positions that may follow each position.
    first : int
        The set of positions at which a string may begin.

    Raises
    ------
    ValueError
        If the expression has no finite automaton, or is too large.
    """

    def __init__(self, compiled: re.Pattern[str], characters: list[str], max_length: int):
        self._characters, self._max_length = characters, max_length
        self._shown = shorten(compiled.pattern, 80)
        self.pieces: dict[tuple[str, int], Bools] = {}
        self.piece_of, self.follow = list[tuple[str, int]](), list[int]()
        self._position(_NOTHING, 0, 0)
        try:
            tree = _parser.parse(compiled.pattern, compiled.flags)
            self.first = self._sequence(tree, 1, tree.state.flags, True, True)
        except RecursionError:
            raise ValueError(f"pattern must have fewer nested groups. Got {self._shown}.") from None

    # The methods below add the positions of a subexpression before the set `after`. They return the
    # set of positions at which a string that matches the rest may begin. It contains `after` if the
    # subexpression may be empty.

    def _sequence(
        self, tree: Any, after: int, flags: int, at_start: bool = False, at_end: bool = False
    ) -> int:
        for i in reversed(range(len(tree))):
            edges = at_start and i == 0, at_end and i == len(tree) - 1
            after = self._node(tree[i], after, flags, *edges)
        return after

    def _node(self, node: Any, after: int, flags: int, at_start: bool, at_end: bool) -> int:
        op, argument = str(node[0]), node[1]
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return 1 << self._position(node, flags, after)
        if op == "BRANCH":
            trees = argument[1]
            branches = [self._sequence(tree, after, flags, at_start, at_end) for tree in trees]
            return reduce(or_, branches)
        if op == "SUBPATTERN":
            _, added, removed, tree = argument
            flags = _compiler._combine_flags(flags, added, removed)
            return self._sequence(tree, after, flags, at_start, at_end)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(after, flags, *argument)
        anchors = [("BEGINNING", at_start), ("END", at_end)]
        if op == "AT" and any(name in str(argument) and is_edge for name, is_edge in anchors):
            return after
        raise ValueError(
            "pattern may only contain characters, classes, groups, alternatives and repetitions. "
            f"Got {self._shown}, which contains {_UNSUPPORTED.get(op, op)}."
        )

    def _repeat(self, after: int, flags: int, minimum: int, maximum: int, tree: Any) -> int:
        """Expand a repetition to at most ``max_length + 1`` copies."""
        is_endless = maximum == _parser.MAXREPEAT
        minimum, maximum = (min(n, self._max_length + 1) for n in (minimum, maximum))
        maximum = max(minimum, 1) if is_endless else maximum
        minimum *= tree.getwidth()[0] > 0  # copies may be empty
        first = 0
        # A placeholder for the start of the loop, which is the last copy.
        loop = 1 << self._position(_NOTHING, 0, 0) if is_endless else 0
        for number in range(maximum, 0, -1):
            n_before, may_end = len(self.follow), number >= minimum
            begin = self._sequence(tree, first | after * may_end | loop, flags)
            first = begin >> n_before << n_before  # without what follows an empty copy
            for position in range(n_before, len(self.follow)) if loop else ():
                if self.follow[position] & loop:
                    self.follow[position] = self.follow[position] & ~loop | first
            loop = 0
        return first | after * (minimum == 0)

    def _position(self, node: Any, flags: int, after: int) -> int:
        if len(self.follow) > MAX_STATES:
            raise ValueError(
                f"pattern must contain fewer repetitions: with max_length={self._max_length}, it "
                f"expands to more than {MAX_STATES:,} characters. Got {self._shown}."
            )
        key = str(node), flags
        if key not in self.pieces:
            if len(self.pieces) * len(self._characters) > MAX_STEPS:
                raise ValueError(
                    "pattern must contain fewer distinct characters and classes for a model with "
                    f"{len(self._characters):,} characters. Got more than "
                    f"{len(self.pieces):,} in {self._shown}."
                )
            tree = _parser.SubPattern(_parser.State(), [node])
            matches = _compiler.compile(tree, flags & ~re.DEBUG).fullmatch
            self.pieces[key] = np.array([matches(c) is not None for c in self._characters])
        self.piece_of.append(key)
        self.follow.append(after)
        return len(self.follow) - 1
