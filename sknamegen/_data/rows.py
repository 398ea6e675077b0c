"""Names and running text as rows of code points, after validation."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from .._parallel import blocks
from .._text.codes import END, N_CODE_POINTS, PAD, RESERVED, START, encode, hex_code, shorten
from .._types import Ints

# Default window_length. Nearly all names fit in such a window, so models read each of them once.
WINDOW_LENGTH = 32
# Maximum window_length in characters. Sampling allocates one row of this length per name.
MAX_WINDOW = 2**20
# Number of array cells above which the share of padding is limited.
_MAX_SPARSE_CELLS = 2**27
# Maximum number of array cells per character in larger arrays.
_MAX_CELLS_PER_CHARACTER = 32


@dataclass(frozen=True, eq=False)
class Rows:
    """Names or running text, one per row.

    Attributes
    ----------
    codes : ndarray of shape (n_names, width), dtype int32
        Zero-padded code points of each name: U+0002, the name, U+0003. Running text has no U+0003.
    window_length : int
    n_given : int
        Number of characters at the start of each name that are not predicted.
    step : int or None
        Number of characters from one predicted character of running text to the next. None: names.
    """

    codes: Ints
    window_length: int = WINDOW_LENGTH
    n_given: int = 0
    step: int | None = None

    @classmethod
    def of_windows(
        cls, X: object, window_length: int | None = None, step: int | None = None
    ) -> Self:
        """Return the rows of windows of shape (n_names, n_positions, window_length + 1).

        `step` is that of running text. None: the smallest that agrees.
        """
        shape = "(n_names, n_positions, window_length + 1)"
        expected = f"X must be names, or windows of code points with shape {shape}"
        fix = "Pass names as a list of str, or windows from a CharSequenceVectorizer."
        try:
            X = np.asarray(X)
        except ValueError:
            raise ValueError(f"{expected}. Got a ragged {type(X).__name__}. {fix}") from None
        if X.dtype.kind not in "iu":
            raise TypeError(f"{expected}, with an integer dtype. Got dtype {X.dtype}. {fix}")
        if X.ndim != 3 or 0 in X.shape or not 1 < X.shape[2] <= MAX_WINDOW + 1:
            limits = f"with at least one name and window_length from 1 to {MAX_WINDOW:,}"
            raise ValueError(f"{expected}, {limits}. Got shape {X.shape}. {fix}")
        if window_length is not None and X.shape[2] != window_length + 1:
            raise ValueError(
                f"X must have the window_length seen in fit, {window_length}, and windows of width "
                f"{window_length + 1}. Got width {X.shape[2]}."
            )
        window_length = X.shape[2] - 1
        start = int((X[0, 0, :-1] == START).argmax())
        is_text = X[0, 0, start] != START
        step = _find_step(X, [step] if step else range(1, X.shape[2])) if is_text else None
        if step:
            added = X[:, 1:, -step:].reshape(len(X), -1)
            codes = np.concatenate([np.full_like(X[:, 0, :1], START), X[:, 0], added], axis=1)
        else:
            codes = np.concatenate([X[:, 0, start:], X[:, 1:, -1]], axis=1)
        if codes.min() < 0 or codes.max() >= N_CODE_POINTS:
            raise ValueError(
                "X must contain Unicode code points (0 to 0x10FFFF). Got values outside this range."
            )
        if step:
            before, after = codes[:, 1:-1], codes[:, 2:]
            if np.isin(codes[:, 1:], (START, END)).any() or ((before == PAD) & (after > PAD)).any():
                raise malformed_error()
            return cls(codes.astype(np.int32, copy=False), window_length, window_length, step)
        # Windows that share memory always agree, so only copies must be compared.
        if (
            (X.strides[1] != X.strides[2] and (X[:, 1:, :-1] != X[:, :-1, 1:]).any())
            or (X[:, 0, :start] != PAD).any()
            or any(_are_malformed(codes[rows]) for rows in blocks(*codes.shape))
        ):
            raise malformed_error()
        return cls(codes.astype(np.int32, copy=False), window_length, window_length - 1 - start)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def is_text(self) -> bool:
        """Whether the rows are running text."""
        return self.step is not None

    @property
    def names(self) -> Ints:
        """The names, without start and end, as zero-padded code points."""
        codes = self.codes[:, 1:]
        return np.where(codes == END, PAD, codes)

    @property
    def targets(self) -> Ints:
        """The characters to predict, in order of their position, as zero-padded code points."""
        return self.codes[:, self.n_given + 1 :: self.step or 1]

    def to_learn(self) -> Self:
        """Return the rows to learn. In running text, the first characters are predicted, too."""
        return replace(self, n_given=self.n_given % self.step) if self.step else self


def _find_step(X: Ints, steps: Iterable[int]) -> int:
    """Return the first number of characters between windows of running text that agrees."""
    for step in steps:
        is_shared = X.strides[1] == step * X.strides[2]  # such windows always agree
        if is_shared or (X[:, 1:, :-step] == X[:, :-1, step:]).all():
            return step
    raise ValueError(
        "X must contain overlapping windows from CharSequenceVectorizer, with a step of at most "
        "window_length. Got windows of running text that do not follow each other."
    )


def encode_rows(names: Sequence[str], n_padding: int = 0, is_text: bool = False) -> Ints:
    """Return zero-padded rows of code points: padding, start, name, end, padding.

    Rows of running text have neither a start nor an end.
    """
    joined = "".join(names)
    if reserved := [character for character in map(chr, RESERVED) if character in joined]:
        row = next(row for row, name in enumerate(names) if reserved[0] in name)
        raise ValueError(
            "Names must not contain the reserved characters U+0000, U+0002 and U+0003. Got "
            f"{hex_code(reserved[0])} in row {row}: {shorten(names[row], 30)}."
        )
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    longest = int(lengths.max(initial=0))
    width = longest if is_text else n_padding + longest + 2
    cells = width * len(lengths)
    if cells > max(_MAX_SPARSE_CELLS, _MAX_CELLS_PER_CHARACTER * len(joined)):
        row = int(lengths.argmax())
        raise ValueError(
            f"The longest name has {lengths[row]:,} characters (row {row}), but the median "
            f"length is {int(np.median(lengths)):,}. Padding all {len(lengths):,} rows to the "
            f"longest name would take {min(cells, 1e300) * 4 / 1e9:,.1f} GB. Drop, shorten or "
            "split this name, or use a smaller window_length."
        )
    if is_text:
        return encode(names)
    codes = np.zeros((len(names), width), dtype=np.int32)
    for block in blocks(len(names), longest):
        codes[block, n_padding + 1 : -1] = encode(names[block], longest)
    codes[:, n_padding] = START
    codes[np.arange(len(codes)), n_padding + 1 + lengths] = END
    return codes


def _are_malformed(codes: Ints) -> bool:
    """Return whether not all rows are a start, a name, an end, and padding."""
    before, after = codes[:, :-1], codes[:, 1:]
    has_ended = (before == END) | (before == PAD)
    is_wrong = (after == START) | (has_ended != (after == PAD))
    return bool(is_wrong.any() or (codes[:, 0] != START).any())


def malformed_error() -> ValueError:
    """Return the error for windows that are not from a `CharSequenceVectorizer`."""
    return ValueError(
        "X must contain windows from CharSequenceVectorizer: the same start position in each row, "
        "padding before the start and after the end, and each window one character after the "
        "previous window. Got a different layout."
    )


def check_names(X: object, is_text: bool = False) -> list[str]:
    """Return names as a list of str, or raise an error unless they are an iterable of str."""
    expected = "X must be an iterable of str, one name per item"
    if isinstance(X, (str, os.PathLike)):
        text = shorten(str(X), 30)
        fix = f"[{text}]"
        if is_text:
            fix = "[X] for one text, or X.splitlines() for a text in each line"
        elif "\n" in str(X):
            fix = "X.splitlines()"
        elif isinstance(X, os.PathLike) or os.path.isfile(X):
            fix = f"read_names({text})"
        raise TypeError(f"{expected}. Got the single {type(X).__name__} {text}. Pass {fix}.")
    if not isinstance(X, Iterable) or isinstance(X, bytes) or len(getattr(X, "shape", (0,))) != 1:
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


def are_names(X: object) -> bool:
    """Return whether X contains names, which may be invalid, rather than windows."""
    if hasattr(X, "dtype"):
        kind = getattr(X.dtype, "kind", "")
        return kind not in "biuf" if kind else getattr(X, "ndim", 1) == 1
    if isinstance(X, (list, tuple)):
        return not X or any(isinstance(item, str) for item in X)
    return isinstance(X, (Iterable, os.PathLike))
