"""How many of the names that a model writes are new, exactly."""

from math import exp, log

import numpy as np
from scipy.optimize import brentq

from .._validation import check_real
from .sampler import Sampler

# Factor and number of steps from temperature 1, and how close the novelty comes to the target.
_STEP = log(1.5)
_MAX_STEPS = 8
_CLOSE_ENOUGH = 1e-3


def expected_novelty(sampler: Sampler, names: list[str]) -> float:
    """Compute the share of the names written that is not in a list.

    Parameters
    ----------
    sampler : Sampler
    names : list of str
        All different.

    Returns
    -------
    novelty : float
        One minus the sum of the probabilities of these names to be written.
    """
    rules = sampler.rules
    known = sampler.alphabet.index.keys()
    allowed = [
        name
        for name in names
        if rules.min_length <= len(name) <= rules.max_length and known >= set(name)
    ]
    if rules.constraint:
        allowed = [name for name in allowed if rules.constraint.accepts_name(name)]
    found = [
        (row, name)
        for row, seed in enumerate(sampler.seeds)
        for name in allowed
        if name.startswith(seed)
    ]
    rows = np.array([row for row, _ in found], dtype=np.int64)
    known_names = [name for _, name in found]
    mass = 0.0
    for label, proba in zip(sampler.labels, sampler.label_proba.T, strict=True):
        labels = np.full(len(found), label)
        mass += proba[rows] @ np.exp(sampler.log_proba(rows, known_names, labels))
    return float(1 - mass / max(1, len(sampler.seeds)))


def temperature_for(sampler: Sampler, names: list[str], novelty: float) -> float:
    """Find a temperature at which that share of the names written is not in a list.

    Parameters
    ----------
    sampler, names
        As in `expected_novelty`, at any temperature.
    novelty : float

    Returns
    -------
    temperature : float

    Raises
    ------
    ValueError
        If no temperature gives it.

    Notes
    -----
    The novelty need not grow with the temperature: near zero, all names are one, which is new
    or is not. So the temperature nearest to 1 is found, in steps of a factor of 1.5 to one on
    the other side, and between the last two by Brent's method on its logarithm.
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
