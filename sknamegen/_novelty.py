"""How many of the names that a model writes are new, exactly."""

from math import exp, log

import numpy as np

from ._writing import log_proba_of

# The temperatures to choose from, and how close the novelty comes to the one asked for.
_COLDEST, _HOTTEST = 0.02, 20.0
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
    return float(1 - mass / len(request.seeds))


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
    Regula falsi on the logarithm of the temperature, in its Illinois variant [1]_.

    References
    ----------
    .. [1] M. Dowell and P. Jarratt, "A modified regula falsi method for computing the root
       of an equation", BIT, 1971.
    """

    def surplus(x):
        rules = request.rules._replace(temperature=exp(x))
        return expected_novelty(request._replace(rules=rules), names) - novelty

    a, b = log(_COLDEST), log(_HOTTEST)
    f_a, f_b = surplus(a), surplus(b)
    if not f_a <= 0 <= f_b:
        raise ValueError(
            f"target_novelty must be between {f_a + novelty:.3f} and {f_b + novelty:.3f}, which "
            f"temperatures of {_COLDEST} and {_HOTTEST:g} give. Got {novelty}."
        )
    for _ in range(_MAX_ROUNDS):
        x = b - f_b * (b - a) / (f_b - f_a) if f_b != f_a else (a + b) / 2
        f_x = surplus(x)
        if abs(f_x) < _CLOSE_ENOUGH:
            break
        if (f_x > 0) == (f_b > 0):
            f_a /= 2
        else:
            a, f_a = b, f_b
        b, f_b = x, f_x
    return exp(x)
