"""Constraints on names: length limits, a pattern and banned strings."""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._models.contract import Indices
from .._validation import check_banned, check_int
from .automaton import build_automaton
from .cache import Cache
from .lookahead import Lookahead
from .regex import compile_pattern

# Maximum length that can be requested, in characters.
_MAX_LENGTH = 2**21
# Default length of running text after the longest seed, in characters.
_TEXT_LENGTH = 100


class Constraint:
    """Constraint on names: an automaton and length limits.

    Parameters
    ----------
    alphabet : Alphabet
    pattern : re.Pattern, default=None
        A regular expression that the whole name must match.
    banned : tuple of str, default=()
        Strings that must not occur in a name, regardless of case, from `check_banned`.
    min_length, max_length : int
        Limits in characters, counted as in `Alphabet.lengths`. Running text always has
        `max_length` characters.

    Attributes
    ----------
    transitions, accepts, starts_cluster
        The automaton, see `build_automaton`.
    one_code_per_cluster : bool
        Whether every code point starts a character.
    feasibility : Lookahead
        Reports which prefixes can still be completed.
    nbytes : int
    """

    def __init__(
        self,
        alphabet: Alphabet,
        pattern: re.Pattern[str] | None = None,
        banned: tuple[str, ...] = (),
        min_length: int = 0,
        max_length: int = 1,
    ):
        self.key = pattern, banned, min_length, max_length
        self.end, self.index = alphabet.end, alphabet.index
        self.min_length = max_length if alphabet.end is None else min_length
        self.max_length = max_length
        automaton = build_automaton(alphabet, pattern, banned, max_length)
        self.transitions, self.accepts, self.starts_cluster = automaton
        self.one_code_per_cluster = bool(self.starts_cluster.all())
        self.feasibility = Lookahead(self)
        self.nbytes = self.transitions.nbytes + self.feasibility.nbytes

    def read(self, text: str) -> int:
        """Return the state after reading a text, which may only contain known characters."""
        state = 0
        for character in text:
            state = int(self.transitions[state, self.index[character]])
        return state

    def may_end(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Return whether names of at most `max_length` characters satisfy the constraint."""
        return self.accepts[states] & (lengths >= self.min_length)


def make_constraint(
    alphabet: Alphabet,
    longest_name: int | None,
    prefixes: list[str],
    cache: Cache,
    *,
    min_length: int = 1,
    max_length: int | None = None,
    pattern: str | re.Pattern[str] | None = None,
    banned: Iterable[str] = (),
) -> Constraint:
    """Validate the parameters of `sample` and return a constraint that all prefixes can satisfy.

    `longest_name` is None for running text.
    """
    strings = check_banned(banned)
    lengths = _check_lengths(alphabet, longest_name, prefixes, min_length, max_length)
    key = None if pattern is None else compile_pattern(pattern), strings, *lengths
    constraint = cache.get(key, lambda: Constraint(alphabet, *key))
    states = np.array([constraint.read(prefix) for prefix in prefixes], dtype=np.int64)
    is_feasible = constraint.feasibility.is_possible(alphabet.lengths(prefixes), states)
    if not is_feasible.all():
        prefix = prefixes[int(is_feasible.argmin())]
        rules = [f"begins with {prefix!r}"] if prefix else []
        rules += [f"matches pattern={pattern!r}"] if pattern is not None else []
        rules += [f"contains none of banned={strings!r}"] if strings else []
        raise ValueError(
            f"No name of {constraint.min_length} to {constraint.max_length} characters that the "
            f"model can generate {' and '.join(rules) or 'exists'}. Relax the constraint or the "
            "length limits."
        )
    return constraint


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
