"""Best-first search for the most probable names."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._models.contract import next_log_proba
from .._parallel import BLOCK_CELLS
from .sampler import Sampler

_MAX_BYTES = 2**30  # of prefixes that wait


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
    letters, end = np.array(sampler.corpus.alphabet.letters), sampler.corpus.alphabet.end
    constraint = sampler.constraint
    (prefix,) = sampler.prefixes
    joint = log_prior  # log-probability of the prefix and each label
    for i, letter in enumerate(prefix):
        joint = (
            joint + _log_proba(sampler, [prefix[:i]])[0, :, sampler.corpus.alphabet.index[letter]]
        )
    total = _logsumexp(joint)[None]
    waiting: list[Any] = []  # names are all different, so they tell equal probabilities apart
    states = np.array([constraint.read(prefix)])
    _wait(waiting, (prefix, np.array([""]), total, joint[:, None], states))
    found: list[tuple[float, str]] = []
    n_rows, n_waiting = max(1, BLOCK_CELLS // max(2 * len(letters) * len(joint), 2**12)), 0
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
            after = constraint.after[states[row], columns]
            longer = letters[columns], totals[row, columns], joints[row][:, columns], after
            _wait(waiting, (prefix, *longer))
        if n_waiting > max_waiting:
            raise ValueError(
                f"The search for the {n:,} most likely names keeps more than "
                f"{max_waiting:,} beginnings. Got max_length={constraint.max_length}; ask for "
                "fewer or shorter names."
            )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in found], np.array([log_likelihood for log_likelihood, _ in found])


def _wait(waiting, siblings, place=0):
    """Put the prefix at that place on a heap, if there is one; the others wait for it.

    Siblings are a prefix and the letters that may follow it, the most probable first; the
    log-probability of each, (n,), and with each label, (n_labels, n); and the state after each.
    """
    prefix, letters, total, *_ = siblings
    if place < len(letters):
        heappush(waiting, (-total[place], prefix + letters[place], place, siblings))


def _take(waiting, n_rows):
    """Take the most probable ones from the heap: prefixes, (rows, labels) and states."""
    best: list[Any] = []
    while waiting and len(best) < n_rows:
        _, prefix, place, siblings = heappop(waiting)
        _wait(waiting, siblings, place + 1)
        best.append((prefix, siblings[3][:, place], siblings[4][place]))
    prefixes, joints, states = zip(*best, strict=True)
    return prefixes, np.stack(joints), np.array(states)


def _what_may_follow(constraint, prefixes, states):
    """Tell which prefixes may end, and which characters may follow each."""
    may_end = np.array([len(b) > 0 and constraint.accepts_name(b) for b in prefixes])
    lengths = constraint.lengths(prefixes)[:, None] + constraint.begins[states]
    return may_end, constraint.possible.is_possible(lengths, constraint.after[states])


def _log_proba(sampler, prefixes):
    """Log-probabilities of what follows, (n_prefixes, n_labels, n_characters)."""
    windows = sampler.corpus.alphabet.windows(prefixes, sampler.corpus.window_length_)
    return next_log_proba(sampler.model, windows, sampler.labels)


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis) if x.shape[axis] > 1 else x.squeeze(axis)
