"""Strings as arrays of Unicode code points, and the four that have a role."""

import numpy as np

PAD = 0x0000
START = 0x0002
END = 0x0003
UNKNOWN = 0xFFFD
RESERVED = (PAD, START, END)
N_CODE_POINTS = 0x110000


def encode(strings, width):
    """Write strings into a zero-padded array of code points.

    Parameters
    ----------
    strings : sequence of str
        None of them longer than `width`.
    width : int
        Columns of the result.

    Returns
    -------
    codes : ndarray of shape (len(strings), width), dtype int32
    """
    # A fixed-width numpy string is stored as UCS-4: the code points themselves.
    array = np.asarray(strings, dtype=f"=U{max(width, 1)}")
    return array.view(np.int32).reshape(len(strings), -1)[:, :width]


def decode(codes):
    """Read strings back from rows of code points that end in U+0000.

    Parameters
    ----------
    codes : ndarray of shape (n_strings, width), dtype int32

    Returns
    -------
    strings : list of str
    """
    n_strings, width = codes.shape
    if width == 0:
        return [""] * n_strings
    codes = np.ascontiguousarray(codes, dtype=np.int32)
    return codes.view(f"=U{width}").ravel().tolist()


def hash_rows(codes):
    """Hash rows of code points, up to their padding, to 64 bits.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, width), dtype int32
        Rows that end in U+0000, as `encode` writes them.

    Returns
    -------
    hashes : ndarray of shape (n_rows,), dtype uint64
        FNV-1a [1]_, over code points instead of bytes.

    References
    ----------
    .. [1] G. Fowler, L. C. Noll, K.-P. Vo and D. Eastlake, "The FNV Non-Cryptographic Hash
       Algorithm", IETF draft.
    """
    hashes = np.full(len(codes), 0xCBF29CE484222325, dtype=np.uint64)
    for column in codes.T:
        mixed = (hashes ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
        hashes = np.where(column == PAD, hashes, mixed)
    return hashes


def distinct(codes):
    """Return the sorted distinct code points of an integer array, as int32."""
    seen = np.zeros(N_CODE_POINTS, dtype=bool)
    seen[codes] = True
    return np.flatnonzero(seen).astype(np.int32)


def index_table(alphabet):
    """Return an array that maps each code point to its index in an alphabet.

    Parameters
    ----------
    alphabet : ndarray of shape (n_characters,), dtype int32
        Distinct code points.

    Returns
    -------
    table : ndarray of shape (N_CODE_POINTS,), dtype int32
        ``table[alphabet[i]] == i``; START has index ``n_characters``, every
        other code point ``n_characters + 1``.
    """
    n_characters = len(alphabet)
    table = np.full(N_CODE_POINTS, n_characters + 1, dtype=np.int32)
    table[START] = n_characters
    table[alphabet] = np.arange(n_characters, dtype=np.int32)
    return table
