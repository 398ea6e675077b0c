"""Names to windows of code points, and back."""

import unicodedata
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._alphabet import (
    END,
    END_UNIT,
    FRAMING,
    N_CODE_POINTS,
    PAD,
    RESERVED,
    START,
    UNKNOWN,
    code_point,
    decode,
    distinct,
    encode,
    shorten,
    units_of,
)
from ._cleaning import warn_of_odd_names
from ._parallel import blocks
from ._sequences import frame, malformed, read_windows
from ._state import StateFormat
from ._validation import check_int, check_option, check_windows

# A layout beyond this many cells is refused if it is nearly all padding.
_MAX_SPARSE_CELLS = 2**27
_MAX_CELLS_PER_CHARACTER = 32


class CharSequenceVectorizer(StateFormat, TransformerMixin, BaseEstimator):
    r"""Cut names into overlapping windows of characters.

    Row i of the result is name i. Position t of it holds the `window_length`
    characters before the t-th character of the name, followed by that
    character: the pairs (context, next character) that a generator learns from.
    All entries are Unicode code points, so the array describes itself.

    Parameters
    ----------
    window_length : int, default=10
        Characters of context, at least 1.
    step : int, default=1
        Characters from one window of running text to the next; names (``boundary=True``)
        need 1.
    boundary : bool, default=True
        Whether a row is one name: it is framed by U+0002 (start) and U+0003
        (end), and padded on the left so that its first characters have windows
        too. If False, a row is running text, and only windows with a full
        context are cut: ``range(0, len(text) - window_length, step)``.
    lowercase : bool, default=False
        Whether to lowercase the names first.
    normalization : {None, "NFC", "NFD", "NFKC", "NFKD"}, default="NFC"
        Unicode normalisation form to bring the names to, after lowercasing. "NFC" composes: a
        letter and its accent are one character, however the name was spelled. None: as they are.
    handle_unknown : {"replace", "error"}, default="replace"
        What `transform` does with a character that `fit` did not see: replace
        it by U+FFFD, or raise a ValueError that names it.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        The distinct characters of the names, sorted by code point.
    max_length_ : int
        Code points in the longest name.

    See Also
    --------
    CharLSTMGenerator : Learns from the windows and writes new names.

    Notes
    -----
    A row is laid out once as ``[U+0000] * (window_length - 1) + [U+0002] +
    name + [U+0003]``, padded to the longest row with U+0000, and the windows
    are a strided view of it: no window is copied. A window whose last entry is
    U+0000 lies behind the end of its name; ``X[X[..., -1] != 0]`` are the flat
    pairs, ready for any other estimator.

    Names are one column, and windows have three dimensions. So of a data frame the column is
    given, ``pipe.fit(df["name"])``, no frame of one column; and `ColumnTransformer` and
    `FeatureUnion`, which put matrices side by side, take no windows.

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
            The names: a list, tuple, numpy array or pandas or polars Series.
        y : None
            Ignored.

        Returns
        -------
        self : CharSequenceVectorizer

        Warns
        -----
        NamesWarning
            Once, if names are empty, have blanks at an edge, hold invisible characters or are
            otherwise seldom meant; see `sknamegen.datasets.clean_names`.

        Raises
        ------
        TypeError
            If X is a single str, or an item of it is not a str.
        ValueError
            If X is empty, a parameter is out of range, a name holds U+0000,
            U+0002 or U+0003, or a text is too short for one window.
        """
        self._learn(self._lay_out(X, warns=True))
        return self

    def fit_transform(self, X: Iterable[str], y: object = None) -> NDArray[np.int32]:
        """Learn the alphabet and cut the same names into windows.

        Parameters
        ----------
        X : iterable of str
            The names.
        y : None
            Ignored.

        Returns
        -------
        windows : ndarray of shape (n_names, n_positions, window_length + 1), \
                dtype int32
            A read-only view. See `transform`.
        """
        text = self._lay_out(X, warns=True)
        self._learn(text)
        return self._cut(text)

    def transform(self, X: Iterable[str]) -> NDArray[np.int32]:
        """Cut names into windows.

        Parameters
        ----------
        X : iterable of str
            The names.

        Returns
        -------
        windows : ndarray of shape (n_names, n_positions, window_length + 1), \
                dtype int32
            Code points, as a read-only view. ``windows[i, t, :-1]`` is the
            context and ``windows[i, t, -1]`` the character that follows it, or
            U+0000 behind the end of name i.

        Raises
        ------
        NotFittedError
            If the vectorizer is not fitted.
        TypeError, ValueError
            As `fit`; also if `handle_unknown` is "error" and a name holds a
            character that is not in `alphabet_`.
        """
        check_is_fitted(self)
        text = self._lay_out(X)
        self._replace_unknown(text)
        return self._cut(text)

    def inverse_transform(self, X: NDArray[np.integer[Any]]) -> list[str]:
        """Read the names back from their windows.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows as `transform` gives them.

        Returns
        -------
        names : list of str
            Exactly the names that were cut, after lowercasing and
            normalisation, with U+FFFD for replaced characters. In running text
            (``boundary=False``) the last ``step - 1`` characters may lie behind
            the last window, and are then missing.

        Raises
        ------
        TypeError, ValueError
            If X is no array of windows of this length and step, or `step` is so
            long that characters lie between two windows.
        """
        check_is_fitted(self)
        window_length, step = self._check_params()
        windows = check_windows(X, window_length)
        names, _ = read_windows(windows)
        if (names is None) == self.boundary:
            raise malformed()
        if names is not None:
            return decode(names)
        if step > window_length + 1:
            raise ValueError(
                f"step must be at most window_length + 1 = {window_length + 1} to read names back, "
                f"since characters between two windows are lost. Got step={step}."
            )
        if (windows[:, 1:, :-step] != windows[:, :-1, step:]).any():
            raise ValueError(
                f"X must be windows cut with step={step}: each begins that many characters "
                "into the one before. Got others."
            )
        rest = windows[:, 1:, -step:].reshape(len(windows), -1)
        return decode(np.concatenate([windows[:, 0], rest], axis=1))

    def _lay_out(self, X, warns=False):
        """Check everything and write each row once; every step-th window of it is a position."""
        window_length, _ = self._check_params()
        names, lengths = self._check_names(X)
        if warns and self.boundary:
            warn_of_odd_names(names)
        longest = int(lengths.max())
        if self.boundary:
            left = window_length
            width = left + longest + 1
        else:
            self._check_text_lengths(lengths)
            left, width = 0, longest
        self._check_size(width, lengths)

        text = np.zeros((len(names), width), dtype=np.int32)
        characters = text[:, left : left + longest]
        for block in blocks(len(names), longest):
            characters[block] = encode(names[block], longest)
        self._check_reserved(characters, names, lengths)
        if self.boundary:
            frame(text, lengths, left)
        return text

    def _check_params(self):
        """Return the window length and the step as Python's int, which does not overflow."""
        check_int("window_length", self.window_length, 1)
        check_int("step", self.step, 1)
        check_option("boundary", self.boundary)
        check_option("lowercase", self.lowercase)
        check_option("normalization", self.normalization, (None, "NFC", "NFD", "NFKC", "NFKD"))
        check_option("handle_unknown", self.handle_unknown, ("replace", "error"))
        if self.boundary and self.step > 1:
            raise ValueError(
                "step must be 1 for names (boundary=True), which have a window for each "
                f"character; larger steps are for running text. Got step={self.step}."
            )
        return int(self.window_length), int(self.step)

    def _check_names(self, X):
        """Return the names as a list of str or a `U` array, and their lengths."""
        if isinstance(X, str):
            raise TypeError(
                "X must be an iterable of str, one name per item. Got the single str "
                f"{shorten(X, 30)}; pass [{shorten(X, 30)}]."
            )
        one_dimensional = len(getattr(X, "shape", (None,))) == 1
        if not isinstance(X, Iterable) or isinstance(X, bytes) or not one_dimensional:
            shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
            hint = '; pass the column, such as df["name"]' if hasattr(X, "columns") else ""
            hint = "; pass X.ravel()" if isinstance(X, np.ndarray) and X.shape[1:] == (1,) else hint
            raise TypeError(
                "X must be an iterable of str, one name per item. Got "
                f"{type(X).__name__}{shape}{hint}."
            )
        # Series and arrays give their items back as Python objects, and faster than iteration does.
        methods = (getattr(X, name, None) for name in ("to_list", "tolist", "to_pylist"))
        to_list = next(filter(None, methods), None)
        names = to_list() if to_list else list(X)
        if not names:
            raise ValueError("X must hold at least one name. Got none.")
        if not set(map(type, names)) <= {str, np.str_}:
            for row, name in enumerate(names):
                if not isinstance(name, str):
                    raise TypeError(
                        f"X must hold str only. Got {name!r} of type {type(name).__name__} in "
                        f"row {row}; drop it, or convert it with str() if it is a name."
                    )
            names = [str.__str__(name) for name in names]  # whatever a subclass shows instead
        if self.lowercase:
            names = [name.lower() for name in names]
        if self.normalization is not None:
            normalize = partial(unicodedata.normalize, self.normalization)
            names = [name if name.isascii() else normalize(name) for name in names]
        return names, np.fromiter(map(len, names), dtype=np.int64, count=len(names))

    def _check_text_lengths(self, lengths):
        if lengths.min() <= self.window_length:
            row = int(lengths.argmin())
            raise ValueError(
                f"With boundary=False each text must be longer than window_length="
                f"{self.window_length}. Got {lengths[row]} characters in row {row}; join the "
                "names into one text, or use boundary=True."
            )

    def _check_size(self, width, lengths):
        cells = width * len(lengths)
        if cells > max(_MAX_SPARSE_CELLS, _MAX_CELLS_PER_CHARACTER * lengths.sum()):
            row = int(lengths.argmax())
            gigabytes = min(cells, 1e300) * 4 / 1e9
            raise ValueError(
                f"The longest name has {lengths[row]:,} characters (row {row}), the median "
                f"{int(np.median(lengths)):,}: all {len(lengths):,} rows, padded to the longest "
                f"name and the first window, would take {gigabytes:,.1f} GB. Drop, "
                "shorten or split that name, or use a smaller window_length."
            )

    def _check_reserved(self, codes, names, lengths):
        # U+0000 cannot be told from padding in the array, but it is missing in the count.
        n_allowed = np.count_nonzero((codes != PAD) & (codes != START) & (codes != END), axis=1)
        if (n_allowed != lengths).any():
            row = int((n_allowed != lengths).argmax())
            reserved = [c for c in names[row] if c in FRAMING or c == END_UNIT]
            raise ValueError(
                "Names must not hold the reserved characters U+0000, U+0002 and U+0003. Got "
                f"{code_point(reserved[0])} in row {row}: {shorten(names[row], 30)}."
            )

    def _learn(self, text):
        codes = distinct(text)
        self.alphabet_ = units_of(codes[~np.isin(codes, RESERVED)])
        framing = 2 if self.boundary else 0  # U+0002 and U+0003
        self.max_length_ = int(np.count_nonzero(text, axis=1).max()) - framing

    def _replace_unknown(self, text):
        known = np.zeros(N_CODE_POINTS, dtype=bool)
        known[self.alphabet_.view(np.int32)] = True
        known[list(RESERVED)] = True
        unknown = ~known[text]
        if not unknown.any():
            return
        if self.handle_unknown == "error":
            row = int(unknown.any(axis=1).argmax())
            code = text[row, unknown[row].argmax(keepdims=True)]
            (character,) = units_of(code).tolist()
            name = decode(text[row : row + 1, self.window_length * self.boundary :])[0]
            raise ValueError(
                f"Unknown character {character!r} ({code_point(character)}) in row {row}: "
                f"{shorten(name.rstrip(END_UNIT), 30)}. fit saw: "
                f"{shorten(''.join(self.alphabet_), 60)}; use handle_unknown='replace' to "
                "map it to U+FFFD."
            )
        text[unknown] = UNKNOWN

    def _cut(self, text):
        return sliding_window_view(text, int(self.window_length) + 1, axis=1)[:, :: int(self.step)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
