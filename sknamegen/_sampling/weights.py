"""Importance weights: what draws are worth, and which are chosen."""

import numpy as np
from numpy.typing import NDArray

# How many draws without weights those are to be worth, for each one wanted and beside that.
_ENOUGH, _POOL = 1.0, 16
# Names are few where such a share of the draws are different, of so many wanted at least; then
# draws that would be chosen more than once are to have no more than a share of all weight.
_FEW, _MANY, _TOO_HEAVY = 0.2, 50, 0.02


def effective_size(log_weights: NDArray[np.float64]) -> float:
    """Return how many draws without weights those with weights are worth (Kong, 1992)."""
    weights = _scaled(log_weights)
    return weights.sum() ** 2 / (weights**2).sum() if len(weights) else 0.0


def draws_needed(texts: NDArray[np.object_], log_weights: NDArray[np.float64], n: int) -> float:
    """Estimate how many draws it takes to choose n of them.

    They are to be worth a little more than n without weights. Where names are few, so that their
    frequencies can be seen, none but a few draws may be expected to be chosen more than once.
    """
    n_drawn, weights = len(log_weights), np.sort(_scaled(log_weights))
    if not len(weights):
        return np.inf
    needed = n_drawn * (_ENOUGH * n + _POOL) / effective_size(log_weights)
    if n > _MANY and len(set(texts[np.isfinite(log_weights)])) < _FEW * n_drawn:
        below = weights.cumsum()
        usual = weights[np.searchsorted(below, (1 - _TOO_HEAVY) * below[-1])]
        needed = max(needed, n_drawn * n * usual / below[-1])
    return needed


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
