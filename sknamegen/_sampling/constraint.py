"""What a name must satisfy: its length, a pattern, no banned strings."""

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

_MAX_LENGTH = 2**21  # of names that can be asked for
_TEXT_LENGTH = 100  # of running text, after the longest seed


class Constraint:
    """What a name must satisfy, as an automaton and bounds on its length.

    Parameters
    ----------
    alphabet : Alphabet
    pattern : re.Pattern, default=None
        A regular expression that the whole name must match.
    banned : tuple of str, default=()
        Strings that must not occur in it, whatever their case, from `check_banned`.
    min_length, max_length : int
        Characters of a name, as `Alphabet.lengths` counts them. Running text has `max_length`.

    Attributes
    ----------
    after, accepts, begins
        The automaton, see `build_automaton`.
    all_begin : bool
        Whether each code point is a character.
    possible : Lookahead
        Which prefixes can still be completed.
    is_unconstrained : bool
        Whether lengths are the only restriction, and each code point is a character.
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
        self.end, self.lengths, self._index = alphabet.end, alphabet.lengths, alphabet.index
        self.min_length = max_length if alphabet.end is None else min_length
        self.max_length = max_length
        self.after, self.accepts, self.begins = build_automaton(
            alphabet, pattern, banned, max_length
        )
        self.all_begin = bool(self.begins.all())
        self.is_unconstrained = pattern is None and not banned and alphabet.clusters.is_trivial
        self.possible = Lookahead(self)
        self.nbytes = self.after.nbytes + self.possible.nbytes

    def rows_after(self) -> tuple[Indices, int]:
        """Return where the values after each state and character are, and how many values.

        First come those of prefixes one character longer, in the order of states; where code points
        may continue a character, those of prefixes of the same length; and last, that of whole
        names.
        """
        n_states = len(self.after)
        n_later = n_states * (1 if self.all_begin else 2)
        rows = self.after.copy() if self.all_begin else self.after + n_states * ~self.begins
        if self.end is not None:
            rows[:, self.end] = np.where(self.accepts, n_later, n_states - 1)
        return rows, n_later + 1

    def read(self, text: str) -> int:
        """Return the state after a text."""
        state = 0
        for letter in text:
            known = letter in self._index
            state = int(self.after[state, self._index[letter]]) if known else -1
        return state % len(self.after)

    def may_follow(
        self, lengths: Indices, states: Indices, characters: Indices
    ) -> NDArray[np.bool_]:
        """Whether prefixes can still be completed, or are whole, with one more character each."""
        longer = lengths + self.begins[states, characters]
        can = self.possible.is_possible(longer, self.after[states, characters])
        if self.end is None:
            return can
        return np.where(characters == self.end, self.may_end(lengths, states), can)

    def may_end(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Whether names that are not too long, in these states, satisfy the constraint."""
        return self.accepts[states] & (lengths >= self.min_length)

    def accepts_name(self, name: str) -> bool:
        """Whether a whole name satisfies the constraint."""
        fits = self.min_length <= self.lengths([name])[0] <= self.max_length
        return bool(fits and self.accepts[self.read(name)])


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
    """Check the parameters of `sample` and return their constraint, which prefixes can satisfy.

    `longest_name` is None for running text.
    """
    strings = check_banned(banned)
    lengths = _check_lengths(alphabet, longest_name, prefixes, min_length, max_length)
    key = None if pattern is None else compile_pattern(pattern), strings, *lengths
    constraint = cache.get(key, lambda: Constraint(alphabet, *key))
    states = np.array([constraint.read(prefix) for prefix in prefixes], dtype=np.int64)
    possible = constraint.possible.is_possible(alphabet.lengths(prefixes), states)
    if not possible.all():
        rule = "" if pattern is None else f", matches pattern={pattern!r}"
        rule += f", holds none of banned={strings!r}" if strings else ""
        raise ValueError(
            f"No name of {constraint.min_length} to {constraint.max_length} characters that the "
            f"model can write begins with {prefixes[int(possible.argmin())]!r}{rule}. Relax the "
            "constraint or the length limits."
        )
    return constraint


def _check_lengths(alphabet, longest_name, prefixes, min_length, max_length):
    """Return the least and the greatest length of a name."""
    check_int("min_length", min_length, 0, high=_MAX_LENGTH)
    lengths = alphabet.lengths(prefixes)
    longest_seed = int(lengths.max(initial=0))
    source = ""
    if max_length is not None:
        check_int("max_length", max_length, 1, high=_MAX_LENGTH)
    elif longest_name is None:
        max_length = max(longest_seed + _TEXT_LENGTH, min_length)
    else:
        max_length = longest_name
        source = ", the longest training name; pass a larger max_length"
    if min_length > max_length:
        raise ValueError(
            f"min_length must be at most max_length. Got min_length={min_length} and "
            f"max_length={max_length}{source}."
        )
    if longest_seed > max_length:
        raise ValueError(
            f"A seed must have at most max_length characters. Got seed {max(prefixes, key=len)!r} "
            f"of {longest_seed} characters and max_length={max_length}{source}."
        )
    if not alphabet.index and min_length > longest_seed:
        raise ValueError(
            f"The model has seen empty names only, so it cannot write any of {min_length=}."
        )
    return int(min_length), int(max_length)
