"""Names that resemble a list of names.

References
----------
.. [1] R. C. Moore and W. Lewis, "Intelligent Selection of Language Model Training Data", ACL 2010.
.. [2] A. Axelrod, "Cynical Selection of Language Model Training Data", 2017.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from .._text.unicode import fold, script_of
from .._types import Floats
from .features import HASH_BITS, Excess, hash_ngrams

# Pseudo-count of names with the n-grams of all candidates, of n-grams in the mean of a name, and
# weights of the other names in its list and of the distance of the list.
_PRIOR, _SHRINKAGE, _LIST_WEIGHT, _DISTANCE_WEIGHT = 40, 8, 3, 0.5
# Number of candidates from which a set is chosen, the rank at which a name costs log 2, and the
# weight of the excess.
_N_RANKED, _RANK, _EXCESS_WEIGHT = 4000, 50, 0.5


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
        self.is_bundled = distances is not None
        self._text = "".join(["\0", *lists])
        self._hashes, self._ends = hash_ngrams(self._text)
        self._sizes = [text.count("\0") for text in lists]
        self._background = (_counts(self._hashes) + 1) / sum(self._sizes)

    def most_similar(self, names: Sequence[str], n: int) -> list[str]:
        """Return up to n candidates in the same scripts that together resemble names."""
        counts = _counts(hash_ngrams("\0".join(["", *names, ""]))[0])
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
        ranked = dict[str, None]()
        for i in np.argsort(-scores, kind="stable"):
            name = self._text[self._ends[i] + 1 : self._ends[i + 1]]
            if fold(name) not in known and script_of(name) in scripts:
                ranked[name] = None
            if len(ranked) == _N_RANKED:
                break
        return _choose_set(names, list(ranked), n)


def _choose_set(names: Sequence[str], ranked: list[str], n: int) -> list[str]:
    """Choose up to n names that have beginnings, endings and words as often as a list [2]_.

    They are chosen one after another, by the logarithm of their rank plus half their excess.
    """
    counts = Counter(chain.from_iterable(map(_features, names)))
    excess = Excess(
        list(map(_features, ranked)),
        lambda features: np.array([counts[feature] for feature in features]) / len(names),
    )
    costs, chosen = np.log1p(np.arange(len(ranked)) / _RANK), list[str]()
    for _ in range(min(n, len(ranked))):
        best = int((costs + _EXCESS_WEIGHT * excess.of_next()).argmin())
        costs[best] = np.inf
        excess.add(best)
        chosen.append(ranked[best])
    return chosen


def _features(name: str) -> set[str]:
    """Return the beginnings and the ending of a name, and its words if there are several."""
    text = name.lower()
    words = [f" {word} " for word in text.split()]
    return {text[:1], text[:2], text[:3], f"{text[-3:]} ", *(words if len(words) > 1 else ())}


def _counts(hashes: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return how often each hash occurs."""
    return np.sum([np.bincount(row, minlength=2**HASH_BITS) for row in hashes], axis=0)
