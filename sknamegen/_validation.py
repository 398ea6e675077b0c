"""Validation of parameters and arrays, with uniform error messages."""

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from math import inf
from numbers import Integral, Real
from operator import contains
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._alphabet import FRAMING, codes_of, compose, decompose, fold

RandomStateLike = int | np.integer | np.random.RandomState | np.random.Generator | None

# Packages whose frames `warn_user` skips.
_LIBRARIES = __name__.partition(".")[0], "sklearn", "joblib"
# Maximum window_length in characters. Sampling allocates one row of this length per name.
MAX_WINDOW = 2**20
# Maximum sample weight of a name.
MAX_WEIGHT = 1e12
# Upper bound on the sum of all sample weights.
MAX_TOTAL_WEIGHT = 1e24


def check_int(name: str, value: object, low: int, or_auto: bool = False, high: float = inf) -> None:
    """Raise unless `value` is an integer within bounds, or "auto" if `or_auto` is set."""
    expected = f"an int >= {low}" + ("" if high == inf else f" and <= {high:,}")
    check_real(name, value, expected, lambda n: low <= n <= high, or_auto, Integral)


def is_auto(value: object) -> bool:
    """Return whether the value of a parameter is "auto"."""
    return isinstance(value, str) and value == "auto"


def check_real(
    name: str,
    value: Any,
    expected: str,
    accepts: Callable[[float], bool],
    or_auto: bool = False,
    kind: Any = Real,
) -> None:
    """Raise unless `value` is a real number that passes `accepts`, or "auto" if allowed."""
    if or_auto and is_auto(value):
        return
    auto = "'auto' or " * or_auto
    message = f"{name} must be {auto}{expected}. Got {value!r}."
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(message)
    accepted = False
    with suppress(OverflowError):
        accepted = accepts(value if kind is Integral else float(value))
    if not accepted:
        raise ValueError(message)


def check_option(name: str, value: object, options: tuple[object, ...] = (True, False)) -> Any:
    """Return the value, or raise unless it is one of `options`."""
    if not isinstance(value, (str, bool, np.bool_, type(None))) or value not in options:
        expected = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {expected}. Got {value!r}.")
    return value


def check_str(name: str, value: object) -> None:
    """Raise unless `value` is a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str. Got {value!r}.")


def check_strings(name: str, strings: object, may_be_empty: bool = False) -> list[str]:
    """Return an iterable of str as a list of strings in composed form (NFC)."""
    items = _strings(strings)
    if items is None or not (items or may_be_empty):
        at_least = "" if may_be_empty else " with at least one name"
        raise TypeError(f"{name} must be an iterable of str{at_least}. Got {strings!r:.80}.")
    return list(map(compose, items))


def _strings(strings: object) -> list[str] | None:
    """Return the items of a one-dimensional iterable of str, or None for other values."""
    if not isinstance(strings, Iterable) or isinstance(strings, (str, bytes)):
        return None
    if len(getattr(strings, "shape", (None,))) != 1:
        return None
    items = list(strings)
    return items if all(isinstance(item, str) for item in items) else None


def check_blend(weights: Mapping[object, object]) -> dict[object, float]:
    """Return label weights as floats, scaled so that the largest weight is 1."""
    scaled = _scaled_weights([*weights.values()], len(weights))
    if not scaled:
        raise ValueError(
            "label must be one label, or a non-empty dict from labels to finite weights > 0. Got "
            f"{weights!r:.200}."
        )
    return dict(zip(weights, scaled, strict=True))


def check_average_weights(weights: object, n: int) -> list[float]:
    """Return the weights of n generators, scaled so that the largest weight is 1.

    All weights are 1 if `weights` is None.
    """
    scaled = _scaled_weights([1] * n if weights is None else weights, n)
    if not scaled:
        raise ValueError(
            f"weights must be None or {n} finite numbers > 0, one per generator. Got "
            f"{weights!r:.200}."
        )
    return scaled


def _scaled_weights(weights: object, n: int) -> list[float] | None:
    """Divide n weights by their maximum. Return None unless they are n finite numbers > 0."""
    try:
        array = np.asarray(weights)
    except ValueError:  # ragged
        return None
    is_number = array.dtype.kind in "iuf" and array.shape == (n,)
    if not (is_number and np.isfinite(array).all() and (array > 0).all()):
        return None
    return (array / array.max(initial=0)).tolist()


def check_seeds(seeds: object) -> list[str]:
    """Return one or more beginnings of names as a list."""
    items = [seeds] if isinstance(seeds, str) else _strings(seeds)
    if items is None:
        raise TypeError(
            "seed must be a str or an iterable of str, the beginning of the names. Got "
            f"{seeds!r}. For reproducible random numbers, pass random_state."
        )
    return items


def check_banned(banned: object) -> tuple[str, ...]:
    """Return the case-folded NFC and NFD spellings of banned strings, as a sorted tuple."""
    items = _strings(banned)
    if items is None or "" in items:
        raise TypeError(f"banned must be an iterable of non-empty str. Got {banned!r}.")
    spellings = {form(item).casefold() for item in items for form in (compose, decompose)}
    return tuple(sorted(spellings))


def check_exclude(exclude: object) -> Callable[[str], bool]:
    """Return a function that reports whether a folded name is excluded."""
    if isinstance(exclude, Iterable):
        names = _strings(exclude)
        if names is not None:
            return frozenset(map(fold, names)).__contains__
    elif hasattr(exclude, "__contains__") and not isinstance(exclude, type):
        return partial(contains, exclude)
    raise TypeError(
        "exclude must be an iterable of str, or an object that supports `name in exclude`. Got "
        f"{exclude!r:.80}."
    )


def missing_package(user: str, package: str, extra: str) -> ImportError:
    """Return the error for a missing package. The message names the extra that installs it."""
    return ImportError(
        f"{user} requires the package {package}. In a clone of sknamegen, run "
        f"pip install '.[{extra}]'."
    )


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
    check_int("random_state", random_state, 0)
    return np.random.default_rng(random_state)


def check_windows(X: ArrayLike, window_length: int | None = None) -> NDArray[Any]:
    """Return windows as an integer array of shape (n_names, n_positions, window_length + 1)."""
    expected = "X must be windows of code points, shape (n_names, n_positions, window_length + 1)"
    fix = "Put a CharSequenceVectorizer before the generator, for example in a Pipeline."
    if not isinstance(X, np.ndarray):
        try:
            X = np.asarray(X)
        except ValueError:
            raise ValueError(f"{expected}. Got a ragged {type(X).__name__}. {fix}") from None
    if X.dtype.kind in "UOST":
        raise TypeError(f"{expected}. Got text or objects (dtype {X.dtype}). {fix}")
    if X.ndim != 3 or X.shape[2] < 2:
        raise ValueError(f"{expected}. Got shape {X.shape}. {fix}")
    if X.dtype.kind not in "iu":
        raise TypeError(f"{expected}, with an integer dtype. Got dtype {X.dtype}. {fix}")
    if 0 in X.shape:
        raise ValueError(f"{expected}, with at least one name. Got shape {X.shape}.")
    if X.shape[2] - 1 > MAX_WINDOW:
        raise ValueError(f"{expected}, with window_length <= {MAX_WINDOW:,}. Got shape {X.shape}.")
    if window_length is not None and X.shape[2] != window_length + 1:
        raise ValueError(
            f"X must have the window_length seen in fit, {window_length}, and windows of width "
            f"{window_length + 1}. Got width {X.shape[2]}."
        )
    return X


def check_rows(
    X: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.float64] | None]:
    """Validate windows, labels and weights, and drop the rows whose weight is zero."""
    X = check_windows(X)
    labels = None if y is None else check_labels(y, len(X))
    if sample_weight is None:
        return X, labels, None
    weights = check_weights(sample_weight, len(X))
    is_positive = weights > 0
    if is_positive.all():
        return X, labels, weights
    labels = None if labels is None else labels[is_positive]
    return X[is_positive], labels, weights[is_positive]


def check_weights(sample_weight: ArrayLike, n_names: int) -> NDArray[np.float64]:
    """Return sample weights as an ndarray of shape (n_names,), dtype float64."""
    expected = f"sample_weight must contain one number from 0 to 1e12 for each of {n_names:,} names"
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{expected}. Got {sample_weight!r}.") from None
    if weights.shape != (n_names,):
        raise ValueError(f"{expected}. Got shape {weights.shape}.")
    is_invalid = ~((weights >= 0) & (weights <= MAX_WEIGHT))
    if is_invalid.any():
        raise ValueError(f"{expected}. Got {weights[is_invalid][0]}.")
    if not weights.any():
        raise ValueError(f"{expected}, with at least one number above zero. Got only zeros.")
    return weights


def check_labels(y: ArrayLike, n_names: int) -> NDArray[Any]:
    """Return labels as an ndarray of shape (n_names,)."""
    labels = _check_label_list("y", y)
    if len(labels) != n_names:
        raise ValueError(
            f"y must contain one label for each of the {n_names:,} names. Got {len(labels):,}."
        )
    return labels


def check_classes(y: NDArray[Any] | None, classes: ArrayLike | None) -> NDArray[Any] | None:
    """Return the sorted classes of the first call to partial_fit, or None without labels."""
    if classes is None:
        return None if y is None else np.unique(y)
    if y is None:
        raise ValueError("classes requires y, the label of each name. Got y=None.")
    unique_classes = np.unique(_check_label_list("classes", classes))
    check_known_labels(y, unique_classes)
    return unique_classes


def check_same_classes(classes: ArrayLike, first_classes: NDArray[Any] | None) -> None:
    """Raise unless `classes` equal the classes of the first call to partial_fit."""
    unique_classes = np.unique(_check_label_list("classes", classes))
    if first_classes is None or not np.array_equal(unique_classes, first_classes):
        raise ValueError(
            "classes must be the same in all calls to partial_fit, including the first. The first "
            f"call had {first_classes!r}. Got {classes!r}."
        )


def check_known_labels(y: NDArray[Any], classes: NDArray[Any], hint: str = "") -> None:
    """Raise unless all labels are in `classes`."""
    unknown = ~np.isin(y, classes)
    if unknown.any():
        raise ValueError(
            f"y must contain only the labels {', '.join(map(repr, classes.tolist()))}. "
            f"Got {y[unknown].tolist()[0]!r}{hint}."
        )


def _check_label_list(name: str, y: Any) -> NDArray[Any]:
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
    return y


def check_alphabet(alphabet: object) -> NDArray[np.int32]:
    """Return the code points of an iterable of characters."""
    characters: list[Any] = list(alphabet) if isinstance(alphabet, Iterable) else [alphabet]
    for character in characters:
        if not (isinstance(character, str) and len(character) == 1):
            raise TypeError(f"alphabet must contain single characters. Got {character!r}.")
        if character in FRAMING:
            raise ValueError(f"alphabet must not contain reserved characters. Got {character!r}.")
    return codes_of(characters)


def corrupt_file_error(name: str, expected: str) -> ValueError:
    """Return the error for a saved model with an invalid field."""
    return ValueError(
        f"{name} of a saved model must be {expected}. The file is damaged or was modified after "
        "saving."
    )


def is_int(value: object, low: int, high: float = np.inf) -> bool:
    """Return whether a value from a saved file is an integer within bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return bool(low <= value <= high)


def is_array(value: object, kinds: str, ndim: int = 1) -> bool:
    """Return whether a value from a saved file is an array whose `dtype.kind` is in `kinds`."""
    return isinstance(value, np.ndarray) and value.ndim == ndim and value.dtype.kind in kinds
