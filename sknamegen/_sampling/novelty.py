"""The expected share of new names."""

from collections.abc import Iterable
from dataclasses import replace
from math import exp, log

import numpy as np
from scipy.optimize import brentq

from .._threads import own_torch
from .._validation import check_real
from .rules import Step
from .sampler import Sampler

# Factor and number of steps from temperature 1, and how close the novelty comes to the target.
_STEP = log(1.5)
_MAX_STEPS = 8
_CLOSE_ENOUGH = 1e-3
# Logits along names that are kept for other temperatures: 64 MB, 128 MB of an n-gram generator's.
_MAX_KEPT = 2**24
# Draws for each seed that estimate how many names fit: until the standard error is small.
_MIN_DRAWS, _MAX_DRAWS, _SMALL_ERROR = 1000, 32_000, 0.002


class KnownNames:
    """Different names, and how probable it is at any temperature that others are written.

    The model reads them once for several temperatures, if what it says can be kept.
    """

    def __init__(self, sampler: Sampler, names: list[str], several: bool):
        wish, letters = sampler.rules.wish, sampler.alphabet.index.keys()
        fitting = [name for name in names if letters >= set(name) and wish.accepts_name(name)]
        self.sampler = sampler
        # For each seed, those that begin with it.
        self.names = [[name for name in fitting if name.startswith(seed)] for seed in sampler.seeds]
        n_steps = sum(len(name) + 1 for found in self.names for name in found)
        n_logits = n_steps * len(sampler.labels) * len(sampler.alphabet.codes)
        self._is_kept = several and n_logits <= _MAX_KEPT
        self._kept: dict[tuple[int, int], list[Step]] = {}

    def novelty(self, temperature: float) -> float:
        """Compute the share of the names written that is not among them.

        One minus the sum of the probabilities of these names, over that of all names that fit.
        """
        sampler = self.sampler.with_rules(temperature=temperature)
        if temperature == 0:
            return _greedy_novelty(sampler, set().union(*self.names))
        mass = self._mass(sampler)
        rng, n = np.random.default_rng(0), _MIN_DRAWS
        while True:
            proba, error = sampler.wish_probability(n, rng)
            error = np.sqrt(np.square(mass / proba**2 * error).sum()) / len(mass)
            if error < _SMALL_ERROR or n >= _MAX_DRAWS:
                return float((1 - mass / proba).clip(0).mean())
            n = int(min(_MAX_DRAWS, 1.2 * n * (error / _SMALL_ERROR) ** 2 + 1))

    @own_torch()
    def _mass(self, sampler):
        """Sum the probabilities of the names behind each seed."""
        mass = np.zeros(len(self.names))
        for row, names in enumerate(self.names):
            for column, proba in enumerate(sampler.label_proba[row]):
                log_proba = sampler.log_proba(len(names), self._read(row, column))
                mass[row] += proba * np.exp(log_proba).sum()
        return mass

    def _read(self, row, column):
        """Return what the model says along the names behind a seed, given a label."""
        if (row, column) in self._kept:
            return self._kept[row, column]
        names = self.names[row]
        labels = np.full(len(names), self.sampler.labels[column])
        steps: Iterable[Step] = self.sampler.read(np.full(len(names), row), names, labels)
        if self._is_kept:
            steps = self._kept[row, column] = list(steps)
        return steps


def _greedy_novelty(sampler, known):
    rows, novelty = np.arange(len(sampler.seeds)), 0.0
    for column, label in enumerate(sampler.labels):
        one = replace(sampler, labels=np.array([label]), label_proba=np.ones((len(rows), 1)))
        is_new = [name not in known for name in one.draw(rows, np.random.default_rng(0))]
        novelty += sampler.label_proba[:, column] @ np.array(is_new)
    return float(novelty / len(rows))


def temperature_for(known: KnownNames, novelty: float) -> float:
    """Find the temperature nearest to 1 at which that share of the names written is new.

    The novelty need not grow with the temperature: near zero, all names are one, which is new
    or is not. So temperatures are tried in steps of a factor of 1.5 to one on the other side, and
    between the last two by Brent's method.
    """
    check_real("novelty", novelty, "in (0, 1)", lambda n: 0 < n < 1)
    surpluses: dict[float, float] = {}

    def surplus(x):
        if x not in surpluses:
            found = known.novelty(exp(x)) - novelty
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
