"""Conversion of names to windows of code points and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import InputTags, Tags
from sklearn.utils.validation import check_is_fitted

from ._callback import CallbackSupportMixin
from ._data.cleaning import warn_about_suspicious_names
from ._data.rows import WINDOW_LENGTH, Rows, check_names, encode_rows, malformed_error
from ._state import StateFormat
from ._text.codes import END_CHARACTER, UNKNOWN, characters_of, decode, distinct, hex_code, shorten
from ._validation import check_int, check_option

__all__ = ["CharSequenceVectorizer"]


class CharSequenceVectorizer(StateFormat, CallbackSupportMixin, TransformerMixin, BaseEstimator):
    r"""Transformer that splits names into overlapping windows of characters.

    Row i of the result is name i. Position t contains the `window_length` characters before
    character t of the name, followed by character t. Generators are trained on these pairs of a
    context and the next character. All entries are Unicode code points.

    Parameters
    ----------
    window_length : int, default=32
        Number of context characters, at least 1. Models read a name that fits in a window once, and
        another window for each later character. An LSTM reads running text once, and propagates
        errors over `window_length` characters.
    step : int, default=1
        Number of characters between the starts of two windows of running text. For names
        (``boundary=True``), it must be 1. Generators require at most `window_length`.
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
        window_length: int = WINDOW_LENGTH,
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
            Once, if some of the first 100,000 names (not running text) are empty, start or end with
            whitespace, contain invisible characters or are otherwise suspicious, see
            `sknamegen.datasets.clean_names`.

        Raises
        ------
        TypeError
            If X is a single str, or an item of X is not a str.
        ValueError
            If X is empty, a parameter is out of range, a name contains U+0000, U+0002 or U+0003, or
            a text is too short for one window.
        """
        # Not the method of a subclass, which may prepare X in both methods.
        CharSequenceVectorizer.fit_transform(self, X, y)
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
        text = self._encode_rows(X, warns=True)
        n_framing = int(self.window_length) + 1 if self.boundary else 0
        self.alphabet_ = characters_of(distinct(text))
        self.max_length_ = text.shape[1] - n_framing
        return self._cut(text)

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
        text = self._encode_rows(X)
        unknown = np.isin(text, np.setdiff1d(distinct(text), self.alphabet_.view(np.int32)))
        if self.handle_unknown == "error" and unknown.any():
            row = unknown.any(axis=1).argmax()
            character = chr(text[row, unknown[row]][0])
            (name,) = decode(text[[row], self.window_length * self.boundary :])
            raise ValueError(
                f"Unknown character {character!r} ({hex_code(character)}) in row {row}: "
                f"{shorten(name.rstrip(END_CHARACTER), 30)}. The alphabet is "
                f"{shorten(''.join(self.alphabet_), 60)}. Use handle_unknown='replace'."
            )
        text[unknown] = UNKNOWN
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
        NotFittedError
            If the vectorizer is not fitted.
        TypeError, ValueError
            If X does not contain windows with this length and step, or if `step` is so large that
            characters between two windows are lost.
        """
        check_is_fitted(self)
        window_length, step = self._check_params()
        if step > window_length + 1:
            raise ValueError(
                f"step must be at most window_length + 1 = {window_length + 1} to invert the "
                f"transform. Characters between two windows are lost. Got step={step}."
            )
        rows = Rows.of_windows(X, window_length, step)
        if rows.is_text == self.boundary:
            raise malformed_error()
        if not rows.is_text:
            return decode(rows.names)
        return decode(rows.codes[:, 1:])

    def _encode_rows(self, X, warns=False):
        """Validate the names, and return one row of code points per name."""
        window_length, _ = self._check_params()
        names = check_names(X, not self.boundary)
        if warns and self.boundary:
            warn_about_suspicious_names(names)
        if self.lowercase:
            names = [name.lower() for name in names]
        if self.normalization is not None:
            names = [unicodedata.normalize(self.normalization, name) for name in names]
        if not self.boundary and len(shortest := min(names, key=len)) <= window_length:
            raise ValueError(
                f"With boundary=False, each text must be longer than window_length="
                f"{window_length}. Got {len(shortest)} characters in row {names.index(shortest)}. "
                "Join the names into one text, or use boundary=True."
            )
        return encode_rows(names, window_length - 1, not self.boundary)

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

    def _cut(self, text):
        return sliding_window_view(text, int(self.window_length) + 1, axis=1)[:, :: int(self.step)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags(string=True, two_d_array=False)
        return tags
