"""Importance weights: how many draws are enough, and which are chosen."""

import numpy as np
from numpy.typing import NDArray

# If the effective number of draws is not such a share of those wanted, the weights are evened out.
_AT_LEAST = 0.5
# A name that was drawn once is expected to be chosen so many times at most.
_MAX_COPIES = 4
# Names are few where such a share of the draws are different, of so many wanted at least; then
# draws that would be chosen more than once are to have no more than a share of all weight.
_FEW_NAMES, _MANY_WANTED, _TOO_HEAVY = 0.2, 50, 0.02


def choose(
    texts: NDArray[np.object_],
    log_weights: NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Choose n draws in proportion to their weights.

    If the effective number is small even so, the weights are taken to a power below one: then
    names are as the guide finds them rather than repeated.
    """
    for power in np.linspace(1, 0, 11):
        found = np.where(np.isfinite(log_weights), power * log_weights, -np.inf)
        found = _singles_capped(texts, found, n)
        if effective_size(found) >= n * _AT_LEAST:
            break
    return resample(found, n, rng)


def draws_needed(
    texts: NDArray[np.object_], log_weights: NDArray[np.float64], n: int, enough: float
) -> float:
    """Estimate how many draws it takes to choose n of them.

    They are to be worth `enough` without weights for each one. Where names are few, so that their
    frequencies can be seen, none but a few draws may be expected to be chosen more than once.
    """
    found, n_drawn = _singles_capped(texts, log_weights, n), len(log_weights)
    needed = n_drawn * enough * n / max(effective_size(found), 0.1)
    alive = np.isfinite(found)
    if n > _MANY_WANTED and len(set(texts[alive])) < _FEW_NAMES * alive.sum():
        weights = np.sort(np.exp(found[alive] - found.max()))
        below = weights.cumsum() / weights.sum()
        usual = weights[np.searchsorted(below, 1 - _TOO_HEAVY)]
        needed = max(needed, n_drawn * n * usual / weights.sum())
    return needed


def _singles_capped(texts, log_weights, n):
    """Limit the weights of names drawn once, so that none is chosen many times for being rare."""
    _, place, times = np.unique(texts.astype(str), return_inverse=True, return_counts=True)
    return np.where(times[place] == 1, capped(log_weights, n), log_weights)


def capped(log_weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Limit weights so that none of n choices is expected to fall on a draw many times."""
    if np.isfinite(log_weights.max(initial=-np.inf)):
        for _ in range(4):
            cap = np.logaddexp.reduce(log_weights) + np.log(_MAX_COPIES / n)
            log_weights = np.minimum(log_weights, cap)
    return log_weights


def effective_size(log_weights: NDArray[np.float64]) -> float:
    """Return how many draws without weights those with weights are worth (Kong, 1992)."""
    weights = _scaled(log_weights)
    return weights.sum() ** 2 / (weights**2).sum() if len(weights) else 0.0


def resample(
    log_weights: NDArray[np.float64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose n draws in proportion to their weights, systematically, in random order."""
    cumulative = _scaled(log_weights).cumsum()
    ticks = (np.arange(n) + rng.random()) / n * cumulative[-1]
    chosen = np.searchsorted(cumulative, ticks, side="right")
    return rng.permutation(chosen.clip(max=len(cumulative) - 1))


def _scaled(log_weights):
    greatest = log_weights.max(initial=-np.inf)
    return np.exp(log_weights - greatest) if np.isfinite(greatest) else np.zeros(0)
