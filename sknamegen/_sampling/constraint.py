"""Constraints on names: length limits, a pattern, banned strings and words."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Self

from .._alphabet import Alphabet
from .._parallel import cached
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
    pattern : re.Pattern or None
        A regular expression that the whole name must match.
    banned : tuple of str
        Strings that must not occur in a name, regardless of case, from `check_banned`.
    words : frozenset of str or None
        The words of a name must be words of these strings, regardless of case.
    """

    automaton: Automaton
    index: dict[str, int]
    end: int | None
    min_length: int
    max_length: int
    pattern: re.Pattern[str] | None = None
    banned: tuple[str, ...] = ()
    words: frozenset[str] | None = None

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
        """Build the automaton. The parameters are the attributes of the same name."""
        automaton = build_automaton(alphabet, pattern, banned, words, max_length)
        min_length = max_length if alphabet.end is None else min_length
        limits = alphabet.index, alphabet.end, min_length, max_length
        return cls(automaton, *limits, pattern, banned, words)

    @property
    def key(self) -> Hashable:
        """Identifies the constraint in the cache."""
        return self.pattern, self.banned, self.min_length, self.max_length, self.words

    @property
    def is_free(self) -> bool:
        """Whether there are only length limits."""
        return self.pattern is None and not self.banned and self.words is None

    @property
    def nbytes(self) -> int:
        """Total size of all arrays, in bytes."""
        return self.automaton.nbytes

    @cached
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
    check_int("min_length", min_length, 0, high=_MAX_LENGTH)
    longest_seed = int(alphabet.lengths(prefixes).max(initial=0))
    source = ""
    if max_length is not None:
        check_int("max_length", max_length, 1, high=_MAX_LENGTH)
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
    return int(min_length), int(max_length)
