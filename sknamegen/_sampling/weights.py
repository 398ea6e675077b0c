"""Importance weights: what draws tell, which go on, and which names are chosen.

References
----------
.. [1] J. S. Liu, R. Chen and W. H. Wong, "Rejection Control and Sequential Importance Sampling",
   Journal of the American Statistical Association, 1998.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# As if so many more were to be chosen, so that a single name has some to be chosen from. Such a
# share of the different ones may be missing, as one draw stands for several; less where few names
# are different, as the rarest ones, of the greatest weights, are then not even seen.
POOL, _MISSING = 16, 0.05
# Names that are being written are given up at random if they are worth less than such a part of
# what is chosen once, or of what the others are worth; the former if they will fit, all but surely.
_SURE, _PART_IF_SURE, _PART = 0.9, 0.8, 0.5
_TINY = 1e-300


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
        those that do not; without a lookahead, 0 for those that do.
    """

    texts: NDArray[np.object_]
    labels: NDArray[np.integer[Any]]
    log_proba: NDArray[np.float64]
    log_weights: NDArray[np.float64]

    def take(self, rows: slice) -> "Draws":
        """Return some of the names."""
        return Draws._make(each[rows] for each in self)


def thin(
    log_worth: NDArray[np.float64],
    rows: NDArray[np.integer[Any]],
    log_fits: NDArray[np.float64],
    share: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Give up names at random that are worth little; weights stay right on average [1]_.

    Parameters
    ----------
    log_worth : ndarray of shape (n_names,), dtype float64
        Logarithms of weights times the probability to fit, of all names that were begun.
    rows : ndarray of shape (n_rows,), dtype int
        Those that have not ended.
    log_fits : ndarray of shape (n_rows,), dtype float64
        Their probability to fit alone.
    share : float
        Of all names those that will be chosen.

    Returns
    -------
    goes_on : ndarray of shape (n_rows,), dtype bool
    log_factors : ndarray of shape (n_rows,), dtype float64
        What is to be added to the logarithms of their weights.
    """
    worth = np.exp(log_worth - log_worth.max())
    once, worth = worth.mean() / share, worth[rows]
    usual = min(once, worth @ worth / worth.sum())
    chance = worth / np.where(log_fits > np.log(_SURE), _PART_IF_SURE * once, _PART * usual)
    return rng.random(len(rows)) < chance, -np.log(np.clip(chance, _TINY, 1))


class Pool:
    """Draws behind one prefix, from which n names are to be chosen.

    They come in rounds. A name's own probability is known once it has been drawn, so in later
    rounds only names that are new have importance weights: these tell how probable all others
    are. The estimates of the rounds are averaged by how many draws each has, and the first ones
    left out if that is better.

    Parameters
    ----------
    n : int
    """

    def __init__(self, n: int):
        self.n = n
        self.sizes: list[int] = []  # draws of each round
        self._numbers: dict[Hashable, int] = {}  # of the different names, by what they are
        self.names: list[str] = []  # different ones that fit, or alike with different labels
        self._log_proba: list[float] = []
        self._found: list[int] = []  # in which round
        # Of the draws that fit: the number of the name, the round, and the weight.
        self._draws, self._rounds = np.empty((2, 0), dtype=np.int64)
        self._log_weights = np.empty(0)

    def add(self, draws: Draws) -> None:
        """Add a round, written with a lookahead."""
        number, fits, names = len(self.sizes), np.isfinite(draws.log_weights), []
        each = (draws.texts[fits], draws.labels[fits].tolist(), draws.log_proba[fits].tolist())
        for text, label, log_proba in zip(*each, strict=True):
            names.append(self._numbers.setdefault((text, label), len(self._numbers)))
            if names[-1] == len(self.names):
                self.names.append(text)
                self._log_proba.append(log_proba)
                self._found.append(number)
        self.sizes.append(len(fits))
        self._draws = np.append(self._draws, np.array(names, dtype=np.int64))
        self._rounds = np.append(self._rounds, np.full(len(names), number))
        self._log_weights = np.append(self._log_weights, draws.log_weights[fits])

    def _estimate(self, first):
        """Return what names that are known, and draws, have of all probability, up to a factor.

        By the rounds from `first` on; the logarithm of the factor is the greatest log-weight.
        """
        used = np.where(np.arange(len(self.sizes)) < first, 0, self.sizes)
        later = used.sum() - used.cumsum()  # draws of the rounds after each one
        scale, found = self._log_weights.max(initial=-np.inf), np.array(self._found, dtype=np.int64)
        known = np.exp(np.array(self._log_proba) - scale) * later[found] / used.sum()
        is_new = (self._rounds >= first) & (self._rounds == found[self._draws])
        return known, np.exp(self._log_weights - scale) * is_new / used.sum()

    def missing(self) -> tuple[float, int]:
        """Estimate how many more draws it takes, and from which round on to count them.

        Among n names chosen, and a few more, draws that stand for several should be few beside
        the different names.
        """
        best, n = (np.inf, 0), self.n + POOL
        for first in range(len(self.sizes) if self.names else 0):
            size = sum(self.sizes[first:])
            if first and size < n:  # too few draws to tell what is not known yet
                break
            known, drawn = self._estimate(first)
            total = known.sum() + drawn.sum()
            times = np.sort(drawn)[::-1] * n / total  # that each draw is chosen
            different = np.minimum(known * n / total, 1).sum() + times.sum()
            # With k times as many draws each would stand for 1 / k times as many names, so that
            # sum(max(0, times - k)) were missing.
            allowed = _MISSING * different * (different / n) ** 0.5
            k = ((times.cumsum() - allowed) / np.arange(1, len(times) + 1)).max()
            best = min(best, ((k - 1) * size, first))
        return best

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to their probability, systematically, in random order."""
        known, drawn = self._estimate(self.missing()[1])
        shares = known + np.bincount(self._draws, drawn, minlength=len(known))
        cumulative = shares.cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(shares) - 1)
        return [self.names[name] for name in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of all names that fit, by the last round; and its error."""
        if not self.names:
            return 0.0, 0.0
        known, drawn = self._estimate(len(self.sizes) - 1)
        mean, scale = known.sum() + drawn.sum(), np.exp(self._log_weights.max())
        # As if one more draw had been new, of the greatest weight that any had, which is `scale`:
        # that none was does not mean that none can be.
        spread = (drawn**2).sum() - drawn.sum() ** 2 / self.sizes[-1] + self.sizes[-1] ** -2
        return float(scale * mean), float(scale * spread**0.5)
