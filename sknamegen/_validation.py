"""Validation of parameters and arrays, with uniform error messages."""

import sys
import warnings
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import field
from functools import partial
from importlib import import_module
from math import inf
from numbers import Integral, Real
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._text.codes import FRAMING, codes_of
from ._text.unicode import compose, decompose, fold
from ._types import Data, Floats, Ints, Labels, RandomStateLike

# Whether a number is accepted.
_Test = Callable[[float], bool]
# Packages whose frames `warn_user` skips.
_LIBRARIES = __name__.partition(".")[0], "sklearn", "joblib"
# Maximum number of names per call. More would not fit in the memory of a laptop.
_MAX_SAMPLES = 10**7
# Upper bound on the sum of all sample weights.
MAX_TOTAL_WEIGHT = 1e24


def check_int(name: str, value: object, low: int, or_auto: bool = False, high: float = inf) -> Any:
    """Return `value` as an int. Raise unless it is within bounds, or "auto" if `or_auto` is set."""
    expected = f"an int >= {low}" + ("" if high == inf else f" and <= {high:,}")
    return check_real(name, value, expected, lambda n: low <= n <= high, or_auto, Integral)


def check_n_samples(n_samples: object, best_of: object = 1, name: str = "n_samples") -> int:
    """Return the number of names, after a check of it and of the number of their candidates."""
    n = check_int(name, n_samples, 0, high=_MAX_SAMPLES)
    if n * check_int("best_of", best_of, 1) > _MAX_SAMPLES:
        raise ValueError(
            f"{name} times best_of must be at most {_MAX_SAMPLES:,}. Got {n:,} and {best_of:,}."
        )
    return n


def is_auto(value: object) -> bool:
    """Return whether the value of a parameter is "auto"."""
    return isinstance(value, str) and value == "auto"


def check_real(
    name: str, value: Any, expected: str, accepts: _Test, or_auto: bool = False, kind: Any = Real
) -> Any:
    """Return `value` as a float, or an int if `kind` is Integral.

    Raise unless it is a number that passes `accepts`, or "auto" if allowed.
    """
    if or_auto and is_auto(value):
        return value
    auto = "'auto' or " * or_auto
    message = f"{name} must be {auto}{expected}. Got {value!r}."
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(message)
    with suppress(OverflowError):
        number = int(value) if kind is Integral else float(value)
        if accepts(number):
            return number
    raise ValueError(message)


def check_option(name: str, value: object, options: tuple[object, ...] = (True, False)) -> Any:
    """Return the value, or raise unless it is one of `options`."""
    if not isinstance(value, (str, bool, np.bool_, type(None))) or value not in options:
        expected = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {expected}. Got {value!r}.")
    return options[options.index(value)]  # a bool for numpy's


def checked_by(check: Callable[..., object], **options: object) -> Any:
    """Return a dataclass field for a parameter, with its check and the options of the check."""
    return field(metadata={"check": partial(check, **options)})


def check_str(name: str, value: object) -> None:
    """Raise unless `value` is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str. Got {value!r}.")


def check_strings(name: str, strings: object, may_be_empty: bool = False) -> list[str]:
    """Return an iterable of str as a list of strings in composed form (NFC)."""
    expected = f"{name} must be an iterable of str" + " with at least one name" * (not may_be_empty)
    return list(map(compose, _strings(strings, expected, min_items=not may_be_empty)))


def _strings(strings: object, expected: str, hint: str = "", min_items: int = 0) -> list[str]:
    """Return the items of a one-dimensional iterable of str, or raise an error."""
    is_column = len(getattr(strings, "shape", (None,))) == 1
    if isinstance(strings, Iterable) and not isinstance(strings, (str, bytes)) and is_column:
        items = list(strings)
        if len(items) < min_items:
            raise ValueError(f"{expected}. Got no names.")
        if all(isinstance(item, str) for item in items):
            return items
    raise TypeError(f"{expected}. Got {strings!r:.80}.{hint}")


def check_blend(weights: Mapping[object, object]) -> dict[object, float]:
    """Return label weights as floats, scaled so that the largest weight is 1."""
    expected = "label must be one label, or a non-empty dict from labels to finite weights > 0"
    scaled = scale_weights([*weights.values()], len(weights), f"{expected}. Got {weights!r:.200}.")
    return dict(zip(weights, scaled, strict=True))


def scale_weights(weights: object, n: int, message: str) -> list[float]:
    """Divide n weights by their maximum, or raise ValueError unless they are finite numbers > 0."""
    with suppress(ValueError):  # of ragged lists
        array = np.asarray(weights)
        is_number = array.dtype.kind in "iuf" and array.shape == (n,)
        if n and is_number and np.isfinite(array).all() and (array > 0).all():
            return (array / array.max()).tolist()
    raise ValueError(message)


def check_seeds(seeds: object, name: str, hint: str = "") -> list[str]:
    """Return one or more beginnings of names as a list."""
    if isinstance(seeds, str):
        return [seeds]
    expected = f"{name} must be a str or an iterable of str, the beginning of the names"
    return _strings(seeds, expected, hint)


def check_banned(banned: object) -> tuple[str, ...]:
    """Return the case-folded NFC and NFD spellings of banned strings, as a sorted tuple."""
    expected = "banned must be an iterable of non-empty str"
    items = _strings(banned, expected)
    if "" in items:
        raise TypeError(f"{expected}. Got {banned!r}.")
    spellings = {form(item).casefold() for item in items for form in (compose, decompose)}
    return tuple(sorted(spellings))


def check_words(words: object) -> frozenset[str] | None:
    """Return the strings whose words names must consist of, as a set, or None."""
    if words is None:
        return None
    expected = "words must be an iterable of str with at least one word"
    # Checking a large set at each call would take longer than drawing a name.
    strings = words if isinstance(words, frozenset) else frozenset(_strings(words, expected))
    if not strings:
        raise ValueError(f"{expected}. Got {words!r:.80}.")
    return strings


def check_exclude(exclude: object, name: str = "exclude") -> Container[str]:
    """Return a container of the folded names that are excluded."""
    if isinstance(exclude, Container) and not isinstance(exclude, (Collection, type)):
        return exclude
    expected = f"{name} must be an iterable of str, or an object that supports `in`"
    return frozenset(map(fold, _strings(exclude, expected)))


def import_optional(user: str, module: str, extra: str) -> ModuleType:
    """Import a module of an optional package, or raise an error that names the extra for it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{user} requires {module}. In a clone of sknamegen, run pip install '.[{extra}]'."
        ) from error


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points to the first caller outside `_LIBRARIES`."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in _LIBRARIES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def random_generator(random_state: RandomStateLike) -> np.random.Generator:
    """Return a numpy Generator that is independent of the global random state."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    return np.random.default_rng(check_int("random_state", random_state, 0))


def check_weights(sample_weight: ArrayLike, n_names: int) -> Floats:
    """Return sample weights as an ndarray of shape (n_names,), dtype float64."""
    expected = f"sample_weight must contain one number from 0 to 1e12 for each of {n_names:,} names"
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{expected}. Got {sample_weight!r}.") from None
    if weights.shape != (n_names,):
        raise ValueError(f"{expected}. Got shape {weights.shape}.")
    is_invalid = ~((weights >= 0) & (weights <= 1e12))
    if is_invalid.any():
        raise ValueError(f"{expected}. Got {weights[is_invalid][0]}.")
    if not weights.any():
        raise ValueError(f"{expected}, with at least one number above zero. Got only zeros.")
    return weights


def check_labels(y: Any, n_names: int | None = None, name: str = "y") -> Labels:
    """Return labels, of shape (n_names,), or the parameter `classes` as an ndarray."""
    if isinstance(y, np.ndarray) and y.dtype.kind == "T":  # numpy's StringDType
        y = np.array(y.tolist())
    try:
        if isinstance(y, (list, tuple)) and len({isinstance(label, str) for label in y}) > 1:
            raise TypeError("str mixed with other types")  # numpy would convert all labels to str
        y = column_or_1d(y, warn=True)
        assert_all_finite(y)
        if bytes in set(map(type, y.tolist())):  # scikit-learn 1.6 accepts bytes, with a warning
            raise TypeError("bytes")
        with np.errstate(invalid="ignore"):  # scikit-learn casts floats to int64
            # Repeat the classes, because scikit-learn warns if most values are unique.
            check_classification_targets(np.repeat(y, 3) if name == "classes" else y)
        np.unique(y)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must contain labels, either all str or all int. Got invalid labels: {error}"
        ) from None
    if n_names is not None and len(y) != n_names:
        raise ValueError(
            f"y must contain one label for each of the {n_names:,} names. Got {len(y):,}."
        )
    return y


def check_alphabet(alphabet: Any) -> Ints:
    """Return the code points of an iterable of characters."""
    characters = list(alphabet) if isinstance(alphabet, Iterable) else [alphabet]
    for character in characters:
        if not (isinstance(character, str) and len(character) == 1):
            raise TypeError(f"alphabet must contain single characters. Got {character!r}.")
        if character in FRAMING:
            raise ValueError(f"alphabet must not contain reserved characters. Got {character!r}.")
    return codes_of(characters)


def check_arrays(
    arrays: Data, expected: Mapping[str, tuple[str, tuple[str, ...]]]
) -> dict[str, int]:
    """Return the length of each axis, or raise ValueError if arrays do not match.

    `expected` maps the name of each array to its possible values of `dtype.kind` and its axes.
    """
    lengths: dict[str, int] = {}
    if arrays.keys() != expected.keys():
        raise ValueError(f"Expected the arrays {', '.join(expected)}.")
    for name, (kinds, axes) in expected.items():
        dtype, shape = arrays[name].dtype, arrays[name].shape
        lengths = dict(zip(axes, shape, strict=True)) | lengths
        if dtype.kind not in kinds or shape != tuple(lengths[axis] for axis in axes):
            raise ValueError(f"Expected {name} with the axes {axes}.")
    return lengths
