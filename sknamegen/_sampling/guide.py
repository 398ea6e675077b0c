"""Draw names with a lookahead, and weigh them.

References
----------
.. [1] N. Duffield, C. Lund and M. Thorup, "Priority Sampling for Estimation of Arbitrary Subset
   Sums", Journal of the ACM, 2007.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from .._parallel import BLOCK_CELLS, parallel_map
from .._types import Bools, Floats, Ints
from .beam import WeightedNames, draw_distinct
from .decoding import Decoding
from .distribution import NameDistribution, Steps
from .lookahead import Lookahead

# Maximum number of names in a beam, and number of names drawn in addition to those that are wanted.
BEAM_SIZE, N_EXTRA = 512, 16
# Maximum number of rounds of beams from which a guide is learned, or names are chosen.
MAX_ROUNDS = 10
# Standard error of logits in float32, measured in a network with 384 units. It is ten times the
# precision of float32, and the order of the sums, which depends on the processor, decides it.
_LOGIT_ERROR = 1e-6
# Maximum share of the chosen names that may represent names that were not drawn.
_MAX_UNSEEN_SHARE = 0.05

# Names and the columns of their labels, with the logs of their probabilities.
Found = dict[tuple[str, int], float]


class WeightedPool:
    """Names with one prefix: those found before, and others drawn in beams of one size.

    The weight of a name found before is its probability. The weight of any other name is its
    probability divided by the probability that a beam draws it, on average over the beams. A name
    that is rarely drawn thus also represents names that were not drawn.

    Parameters
    ----------
    found : Found
    """

    def __init__(self, found: Found):
        self._found, self.n_beams = found, 0
        self._numbers = dict[tuple[str, int], int]()  # of the distinct names that were drawn
        empty = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
        self._drawn: list[tuple[Ints, Floats, Floats]] = [empty]

    @property
    def names(self) -> list[str]:
        """The distinct names. Names with several labels occur several times."""
        return [name for name, _ in (*self._found, *self._numbers)]

    @property
    def known(self) -> Found:
        """The names found and drawn."""
        numbers, log_proba, _ = map(np.concatenate, zip(*self._drawn, strict=True))
        names = [*self._numbers]
        drawn = zip((names[number] for number in numbers), log_proba.tolist(), strict=True)
        return self._found | dict(drawn)

    def add(self, drawn: WeightedNames, is_given: Bools) -> None:
        """Add the names of a beam with this prefix."""
        self.n_beams += 1
        names = list(zip(drawn.texts.tolist(), drawn.columns.tolist(), strict=True))
        rows = [row for row in np.flatnonzero(is_given) if names[row] not in self._found]
        names = [names[row] for row in rows]
        numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in names]
        log_proba, log_weights = drawn.log_proba[rows], drawn.log_weights[rows]
        self._drawn.append((np.array(numbers, dtype=np.int64), log_proba, log_weights))

    def counts(self, n: int) -> tuple[Floats, Floats]:
        """Return how often each name is expected among n, by its weight and by its probability."""
        numbers, log_proba, log_weights = map(np.concatenate, zip(*self._drawn, strict=True))
        log_found, n_drawn = np.array([*self._found.values()]), len(self._numbers)
        scale = max(log_found.max(initial=-np.inf), log_weights.max(initial=-np.inf))
        weights = np.bincount(numbers, np.exp(log_weights - scale), n_drawn) / max(1, self.n_beams)
        p = np.empty(n_drawn)
        p[numbers] = np.exp(log_proba - scale)
        found = np.exp(log_found - scale)
        factor = n / (found.sum() + weights.sum())
        return factor * np.append(found, weights), factor * np.append(found, p)

    def is_enough(self, n: int) -> bool:
        """Return whether few of n chosen names would represent names that were not drawn."""
        if not (self._found or self._numbers):
            return False
        by_weight, by_proba = self.counts(n)
        excess = by_weight - np.maximum(by_proba, 1)
        return bool(excess.clip(0).sum() <= _MAX_UNSEEN_SHARE * n)

    def choose(self, n: int, rng: np.random.Generator) -> list[str]:
        """Draw n names.

        Each name is drawn independently with its probability. The remaining draws belong to names
        that are not in the pool. They are distinct, and the excess of the weights over the
        probabilities represents them, so they are chosen from it by systematic sampling.
        """
        by_weight, by_proba = self.counts(n)
        by_proba = np.minimum(by_proba, by_weight)
        order = rng.permutation(len(by_weight))
        *counts, n_others = rng.multinomial(n, np.append(by_proba, max(0, n - by_proba.sum())) / n)
        cumulative = (by_weight - by_proba)[order].cumsum()
        ticks = (np.arange(n_others) + rng.random()) / n_others * cumulative[-1]
        others = order[np.searchsorted(cumulative, ticks, side="right").clip(max=len(order) - 1)]
        chosen = np.append(np.repeat(np.arange(len(order)), counts), others)
        names = self.names
        return [names[index] for index in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of all names, and its standard error [1]_."""
        _, log_proba, log_weights = map(np.concatenate, zip(*self._drawn, strict=True))
        weights = np.exp(log_weights) / max(1, self.n_beams)
        variance = weights @ (weights - np.exp(log_proba) / max(1, self.n_beams))
        found = np.exp([*self._found.values()])
        return float(found.sum() + weights.sum()), float(max(0, variance) ** 0.5)


class Guide(NamedTuple):
    """How to draw names from a source that satisfy a constraint.

    Attributes
    ----------
    source : NameDistribution
        The names are drawn from its distribution times the lookahead.
    target : Decoding
        The decoding of the names.
    lookahead : Lookahead
    found : Found
    is_complete : bool, default=False
        Whether the probability of all other names is negligible.
    error : float, default=0
        Relative error of the probability of all names.
    """

    source: NameDistribution
    target: Decoding
    lookahead: Lookahead
    found: Found
    is_complete: bool = False
    error: float = 0.0

    def sizes(self, n: Ints) -> Ints:
        """Return the size of a beam for n names, smaller for long names and large alphabets."""
        n_cells = len(self.lookahead.alphabet) * max(1, self.lookahead.constraint.min_length)
        return np.minimum(n, max(BLOCK_CELLS // n_cells, N_EXTRA))

    def draw(
        self,
        pools: Sequence[WeightedPool],
        sizes: Ints,
        n_beams: int,
        rng: np.random.Generator,
        *,
        recorded: bool = False,
    ) -> list[Steps]:
        """Add beams of these sizes to the pool of each prefix. Return the recorded steps."""
        if self.is_complete:
            return []
        source, wanted = self.source, np.flatnonzero(sizes)
        numbers = np.cumsum(sizes[wanted]) // (BEAM_SIZE + 1)
        parts = np.split(wanted, np.flatnonzero(np.diff(numbers)) + 1)

        def beam(part: Ints, rng: np.random.Generator) -> WeightedNames:
            given, n = source.given(part), sizes[part]
            return draw_distinct(given, self.target, self.lookahead, n, rng, recorded=recorded)

        rngs = map(np.random.default_rng, rng.integers(2**63, size=n_beams * len(parts)))
        beams = parallel_map(beam, zip(parts * n_beams, rngs, strict=True))
        for part, drawn in zip(parts * n_beams, beams, strict=True):
            for row, prefix in enumerate(part.tolist()):
                pools[prefix].add(drawn, drawn.prefixes == row)
        return [*chain(*(drawn.steps for drawn in beams))]

    def choose(self, rows: Ints, rng: np.random.Generator) -> list[str]:
        """Return a name for each row. `rows` contains indices of prefixes."""
        n_names = np.bincount(rows, minlength=len(self.source.prefixes))
        pools, n_beams = [WeightedPool(self.found) for _ in n_names], 1
        sizes = self.sizes(np.minimum(n_names + N_EXTRA, BEAM_SIZE)) * (n_names > 0)
        for _ in range(MAX_ROUNDS):
            self.draw(pools, sizes, n_beams, rng)
            for prefix in np.flatnonzero(sizes).tolist():
                sizes[prefix] *= not pools[prefix].is_enough(n_names[prefix])
            if self.is_complete or not sizes.any():
                break
            # If one beam is not enough, first draw as many names as are wanted.
            n_drawn = max(pool.n_beams for pool in pools)
            n_beams = max(int((n_names[sizes > 0] // sizes[sizes > 0]).max()) - n_drawn, 0)
            n_beams = n_beams or -(-n_drawn // 4)
        names = np.empty(len(rows), dtype=object)
        for prefix in np.flatnonzero(n_names).tolist():
            if not pools[prefix].names:
                raise no_match_error(self.source.prefixes[prefix])
            names[rows == prefix] = pools[prefix].choose(n_names[prefix], rng)
        return names.tolist()

    def probability(self, n: int, rng: np.random.Generator) -> Floats:
        """Estimate the probability of satisfying the constraint, from n draws per prefix.

        Returns the estimates and their standard errors, (2, n_prefixes).
        """
        pools = [WeightedPool(self.found) for _ in self.source.prefixes]
        sizes = self.sizes(np.full(len(pools), min(n, BEAM_SIZE)))
        self.draw(pools, sizes, -(-n // int(sizes[0])), rng)
        totals, errors = np.transpose([pool.probability() for pool in pools])
        # Rounding errors of a name add up over its characters.
        n_characters = self.lookahead.constraint.max_length
        error = self.error + min(_LOGIT_ERROR * n_characters / self.target.temperature, 1)
        return np.stack([totals, np.hypot(errors, error * totals)])


def no_match_error(prefix: str) -> ValueError:
    """Return the error for a prefix that was never completed."""
    return ValueError(
        f"No name drawn with seed {prefix!r} satisfies the constraint: temperature, top_k, "
        "top_p and min_p leave too few characters. Raise them, and lower min_p."
    )
