"""How many of the names that a model writes are new, exactly."""

from math import exp, log

import numpy as np

from ._writing import log_proba_of

# Factor and number of steps from temperature 1, and how close the novelty comes to the target.
_STEP = log(1.5)
_MAX_STEPS = 8
_CLOSE_ENOUGH = 1e-3
_MAX_ROUNDS = 40


def expected_novelty(request, names):
    """Compute which part of the names written is not in a list.

    Parameters
    ----------
    request : Request
    names : list of str
        All different.

    Returns
    -------
    novelty : float
        One minus the sum of the probabilities of these names to be written.
    """
    rules = request.rules
    lengths, letters = range(rules.min_length, rules.max_length + 1), set(request.alphabet.tolist())
    allowed = [name for name in names if len(name) in lengths and letters.issuperset(name)]
    if rules.constraint:
        allowed = [name for name in allowed if rules.constraint.accepts(name)]
    rows, known = [], []
    for row, seed in enumerate(request.seeds):
        found = [name for name in allowed if name.startswith(seed)]
        known += found
        rows += [row] * len(found)
    rows = np.array(rows, dtype=np.int64)
    if request.label_proba is None:
        mass = np.exp(log_proba_of(request, rows, known)).sum()
    else:
        mass = 0.0
        for label, proba in enumerate(request.label_proba.T):
            labels = np.full(len(known), label)
            mass += proba[rows] @ np.exp(log_proba_of(request, rows, known, labels))
    return float(1 - mass / max(1, len(request.seeds)))


def temperature_for(request, names, novelty):
    """Find a temperature at which that part of the names written is not in a list.

    Parameters
    ----------
    request, names
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
    the other side, and between the last two by regula falsi on its logarithm, in the Illinois
    variant [1]_.

    References
    ----------
    .. [1] M. Dowell and P. Jarratt, "A modified regula falsi method for computing the root
       of an equation", BIT, 1971.
    """

    def surplus(x):
        rules = request.rules._replace(temperature=exp(x))
        return expected_novelty(request._replace(rules=rules), names) - novelty

    b, f_b = 0.0, surplus(0.0)
    seen = [f_b]
    direction = 1 if f_b < 0 else -1
    while f_b * direction < 0:  # not yet on the other side
        if len(seen) > _MAX_STEPS:
            raise ValueError(
                f"target_novelty must be between {min(seen) + novelty:.3f} and "
                f"{max(seen) + novelty:.3f}, which temperatures from 1 to {exp(b):.2g} give. "
                f"Got {novelty}."
            )
        a, f_a = b, f_b
        b += direction * _STEP
        f_b = surplus(b)
        seen.append(f_b)
    x = b
    while len(seen) < _MAX_ROUNDS and abs(f_b) > _CLOSE_ENOUGH:
        x = b - f_b * (b - a) / (f_b - f_a)
        f_x = surplus(x)
        seen.append(f_x)
        if (f_x > 0) == (f_b > 0):
            f_a /= 2
        else:
            a, f_a = b, f_b
        b, f_b = x, f_x
    return exp(x)
