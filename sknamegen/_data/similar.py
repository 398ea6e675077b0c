"""Names that resemble a list of names.

References
----------
.. [1] R. C. Moore and W. Lewis, "Intelligent Selection of Language Model Training Data", ACL 2010.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .._text.codes import encode
from .._text.unicode import fold, script_of
from .._types import Floats, Ints

# Number of bits of hashed n-grams.
_HASH_BITS = 16
# Pseudo-count of names with the n-grams of all candidates, of n-grams in the mean of a name, and
# weights of the other names in its list and of the distance of the list.
_PRIOR, _SHRINKAGE, _LIST_WEIGHT, _DISTANCE_WEIGHT = 40, 8, 3, 0.5


class Candidates:
    """Names to choose from, by their n-grams of one to three characters and those of their list.

    The score of a name is the mean of the log-odds of its n-grams, how much more frequent they are
    in the names to resemble than among the candidates [1]_, plus three times the mean score of the
    list that the candidate is from, minus half the distance of this list. Frequencies are smoothed
    with 40 names that resemble the candidates, and the mean of a name with 8 n-grams that say
    nothing.

    Parameters
    ----------
    lists : sequence of str
        The names of each list, each followed by U+0000. Names may be repeated.
    distances : callable, default=None
        Returns the distance of each list from names. None: zero.
    """

    def __init__(
        self, lists: Sequence[str], distances: Callable[[Sequence[str]], Floats] | None = None
    ):
        self._distances = distances
        self._text = "".join(["\0", *lists])
        self._hashes, self._ends = _hash_ngrams(self._text)
        self._sizes = [text.count("\0") for text in lists]
        self._background = (_counts(self._hashes) + 1) / sum(self._sizes)

    def most_similar(self, names: Sequence[str], n: int) -> list[str]:
        """Return up to n candidates in the same scripts that resemble names, best first."""
        counts = _counts(_hash_ngrams("\0".join(["", *names, ""]))[0])
        expected = (counts + _PRIOR * self._background) / (len(names) + _PRIOR)
        log_odds = np.log(expected / self._background).astype(np.float32)
        sums = np.add.reduceat(sum(log_odds[hashes] for hashes in self._hashes), self._ends[:-1])
        scores = sums / (3 * np.diff(self._ends) + _SHRINKAGE)
        sums = np.add.reduceat(scores, np.append(0, np.cumsum(self._sizes)[:-1]))
        list_scores = _LIST_WEIGHT * sums / self._sizes
        if self._distances:
            list_scores -= _DISTANCE_WEIGHT * self._distances(names)
        scores += np.repeat(list_scores, self._sizes)
        known, scripts = set(map(fold, names)), set(map(script_of, names))
        chosen = dict[str, None]()
        for i in np.argsort(-scores, kind="stable"):
            name = self._text[self._ends[i] + 1 : self._ends[i + 1]]
            if fold(name) not in known and script_of(name) in scripts:
                chosen[name] = None
            if len(chosen) == n:
                break
        return list(chosen)


def _hash_ngrams(text: str) -> tuple[NDArray[np.uint16], Ints]:
    """Return the hashes of n-grams, and the positions of U+0000 in a text.

    The hashes have the shape (3, n_positions): the n-grams of each length that end at each position
    but the first. Where these would contain the end of another name, they are the single U+0000.
    """
    codes = encode([text]).ravel().view(np.uint32)
    ends, keys = np.flatnonzero(codes == 0), np.zeros(len(codes), dtype=np.uint32)
    hashes = np.empty((3, len(codes)), dtype=np.uint16)
    for n in range(3):
        keys[n:] = keys[n:] * np.uint32(0x110001) + codes[: len(codes) - n] + np.uint32(1)
        hashes[n] = keys * np.uint32(0x9E3779B1) >> np.uint32(32 - _HASH_BITS)  # Fibonacci hashing
    hashes[2, ends[:-1] + 1] = hashes[0, 0]
    return hashes[:, 1:], ends


def _counts(hashes: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return how often each hash occurs."""
    return np.sum([np.bincount(row, minlength=2**_HASH_BITS) for row in hashes], axis=0)
