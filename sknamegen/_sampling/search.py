"""Best-first search for the most probable names."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._threads import own_torch
from .model import next_log_proba
from .sampler import Sampler

# Beginnings read at a time: so many, or fewer if their distributions have more cells.
_ROWS, _CELLS = 512, 2**20
_MAX_WAITING = 20_000_000


class _Longer(NamedTuple):
    """What may follow a beginning, the most probable character first.

    Attributes
    ----------
    beginning : str
    letters : ndarray of shape (n_names,), dtype str
        What may follow it.
    total : ndarray of shape (n_names,)
        Log-probability of each.
    joint : ndarray of shape (n_labels, n_names)
        And of each with each label.
    states : ndarray of shape (n_names,)
        Of the automaton, behind each.
    """

    beginning: str
    letters: NDArray[np.str_]
    total: NDArray[np.float64]
    joint: NDArray[np.float64]
    states: NDArray[np.int64]

    def wait(self, waiting: list[Any], place: int = 0) -> None:
        """Put the name at that place on a heap, if there is one; the others wait for it."""
        if place < len(self.letters):
            name = self.beginning + self.letters[place]
            heappush(waiting, (-self.total[place], name, place, self))


@own_torch()
def most_probable(
    sampler: Sampler,
    n: int,
    log_prior: NDArray[np.float64],
    unwanted: Callable[[list[str]], NDArray[np.bool_]],
) -> tuple[list[str], NDArray[np.float64]]:
    """Find the n names of the highest probability; see `BaseCharGenerator.most_likely`.

    The sampler has one seed, and temperature 1. `log_prior` has the log-probability of each of
    its labels, ``unwanted(names)`` tells which names must not be found.
    """
    letters, end = np.array(sampler.alphabet.letters), sampler.alphabet.end
    wish = sampler.rules.wish
    (seed,) = sampler.seeds
    joint = log_prior  # log-probability of the seed and each label
    for i, letter in enumerate(seed):
        joint = joint + _log_proba(sampler, [seed[:i]])[0, :, sampler.alphabet.index[letter]]
    total = _logsumexp(joint)[None]
    waiting: list[Any] = []  # names are all different, so they tell equal probabilities apart
    _Longer(
        seed, np.array([""]), total, joint[:, None], np.array([wish.automaton.read(seed)])
    ).wait(waiting)
    found: list[tuple[float, str]] = []
    n_rows, n_waiting = int(np.clip(_CELLS // (len(letters) * len(joint)), 1, _ROWS)), 0
    while waiting and (len(found) < n or -waiting[0][0] > found[0][0]):
        beginnings, joints, states = _take(waiting, n_rows)
        joints = joints[:, :, None] + _log_proba(sampler, beginnings)
        totals = _logsumexp(joints, axis=1)  # (rows, characters)
        may_end, may_follow = _what_may_follow(wish, beginnings, states)
        may_end &= ~unwanted(beginnings)
        for row in np.flatnonzero(may_end).tolist():
            heappush(found, (float(totals[row, end]), beginnings[row]))
        while len(found) > n:
            heappop(found)
        may_follow &= totals > (found[0][0] if len(found) == n else -np.inf)
        may_follow[:, end] = False
        n_waiting += int(np.count_nonzero(may_follow)) - len(beginnings)
        for row, beginning in enumerate(beginnings):
            columns = np.flatnonzero(may_follow[row])
            columns = columns[np.argsort(-totals[row, columns], kind="stable")]
            after = wish.automaton.after[states[row], columns]
            longer = letters[columns], totals[row, columns], joints[row][:, columns], after
            _Longer(beginning, *longer).wait(waiting)
        if n_waiting > _MAX_WAITING:
            raise ValueError(
                f"The search for the {n:,} most likely names keeps more than "
                f"{_MAX_WAITING:,} beginnings. Got max_length={wish.max_length}; ask for fewer or "
                "shorter names."
            )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in found], np.array([log_likelihood for log_likelihood, _ in found])


def _take(waiting, n_rows):
    """Take the most probable ones from the heap: beginnings, (rows, labels) and states."""
    best: list[Any] = []
    while waiting and len(best) < n_rows:
        _, beginning, place, siblings = heappop(waiting)
        siblings.wait(waiting, place + 1)
        best.append((beginning, siblings.joint[:, place], siblings.states[place]))
    beginnings, joints, states = zip(*best, strict=True)
    return beginnings, np.stack(joints), np.array(states)


def _what_may_follow(wish, beginnings, states):
    """Tell which beginnings may end, and which characters may follow each."""
    may_end = np.array([len(b) > 0 and wish.accepts_name(b) for b in beginnings])
    lengths = torch.tensor([len(beginning) + 1 for beginning in beginnings])[:, None]
    after = wish.states_after[torch.from_numpy(states)]
    return may_end, wish.can_finish(lengths.expand_as(after), after).numpy()


def _log_proba(sampler, beginnings):
    """Log-probabilities of what follows, (n_beginnings, n_labels, n_characters)."""
    windows = sampler.alphabet.windows(beginnings, sampler.windows.shape[1])
    return next_log_proba(sampler.model, windows, sampler.labels)


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis) if x.shape[axis] > 1 else x.squeeze(axis)
