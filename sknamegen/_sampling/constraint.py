"""Constraints on names: length limits, a pattern, banned strings and words."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from .._alphabet import Alphabet
from .._validation import check_banned, check_int, check_words
from .automaton import Automaton, build_automaton
from .regex import compile_pattern

# Maximum length that can be requested, in characters.
_MAX_LENGTH = 2**21
# Default length of running text after the longest seed, in characters.
_TEXT_LENGTH = 100


@dataclass(frozen=True)
class Constraint:
    """Constraint on names: an automaton and length limits.

    Attributes
    ----------
    automaton : Automaton
        Reads the names that satisfy the constraint, regardless of their length.
    index : dict of str to int
        The index of each character.
    end : int or None
        The index of the end of a name. None for running text, which has `max_length` characters.
    min_length, max_length : int
        Limits in characters, counted as in `Alphabet.lengths`.
    key : hashable
        Identifies the constraint in the cache.
    is_free : bool
        Whether there are only length limits.
    """

    automaton: Automaton
    index: dict[str, int]
    end: int | None
    min_length: int
    max_length: int
    key: Hashable
    is_free: bool

    @classmethod
    def build(
        cls,
        alphabet: Alphabet,
        pattern: re.Pattern[str] | None = None,
        banned: tuple[str, ...] = (),
        min_length: int = 0,
        max_length: int = 1,
        words: frozenset[str] | None = None,
    ) -> Self:
        """Build the automaton.

        Parameters
        ----------
        alphabet : Alphabet
        pattern : re.Pattern, default=None
            A regular expression that the whole name must match.
        banned : tuple of str, default=()
            Strings that must not occur in a name, regardless of case, from `check_banned`.
        min_length, max_length : int
        words : frozenset of str, default=None
            The words of a name must be words of these strings, regardless of case.
        """
        automaton = build_automaton(alphabet, pattern, banned, words, max_length)
        is_free = pattern is None and not banned and words is None
        key = pattern, banned, min_length, max_length, words
        min_length = max_length if alphabet.end is None else min_length
        return cls(automaton, alphabet.index, alphabet.end, min_length, max_length, key, is_free)

    @cached_property
    def one_code_per_cluster(self) -> bool:
        """Whether every code point starts a character."""
        return bool(self.automaton.starts_cluster.all())


def check_limits(
    alphabet: Alphabet,
    longest_name: int | None,
    prefixes: list[str],
    *,
    min_length: int = 1,
    max_length: int | None = None,
    pattern: str | re.Pattern[str] | None = None,
    banned: Iterable[str] = (),
    words: Iterable[str] | None = None,
) -> tuple[re.Pattern[str] | None, tuple[str, ...], int, int, frozenset[str] | None]:
    """Validate the parameters of `sample` and return them as for `Constraint.build`.

    `longest_name` is None for running text.
    """
    lengths = _check_lengths(alphabet, longest_name, prefixes, min_length, max_length)
    compiled = None if pattern is None else compile_pattern(pattern)
    return compiled, check_banned(banned), *lengths, check_words(words)


def _check_lengths(alphabet, longest_name, prefixes, min_length, max_length):
    """Validate the length limits and return the minimum and maximum."""
    min_length = check_int("min_length", min_length, 0, high=_MAX_LENGTH)
    longest_seed = int(alphabet.lengths(prefixes).max(initial=0))
    source = ""
    if max_length is not None:
        max_length = check_int("max_length", max_length, 1, high=_MAX_LENGTH)
    elif longest_name is None:
        max_length = max(longest_seed + _TEXT_LENGTH, min_length)
    else:
        max_length = longest_name
        source = " (the length of the longest training name). Pass a larger max_length"
    if min_length > max_length:
        raise ValueError(
            f"min_length must be at most max_length. Got min_length={min_length} and "
            f"max_length={max_length}{source}."
        )
    if longest_seed > max_length:
        raise ValueError(
            f"A seed must have at most max_length characters. Got seed {max(prefixes, key=len)!r} "
            f"with {longest_seed} characters and max_length={max_length}{source}."
        )
    if not alphabet.index and min_length > longest_seed:
        raise ValueError(
            f"min_length must be 0, because the model has seen only empty names. Got {min_length}."
        )
    return min_length, max_length
