"""Strings as Unicode code points, the four that have a role, and strings as indices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PAD = 0x0000
START = 0x0002
END = 0x0003
UNKNOWN = 0xFFFD
RESERVED = (PAD, START, END)
N_CODE_POINTS = 0x110000


def encode(strings: Sequence[str] | NDArray[np.str_], width: int) -> NDArray[np.int32]:
    """Write strings, none longer than `width`, into zero-padded rows of code points."""
    # A fixed-width numpy string is stored as UCS-4: the code points themselves.
    array = np.asarray(strings, dtype=f"=U{max(width, 1)}")
    return array.view(np.int32).reshape(len(strings), -1)[:, :width]


def decode(codes: NDArray[np.int32]) -> list[str]:
    """Read strings back from rows of code points that end in U+0000."""
    n_strings, width = codes.shape
    if width == 0:
        return [""] * n_strings
    codes = np.ascontiguousarray(codes, dtype=np.int32)
    return codes.view(f"=U{width}").ravel().tolist()


class Alphabet:
    """The characters of a model, and strings as their indices.

    Parameters
    ----------
    characters : ndarray of shape (n_characters,), dtype str
        In the order of their indices, U+0003 for the end of a name. The start of a name has
        the index ``n_characters``.

    Attributes
    ----------
    letters : list of str
        The characters.
    index : dict of str to int
        The indices of all but the end.
    end : int or None
        The index of the end; None for running text.
    codes : ndarray of shape (n_characters,), dtype int32
        The code points, U+0000 for the end.
    """

    def __init__(self, characters: NDArray[np.str_]):
        self.letters: list[str] = characters.tolist()
        self.index = {letter: i for i, letter in enumerate(self.letters)}
        self.end = self.index.pop(chr(END), None)
        self.codes = characters.view(np.int32).copy()
        self.codes[self.codes == END] = PAD

    def windows(self, beginnings: Sequence[str], window_length: int) -> NDArray[np.int64]:
        """Return the last `window_length` indices of beginnings of names, -1 before the start."""
        start = [] if self.end is None else [len(self.letters)]
        windows = np.full((len(beginnings), window_length), -1)
        for row, beginning in enumerate(beginnings):
            unknown = sorted({letter for letter in beginning if letter not in self.index})
            if unknown:
                raise ValueError(
                    f"seed {beginning!r} holds characters the model never saw: "
                    f"{', '.join(map(repr, unknown))}. It knows: "
                    f"{shorten(''.join(self.index), 100)}."
                )
            indices = start + [self.index[letter] for letter in beginning]
            if not indices:
                raise ValueError(
                    "seed must hold at least one character, since the model learned running text "
                    "(boundary=False), which has no beginning. Got ''."
                )
            indices = indices[-window_length:]
            windows[row, -len(indices) :] = indices
        return windows


def shorten(text: str, length: int) -> str:
    """Return the repr of a text, cut to so many characters."""
    return repr(text if len(text) <= length else text[:length] + "…")
