"""Importance weights: what draws tell, which go on, and which names are chosen.

References
----------
.. [1] J. S. Liu, R. Chen and W. H. Wong, "Rejection Control and Sequential Importance Sampling",
   Journal of the American Statistical Association, 1998.
.. [2] D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement from a
   Finite Universe", Journal of the American Statistical Association, 1952.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# As if so many more were to be chosen, so that a single name has some to be chosen from. Such a
# share of the different ones may be missing, as one that was drawn stands for several. So many
# times as many draws are thought of.
POOL, _MISSING, _TIMES = 16, 0.12, (1, 1.2, 1.5, 2, 3, 5, 10, 100)
# Names that are being written are given up at random if they are worth less than such a part of
# what is chosen once, or of what the others are worth; the former if they will fit, all but surely.
_SURE, _PART_IF_SURE, _PART = 0.9, 0.8, 0.5
_TINY, _TINY_CHANCE, _LOG_HUGE = 1e-300, 1e-15, 600.0


class Draws(NamedTuple):
    """Names that were written.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
    labels : ndarray of shape (n_names,), dtype int
    log_proba : ndarray of shape (n_names,), dtype float64
        With a lookahead: log-probability of each name with its label, in nats, whether it fits
        or not; at temperature 0 that at temperature 1.
    log_weights : ndarray of shape (n_names,), dtype float64
        Logarithms of importance weights: weighted with them, the names are drawn from the
        model's distribution of those that fit, times their probability. Minus infinity for
        those that do not, or were given up; without a lookahead, 0 for those that do.
    """

    texts: NDArray[np.object_]
    labels: NDArray[np.integer[Any]]
    log_proba: NDArray[np.float64]
    log_weights: NDArray[np.float64]

    def take(self, rows: slice) -> "Draws":
        """Return some of the names."""
        return Draws._make(each[rows] for each in self)


class Thinning:
    """Gives up names at random that are worth little; weights stay right on average [1]_.

    Parameters
    ----------
    prefixes : ndarray of shape (n_names,), dtype int
        Numbers of what the names begin with. Names are compared where that is the same.
    shares : ndarray of shape (n_names,), dtype float64
        Of those that are drawn behind the same prefix, the share that will be chosen.
    """

    def __init__(self, prefixes: NDArray[np.integer[Any]], shares: NDArray[np.float64]):
        self.shares = shares
        _, self._groups, self._sizes = np.unique(prefixes, return_inverse=True, return_counts=True)

    def keep(
        self,
        log_worth: NDArray[np.float64],
        rows: NDArray[np.integer[Any]],
        log_fits: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Tell which names go on.

        Parameters
        ----------
        log_worth : ndarray of shape (n_names,), dtype float64
            Logarithms of weights times the probability to fit, of all names that were begun.
        rows : ndarray of shape (n_rows,), dtype int
            Those that have not ended.
        log_fits : ndarray of shape (n_rows,), dtype float64
            Their probability to fit alone.
        rng : Generator

        Returns
        -------
        goes_on : ndarray of shape (n_rows,), dtype bool
        log_factors : ndarray of shape (n_rows,), dtype float64
            What is to be added to the logarithms of their weights.
        """
        groups, n_groups = self._groups[rows], len(self._sizes)
        greatest = np.full(n_groups, -np.inf)  # of those that go on
        np.maximum.at(greatest, groups, log_worth[rows])
        greatest[np.isinf(greatest)] = 0
        # Beside it those that have ended may be worth beyond all numbers.
        worth = np.exp(np.minimum(log_worth - greatest[self._groups], _LOG_HUGE))
        once = (np.bincount(self._groups, worth) / self._sizes)[groups] / self.shares[rows]
        worth = worth[rows]
        squares, sums = (np.bincount(groups, each, n_groups) for each in (worth**2, worth))
        usual = squares[groups] / sums[groups]
        sure = log_fits > np.log(_SURE)
        least = np.where(sure, _PART_IF_SURE * once, _PART * np.minimum(once, usual))
        chance = worth / np.maximum(least, _TINY)
        return rng.random(len(rows)) < chance, -np.log(np.clip(chance, _TINY, 1))


class Pool:
    """Draws behind one prefix, from which n names are to be chosen.

    Each different name counts as its probability over the chance to be drawn at least once, which
    are both known once it has been drawn [2]_. So a name that was bound to be drawn counts as its
    probability, and a rare one stands for those that were not drawn, too. Where names are given up
    on the way, the chance of a draw is about the mean of those with which it was found.

    Parameters
    ----------
    n : int
    """

    def __init__(self, n: int):
        self.n = n
        self.n_drawn = 0
        self.names: list[str] = []  # different ones that fit, or alike with different labels
        self._numbers: dict[Hashable, int] = {}  # of the names, by what they are
        self._log_proba = np.empty(0)
        self._n_found = np.empty(0)
        self._log_sums = np.empty(0)  # over the draws, of one over the weight

    def add(self, draws: Draws) -> None:
        """Add names that were written with a lookahead."""
        fits = np.isfinite(draws.log_weights)
        texts, labels, log_proba, log_weights = (each[fits] for each in draws)
        numbers = []
        for key in zip(texts.tolist(), labels.tolist(), strict=True):
            numbers.append(self._numbers.setdefault(key, len(self._numbers)))
            if numbers[-1] == len(self.names):
                self.names.append(key[0])
        number, n_new = np.array(numbers, dtype=np.int64), len(self.names) - len(self._n_found)
        self.n_drawn += len(fits)
        self._log_proba = np.append(self._log_proba, np.zeros(n_new))
        self._log_proba[number] = log_proba
        self._n_found = np.append(self._n_found, np.zeros(n_new))
        self._n_found += np.bincount(number, minlength=len(self.names))
        self._log_sums = np.append(self._log_sums, np.full(n_new, -np.inf))
        np.logaddexp.at(self._log_sums, number, -log_weights)

    def _known(self):
        """Return the logarithm of each name's weight, and its chance to be the next one drawn."""
        log_weights = np.log(self._n_found) - self._log_sums
        chance = np.exp(self._log_proba - log_weights)
        return log_weights, np.clip(chance, _TINY, 1 - _TINY_CHANCE)

    def _counts(self):
        """Return what each name counts as, its logarithm."""
        log_weights, chance = self._known()
        return log_weights + np.log(chance / _is_drawn(chance, self.n_drawn))

    def missing(self) -> float:
        """Estimate how many more draws it takes.

        Among n names chosen, and a few more, those that stand for others should be few.
        """
        if not self.names:
            return np.inf
        log_weights, chance = self._known()
        found, weights = _is_drawn(chance, self.n_drawn), np.exp(log_weights - log_weights.max())
        usual = weights * chance  # in the end, how often each should be chosen
        usual *= (self.n + POOL) / (usual / found).sum()
        allowed = _MISSING * np.minimum(usual / found, 1).sum()
        for times in _TIMES:
            later = _is_drawn(chance, times * self.n_drawn)
            too_often = np.maximum(usual / later - np.maximum(usual, 1), 0)
            if (later / found * too_often).sum() <= allowed:
                break
        return (times - 1) * self.n_drawn

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to what they count as, systematically, in random order."""
        log_counts = self._counts()
        cumulative = np.exp(log_counts - log_counts.max()).cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(cumulative) - 1)
        return [self.names[name] for name in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of all names that fit; and its error."""
        if not self.names:
            return 0.0, 0.0
        counts, (log_weights, chance) = np.exp(self._counts()), self._known()
        found, n = _is_drawn(chance, self.n_drawn), self.n_drawn
        # Of n draws the more names some take, the fewer are left for others.
        shared = n * (counts * chance * (1 - found) / ((1 - chance) * found)).sum() ** 2
        # As if one more draw had been new, of the greatest weight that any had: that none was does
        # not mean that none can be.
        spread = max(0.0, ((1 - found) * counts**2).sum() - shared)
        heaviest = np.exp(log_weights.max()) / n
        return float(counts.sum()), float((spread + heaviest**2) ** 0.5)


def _is_drawn(chance, n):
    """Return the probability that something is among n draws that has such a chance in each."""
    return -np.expm1(n * np.log1p(-chance))
