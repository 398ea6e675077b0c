"""Best-first search for the most probable names."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._models.model import next_log_proba
from .sampler import Sampler

# Prefixes read at a time: so many, or fewer if their distributions have more cells.
_ROWS, _CELLS = 512, 2**20
_MAX_BYTES = 2**30  # of prefixes that wait


class _Longer(NamedTuple):
    """What may follow a prefix, the most probable character first.

    Attributes
    ----------
    prefix : str
    letters : ndarray of shape (n_names,), dtype str
        What may follow it.
    total : ndarray of shape (n_names,)
        Log-probability of each.
    joint : ndarray of shape (n_labels, n_names)
        And of each with each label.
    states : ndarray of shape (n_names,)
        Of the automaton, behind each.
    """

    prefix: str
    letters: NDArray[np.str_]
    total: NDArray[np.float64]
    joint: NDArray[np.float64]
    states: NDArray[np.int64]

    def wait(self, waiting: list[Any], place: int = 0) -> None:
        """Put the name at that place on a heap, if there is one; the others wait for it."""
        if place < len(self.letters):
            name = self.prefix + self.letters[place]
            heappush(waiting, (-self.total[place], name, place, self))


def most_probable(
    sampler: Sampler,
    n: int,
    log_prior: NDArray[np.float64],
    unwanted: Callable[[list[str]], NDArray[np.bool_]],
) -> tuple[list[str], NDArray[np.float64]]:
    """Find the n names of the highest probability; see `CharLSTMGenerator.most_likely`.

    The sampler has one prefix, and temperature 1. `log_prior` has the log-probability of each of
    its labels, ``unwanted(names)`` tells which names must not be found.
    """
    letters, end = np.array(sampler.alphabet.letters), sampler.alphabet.end
    constraint = sampler.constraint
    (prefix,) = sampler.prefixes
    joint = log_prior  # log-probability of the prefix and each label
    for i, letter in enumerate(prefix):
        joint = joint + _log_proba(sampler, [prefix[:i]])[0, :, sampler.alphabet.index[letter]]
    total = _logsumexp(joint)[None]
    waiting: list[Any] = []  # names are all different, so they tell equal probabilities apart
    states = np.array([constraint.automaton.read(prefix)])
    _Longer(prefix, np.array([""]), total, joint[:, None], states).wait(waiting)
    found: list[tuple[float, str]] = []
    n_rows, n_waiting = int(np.clip(_CELLS // (len(letters) * len(joint)), 1, _ROWS)), 0
    max_waiting = _MAX_BYTES // (8 * len(joint) + 20)
    while waiting and (len(found) < n or -waiting[0][0] > found[0][0]):
        prefixes, joints, states = _take(waiting, n_rows)
        joints = joints[:, :, None] + _log_proba(sampler, prefixes)
        totals = _logsumexp(joints, axis=1)  # (rows, characters)
        may_end, may_follow = _what_may_follow(constraint, prefixes, states)
        may_end &= ~unwanted(prefixes)
        for row in np.flatnonzero(may_end).tolist():
            heappush(found, (float(totals[row, end]), prefixes[row]))
        while len(found) > n:
            heappop(found)
        may_follow &= totals > (found[0][0] if len(found) == n else -np.inf)
        may_follow[:, end] = False
        n_waiting += int(np.count_nonzero(may_follow)) - len(prefixes)
        for row, prefix in enumerate(prefixes):
            columns = np.flatnonzero(may_follow[row])
            columns = columns[np.argsort(-totals[row, columns], kind="stable")]
            after = constraint.states_after[states[row], columns]
            longer = letters[columns], totals[row, columns], joints[row][:, columns], after
            _Longer(prefix, *longer).wait(waiting)
        if n_waiting > max_waiting:
            raise ValueError(
                f"The search for the {n:,} most likely names keeps more than "
                f"{max_waiting:,} beginnings. Got max_length={constraint.max_length}; ask for "
                "fewer or shorter names."
            )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in found], np.array([log_likelihood for log_likelihood, _ in found])


def _take(waiting, n_rows):
    """Take the most probable ones from the heap: prefixes, (rows, labels) and states."""
    best: list[Any] = []
    while waiting and len(best) < n_rows:
        _, prefix, place, siblings = heappop(waiting)
        siblings.wait(waiting, place + 1)
        best.append((prefix, siblings.joint[:, place], siblings.states[place]))
    prefixes, joints, states = zip(*best, strict=True)
    return prefixes, np.stack(joints), np.array(states)


def _what_may_follow(constraint, prefixes, states):
    """Tell which prefixes may end, and which characters may follow each."""
    may_end = np.array([len(b) > 0 and constraint.accepts_name(b) for b in prefixes])
    lengths = constraint.lengths(prefixes)[:, None] + constraint.begins[states]
    return may_end, constraint.can_finish(lengths, constraint.states_after[states])


def _log_proba(sampler, prefixes):
    """Log-probabilities of what follows, (n_prefixes, n_labels, n_characters)."""
    windows = sampler.alphabet.windows(prefixes, sampler.window_length)
    return next_log_proba(sampler.model, windows, sampler.labels)


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis) if x.shape[axis] > 1 else x.squeeze(axis)
