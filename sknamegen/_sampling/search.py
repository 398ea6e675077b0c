"""Best-first search for the most probable names."""

from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np
import torch
from numpy.typing import NDArray

from .._threads import own_torch
from .model import next_log_proba
from .sampler import Sampler

_ROWS = 512
_MAX_WAITING = 5_000_000


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
    letters, end = sampler.alphabet.letters, sampler.alphabet.end
    wish = sampler.rules.wish
    (seed,) = sampler.seeds
    joint = log_prior  # log-probability of the seed and each label
    for i, letter in enumerate(seed):
        joint = joint + _log_proba(sampler, [seed[:i]])[0, :, letters.index(letter)]
    waiting = [(-_logsumexp(joint), seed, joint, wish.automaton.read(seed))]
    found: list[tuple[float, str]] = []
    # Names are all different, so they tell equal probabilities apart in the heaps.
    while waiting and (len(found) < n or -waiting[0][0] > found[0][0]):
        best = [heappop(waiting) for _ in range(min(_ROWS, len(waiting)))]
        beginnings = [beginning for _, beginning, _, _ in best]
        joints = np.stack([joint for _, _, joint, _ in best])[:, :, None]
        joints = joints + _log_proba(sampler, beginnings)
        states = np.array([state for _, _, _, state in best])
        total = _logsumexp(joints, axis=1)  # (rows, characters)
        may_end, may_follow = _what_may_follow(wish, beginnings, states)
        may_end &= ~unwanted(beginnings)
        for row in np.flatnonzero(may_end).tolist():
            heappush(found, (float(total[row, end]), beginnings[row]))
        while len(found) > n:
            heappop(found)
        may_follow &= total > (found[0][0] if len(found) == n else -np.inf)
        may_follow[:, end] = False
        rows, columns = np.nonzero(may_follow)
        after = wish.automaton.after[states[rows], columns]
        for row, column, state in zip(rows.tolist(), columns.tolist(), after.tolist(), strict=True):
            beginning = beginnings[row] + letters[column]
            heappush(
                waiting, (-float(total[row, column]), beginning, joints[row, :, column], state)
            )
        if len(waiting) > _MAX_WAITING:
            raise ValueError(
                f"The search for the {n:,} most likely names keeps more than "
                f"{_MAX_WAITING:,} beginnings. Got max_length={wish.max_length}; ask for fewer or "
                "shorter names."
            )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in found], np.array([log_likelihood for log_likelihood, _ in found])


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
    return np.logaddexp.reduce(x, axis=axis)
