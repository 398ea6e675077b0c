"""Regular expressions as finite automata, by the parse tree of Python's own `re`.

`re._parser` is private: this module alone reads it. It was tried on CPython 3.11, 3.12 and 3.13,
whose trees agree for what is accepted here.
"""

import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from .._alphabet import shorten

_MAX_POSITIONS = 2000
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
    "AT": "an anchor or a look at what surrounds it",
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a reference to a group",
    "POSSESSIVE_REPEAT": "a possessive repetition",
    "ATOMIC_GROUP": "an atomic group",
}


class Part(NamedTuple):
    """A part of a regular expression; sets of positions are integers, a bit for each."""

    is_optional: bool
    first: int  # which positions it may begin with
    last: int  # which it may end with


_NOTHING = Part(True, 0, 0)


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
    It reads whole strings, none longer than `max_length`, of some letters.

    Attributes
    ----------
    matches : list of list of bool
        Which letters match at each position.
    follow : list of int
        The set of positions that may come next; position ``len(follow)`` is the end.
    first : int
        The set of positions that a string may begin with.

    Raises
    ------
    ValueError
        If automata cannot read such an expression.
    """

    def __init__(self, compiled: re.Pattern[str], letters: list[str], max_length: int):
        self._letters, self._pattern, self._max_length = letters, compiled.pattern, max_length
        self.matches: list[list[bool]] = []
        self.follow: list[int] = []
        self._known: dict[tuple[str, int], list[bool]] = {}
        try:
            tree = _parser.parse(compiled.pattern, compiled.flags)
            whole = self._sequence(tree, tree.state.flags, True, True)
        except RecursionError:
            raise ValueError(
                f"pattern must not be nested so deeply. Got {shorten(self._pattern, 80)}."
            ) from None
        end = 1 << len(self.follow)
        for position in bits(whole.last):
            self.follow[position] |= end
        self.first = whole.first | end * whole.is_optional

    def _sequence(self, tree, flags, at_start=False, at_end=False):
        whole = _NOTHING
        for i, (op, argument) in enumerate(tree):
            ends = at_start and i == 0, at_end and i == len(tree) - 1
            part = self._part(str(op), argument, flags, *ends)
            self._connect(whole.last, part.first)
            whole = Part(
                whole.is_optional and part.is_optional,
                whole.first | part.first * whole.is_optional,
                part.last | whole.last * part.is_optional,
            )
        return whole

    def _connect(self, last, first):
        for position in bits(last):
            self.follow[position] |= first

    def _part(self, op, argument, flags, at_start, at_end):
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._position(_one_character(op, argument), flags)
        if op == "BRANCH":
            parts = [self._sequence(tree, flags, at_start, at_end) for tree in argument[1]]
            optional, firsts, lasts = zip(*parts, strict=True)
            return Part(any(optional), _union(firsts), _union(lasts))
        if op == "SUBPATTERN":
            _, added, removed, tree = argument
            return self._sequence(tree, (flags | added) & ~removed, at_start, at_end)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, tree = argument
            return self._repeat(least, most, tree, flags)
        anchors = [("BEGINNING", at_start), ("END", at_end)]
        if op == "AT" and any(name in str(argument) and here for name, here in anchors):
            return _NOTHING
        raise ValueError(
            "pattern must be a regular expression of characters, classes, groups, alternatives "
            f"and repetitions. Got {shorten(self._pattern, 80)}, which holds "
            f"{_REFUSED.get(op, op)}."
        )

    def _position(self, piece, flags):
        if len(self.follow) == _MAX_POSITIONS:
            raise ValueError(
                "pattern must hold fewer repetitions: written out for max_length="
                f"{self._max_length} it has more than {_MAX_POSITIONS:,} characters. Got "
                f"{shorten(self._pattern, 80)}."
            )
        key = piece, flags
        if key not in self._known:
            matches = re.compile(piece, flags & ~re.DEBUG).fullmatch
            self._known[key] = [matches(letter) is not None for letter in self._letters]
        self.matches.append(self._known[key])
        self.follow.append(0)
        here = 1 << len(self.follow) - 1
        return Part(False, here, here)

    def _repeat(self, least, most, tree, flags):
        """Write a repetition out; a string holds no more of them than characters."""
        is_endless = most == _parser.MAXREPEAT
        least, most = (min(n, self._max_length + 1) for n in (least, most))
        parts: list[Part] = []
        while len(parts) < (max(least, 1) if is_endless else most):
            part = self._sequence(tree, flags)
            if parts:
                self._connect(parts[-1].last, part.first)
            parts.append(part)
            least *= not part.is_optional
        if not parts:
            return _NOTHING
        if is_endless:
            self._connect(parts[-1].last, parts[-1].first)
        return Part(not least, parts[0].first, _union(p.last for p in parts[max(least, 1) - 1 :]))


def _union(sets):
    whole = 0
    for each in sets:
        whole |= each
    return whole


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
