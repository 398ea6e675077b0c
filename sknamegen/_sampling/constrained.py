"""The distribution of names given a constraint: ways to draw from it, and its probability.

If enough names satisfy the constraint, they are drawn freely, and all others are rejected.
Otherwise, a guide draws names without replacement, each character with its probability times the
lookahead, the probability that the name can then be completed (a twisted proposal) [1]_ [2]_.
Importance weights correct for errors in the lookahead.

References
----------
.. [1] N. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections.abc import Hashable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from .._parallel import one_blas_thread
from .._types import Bools, Floats, Ints
from .beam import draw_distinct
from .cache import Cache
from .distribution import NameDistribution
from .guide import Guide, no_match_error
from .learning import learn_guide, lookahead_of
from .lookahead import Lookahead

# Share of valid names from which no guide is needed.
MIN_ACCEPTANCE = 0.2
# Number of unconstrained characters in a trial, which shows how rare valid names are.
_N_TRIAL = 32_000


class TooRare(ValueError):
    """No guide can be found, because too few names satisfy the constraint."""


class ConstrainedNames(NamedTuple):
    """Distribution of names, given that they satisfy a constraint.

    The methods that draw names take the prefix index of each name. They return which names satisfy
    the constraint, and all names, of which others may be cut short.

    Attributes
    ----------
    source : NameDistribution
    possible : Lookahead
        Which prefixes can be completed.
    cache : Cache
        Stores guides and what they are learned from.
    """

    source: NameDistribution
    possible: Lookahead
    cache: Cache

    def draw_free(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Draw unconstrained names."""
        drawn = self.source.draw(rows, rng, self.possible)
        return drawn.is_valid, drawn.texts.tolist()

    def draw_guided(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Draw valid names with a guide. Raises TooRare if there is none."""
        texts = np.empty(len(rows), dtype=object)
        for guide, prefixes in self._guides():
            selected = np.flatnonzero(np.isin(rows, prefixes))
            texts[selected] = guide.choose(np.searchsorted(prefixes, rows[selected]), rng)
        return np.ones(len(rows), dtype=bool), texts.tolist()

    def draw_greedy(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Return the valid names at temperature 0, with labels drawn at random.

        The lookahead is used only if the unconstrained name violates the constraint.
        """
        labels = self.source.draw_labels(rows, rng)
        (rows, labels), inverse = np.unique([rows, labels], axis=1, return_inverse=True)
        drawn = self.source.draw(rows, np.random.default_rng(0), self.possible, labels)
        misfits = np.flatnonzero(~drawn.is_valid)
        if len(misfits):
            warm = self.source.at(1)
            lookahead = self.cache.get(
                ("greedy", warm.key, self.possible.constraint),
                partial(lookahead_of, warm, self.possible, self.cache),
            )
            is_label = labels[misfits][:, None] == warm.labels
            given = warm.given(rows[misfits])._replace(label_proba=is_label.astype(float))
            with one_blas_thread():
                found = draw_distinct(given, given.decoding, lookahead, np.ones_like(misfits), None)
            if len(found.texts) < len(misfits):
                raise no_match_error(given.prefixes[0])
            drawn.texts[misfits[found.prefixes]] = found.texts
        texts = drawn.texts[inverse.reshape(-1)]
        return np.ones(len(texts), dtype=bool), texts.tolist()

    def trial(self) -> tuple[int, int]:
        """Draw unconstrained names. Return their number, and how many are valid."""
        if self.source.corpus.is_text:
            return 0, 0
        n = -(-_N_TRIAL // self.possible.constraint.max_length)
        source, rows = self.source.reading_on(), np.arange(n) % len(self.source.prefixes)

        def n_valid() -> int:
            return int(source.draw(rows, np.random.default_rng(0), self.possible).is_valid.sum())

        return n, self.cache.get(("trial", *self._key(source)), n_valid)

    def probability(self, n: int, rng: np.random.Generator) -> Floats:
        """Estimate the share of names that satisfy the constraint, and its standard error.

        Returns the estimates and their errors, (2, n_prefixes), from n >= 2 draws per prefix. If
        enough unconstrained names satisfy the constraint, the estimate is their share. Otherwise,
        it comes from guided draws.
        """
        source, free = self.source, None
        is_greedy = source.decoding.temperature == 0
        if is_greedy or source.model.as_ngrams is None:
            free = self._free_probability(n, rng)
            if is_greedy or free[0].min() >= MIN_ACCEPTANCE:
                return free
        estimates = np.empty((2, len(source.prefixes)))
        try:
            for guide, prefixes in self._guides():
                estimates[:, prefixes] = guide.probability(n, rng)
        except TooRare:
            free = self._free_probability(n, rng) if free is None else free
            if not free[0].all():
                raise
            return free
        return estimates

    def _free_probability(self, n: int, rng: np.random.Generator) -> Floats:
        """Return the share of valid names among n unconstrained names per prefix, and its error."""
        source = self.source
        is_valid, _ = self.draw_free(np.repeat(np.arange(len(source.prefixes)), n), rng)
        share = is_valid.reshape(-1, n).mean(axis=1)
        # A few draws cannot show that a share is exactly 0 or 1, so bound the variance.
        is_random = source.decoding.temperature > 0 or len(source.labels) > 1
        variance = np.maximum(share * (1 - share), 1 / n) * is_random
        return np.stack([share, np.sqrt(variance / n)])

    def _guides(self) -> Iterator[tuple[Guide, Ints]]:
        """Yield guides and the indices of their prefixes, which share a guide if possible."""
        rows = np.arange(len(self.source.prefixes))
        if len(rows) > 1 and (guide := self._guide(self.source)):
            yield guide, rows
            return
        for row in rows[:, None]:
            source = self.source.given(row)
            if (guide := self._guide(source)) is None:
                raise TooRare(
                    f"Names that begin with {source.prefixes[0]!r} and satisfy the constraint are "
                    f"too rare at temperature {source.decoding.temperature:g} to sample them "
                    "correctly. Raise temperature, or relax the constraint."
                )
            yield guide, row

    def _guide(self, source: NameDistribution) -> Guide | None:
        """Return the guide for a source, or None if names are too rare."""
        learn = partial(learn_guide, source, self.possible, self.cache)
        with one_blas_thread():
            return self.cache.get(self._key(source), learn)

    def _key(self, source: NameDistribution) -> tuple[Hashable, ...]:
        """Identifies a source and the constraint in the cache."""
        return source.decoding, source.key, (self.possible.constraint, *source.prefixes)
