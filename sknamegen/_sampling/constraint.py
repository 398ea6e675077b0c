"""What is asked of a name: a length, a pattern, no banned strings."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._models.model import Indices
from .._validation import check_banned, check_int
from .automaton import Automaton
from .regex import compile_pattern

# Lengths that must not be passed in one go, as those of running text and below min_length.
_MAX_LENGTHS = 10_000
_MAX_STEPS = 2**21
_TEXT_LENGTH = 100  # of running text, behind the longest seed


class Constraint:
    """Which names are asked for.

    Parameters
    ----------
    alphabet : Alphabet
    pattern, banned
        As in `Automaton`.
    min_length, max_length : int
        Characters of a name, as `Alphabet.lengths` counts them. Running text has `max_length`.

    Attributes
    ----------
    states_after : ndarray of shape (n_states, n_characters), dtype int32
    accepts : ndarray of shape (n_states,), dtype bool
        The automaton's.
    asked : tuple
        What tells constraints over the same characters apart.
    begins : ndarray of shape (n_states, n_characters), dtype bool
        The automaton's.
    all_begin : bool
        Whether none goes on with the character before it.
    is_any : bool
        Whether only lengths are asked for, and each code point counts.
    nbytes : int
    """

    def __init__(
        self,
        alphabet: Alphabet,
        pattern: re.Pattern[str] | None,
        banned: tuple[str, ...],
        min_length: int,
        max_length: int,
    ):
        self.asked = pattern, banned, min_length, max_length
        self.end, self.lengths = alphabet.end, alphabet.lengths
        self.min_length = max_length if alphabet.end is None else min_length
        self.max_length = max_length
        self.is_any = pattern is None and not banned and alphabet.clusters.is_trivial
        if self.min_length > _MAX_LENGTHS and not (self.is_any and self.end is None):
            raise ValueError(
                f"min_length, and with pattern or banned a text's length, must be at most "
                f"{_MAX_LENGTHS:,}. Got {self.min_length:,}; ask for fewer characters."
            )
        self.automaton = Automaton(alphabet, pattern, banned, max_length)
        self.states_after, self.accepts = self.automaton.after, self.automaton.accepts
        self.begins = self.automaton.begins
        self.all_begin = bool(self.begins.all())
        self._possible, self._n_late = self._levels()
        self.nbytes = self.states_after.nbytes + self._possible.nbytes

    def _levels(self):
        """Tell from which states a name can be finished, for each level; see `level`."""
        if self.is_any:
            return np.stack([self.accepts, np.zeros_like(self.accepts)]), 1
        can: Any = np.zeros_like(self.accepts)
        levels = []
        for _ in range(self.max_length - self.min_length + 1):
            before, can = can, self.before(can, self.accepts)
            levels.append(can)
            if (can == before).all():
                break
        n_late = len(levels)
        for _ in range(self.min_length):
            can = self.before(can, np.zeros_like(can))
            levels.append(can)
        return np.stack([*levels, np.zeros_like(can)]), n_late

    def before(self, can: NDArray[np.bool_], accepts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell from which states a name can be finished, one character shorter than `can`.

        Code points that go on with a character leave the length as it is.
        """
        now = (can[self.states_after] & self.begins).any(1) | accepts
        while True:
            last, now = now, now | (now[self.states_after] & ~self.begins).any(1)
            if self.all_begin or (now == last).all():
                return now

    def level(self, lengths: Indices, n_late: int) -> Indices:
        """Return the rows of a table that names of these lengths have.

        First come `n_late` lengths at which a name may end, from the greatest down, the last one
        for all smaller ones too; then those at which it may not, down to 0; at last, that of
        names that are too long.
        """
        late = np.minimum(self.max_length - lengths, n_late - 1)
        return np.where(lengths >= self.min_length, late, n_late - 1 + self.min_length - lengths)

    def can_finish(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Tell which names, of these lengths and in these states, can still be finished."""
        if self.is_any:
            return (lengths <= self.max_length) & self.accepts[states]
        return self._possible[self.level(lengths, self._n_late), states]

    def may_follow(
        self, lengths: Indices, states: Indices, characters: Indices
    ) -> NDArray[np.bool_]:
        """Tell which names can still be finished, or are, with one more character each."""
        longer = lengths + self.begins[states, characters]
        can = self.can_finish(longer, self.states_after[states, characters])
        if self.end is None:
            return can
        return np.where(characters == self.end, self.may_end(lengths, states), can)

    def may_end(self, lengths: Indices, states: Indices) -> NDArray[np.bool_]:
        """Tell which names, not too long and in these states, fit as they are."""
        return self.accepts[states] & (lengths >= self.min_length)

    def can_begin(self, prefix: str) -> bool:
        """Tell whether a name that fits can begin like that."""
        state = np.array([self.automaton.read(prefix)])
        return bool(self.can_finish(self.lengths([prefix]), state)[0])

    def accepts_name(self, name: str) -> bool:
        """Tell whether a whole name is as asked for."""
        fits = self.min_length <= self.lengths([name])[0] <= self.max_length
        return bool(fits and self.accepts[self.automaton.read(name)])


def check_constraint(
    alphabet: Alphabet,
    longest_name: int | None,
    prefixes: list[str],
    min_length: int,
    max_length: int | None,
    pattern: str | re.Pattern[str] | None,
    banned: Iterable[str],
) -> tuple[re.Pattern[str] | None, tuple[str, ...], int, int]:
    """Check what is asked for, as in `sample`; return the arguments of a `Constraint`.

    `longest_name` is None for running text.
    """
    strings = check_banned(banned)
    lengths = _check_lengths(alphabet, longest_name, prefixes, min_length, max_length)
    return None if pattern is None else compile_pattern(pattern), strings, *lengths


def check_prefixes(constraint: Constraint, prefixes: list[str], pattern: Any, banned: Any) -> None:
    """Raise unless names that fit can begin like that."""
    for prefix in () if constraint.is_any else prefixes:
        if not constraint.can_begin(prefix):
            asked = "" if pattern is None else f", matches pattern={pattern!r}"
            asked += f", holds none of banned={check_banned(banned)!r}" if banned else ""
            raise ValueError(
                f"No name of {constraint.min_length} to {constraint.max_length} characters that "
                f"the model knows begins with {prefix!r}{asked}. Ask for less, or for other "
                "lengths."
            )


def _check_lengths(alphabet, longest_name, prefixes, min_length, max_length):
    """Return the least and the greatest length of a name."""
    check_int("min_length", min_length, 0)
    lengths = alphabet.lengths(prefixes)
    longest_seed = int(lengths.max(initial=0))
    source = ""
    if max_length is not None:
        check_int("max_length", max_length, 1)
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
    if max_length - lengths.min(initial=longest_seed) > _MAX_STEPS:
        raise ValueError(
            f"max_length must leave at most {_MAX_STEPS:,} characters to write. Got {max_length=}."
        )
    return int(min_length), int(max_length)
