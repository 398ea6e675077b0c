"""Sample names from a model, given prefixes and a constraint.

The target is the model's distribution, conditional on the constraint. If enough names satisfy the
constraint, the sampler uses rejection sampling. Otherwise, a guide draws names without replacement,
each character with its probability times the lookahead, the probability that the name can then be
completed (a twisted proposal) [1]_ [2]_. Importance weights correct for errors in the lookahead.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from .._parallel import one_blas_thread
from .._types import Bools, Floats, Ints
from .beam import draw_distinct
from .best import choose
from .conditional import N_CHARACTERS, Conditional, TooRare
from .constraint import Limits
from .decoding import draw
from .filters import Filters
from .guide import no_match_error
from .search import Search
from .selection import MAX_DRAWS, MAX_FAILURES, Selection

# Number of names drawn at first.
ROUND_SIZE = 256
# Expected number of draws up to which there is no trial, which shows how rare names are.
_FEW_DRAWS = 16
# Share of valid names below which the sampler expects to draw too often without a guide.
_MIN_ACCEPTANCE = 0.2
# Maximum number of names that are chosen together, because time grows with its square.
_MAX_CHOSEN = 1000
# Draws a name for each row. Returns which are valid, and all names. Invalid ones may be cut short.
Propose = Callable[[Ints, np.random.Generator], tuple[Bools, list[str]]]


@dataclass(frozen=True)
class Sampler(Conditional):
    """Sampler of names under a constraint, which learns a guide if it needs one.

    In its methods, `rows` contains the prefix index of each name.

    Attributes
    ----------
    filters : Filters
        They reject names that satisfy the constraint.
    """

    filters: Filters

    def draw(
        self,
        rows: Ints,
        rng: np.random.Generator,
        unique: bool = False,
        best_of: int = 1,
        diversity_penalty: float = 1.0,
    ) -> tuple[list[str], str | None]:
        """Draw a name for each row, chosen from several candidates.

        A candidate is redrawn while a filter rejects it. Once each row has a name, at most twice as
        many other candidates are drawn as wanted. Returns the names, and either a message, if there
        are fewer names than rows, or None.
        """
        selection = Selection(rows, unique, self.filters)
        self._select(selection, rng)
        names = [selection.names[row] for row in sorted(selection.names)]
        if len(names) == len(rows):
            others = Selection(np.repeat(rows, best_of - 1), unique, self.filters, names)
            with suppress(ValueError):  # without other candidates, the names are the best
                self._select(others, rng)
            if best_of > 1:
                names = self._choose(rows, names, others, best_of, rng, diversity_penalty)
            return names, None
        reasons = " and ".join(f"{n:,} {reason}" for reason, n in selection.rejected.items())
        reasons = f"of {selection.n_drawn:,} drawn, {reasons}" if reasons else "others are too rare"
        found = f"Found only {len(names):,} of {len(rows):,} names"
        return names, f"{found}: {reasons}{self._rarity(rng)}."

    def _select(self, selection: Selection, rng: np.random.Generator) -> None:
        """Draw a name for each row, as long as the selection is open."""
        if self.source.decoding.temperature == 0:
            self._fill(selection, self._greedy, rng)
            return
        self._fill(selection, self._unguided, rng, _FEW_DRAWS)
        if selection.is_open:
            n_names, n_valid = self._trial()
            if len(selection.pending) <= n_valid:
                self._fill(selection, self._unguided, rng, n_names)
        try:
            self._fill(selection, self._guided, rng)
        except TooRare:
            max_draws = min(MAX_FAILURES * len(selection.pending), MAX_DRAWS)
            self._fill(selection, self._unguided, rng, max_draws)
            if not selection.names:
                raise

    def _choose(
        self,
        rows: Ints,
        names: list[str],
        others: Selection,
        best_of: int,
        rng: np.random.Generator,
        diversity_penalty: float,
    ) -> list[str]:
        """Choose a name for each row, among the candidates of all rows with its prefix and label.

        They are chosen in blocks of rows with their candidates.
        """
        found = np.array(sorted(others.names), dtype=np.int64)
        candidates = [*names, *(others.names[number] for number in found.tolist())]
        places = np.append(np.arange(len(rows)), found // max(1, best_of - 1))
        scores, labels = self.source.mean_log_proba(rows[places], candidates, rng)
        pools = rows[places] * len(self.source.labels) + labels
        chosen = list[str]()
        for start in range(0, len(rows), _MAX_CHOSEN):
            own = np.flatnonzero(places // _MAX_CHOSEN == start // _MAX_CHOSEN)
            texts = [candidates[number] for number in own.tolist()]
            wanted = pools[: len(rows)][start : start + _MAX_CHOSEN]
            chosen += choose(
                texts, scores[own], pools[own], wanted, diversity_penalty, self.source.corpus
            )
        return chosen

    def _fill(
        self, selection: Selection, propose: Propose, rng: np.random.Generator, max_draws: int = 0
    ) -> None:
        """Propose names until all rows have one, or probably need more than `max_draws` draws.

        0: there is no such limit.
        """
        n_attempts = n_accepted = 0
        while selection.is_open:
            # Draw for each row as often as it probably needs. At first, draw for few rows.
            n_repeats = (n_attempts + 1) // (n_accepted + 1) if n_accepted else 4 * n_attempts + 1
            max_repeats = max(-(-ROUND_SIZE // len(selection.pending)), round(1 / _MIN_ACCEPTANCE))
            n_repeats = min(n_repeats, max_repeats)
            n_rows = ROUND_SIZE if max_draws and not n_attempts else None
            prefixes = np.repeat(selection.rows[selection.pending[:n_rows]], n_repeats)
            is_valid, texts = propose(prefixes, rng)
            n_accepted += selection.add(prefixes[is_valid], [*compress(texts, is_valid)])
            n_attempts += len(prefixes)
            n_expected = len(selection.pending) * (n_attempts + 1) / (n_accepted + 1)
            if max_draws and is_valid.mean() < _MIN_ACCEPTANCE and n_expected > max_draws:
                break

    def _trial(self) -> tuple[int, int]:
        """Return how many names can be drawn while a guide is learned, and how many are valid."""
        if self.source.corpus.is_text:
            return 0, 0
        n = -(-N_CHARACTERS // self.possible.limits.max_length)
        source, rows = self.source.reading_on(), np.arange(n) % len(self.source.prefixes)

        def n_valid() -> int:
            return int(source.draw(rows, np.random.default_rng(0), self.possible).is_valid.sum())

        return n, self.cache.get(("trial", *self.cache_key), n_valid)

    def _unguided(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Draw a name for each row. Return which are valid, and all texts."""
        draws = self.source.draw(rows, rng, self.possible)
        return draws.is_valid, draws.texts.tolist()

    def _guided(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Return the same for guided draws, which are all valid."""
        texts = np.empty(len(rows), dtype=object)
        for guide, prefixes in self.guides():
            selected = np.flatnonzero(np.isin(rows, prefixes))
            texts[selected] = guide.choose(np.searchsorted(prefixes, rows[selected]), rng)
        return np.ones(len(rows), dtype=bool), texts.tolist()

    def _greedy(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Return the same for the names at temperature 0, with labels drawn at random.

        The lookahead is used only if the unconstrained name violates the constraint.
        """
        labels = self.source.draw_labels(rows, rng)
        (rows, labels), inverse = np.unique([rows, labels], axis=1, return_inverse=True)
        draws = self.source.draw(rows, np.random.default_rng(0), self.possible, labels)
        misfits = np.flatnonzero(~draws.is_valid)
        if len(misfits):
            warm = self.at(1)
            lookahead = self.cache.get(("greedy", self.key, self.possible.limits), warm.lookahead)
            prefixes = [self.source.prefixes[row] for row in rows[misfits].tolist()]
            is_label = labels[misfits][:, None] == self.source.labels
            source = warm.source._replace(prefixes=prefixes, label_proba=is_label.astype(float))
            sizes = np.ones_like(misfits)
            with one_blas_thread():
                found = draw_distinct(source, source.decoding, lookahead, sizes, None)
            if len(found.texts) < len(misfits):
                raise no_match_error(prefixes[0])
            draws.texts[misfits[found.prefixes]] = found.texts
        texts = draws.texts[inverse.reshape(-1)]
        return np.ones(len(texts), dtype=bool), texts.tolist()

    def _rarity(self, rng: np.random.Generator) -> str:
        """Return how rarely names satisfy the constraint as text, if fewer than a tenth do."""
        proba, n_prefixes = 0.0, len(self.source.prefixes)
        with suppress(ValueError):  # without a guide, the share is unknown
            proba = self.constraint_probability(max(2, 1000 // n_prefixes), rng)[0].mean()
        if not 1e-300 < proba < 0.1:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f". About one name in {round(1 / proba / step) * step:,} satisfies the constraint"

    def constraint_probability(self, n: int, rng: np.random.Generator) -> Floats:
        """Estimate the share of names that satisfy the constraint, and its standard error.

        Returns the estimates and their errors, (2, n_prefixes), from n >= 2 draws per prefix. If
        enough unconstrained names satisfy the constraint, the estimate is their share. Otherwise,
        it comes from guided draws.
        """
        source, temperature = self.source, self.source.decoding.temperature
        rows = np.repeat(np.arange(len(source.prefixes)), n)

        @cache
        def shares() -> Floats:
            is_valid, _ = self._unguided(rows, rng)
            share = is_valid.reshape(-1, n).mean(axis=1)
            # A few draws cannot show that a share is exactly 0 or 1, so bound the variance.
            is_random = temperature > 0 or len(source.labels) > 1
            variance = np.maximum(share * (1 - share), 1 / n) * is_random
            return np.stack([share, np.sqrt(variance / n)])

        is_network = source.model.ngrams is None
        if not temperature or (is_network and shares()[0].min() >= _MIN_ACCEPTANCE):
            return shares()
        estimates = np.empty((2, len(source.prefixes)))
        try:
            for guide, prefixes in self.guides():
                estimates[:, prefixes] = guide.probability(n, rng)
        except TooRare:
            if not shares()[0].all():
                raise
            return shares()
        return estimates

    def stream(self, rng: np.random.Generator, best_of: int = 1) -> Iterator[str]:
        """Yield the characters after the only prefix.

        Running text without constraints or filters is yielded as it is drawn. Otherwise, the whole
        name must be accepted first.
        """
        source, possible = self.source, self.possible
        (prefix,), row = source.prefixes, np.zeros(1, dtype=np.int64)
        is_free = possible.limits == Limits(possible.limits.min_length, possible.limits.max_length)
        if possible.alphabet.end is not None or self.filters or not is_free:
            names, shortfall = self.draw(row, rng, False, best_of)
            if shortfall:
                raise ValueError(shortfall)
            yield from names[0][len(prefix) :]
            return
        with one_blas_thread():
            state, logits = source.start(source.windows([prefix]), source.draw_labels(row, rng))
        for _ in range(len(prefix), possible.limits.max_length):
            character, _ = draw(source.decoding.probabilities(logits), rng.random(1))
            yield source.corpus.alphabet.characters[int(character[0])]
            with one_blas_thread():
                state, logits = source.model.advance(state, character)

    def most_likely(self, n: int) -> tuple[list[str], NDArray[np.float64]]:
        """Return the n most probable names, see `BaseCharGenerator.most_likely`.

        The sampler must have one prefix and temperature 1.
        """
        search = Search(self.source, self.possible, self.source.log_joint()[0])
        best: list[tuple[float, str]] = []  # ascending
        threshold = -np.inf
        while search.best > threshold:
            if len(search.expanded) > search.max_expanded:
                raise ValueError(
                    f"The search for the {n:,} most likely names requires more than "
                    f"{len(search.expanded):,} prefixes. Relax the constraint, or pass a smaller n."
                )
            names, joints = search.step(threshold)
            totals = np.logaddexp.reduce(joints, axis=1)
            is_allowed = (np.array(names, dtype=object) != "") & (totals > -np.inf)
            for is_rejected in self.filters.values():
                is_allowed &= ~is_rejected(names)
            found = zip(totals.tolist(), names, strict=True)
            best = sorted([*best, *compress(found, is_allowed)])[-n:]
            threshold = best[0][0] if len(best) == n else -np.inf
        best.sort(key=lambda pair: (-pair[0], pair[1]))
        return [name for _, name in best], np.array([total for total, _ in best])
