"""The expected share of new names."""

from dataclasses import replace
from math import exp, log

import numpy as np
from scipy.optimize import brentq

from .._validation import check_real
from .sampler import Sampler

# Factor and number of steps from temperature 1, and how close the novelty comes to the target.
_STEP = log(1.5)
_MAX_STEPS = 8
_CLOSE_ENOUGH = 1e-3
# Draws for each seed that estimate how many names fit: until the standard error is small.
_MIN_DRAWS, _MAX_DRAWS, _SMALL_ERROR = 1000, 32_000, 0.002


def expected_novelty(sampler: Sampler, names: list[str]) -> float:
    """Compute the share of the names written that is not in a list of different names.

    One minus the sum of the probabilities of these names, over that of all names that fit.
    """
    wish, known = sampler.rules.wish, sampler.alphabet.index.keys()
    fitting = [name for name in names if known >= set(name) and wish.accepts_name(name)]
    if sampler.rules.temperature == 0:
        return _greedy_novelty(sampler, set(fitting))
    mass = np.zeros(len(sampler.seeds))
    for row, seed in enumerate(sampler.seeds):
        found = [name for name in fitting if name.startswith(seed)]
        rows = np.full(len(found), row)
        for label, proba in zip(sampler.labels, sampler.label_proba[row], strict=True):
            log_proba = sampler.log_proba(rows, found, np.full(len(found), label))
            mass[row] += proba * np.exp(log_proba).sum()
    rng, n = np.random.default_rng(0), _MIN_DRAWS
    while True:
        proba, error = sampler.wish_probability(n, rng)
        error = np.sqrt(np.square(mass / proba**2 * error).sum()) / len(mass)
        if error < _SMALL_ERROR or n >= _MAX_DRAWS:
            return float((1 - mass / proba).clip(0).mean())
        n = int(min(_MAX_DRAWS, 1.2 * n * (error / _SMALL_ERROR) ** 2 + 1))


def _greedy_novelty(sampler, known):
    rows, novelty = np.arange(len(sampler.seeds)), 0.0
    for column, label in enumerate(sampler.labels):
        one = replace(sampler, labels=np.array([label]), label_proba=np.ones((len(rows), 1)))
        is_new = [name not in known for name in one.draw(rows, np.random.default_rng(0))]
        novelty += sampler.label_proba[:, column] @ np.array(is_new)
    return float(novelty / len(rows))


def temperature_for(sampler: Sampler, names: list[str], novelty: float) -> float:
    """Find the temperature nearest to 1 at which that share of the names written is new.

    The novelty need not grow with the temperature: near zero, all names are one, which is new
    or is not. So temperatures are tried in steps of a factor of 1.5 to one on the other side, and
    between the last two by Brent's method.
    """
    check_real("novelty", novelty, "in (0, 1)", lambda n: 0 < n < 1)
    surpluses: dict[float, float] = {}

    def surplus(x):
        if x not in surpluses:
            found = expected_novelty(sampler.with_rules(temperature=exp(x)), names) - novelty
            surpluses[x] = found if abs(found) > _CLOSE_ENOUGH else 0.0  # which ends the search
        return surpluses[x]

    x = 0.0
    direction = 1 if surplus(x) < 0 else -1
    while surplus(x) * direction < 0:  # not yet on the other side
        if len(surpluses) > _MAX_STEPS:
            seen = surpluses.values()
            raise ValueError(
                f"novelty must be between {min(seen) + novelty:.3f} and "
                f"{max(seen) + novelty:.3f}, which temperatures from 1 to {exp(x):.2g} give. "
                f"Got {novelty}."
            )
        x += direction * _STEP
    if surplus(x):
        x = brentq(surplus, x - direction * _STEP, x, xtol=1e-6)
    return exp(x)
