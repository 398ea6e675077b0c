"""Checks of single parameters, with one form of error message."""

from numbers import Integral, Real

import numpy as np


def check_int(name, value, low, or_auto=False):
    """Raise unless `value` is an integer (no bool) of at least `low`, or "auto" if it may be."""
    if or_auto and isinstance(value, str) and value == "auto":
        return
    expected = f"'auto' or an int >= {low}" if or_auto else f"an int >= {low}"
    message = f"{name} must be {expected}. Got {value!r}."
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(message)
    if value < low:
        raise ValueError(message)


def check_real(name, value, expected, accepts):
    """Raise unless `value` is a real number for which `accepts(value)` holds."""
    message = f"{name} must be {expected}. Got {value!r}."
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(message)
    try:
        accepted = accepts(float(value))
    except OverflowError:
        accepted = False
    if not accepted:
        raise ValueError(message)


def check_option(name, value, options):
    """Raise unless `value` is one of `options`."""
    if not isinstance(value, (str, bool, np.bool_, type(None))) or value not in options:
        expected = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {expected}. Got {value!r}.")
