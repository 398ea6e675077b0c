"""Code points: names as rows of numbers, and their hashes.

A character is the symbol that a model predicts in one step, a Unicode code point. As a number, it
is called a code. Four codes have special roles. Only this module converts characters to codes.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .._arrays import look_up
from .._parallel import blocks
from .._types import Ints, Strs

PAD = 0x0000
START = 0x0002
END = 0x0003
UNKNOWN = 0xFFFD
RESERVED = (PAD, START, END)
N_CODE_POINTS = 0x110000
END_CHARACTER = chr(END)
FRAMING = chr(PAD) + chr(START)  # code points that no alphabet contains


def encode(strings: Sequence[str] | Strs, width: int | None = None) -> Ints:
    """Convert strings to zero-padded rows of code points.

    `width` is the number of columns (default: the maximum length).
    """
    width = max(map(len, strings), default=0) if width is None else width
    # numpy stores fixed-width strings as UCS-4, which are the code points.
    array = np.asarray(strings, dtype=f"=U{max(width, 1)}")
    return array.view(np.int32).reshape(len(strings), max(width, 1))[:, :width]


def decode(codes: Ints) -> list[str]:
    """Convert zero-padded rows of code points to strings."""
    n_strings, width = codes.shape
    if width == 0:
        return [""] * n_strings
    codes = np.ascontiguousarray(codes, dtype=np.int32)
    return codes.view(f"=U{width}").ravel().tolist()


def codes_of(characters: Iterable[str]) -> NDArray[np.int32]:
    """Return the code point of each character."""
    return np.array([ord(character) for character in characters], dtype=np.int32)


def characters_of(codes: Ints) -> Strs:
    """Return the character of each code point, as a view."""
    return codes.view("=U1")


def hex_code(character: str) -> str:
    """Format the code point of a character, as in "U+0041"."""
    return f"U+{ord(character):04X}"


def distinct(*arrays: Ints) -> Ints:
    """Return the sorted distinct code points in arrays, excluding -1 and reserved codes."""
    seen = np.zeros(N_CODE_POINTS + 1, dtype=bool)
    for codes in arrays:
        seen[codes] = True  # NONE is the index of the last cell
    seen[list(RESERVED)] = False
    return np.flatnonzero(seen[:-1]).astype(np.int32)


def hash_names(codes: Ints) -> Ints:
    """Hash zero-padded rows of folded code points to 64 bits with FNV-1a per code point [1]_.

    References
    ----------
    .. [1] G. Fowler, L. C. Noll, K.-P. Vo and D. Eastlake, "The FNV Non-Cryptographic Hash
       Algorithm", IETF draft.
    """
    hashes = np.full(len(codes), 0xCBF29CE484222325, dtype=np.uint64)
    folded = fold_codes(codes)
    for rows in blocks(*codes.shape):  # which fit into the cache of a processor
        for column in folded[rows].T:
            mixed = (hashes[rows] ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
            hashes[rows] = np.where(column == PAD, hashes[rows], mixed)
    return hashes


def fold_codes(codes: Ints) -> Ints:
    """Return rows of code points in which capitals are lowercase letters.

    Letters whose case folding is longer, such as ß, do not change.
    """
    known = distinct(codes)
    table = np.arange(known.max(initial=END) + 1, dtype=np.int32)
    folded = [character.casefold() for character in characters_of(known).tolist()]
    is_single = np.array([len(text) == 1 for text in folded], dtype=bool)
    table[known[is_single]] = codes_of(text for text in folded if len(text) == 1)
    return look_up(table, codes)


def shorten(text: str, length: int) -> str:
    """Return the repr of a text, truncated to `length` characters."""
    return repr(text if len(text) <= length else text[:length] + "…")
