"""Draw names with a lookahead and the names that a search has found.

References
----------
.. [1] D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement from a
   Finite Universe", Journal of the American Statistical Association, 1952.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._types import Floats, Ints
from .lookahead import Lookahead
from .source import Draws, Source

# Number of candidates for each prefix, in addition to the number of names.
_EXTRA_CANDIDATES = 16
# Standard error of logits in float32, measured in a network with 384 units. It is ten times the
# precision of float32, and the order of the sums, which depends on the processor, decides it.
_LOGIT_ERROR = 1e-6
# Maximum number of rounds that add candidates.
_MAX_ROUNDS = 10
# Maximum share of the chosen names that may represent names that were not drawn.
_MAX_UNSEEN_SHARE = 0.05
_FLOAT = np.finfo(float)


class Pool:
    """Candidates for one prefix: the names of a guide, and draws of all others.

    The weight of a name that a search found is its probability. The weight of any other name is
    its probability divided by the probability that it is drawn at least once. Both are known for
    every name that was drawn [1]_. A rare name thus also represents names that were not drawn.

    Parameters
    ----------
    guide : Guide
        Without draws in its estimate, the other names are negligible, unless no name was found.
    n : int
        Number of names to choose.

    Attributes
    ----------
    n_drawn : int
        The number of draws added.
    candidates : dict of (str, int) to (float, float)
        The log-probability and the log of the importance weight of each other name, with its label.
    """

    def __init__(self, guide: "Guide", n: int):
        self._guide, self.n, self.n_drawn = guide, n, 0
        self.candidates: dict[tuple[str, int], tuple[float, float]] = {}

    def add(self, draws: Draws, rows: slice = slice(None)) -> None:
        """Add guided draws."""
        texts, labels, *logs = (column[rows].tolist() for column in draws[:4])
        self.n_drawn += len(texts)
        for text, label, log_p, log_weight in zip(texts, labels, *logs, strict=True):
            if log_weight > -np.inf and text not in self._guide.found:
                self.candidates.setdefault((text, label), (log_p, log_weight))

    def _drawn(self) -> tuple[Floats, Floats, Floats]:
        """Return log(p / q), q and the probability of being drawn, for each candidate."""
        log_p, log_weights = np.array([*self.candidates.values()]).reshape(-1, 2).T
        q = np.clip(np.exp(log_p - log_weights), _FLOAT.tiny, 1 - _FLOAT.eps)
        return log_weights, q, -np.expm1(max(self.n_drawn, 1) * np.log1p(-q))

    def _log_weights(self) -> tuple[Floats, Floats, Floats]:
        """Return the logs of the weights of the names found, and of those of the candidates.

        Also returns the probability that each candidate is drawn.
        """
        guide, (log_weights, q, prob_seen) = self._guide, self._drawn()
        log_weights = log_weights + np.log(q / prob_seen)
        if guide.n_draws and len(log_weights):  # average both estimates of the total
            log_rest, n = np.logaddexp.reduce(log_weights), self.n_drawn + guide.n_draws
            terms = np.log(self.n_drawn / n) + log_rest, np.log(guide.n_draws / n) + guide.log_rest
            log_weights += log_sum(terms) - log_rest
        return np.array([*guide.found.values()]), log_weights, prob_seen

    def is_enough(self) -> bool:
        """Return whether few of the n chosen names would represent names that were not drawn."""
        guide, (found, drawn, prob_seen) = self._guide, self._log_weights()
        if not len(drawn):
            is_complete = self.n_drawn or not guide.n_draws
            return bool(is_complete and guide.log_rest < np.log(_MAX_UNSEEN_SHARE) + log_sum(found))
        # How often each name would be chosen.
        weights = self.n * np.exp(drawn - log_sum([*found, *drawn]))
        excess = weights - np.maximum(weights * prob_seen, 1)
        return bool(excess.clip(0).sum() <= _MAX_UNSEEN_SHARE * self.n)

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to weight, by systematic sampling, and shuffle them."""
        log_weights = np.concatenate(self._log_weights()[:2])
        cumulative = np.exp(log_weights - log_weights.max()).cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(cumulative) - 1)
        names = [*self._guide.found, *(name for name, _ in self.candidates)]
        return [names[index] for index in rng.permutation(chosen)]

    def probability(self, relative_error: float) -> tuple[float, float]:
        """Estimate the probability of satisfying the constraint, and its standard error.

        `relative_error` is an additional error.
        """
        log_found = np.array([*self._guide.found.values()])
        found = float(np.exp(log_sum(log_found)))
        if not self.n_drawn:
            return found, found * relative_error + float(np.exp(self._guide.log_rest))
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


class Guide(NamedTuple):
    """How to draw names from a source that satisfy a constraint.

    Attributes
    ----------
    source : Source
    lookahead : Lookahead
    found : dict of str to float
        Names that a search has found, with the logs of their probabilities.
    log_rest : float
        Estimate of the log of the total probability of all other names.
    n_draws : int
        Number of draws that it is based on. 0: the estimate is negligible, or there is none.
    error : float
        By how much the total probability changed in the last round, relative to the total. 0 if the
        lookahead is not learned.
    """

    source: Source
    lookahead: Lookahead
    found: dict[str, float]
    log_rest: float = -np.inf
    n_draws: int = 0
    error: float = 0.0

    def choose(self, rows: Ints, rng: np.random.Generator) -> list[str]:
        """Return a name for each row. `rows` contains indices of prefixes."""
        n_names = np.bincount(rows, minlength=len(self.source.prefixes))
        pools = [Pool(self, n) for n in n_names.tolist()]
        n_draws = n_names + _EXTRA_CANDIDATES
        for _ in range(_MAX_ROUNDS):
            is_short = np.array([pool.n > 0 and not pool.is_enough() for pool in pools])
            if not is_short.any():
                break
            self._add_draws(pools, n_draws * is_short, rng)
            n_draws = np.array([-(-pool.n_drawn // 4) for pool in pools])
        names = np.empty(len(rows), dtype=object)
        for prefix, pool in enumerate(pools):
            if pool.n:
                if not (self.found or pool.candidates):
                    raise no_match_error(self.source.prefixes[prefix])
                names[rows == prefix] = pool.choose(rng)
        return names.tolist()

    def probability(self, n: int, rng: np.random.Generator) -> Floats:
        """Estimate the probability of satisfying the constraint, from n draws per prefix.

        Returns the estimates and their standard errors, (2, n_prefixes).
        """
        pools = [Pool(self, n) for _ in self.source.prefixes]
        if self.n_draws or not self.found:
            self._add_draws(pools, np.full(len(pools), n), rng)
        # Rounding errors of a name add up over its characters.
        n_characters, decoding = self.lookahead.limits.max_length, self.source.decoding
        error = self.error + min(_LOGIT_ERROR * n_characters / decoding.temperature, 1)
        return np.transpose([pool.probability(error) for pool in pools])

    def _add_draws(self, pools: list[Pool], n_draws: Ints, rng: np.random.Generator) -> None:
        rows = np.repeat(np.arange(len(pools)), n_draws)
        draws, ends = self.source.propose(rows, rng, self.lookahead), n_draws.cumsum()
        for pool, start, end in zip(pools, ends - n_draws, ends, strict=True):
            pool.add(draws, slice(start, end))


def no_match_error(prefix: str) -> ValueError:
    """Return the error for a prefix that was never completed."""
    return ValueError(
        f"No name drawn with seed {prefix!r} satisfies the constraint: temperature, top_k, "
        "top_p and min_p leave too few characters. Raise them, and lower min_p."
    )


def log_sum(logs: ArrayLike) -> float:
    """Return the log of a sum, given the logs of the terms."""
    return float(np.logaddexp.reduce(logs, initial=-np.inf))
