"""Conversion of names to windows of code points and back."""

import os
import unicodedata
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ._alphabet import (
    END_CHARACTER,
    N_CODE_POINTS,
    RESERVED,
    UNKNOWN,
    characters_of,
    code_point,
    decode,
    distinct,
    encode,
    shorten,
)
from ._cleaning import warn_about_suspicious_names
from ._sequences import frame_names, malformed_error, read_windows
from ._state import StateFormat
from ._validation import check_int, check_option, check_windows

__all__ = ["CharSequenceVectorizer"]

# Number of array cells above which the share of padding is limited.
_MAX_SPARSE_CELLS = 2**27
# Maximum number of array cells per character in larger arrays.
_MAX_CELLS_PER_CHARACTER = 32


class CharSequenceVectorizer(StateFormat, TransformerMixin, BaseEstimator):
    r"""Split names into overlapping windows of characters.

    Row i of the result is name i. Position t contains the `window_length` characters before
    character t of the name, followed by character t. Generators are trained on these pairs of a
    context and the next character. All entries are Unicode code points.

    Parameters
    ----------
    window_length : int, default=10
        Number of context characters, at least 1.
    step : int, default=1
        Number of characters between the starts of two windows of running text. For names
        (``boundary=True``), it must be 1.
    boundary : bool, default=True
        Whether each row is one name. Names are framed by U+0002 (start) and U+0003 (end), and
        padded on the left, so that their first characters also have windows. If False, each row is
        running text, and all windows have a full context. They start at
        ``range(0, len(text) - window_length, step)``.
    lowercase : bool, default=False
        Whether to convert the names to lowercase first.
    normalization : {None, "NFC", "NFD", "NFKC", "NFKD"}, default="NFC"
        Unicode normalisation form, applied after lowercasing. With "NFC", a letter and its accent
        are one character, regardless of their encoding in the data. If None, do not normalise.
    handle_unknown : {"replace", "error"}, default="replace"
        Treatment of unknown characters in `transform`: replace them with U+FFFD, or raise a
        ValueError that names the character.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        Distinct characters of the names, sorted by code point.
    max_length_ : int
        Number of code points in the longest name.

    See Also
    --------
    CharLSTMGenerator : Generator that is fitted to the windows.

    Notes
    -----
    Each row is stored once as ``[U+0000] * (window_length - 1) + [U+0002] + name + [U+0003]``,
    padded with U+0000 to the length of the longest row. The windows are a strided view that does
    not copy the rows. A window whose last entry is U+0000 lies after the end of its name.
    ``X[X[..., -1] != 0]`` contains the pairs from all names in two dimensions, as other estimators
    require.

    The input has one dimension, and the windows have three. From a data frame, pass a column, as in
    ``pipe.fit(df["name"])``, not a frame with one column. `ColumnTransformer` and
    `FeatureUnion` do not accept windows, because they concatenate matrices.

    Examples
    --------
    >>> from sknamegen import CharSequenceVectorizer
    >>> vectorizer = CharSequenceVectorizer(window_length=3)
    >>> windows = vectorizer.fit_transform(["Ada", "Eve"])
    >>> windows.shape
    (2, 4, 4)
    >>> for window in windows[0]:
    ...     print([chr(code) for code in window])
    ['\x00', '\x00', '\x02', 'A']
    ['\x00', '\x02', 'A', 'd']
    ['\x02', 'A', 'd', 'a']
    ['A', 'd', 'a', '\x03']
    >>> vectorizer.inverse_transform(windows)
    ['Ada', 'Eve']
    """

    alphabet_: NDArray[np.str_]
    max_length_: int

    def __init__(
        self,
        *,
        window_length: int = 10,
        step: int = 1,
        boundary: bool = True,
        lowercase: bool = False,
        normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = "NFC",
        handle_unknown: Literal["replace", "error"] = "replace",
    ):
        self.window_length = window_length
        self.step = step
        self.boundary = boundary
        self.lowercase = lowercase
        self.normalization = normalization
        self.handle_unknown = handle_unknown

    def fit(self, X: Iterable[str], y: object = None) -> Self:
        """Learn the alphabet.

        Parameters
        ----------
        X : iterable of str
            Names, such as a list, tuple, numpy array, or pandas or polars Series.
        y : None
            Ignored.

        Returns
        -------
        self : CharSequenceVectorizer

        Warns
        -----
        NamesWarning
            Once, if names are empty, start or end with whitespace, contain invisible characters or
            are otherwise suspicious, see `sknamegen.datasets.clean_names`.

        Raises
        ------
        TypeError
            If X is a single str, or an item of X is not a str.
        ValueError
            If X is empty, a parameter is out of range, a name contains U+0000, U+0002 or U+0003, or
            a text is too short for one window.
        """
        self._learn(X)
        return self

    def fit_transform(self, X: Iterable[str], y: object = None) -> NDArray[np.int32]:
        """Learn the alphabet and split the same names into windows.

        Parameters
        ----------
        X : iterable of str
            Names.
        y : None
            Ignored.

        Returns
        -------
        windows : ndarray of shape (n_names, n_positions, window_length + 1), \
                dtype int32
            Windows as a read-only view, see `transform`.
        """
        return self._cut(self._learn(X))

    def transform(self, X: Iterable[str]) -> NDArray[np.int32]:
        """Split names into windows.

        Parameters
        ----------
        X : iterable of str
            Names.

        Returns
        -------
        windows : ndarray of shape (n_names, n_positions, window_length + 1), \
                dtype int32
            Windows of code points, as a read-only view. ``windows[i, t, :-1]`` is the context, and
            ``windows[i, t, -1]`` is the next character, or U+0000 after the end of name i.

        Raises
        ------
        NotFittedError
            If the vectorizer is not fitted.
        TypeError, ValueError
            As in `fit`. Also if `handle_unknown` is "error" and a name contains a character outside
            `alphabet_`.
        """
        check_is_fitted(self)
        text, _ = self._encode_rows(X)
        self._replace_unknown(text)
        return self._cut(text)

    def inverse_transform(self, X: NDArray[np.integer]) -> list[str]:
        """Convert windows back to names.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `transform`.

        Returns
        -------
        names : list of str
            Names after lowercasing and normalisation, with U+FFFD for replaced characters. In
            running text (``boundary=False``), up to ``step - 1`` characters after the last window
            are lost.

        Raises
        ------
        TypeError, ValueError
            If X does not contain windows with this length and step, or if `step` is so large that
            characters between two windows are lost.
        """
        check_is_fitted(self)
        window_length, step = self._check_params()
        windows = check_windows(X, window_length)
        names, _ = read_windows(windows)
        if (names is None) == self.boundary:
            raise malformed_error()
        if names is not None:
            return decode(names)
        if step > window_length + 1:
            raise ValueError(
                f"step must be at most window_length + 1 = {window_length + 1} to invert the "
                f"transform. Characters between two windows are lost. Got step={step}."
            )
        if (windows[:, 1:, :-step] != windows[:, :-1, step:]).any():
            raise ValueError(
                f"X must contain windows cut with step={step}. Got windows with a different step."
            )
        later = windows[:, 1:, -step:].reshape(len(windows), -1)
        return decode(np.concatenate([windows[:, 0], later], axis=1))

    def _learn(self, X):
        """Set the fitted attributes, and return one row of code points per name."""
        text, max_length = self._encode_rows(X, warns=True)
        self.alphabet_, self.max_length_ = characters_of(distinct(text)), max_length
        return text

    def _encode_rows(self, X, warns=False):
        """Validate the names. Return one row of code points per name, and the maximum length."""
        window_length, _ = self._check_params()
        names, lengths = self._check_names(X, warns and self.boundary)
        longest = int(lengths.max())
        self._check_lengths(lengths, longest + (window_length + 1 if self.boundary else 0))
        if self.boundary:
            return frame_names(names, lengths, window_length), longest
        return encode(names), longest

    def _check_params(self):
        """Return `window_length` and `step` as Python ints, which do not overflow."""
        window_length = check_int("window_length", self.window_length, 1)
        step = check_int("step", self.step, 1)
        check_option("boundary", self.boundary)
        check_option("lowercase", self.lowercase)
        check_option("normalization", self.normalization, (None, "NFC", "NFD", "NFKC", "NFKD"))
        check_option("handle_unknown", self.handle_unknown, ("replace", "error"))
        if self.boundary and step > 1:
            raise ValueError(
                "step must be 1 for names (boundary=True), because each character needs a window. "
                f"Larger steps are for running text. Got step={self.step}."
            )
        return window_length, step

    def _check_names(self, X, warns):
        """Return the normalised names as a list of str, and their lengths."""
        names = check_names(X)
        if warns:
            warn_about_suspicious_names(names)
        if self.lowercase:
            names = [name.lower() for name in names]
        if self.normalization is not None:
            normalize = partial(unicodedata.normalize, self.normalization)
            names = [name if name.isascii() else normalize(name) for name in names]
        joined = "".join(names)
        if reserved := [c for c in map(chr, RESERVED) if c in joined]:
            row = next(row for row, name in enumerate(names) if reserved[0] in name)
            raise ValueError(
                "Names must not contain the reserved characters U+0000, U+0002 and U+0003. Got "
                f"{code_point(reserved[0])} in row {row}: {shorten(names[row], 30)}."
            )
        return names, np.fromiter(map(len, names), dtype=np.int64, count=len(names))

    def _check_lengths(self, lengths, width):
        """Raise if a text is too short for a window, or the longest row needs too much memory."""
        if not self.boundary and lengths.min() <= self.window_length:
            row = int(lengths.argmin())
            raise ValueError(
                f"With boundary=False, each text must be longer than window_length="
                f"{self.window_length}. Got {lengths[row]} characters in row {row}. Join the "
                "names into one text, or use boundary=True."
            )
        cells = width * len(lengths)
        if cells > max(_MAX_SPARSE_CELLS, _MAX_CELLS_PER_CHARACTER * lengths.sum()):
            row = int(lengths.argmax())
            gigabytes = min(cells, 1e300) * 4 / 1e9
            raise ValueError(
                f"The longest name has {lengths[row]:,} characters (row {row}), but the median "
                f"length is {int(np.median(lengths)):,}. Padding all {len(lengths):,} rows to the "
                f"longest name would take {gigabytes:,.1f} GB. Drop, shorten or split this name, "
                "or use a smaller window_length."
            )

    def _replace_unknown(self, text):
        is_unknown = np.ones(N_CODE_POINTS, dtype=bool)
        is_unknown[np.append(self.alphabet_.view(np.int32), RESERVED)] = False
        unknown = is_unknown[text]
        if self.handle_unknown == "error" and unknown.any():
            row = int(unknown.any(axis=1).argmax())
            character = characters_of(text[row, unknown[row]])[0]
            name = decode(text[row : row + 1, self.window_length * self.boundary :])[0]
            raise ValueError(
                f"Unknown character {str(character)!r} ({code_point(character)}) in row {row}: "
                f"{shorten(name.rstrip(END_CHARACTER), 30)}. The alphabet is "
                f"{shorten(''.join(self.alphabet_), 60)}. Use handle_unknown='replace' to "
                "replace it with U+FFFD."
            )
        text[unknown] = UNKNOWN

    def _cut(self, text):
        return sliding_window_view(text, int(self.window_length) + 1, axis=1)[:, :: int(self.step)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def check_names(X: Any) -> list[str]:
    """Return names as a list of str, or raise an error unless they are an iterable of str."""
    expected = "X must be an iterable of str, one name per item"
    if isinstance(X, (str, os.PathLike)):
        text, is_path = shorten(str(X), 30), isinstance(X, os.PathLike) or os.path.isfile(X)
        fix = f"read_names({text})" if is_path else f"[{text}]"
        fix = "X.splitlines()" if "\n" in str(X) else fix
        raise TypeError(f"{expected}. Got the single {type(X).__name__} {text}. Pass {fix}.")
    one_dimensional = len(getattr(X, "shape", (None,))) == 1
    if not isinstance(X, Iterable) or isinstance(X, bytes) or not one_dimensional:
        shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
        hint = ' Pass one column, such as df["name"].' if hasattr(X, "columns") else ""
        hint = " Pass X.ravel()." if isinstance(X, np.ndarray) and X.shape[1:] == (1,) else hint
        raise TypeError(f"{expected}. Got {type(X).__name__}{shape}.{hint}")
    # These methods of Series and arrays return Python objects and are faster than iteration.
    methods = (getattr(X, name, None) for name in ("to_list", "tolist", "to_pylist"))
    to_list = next(filter(None, methods), None)
    names = to_list() if to_list else list(X)
    if not names:
        raise ValueError("X must contain at least one name. Got no names.")
    for row, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(
                f"X must contain only str. Got {name!r} of type {type(name).__name__} in row "
                f"{row}. Drop the item, or convert it with str()."
            )
    return list(map(str.__str__, names))  # Ignores __str__ of subclasses.


def are_names(X: Any) -> bool:
    """Return whether X contains names, which may be invalid, rather than windows."""
    if hasattr(X, "dtype"):
        kind = getattr(X.dtype, "kind", "")
        return kind not in "biuf" if kind else getattr(X, "ndim", 1) == 1
    if isinstance(X, (list, tuple)):
        return not X or any(isinstance(item, str) for item in X)
    return isinstance(X, (Iterable, os.PathLike))


def windows_of(X: Any) -> NDArray[Any]:
    """Return checked windows, or cut names into windows, as in `CharLSTMGenerator.fit`."""
    return CharSequenceVectorizer().fit_transform(X) if are_names(X) else check_windows(X)
