"""Features of names: hashed n-grams, and how much more frequent they are than in a list."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from .._text.codes import encode
from .._types import Floats, Ints

# Number of bits of hashed n-grams.
HASH_BITS = 16


def hash_ngrams(text: str, bits: int = HASH_BITS) -> tuple[NDArray[np.unsignedinteger], Ints]:
    """Return the hashes of n-grams, and the positions of U+0000 in a text.

    The hashes have the shape (3, n_positions): the n-grams of each length that end at each position
    but the first. Where these would contain the end of another name, they are the single U+0000.
    """
    codes = encode([text]).ravel().view(np.uint32)
    ends, keys = np.flatnonzero(codes == 0), np.zeros(len(codes), dtype=np.uint32)
    hashes = np.empty((3, len(codes)), dtype=np.uint16 if bits <= 16 else np.uint32)
    for n in range(3):
        keys[n:] = keys[n:] * np.uint32(0x85EBCA6B) + codes[: len(codes) - n] + np.uint32(1)
        hashes[n] = keys * np.uint32(0x9E3779B1) >> np.uint32(32 - bits)  # Fibonacci hashing
    hashes[2, ends[:-1] + 1] = hashes[0, 0]
    return hashes[:, 1:], ends


class NGramSets:
    """The sets of n-grams of names, to find names like another one."""

    def __init__(self, texts: Sequence[str]):
        hashes, ends = hash_ngrams("\0".join(["", *texts, ""]), bits=32)
        self._ngrams, columns = np.unique(hashes.ravel(), return_inverse=True)
        rows = np.tile(np.repeat(np.arange(len(texts)), np.diff(ends)), 3)
        cells = np.ones(len(rows), dtype=np.int32), (rows, columns)
        self._sets = csc_array(cells, shape=(len(texts), len(self._ngrams)))  # adds up equal cells
        self._sizes = np.bincount(self._sets.indices, minlength=len(texts))

    def cosine_to(self, text: str) -> Floats:
        """Return the cosine of the set of each name and that of a text."""
        hashes = np.unique(hash_ngrams(f"\0{text}\0", bits=32)[0])
        columns = np.searchsorted(self._ngrams, hashes).clip(max=len(self._ngrams) - 1)
        columns = columns[self._ngrams[columns] == hashes]
        bounds = zip(self._sets.indptr[columns], self._sets.indptr[columns + 1], strict=True)
        rows = np.concatenate([self._sets.indices[start:end] for start, end in bounds])
        n_common = np.bincount(rows, minlength=len(self._sizes))
        cosine: Floats = n_common / (self._sizes * len(hashes)) ** 0.5
        return cosine


class Excess:
    """How much more frequent the features of names would be than in a list, for names to choose.

    Parameters
    ----------
    features : sequence of collection of str
        The features of each name.
    shares : callable
        Returns the share of the names in the list that have each of the given features.
    """

    def __init__(self, features: Sequence[Collection[str]], shares: Callable[[list[str]], Floats]):
        vocabulary = sorted(set[str]().union(*features))
        columns = {feature: column for column, feature in enumerate(vocabulary)}
        # In a fixed order, because sums round differently in another.
        places = [columns[feature] for of_name in features for feature in sorted(of_name)]
        bounds = np.cumsum([0, *map(len, features)])
        shape = len(features), len(vocabulary)
        self._has_feature = csr_array((np.ones(len(places)), places, bounds), shape=shape)
        self._shares, self._counts = shares(vocabulary), np.zeros(len(vocabulary))
        self._n_chosen = 0

    def of_next(self) -> Floats:
        """Return the sum over the features of each name, if it is chosen next.

        For a feature with a share s that c of the n chosen names have, this is the logarithm of
        (c + 1) / (1 + s (n + 1)), but at least 0.
        """
        ratios = (self._counts + 1) / (1 + self._shares * (self._n_chosen + 1))
        return self._has_feature @ np.log(ratios).clip(0)

    def add(self, index: int) -> None:
        """Choose a name."""
        bounds = slice(*self._has_feature.indptr[index : index + 2])
        self._counts[self._has_feature.indices[bounds]] += 1
        self._n_chosen += 1
