"""Choose names among weighted candidates.

References
----------
.. [1] D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement from a
   Finite Universe", Journal of the American Statistical Association, 1952.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .._types import Floats
from .source import Draws

# Maximum share of the chosen names that may represent names that were not drawn.
_MAX_UNSEEN_SHARE = 0.05
_FLOAT = np.finfo(float)


class Pool:
    """Candidates for one prefix: the names that a search found, and draws of all others.

    The weight of a name that the search found is its probability. The weight of any other name is
    its probability divided by the probability that it is drawn at least once. Both are known for
    every name that was drawn [1]_. A rare name thus also represents names that were not drawn.

    Parameters
    ----------
    n : int
        Number of names to choose.
    found : dict of str to float, default={}
        The log-probability of each name that the search found.
    log_rest : float, default=-inf
        An earlier estimate of the log of the total probability of all other names.
    n_rest : int, default=0
        The number of draws that it is based on. 0: the other names are negligible, unless no name
        was found.

    Attributes
    ----------
    n_drawn : int
        The number of draws added.
    candidates : dict of (str, int) to (float, float)
        The log-probability and the log of the importance weight of each other name, with its label.
    """

    def __init__(
        self, n: int, found: Mapping[str, float] = {}, log_rest: float = -np.inf, n_rest: int = 0
    ):
        self.n, self._found, self._log_rest, self._n_rest = n, found, log_rest, n_rest
        self.n_drawn, self.candidates = 0, dict[tuple[str, int], tuple[float, float]]()

    def add(self, draws: Draws, rows: slice = slice(None)) -> None:
        """Add guided draws."""
        texts, labels, *logs = (column[rows].tolist() for column in draws[:4])
        self.n_drawn += len(texts)
        for text, label, log_p, log_weight in zip(texts, labels, *logs, strict=True):
            if log_weight > -np.inf and text not in self._found:
                self.candidates.setdefault((text, label), (log_p, log_weight))

    def _drawn(self) -> tuple[Floats, Floats, Floats]:
        """Return log(p / q), q and the probability of being drawn, for each candidate."""
        log_p, log_weights = np.array([*self.candidates.values()]).reshape(-1, 2).T
        q = np.clip(np.exp(log_p - log_weights), _FLOAT.tiny, 1 - _FLOAT.eps)
        return log_weights, q, -np.expm1(max(self.n_drawn, 1) * np.log1p(-q))

    def _log_weights(self) -> tuple[Floats, Floats]:
        """Return the logs of the weights of the names found, and of those of the candidates."""
        log_weights, q, prob_seen = self._drawn()
        log_weights = log_weights + np.log(q / prob_seen)
        if self._n_rest and len(log_weights):  # average both estimates of the total
            log_rest, n = np.logaddexp.reduce(log_weights), self.n_drawn + self._n_rest
            terms = np.log(self.n_drawn / n) + log_rest, np.log(self._n_rest / n) + self._log_rest
            log_weights += log_sum(terms) - log_rest
        return np.array([*self._found.values()]), log_weights

    def is_enough(self) -> bool:
        """Return whether few of the n chosen names would represent names that were not drawn."""
        found, drawn = self._log_weights()
        if not len(drawn):
            is_complete = self.n_drawn or not self._n_rest
            return bool(is_complete and self._log_rest < np.log(_MAX_UNSEEN_SHARE) + log_sum(found))
        _, _, prob_seen = self._drawn()
        # How often each name would be chosen.
        weights = self.n * np.exp(drawn - log_sum([*found, *drawn]))
        excess = weights - np.maximum(weights * prob_seen, 1)
        return bool(excess.clip(0).sum() <= _MAX_UNSEEN_SHARE * self.n)

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to weight, by systematic sampling, and shuffle them."""
        log_weights = np.concatenate(self._log_weights())
        cumulative = np.exp(log_weights - log_weights.max()).cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(cumulative) - 1)
        names = [*self._found, *(name for name, _ in self.candidates)]
        return [names[index] for index in rng.permutation(chosen)]

    def probability(self, relative_error: float) -> tuple[float, float]:
        """Estimate the probability of satisfying the constraint, and its standard error.

        `relative_error` is an additional error.
        """
        log_found = np.array([*self._found.values()])
        found = float(np.exp(log_sum(log_found)))
        if not self.n_drawn:
            return found, found * relative_error + float(np.exp(self._log_rest))
        log_weights, q, prob_seen = self._drawn()
        weights = np.exp(log_weights) * q / prob_seen
        # The number of draws is fixed, so draws of one name leave fewer for the others.
        ratio = (1 - prob_seen) / ((1 - q) * prob_seen)
        shared = self.n_drawn * (weights * q * ratio).sum() ** 2
        spread = max(0.0, ((1 - prob_seen) * weights**2).sum() - shared)
        # The error allows for one more draw of a new name with the greatest importance weight,
        # because unseen names may exist.
        missing = np.exp(log_weights.max(initial=log_sum(log_found))) / self.n_drawn
        total = found + float(weights.sum())
        return total, float((spread + missing**2 + (relative_error * total) ** 2) ** 0.5)


def log_sum(logs: ArrayLike) -> float:
    """Return the log of a sum, given the logs of the terms."""
    return float(np.logaddexp.reduce(logs, initial=-np.inf))
