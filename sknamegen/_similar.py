"""Names that resemble a list of names.

References
----------
.. [1] R. C. Moore and W. Lewis, "Intelligent Selection of Language Model Training Data", ACL 2010.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from ._alphabet import fold, script_of
from ._rows import encode_rows
from ._types import Ints

# Number of values of hashed n-grams.
_N_HASHES = 2**16
# Pseudo-count of names with the n-grams of all candidates, and of n-grams in the mean of a name.
_PRIOR, _SHRINKAGE = 20, 8


class Candidates:
    """Names to choose from, by their n-grams of one to three characters.

    The score of a name is the mean of the log-odds of its n-grams, how much more frequent they are
    in a list than among the candidates [1]_. Frequencies in the list are smoothed with 20 names
    that resemble the candidates, and means with 8 n-grams that say nothing.

    Parameters
    ----------
    names : sequence of str
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(dict.fromkeys(names))
        self._folded = list(map(fold, self.names))
        self._hashes, self._starts, self._n_ngrams = _hash_ngrams(self.names)
        counts = np.bincount(self._hashes.ravel(), minlength=_N_HASHES + 1)[:-1]
        self._background = (counts + 1) / len(self.names)

    def most_similar(self, names: Sequence[str], n: int) -> list[str]:
        """Return up to n candidates in the same scripts that resemble names, best first."""
        counts = np.bincount(_hash_ngrams(names)[0].ravel(), minlength=_N_HASHES + 1)[:-1]
        expected = (counts + _PRIOR * self._background) / (len(names) + _PRIOR)
        log_odds = np.append(np.log(expected / self._background), 0).astype(np.float32)
        sums = np.add.reduceat(log_odds[self._hashes].sum(axis=0), self._starts)
        best = np.argsort(-sums / (self._n_ngrams + _SHRINKAGE), kind="stable").tolist()
        own, scripts = set(map(fold, names)), set(map(script_of, names))
        others = (self.names[i] for i in best if self._folded[i] not in own)
        return list(islice((name for name in others if script_of(name) in scripts), n))


def _hash_ngrams(names: Sequence[str]) -> tuple[Ints, Ints, Ints]:
    """Return the hashes of all n-grams, the first position of each name, and its number of n-grams.

    The hashes have the shape (3, n_positions): the n-grams of each length that end at a position,
    which may be the start or the end of a name. If there is none, the hash is `_N_HASHES`.
    """
    rows = encode_rows(names)
    is_used = rows > 0
    codes, lengths = rows[is_used].astype(np.uint64), is_used.sum(axis=1)
    starts = np.append(0, lengths.cumsum()[:-1])
    positions = np.arange(len(codes)) - np.repeat(starts, lengths)
    hashes = np.full((3, len(codes)), _N_HASHES, dtype=np.int32)
    keys = np.zeros(len(codes), dtype=np.uint64)
    for n in range(3):
        keys[n:] = keys[n:] * np.uint64(0x110001) + codes[: len(codes) - n] + np.uint64(1)
        mixed = keys * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
        mixed //= np.uint64(2**64 // _N_HASHES)
        hashes[n] = np.where(positions >= n, mixed.astype(np.int32), _N_HASHES)
    return hashes, starts, 3 * lengths - 3
