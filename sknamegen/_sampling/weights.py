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
POOL, _MISSING, _TIMES = 16, 0.15, (1, 1.2, 1.5, 2, 3, 5, 10, 100)
# Names that are being written are given up at random if they are worth less than such a part of
# what is chosen once, or of what the others are worth; the former if they will fit, all but surely.
_SURE, _PART_IF_SURE, _PART = 0.9, 0.8, 0.5
_TINY, _TINY_CHANCE = 1e-300, 1e-15


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

    Each different name counts as its probability over the chance to be drawn at least once, which
    are both known once it has been drawn [2]_. So a name that was bound to be drawn counts as its
    probability, and a rare one stands for those that were not drawn, too.

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
        self._found = np.empty(0)  # how often
        self._chances = np.empty(0)  # to be the next one drawn; sums over the draws

    def add(self, draws: Draws) -> None:
        """Add names that were written with a lookahead."""
        fits = np.isfinite(draws.log_weights)
        texts, labels, log_proba, log_weights = (each[fits] for each in draws)
        n_known, numbers = len(self.names), []
        for key in zip(texts.tolist(), labels.tolist(), strict=True):
            numbers.append(self._numbers.setdefault(key, len(self._numbers)))
            if numbers[-1] == len(self.names):
                self.names.append(key[0])
        n_new, number = len(self.names) - n_known, np.array(numbers, dtype=np.int64)
        self.n_drawn += len(fits)
        self._log_proba = np.append(self._log_proba, np.zeros(n_new))
        self._log_proba[number] = log_proba
        chances = np.exp(log_proba - log_weights)
        for name, each in (("_found", np.ones(len(number))), ("_chances", chances)):
            known = np.append(getattr(self, name), np.zeros(n_new))
            setattr(self, name, known + np.bincount(number, each, minlength=len(known)))

    def _drawn(self, times: float = 1.0) -> NDArray[np.float64]:
        """Return the chance that each name is found, by so many times as many draws."""
        chance = np.minimum(self._chances / self._found, 1 - _TINY_CHANCE)
        return -np.expm1(times * self.n_drawn * np.log1p(-chance))

    def missing(self) -> float:
        """Estimate how many more draws it takes.

        Among n names chosen, and a few more, those that stand for others should be few.
        """
        if not self.names:
            return np.inf
        found, n = self._drawn(), self.n + POOL
        usual = np.exp(self._log_proba - self._log_proba.max())
        usual *= n / (usual / found).sum()  # how often each should be chosen
        allowed = _MISSING * np.minimum(usual / found, 1).sum()
        for times in _TIMES:
            later = self._drawn(times)
            too_often = np.maximum(usual / later - np.maximum(usual, 1), 0)
            if (later / found * too_often).sum() <= allowed:
                break
        return (times - 1) * self.n_drawn

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to their probability, systematically, in random order."""
        shares = np.exp(self._log_proba - self._log_proba.max()) / self._drawn()
        cumulative = shares.cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(shares) - 1)
        return [self.names[name] for name in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of all names that fit; and its error."""
        if not self.names:
            return 0.0, 0.0
        found, proba = self._drawn(), np.exp(self._log_proba)
        # As if one more draw had been new, of the greatest weight that any had: that none was does
        # not mean that none can be.
        spread = ((1 - found) * (proba / found) ** 2).sum()
        heaviest = (proba * self._found / self._chances).max() / self.n_drawn
        return float((proba / found).sum()), float((spread + heaviest**2) ** 0.5)
