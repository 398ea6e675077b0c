"""The expected share of new names."""

from math import exp, log

import numpy as np

from .._sequences import Sequences
from .._threads import side_by_side
from .._validation import check_real
from .sampler import Sampler

# Factor and number of steps from temperature 1, and how close the novelty comes to the target.
_STEP = log(1.5)
_MAX_STEPS = 8
_CLOSE_ENOUGH = 1e-3
# Logits along names that are kept for other temperatures: 64 MB, 128 MB of an n-gram generator's.
_MAX_KEPT = 2**24
# Draws for each prefix that estimate how many names fit: until the standard error is small.
_MIN_DRAWS, _MAX_DRAWS, _SMALL_ERROR = 1000, 32_000, 0.002


class KnownNames:
    """Different names, and how probable it is at any temperature that others are written.

    The model reads them once for several temperatures, if what it says can be kept.
    """

    def __init__(self, sampler: Sampler, names: list[str], several: bool):
        constraint, letters = sampler.constraint, sampler.alphabet.index.keys()
        fitting = [n for n in names if letters >= set(n) and constraint.accepts_name(n)]
        self.sampler = sampler
        # For each prefix, those that begin with it.
        self.names = [[n for n in fitting if n.startswith(p)] for p in sampler.prefixes]
        n_steps = sum(len(name) + 1 for found in self.names for name in found)
        n_logits = n_steps * len(sampler.labels) * len(sampler.alphabet)
        self._is_kept = several and n_logits <= _MAX_KEPT
        self._kept: dict[tuple[int, int, int], np.ndarray] = {}

    def novelty(self, temperature: float) -> float:
        """Compute the share of the names written that is not among them.

        One minus the sum of the probabilities of these names, over that of all names that fit.
        """
        sampler = self.sampler.at(temperature)
        if temperature == 0:
            return _greedy_novelty(sampler, set().union(*self.names))
        mass = self._mass(sampler)
        rng, n = np.random.default_rng(0), _MIN_DRAWS
        while True:
            proba, error = sampler.constraint_probability(n, rng)
            if not proba.all():
                raise sampler.nothing_fits(n, int(proba.argmin()))
            error = np.sqrt(np.square(mass / proba**2 * error).sum()) / len(mass)
            if error < _SMALL_ERROR or n >= _MAX_DRAWS:
                return float((1 - mass / proba).clip(0).mean())
            n = int(min(_MAX_DRAWS, 1.2 * n * (error / _SMALL_ERROR) ** 2 + 1))

    def _mass(self, sampler):
        """Sum the probabilities of the names behind each prefix."""
        mass = np.zeros(len(self.names))
        for row, names in enumerate(self.names):
            for column, proba in enumerate(sampler.label_proba[row] if names else ()):
                mass[row] += proba * np.exp(self._log_proba(sampler, row, column)).sum()
        return mass

    def _log_proba(self, sampler, row, column):
        """Return the log-probability of each name behind a prefix, given a label, in nats."""

        def read(number: int, block: Sequences) -> np.ndarray:
            place = row, column, number
            logits = self._kept.get(place)
            if logits is None:
                logits = sampler.model.logits(block)
            if self._is_kept:
                self._kept[place] = logits
            each = sampler.decoding.log_proba(logits, block.targets[block.has_target])
            names = np.repeat(block.name_index, block.has_target.sum(1))
            return np.bincount(names, each, minlength=len(self.names[row]))

        sequences = sampler.sequences(self.names[row], row, int(sampler.labels[column]))
        blocks = sequences.blocks(len(sampler.alphabet))
        return sum(side_by_side(read, enumerate(blocks)))


def _greedy_novelty(sampler, known):
    cases = np.indices(sampler.label_proba.shape).reshape(2, -1)
    names = sampler.greedy(cases[0], sampler.labels[cases[1]])
    is_new = np.array([name not in known for name in names])
    return float(sampler.label_proba.ravel() @ is_new / len(sampler.prefixes))


def temperature_for(known: KnownNames, novelty: float) -> float:
    """Find the temperature nearest to 1 at which that share of the names written is new.

    The novelty need not grow with the temperature: near zero, all names are one, which is new
    or is not, and with few characters random names may be known ones. So temperatures are tried
    in steps of a factor of 1.5, in the direction that usually helps and then in the other, to one
    on the other side, and between the last two by Brent's method.
    """
    from scipy.optimize import brentq

    check_real("novelty", novelty, "in (0, 1)", lambda n: 0 < n < 1)
    surpluses: dict[float, float] = {}

    def surplus(x):
        if x not in surpluses:
            found = known.novelty(exp(x)) - novelty
            surpluses[x] = found if abs(found) > _CLOSE_ENOUGH else 0.0  # which ends the search
        return surpluses[x]

    usual = _STEP if surplus(0.0) < 0 else -_STEP
    for step in (usual, -usual):
        for number in range(_MAX_STEPS):
            before, x = number * step, (number + 1) * step
            if not surplus(before):
                return exp(before)
            if surplus(before) * surplus(x) <= 0:
                return exp(brentq(surplus, before, x, xtol=1e-6))
    seen = surpluses.values()
    raise ValueError(
        f"novelty must be one that temperatures from {exp(min(surpluses)):.2g} to "
        f"{exp(max(surpluses)):.2g} give, {min(seen) + novelty:.3f} to {max(seen) + novelty:.3f} "
        f"where they were tried. Got {novelty}."
    )
