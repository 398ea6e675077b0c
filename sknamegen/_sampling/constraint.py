"""Constraints on names: length limits, a pattern, banned strings and words."""

import re
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from .._text.alphabet import Alphabet
from .._text.clusters import MAX_CODE_POINTS
from .._validation import check_banned, check_int, check_real, check_words
from .automaton import Automaton, build_automaton
from .decoding import Decoding
from .regex import compile_pattern, pattern_part
from .words import banned_part, count_part, word_part

# Maximum length that can be requested, in characters.
_MAX_LENGTH = 2**21
# Maximum number of words that can be requested.
_MAX_WORDS = 1000
# Default length of running text after the longest seed, in characters.
_TEXT_LENGTH = 100


class Constraint(NamedTuple):
    """Parameters of `sample` that every name satisfies, after validation.

    They identify a constraint in the cache.

    Attributes
    ----------
    min_length, max_length : int
        Limits in characters, counted as in `Alphabet.lengths`. Running text has `max_length`
        characters.
    pattern : re.Pattern or None
        A regular expression that the whole name matches.
    banned : tuple of str
        Strings that do not occur in a name, regardless of case, from `check_banned`.
    words : frozenset of str or None
        The words of a name are words of these strings, regardless of case.
    min_words, max_words : int, float
        Minimum and maximum number of words. Without a maximum, it is infinite.
    """

    min_length: int
    max_length: int
    pattern: re.Pattern[str] | None = None
    banned: tuple[str, ...] = ()
    words: frozenset[str] | None = None
    min_words: int = 0
    max_words: float = inf

    def automaton(self, alphabet: Alphabet) -> Automaton:
        """Return an automaton that reads the names that satisfy all but the length limits."""
        characters, max_length = alphabet.characters, self.max_length
        if not alphabet.clusters.one_code_per_cluster:
            max_length *= MAX_CODE_POINTS
        parts = [banned_part(characters, self.banned, max_length)] if self.banned else []
        if self.pattern:
            parts.append(pattern_part(self.pattern, characters, max_length))
        if self.words is not None:
            parts.append(word_part(characters, self.words, max_length))
        if self.min_words or self.max_words < inf:
            max_words = self.max_words if self.max_words < max_length else inf
            parts.append(count_part(characters, self.min_words, max_words))
        return build_automaton(alphabet, parts)

    def describe(self) -> str:
        """Return what a name does, for errors."""
        rules = [f"matches pattern={self.pattern.pattern!r}"] if self.pattern else []
        rules += [f"contains none of banned={self.banned!r}"] if self.banned else []
        rules += ["consists of the given words"] if self.words is not None else []
        rules += [f"has at least {self.min_words} words"] if self.min_words else []
        rules += [f"has at most {self.max_words} words"] if self.max_words < inf else []
        return " and ".join(rules)


class SampleRequest(NamedTuple):
    """Parameters of `sample` that determine the distribution of names, before validation."""

    label: object = None
    min_length: int = 1
    max_length: int | None = None
    pattern: str | re.Pattern[str] | None = None
    banned: Iterable[str] = ()
    words: Iterable[str] | None = None
    min_words: int | None = None
    max_words: int | None = None
    min_p: float | None = None
    top_k: int | None = None
    top_p: float | None = None

    def decoding(self, temperature: float) -> Decoding:
        """Return the decoding after validation."""
        check, top_k, top_p, min_p = check_real, self.top_k, self.top_p, self.min_p
        return Decoding(
            check("temperature", temperature, "a finite number >= 0", lambda t: 0 <= t < inf),
            None if top_k is None else check_int("top_k", top_k, 1),
            None if top_p is None else check("top_p", top_p, "in (0, 1]", lambda p: 0 < p <= 1),
            None if min_p is None else check("min_p", min_p, "in [0, 1]", lambda p: 0 <= p <= 1),
        )

    def constraint(
        self, alphabet: Alphabet, longest_name: int | None, prefixes: Sequence[str]
    ) -> Constraint:
        """Return the constraint after validation. `longest_name` is None for running text."""
        min_length = check_int("min_length", self.min_length, 0, high=_MAX_LENGTH)
        longest_seed = int(alphabet.lengths(prefixes).max(initial=0))
        source = ""
        if self.max_length is not None:
            max_length = check_int("max_length", self.max_length, 1, high=_MAX_LENGTH)
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
                "A seed must have at most max_length characters. Got seed "
                f"{max(prefixes, key=len)!r} with {longest_seed} characters and "
                f"max_length={max_length}{source}."
            )
        if not alphabet.index and min_length > longest_seed:
            raise ValueError(
                f"min_length must be 0, because the model knows only empty names. Got {min_length}."
            )
        min_length = max_length if longest_name is None else min_length
        pattern = None if self.pattern is None else compile_pattern(self.pattern)
        banned, words = check_banned(self.banned), check_words(self.words)
        min_words, max_words = 0, inf
        if self.min_words is not None:
            min_words = check_int("min_words", self.min_words, 0, high=_MAX_WORDS)
        if self.max_words is not None:
            max_words = check_int("max_words", self.max_words, 0, high=_MAX_WORDS)
        if min_words > max_words:
            raise ValueError(
                f"min_words must be at most max_words. Got min_words={min_words} and "
                f"max_words={max_words}."
            )
        return Constraint(min_length, max_length, pattern, banned, words, min_words, max_words)
