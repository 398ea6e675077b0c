"""A wish: which names are asked for, and how probable it is that one can be finished as asked.

The probability, that of an n-gram guide, is computed for each length, state of the automaton and
context, from the greatest length down [1]_.

References
----------
.. [1] F. Pachet, P. Roy and G. Barbieri, "Finite-Length Markov Processes with Constraints",
   IJCAI 2011.
"""

import re
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._codepoints import Alphabet
from .automaton import Automaton

# Cells of the tables of contexts and of completions, and n-grams to look at to fill the latter:
# the order of the guide is lowered until they suffice.
_MAX_CELLS = 2**22
_MAX_COMPLETIONS = 2**24
_MAX_WORK = 2**22
# Lengths that must not be passed in one go, as those of running text and below min_length.
_MAX_LENGTHS = 10_000
_USUAL_LEVELS = 64  # after which what the greatest length changes is too little to count
_CONVERGED = 1e-3
_LEAST = 1e-290  # what is possible but less probable counts as that
_TEMPERATURES = 0.25, 4.0  # of guides
_MAX_GUIDES = 4


class Guide(Protocol):
    """Probabilities of the next character in contexts that are few enough for tables.

    Attributes
    ----------
    n_contexts : int
    start : int
        The context of a name that has no character yet.
    after : ndarray of shape (n_contexts, n_characters), dtype int
        The context after each context and character.
    """

    n_contexts: int
    start: int
    after: NDArray[np.int32]

    def proba_of(self, character: int) -> NDArray[np.float64]:
        """Return the probability of a character in each context."""

    def averages(
        self, after: NDArray[np.int64]
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return a function that averages over the next character.

        ``after[state, character]`` is the state behind it. The function takes values of each
        state and context there and returns their means in each state and context before it.
        """


# Makes a guide at a temperature of which ``fits(n_contexts, n_ngrams)`` holds, if it can.
MakeGuide = Callable[[float, Callable[[int, int], bool]], Guide | None]


class Wish:
    """Which names are asked for.

    Parameters
    ----------
    alphabet : Alphabet
    make_guide : callable
        See `MakeGuide`.
    pattern, banned
        As in `Automaton`.
    min_length, max_length : int
        Characters of a name. Running text has `max_length` of them.

    Attributes
    ----------
    states_after : int64 tensor of shape (n_states, n_characters)
    accepts : bool tensor of shape (n_states,)
        The automaton's.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        make_guide: MakeGuide,
        pattern: str | re.Pattern[str] | None,
        banned: tuple[str, ...],
        min_length: int,
        max_length: int,
    ):
        self.end = alphabet.end
        self.min_length = max_length if alphabet.end is None else min_length
        self.max_length = max_length
        self.is_any = pattern is None and not banned
        if self.min_length > _MAX_LENGTHS and not (self.is_any and self.end is None):
            raise ValueError(
                f"min_length, and with pattern or banned a text's length, must be at most "
                f"{_MAX_LENGTHS:,}. Got {self.min_length:,}; ask for fewer characters."
            )
        self.automaton = Automaton(alphabet, pattern, banned, max_length)
        self.states_after = torch.from_numpy(self.automaton.after)
        self.accepts = torch.from_numpy(self.automaton.accepts)
        if not self.is_any:
            self._possible, self._n_late = self._levels()
        self._make_guide = make_guide
        self._completions: dict[float, Completions] = {}

    def _levels(self):
        """Tell from which states a name can be finished, for each level; see `level`."""
        after, accepts = self.automaton.after, self.automaton.accepts
        can: Any = np.zeros_like(accepts)
        levels = []
        for _ in range(self.max_length - self.min_length + 1):
            before, can = can, can[after].any(1) | accepts
            levels.append(can)
            if (can == before).all():
                break
        n_late = len(levels)
        for _ in range(self.min_length):
            can = can[after].any(1)
            levels.append(can)
        return torch.from_numpy(np.stack([*levels, np.zeros_like(can)])), n_late

    def level(self, lengths: Tensor, n_late: int) -> Tensor:
        """Return the rows of a table that names of these lengths have.

        First come `n_late` lengths at which a name may end, from the greatest down, the last one
        for all smaller ones too; then those at which it may not, down to 0; at last, that of
        names that are too long.
        """
        late = (self.max_length - lengths).clamp(max=n_late - 1)
        return late.where(lengths >= self.min_length, n_late - 1 + self.min_length - lengths)

    def can_finish(self, lengths: Tensor, states: Tensor) -> Tensor:
        """Tell which names, of these lengths and in these states, can still be finished."""
        if self.is_any:
            return (lengths <= self.max_length) & self.accepts[states]
        return self._possible[self.level(lengths, self._n_late), states]

    def may_follow(self, lengths: Tensor, states: Tensor, characters: Tensor) -> Tensor:
        """Tell which names can still be finished, or are, with one more character each."""
        can = self.can_finish(lengths + 1, self.states_after[states, characters])
        if self.end is None:
            return can
        may_end = self.accepts[states] & (lengths >= self.min_length)
        return may_end.where(characters == self.end, can)

    def can_begin(self, seed: str) -> bool:
        """Tell whether a name that fits can begin like that."""
        length, state = torch.tensor([len(seed)]), torch.tensor([self.automaton.read(seed)])
        return bool(self.can_finish(length, state))

    def accepts_name(self, name: str) -> bool:
        """Tell whether a whole name is as asked for."""
        fits = self.min_length <= len(name) <= self.max_length
        return bool(fits and self.automaton.accepts[self.automaton.read(name)])

    def completions(self, temperature: float) -> "Completions":
        """Return the completions by a guide at a temperature."""
        temperature = float(np.clip(temperature or 1.0, *_TEMPERATURES))
        if temperature not in self._completions:
            if len(self._completions) == _MAX_GUIDES:
                self._completions.pop(next(iter(self._completions)), None)
            guide = self._make_guide(temperature, self._is_small_enough)
            if guide is None:
                n_states = len(self.automaton.after)
                raise ValueError(
                    f"pattern and banned must be simpler for names of up to max_length="
                    f"{self.max_length:,}: together they need {n_states:,} states. Shorten them, "
                    "or pass a smaller max_length."
                )
            self._completions[temperature] = Completions(self, guide)
        return self._completions[temperature]

    def _is_small_enough(self, n_contexts, n_ngrams):
        """Tell whether the tables of a guide are small enough, and quickly filled."""
        n_states, n_characters = self.automaton.after.shape
        n_levels = min(self.max_length, _USUAL_LEVELS + self.min_length) + 2
        return (
            (n_contexts == 1 or n_contexts * n_characters <= _MAX_CELLS)
            and n_states * n_levels * n_contexts <= _MAX_COMPLETIONS
            and n_states * n_levels * n_ngrams <= _MAX_WORK
        )


class Completions:
    """How probable it is that a name can still be finished as asked.

    Attributes
    ----------
    table : float64 tensor of shape (n_levels, n_states, n_contexts)
        The probability for names of one length each, in the order of `Wish.level`. Those of
        names that must not end yet are right up to a factor for each length.
    contexts_after : int32 tensor of shape (n_contexts, n_characters)
    """

    def __init__(self, wish: Wish, guide: Guide):
        self.wish, self.start_context = wish, guide.start
        after, accepts = wish.automaton.after, wish.automaton.accepts
        too_long = np.zeros((len(after), guide.n_contexts))
        can: Any = np.zeros_like(accepts)
        now, table = too_long, []
        average = guide.averages(after)
        p_end = np.ones(guide.n_contexts) if wish.end is None else guide.proba_of(wish.end)
        for _ in range(wish.max_length - wish.min_length + 1):
            later, can = now, can[after].any(1) | accepts
            now = average(later) + p_end * accepts[:, None]
            now = np.where(can[:, None], np.maximum(now, _LEAST), 0)
            table.append(now)
            if (np.abs(now - later) <= _CONVERGED * now).all():
                break
        self.n_late, self.log_scale = len(table), [0.0] * len(table)
        for _ in range(wish.min_length):
            can = can[after].any(1)
            now = average(now)
            greatest = now.max() or 1.0
            now = np.where(can[:, None], np.maximum(now / greatest, _LEAST), 0)
            table.append(now)
            self.log_scale.append(self.log_scale[-1] + float(np.log(greatest)))
        self.table = torch.from_numpy(np.stack([*table, too_long]))
        self.contexts_after = torch.from_numpy(guide.after)

    def context(self, seed: list[int]) -> int:
        """Return the context behind the indices of a seed."""
        context = self.start_context
        for character in seed:
            context = int(self.contexts_after[context, character])
        return context

    def probability(self, length: int, state: int, context: int) -> float:
        """Return the guide's probability that a name can be finished."""
        level = int(self.wish.level(torch.tensor(length), self.n_late))
        return float(self.table[level, state, context] * np.exp(self.log_scale[level]))

    def ahead(self, lengths: Tensor, states: Tensor, contexts: Tensor) -> Tensor:
        """Return what each next character is worth, up to a factor for each row.

        Parameters
        ----------
        lengths, states, contexts : int64 tensor of shape (n_rows,)
            Of names that have not ended.

        Returns
        -------
        worth : float64 tensor of shape (n_rows, n_characters)
        """
        wish, (_, n_states, n_contexts) = self.wish, self.table.shape
        level = wish.level(lengths + 1, self.n_late)
        cells = level[:, None] * n_states + wish.states_after[states]
        cells = cells * n_contexts + self.contexts_after[contexts]
        worth = self.table.view(-1)[cells]
        if wish.end is not None:
            may_end = wish.accepts[states] & (lengths >= wish.min_length)
            worth[:, wish.end] = may_end.double()
        return worth
