"""Regular expressions as finite automata, by the parse tree of Python's own `re`.

`re._parser` is private: this module alone reads it. It was tried on CPython 3.11 to 3.14, whose
trees agree for what is accepted here.
"""

import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import shorten

# Characters of a pattern, and different ones of them times letters to compare.
_MAX_POSITIONS = 40_000
_MAX_COMPARED = 2_000_000
_KINDS_OF_CHARACTERS = re.ASCII | re.LOCALE | re.UNICODE  # flags of which one holds
_CATEGORIES = {f"CATEGORY_{word}": f"\\{word[0].lower()}" for word in ("DIGIT", "SPACE", "WORD")}
_CATEGORIES |= {f"CATEGORY_NOT_{word}": f"\\{word[0]}" for word in ("DIGIT", "SPACE", "WORD")}
_REFUSED = {
    "ASSERT": "an anchor or a look at what surrounds it",
    "ASSERT_NOT": "a look at what surrounds it",
    "AT": "an anchor or a look at what surrounds it",
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a reference to a group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
    "ATOMIC_GROUP": "an atomic group",
}


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


def bits(mask: int) -> Iterator[int]:
    """Yield the numbers in a set, the greatest first."""
    while mask:
        yield (greatest := mask.bit_length() - 1)
        mask ^= 1 << greatest


class PositionAutomaton:
    """A nondeterministic automaton without epsilon transitions (Glushkov, 1961).

    Its states are the positions of a regular expression: the places that one character matches.
    Position 0 is the end. It reads whole strings, none longer than `max_length`, of some letters.
    Sets of positions are integers, a bit for each.

    Attributes
    ----------
    pieces : list of ndarray of shape (n_letters,), dtype bool
        Which letters match, for each different piece of the expression.
    piece_of : list of int
        The piece at each position.
    follow : list of int
        The set of positions that may come next.
    first : int
        The set of positions that a string may begin with.

    Raises
    ------
    ValueError
        If automata cannot read such an expression.
    """

    def __init__(self, compiled: re.Pattern[str], letters: list[str], max_length: int):
        self._letters, self._pattern, self._max_length = letters, compiled.pattern, max_length
        self.pieces: list[NDArray[np.bool_]] = []
        self._numbers: dict[tuple[str, int], int] = {}
        self.piece_of, self.follow = [0], [0]
        self._add_piece("(?!)", 0)
        try:
            tree = _parser.parse(compiled.pattern, compiled.flags)
            first, is_optional = self._sequence(tree, 1, tree.state.flags, True, True)
        except RecursionError:
            raise ValueError(
                f"pattern must not be nested so deeply. Got {shorten(self._pattern, 80)}."
            ) from None
        self.first = first | is_optional

    # These methods add the positions of a part in front of the set `after`, the positions that
    # follow the part. They return the set it may begin with, and whether it may be left out.

    def _sequence(self, tree, after, flags, at_start=False, at_end=False):
        first, is_optional = 0, True
        for i in reversed(range(len(tree))):
            ends = at_start and i == 0, at_end and i == len(tree) - 1
            # Behind it comes what the rest begins with, and if that may be left out, `after`.
            op, argument = tree[i]
            then = first | after * is_optional
            begins, may_miss = self._part(str(op), argument, then, flags, *ends)
            first = begins | first * may_miss
            is_optional = is_optional and may_miss
        return first, is_optional

    def _part(self, op, argument, after, flags, at_start, at_end):
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return 1 << self._position(_one_character(op, argument), flags, after), False
        if op == "BRANCH":
            first, is_optional = 0, False
            for tree in argument[1]:
                begins, may_miss = self._sequence(tree, after, flags, at_start, at_end)
                first, is_optional = first | begins, is_optional or may_miss
            return first, is_optional
        if op == "SUBPATTERN":
            _, added, removed, tree = argument
            if added & _KINDS_OF_CHARACTERS:
                flags &= ~_KINDS_OF_CHARACTERS
            return self._sequence(tree, after, (flags | added) & ~removed, at_start, at_end)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, tree = argument
            return self._repeat(least, most, tree, after, flags)
        anchors = [("BEGINNING", at_start), ("END", at_end)]
        if op == "AT" and any(name in str(argument) and here for name, here in anchors):
            return 0, True
        raise ValueError(
            "pattern must be a regular expression of characters, classes, groups, alternatives "
            f"and repetitions. Got {shorten(self._pattern, 80)}, which holds "
            f"{_REFUSED.get(op, op)}."
        )

    def _repeat(self, least, most, tree, after, flags):
        """Write a repetition out; a string holds no more of them than characters."""
        is_endless = most == _parser.MAXREPEAT
        least, most = (min(n, self._max_length + 1) for n in (least, most))
        most = max(least, 1) if is_endless else most
        first = loop = 0
        for number in range(most, 0, -1):
            may_end = number >= least
            if is_endless and number == most:  # a position that stands for its own beginning
                loop = 1 << self._position("(?!)", 0, 0)
            begin = len(self.follow)
            first, may_miss = self._sequence(tree, first | after * may_end | loop, flags)
            for position in range(begin, len(self.follow)) if loop else ():
                if self.follow[position] & loop:
                    self.follow[position] = self.follow[position] & ~loop | first
            loop = 0
            least *= not may_miss
        return first, least == 0

    def _position(self, piece, flags, after):
        if len(self.follow) > _MAX_POSITIONS:
            raise ValueError(
                "pattern must hold fewer repetitions: written out for max_length="
                f"{self._max_length} it has more than {_MAX_POSITIONS:,} characters. Got "
                f"{shorten(self._pattern, 80)}."
            )
        self.piece_of.append(self._add_piece(piece, flags))
        self.follow.append(after)
        return len(self.follow) - 1

    def _add_piece(self, piece, flags):
        number = self._numbers.setdefault((piece, flags), len(self.pieces))
        if number == len(self.pieces):
            if number * len(self._letters) > _MAX_COMPARED:
                raise ValueError(
                    f"pattern must hold fewer different characters and classes, with "
                    f"{len(self._letters):,} characters that the model knows. Got more than "
                    f"{number:,}, in {shorten(self._pattern, 80)}."
                )
            matches = re.compile(piece, flags & ~re.DEBUG).fullmatch
            self.pieces.append(np.array([matches(each) is not None for each in self._letters]))
        return number


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
