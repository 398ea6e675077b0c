"""Sample names from a model, given prefixes and a constraint.

The target is the model's distribution, conditional on the constraint. If enough names satisfy the
constraint, the sampler uses rejection sampling. Otherwise, a guide proposes each character with its
probability times the lookahead, the probability that the name can then be completed (a twisted
proposal) [1]_ [2]_. Importance weights correct for errors in the lookahead.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import compress
from math import inf

import numpy as np
from numpy.typing import NDArray

from .._parallel import one_blas_thread
from .._types import Bools, Floats, Ints
from .decoding import draw
from .guide import N_CHARACTERS, ROUND_SIZE, Guide, Learner, TooRare, no_match_error
from .search import Search

# Share of the characters drawn, with the ends of names, that valid names must have, or the sampler
# switches to guided draws, unless it expects to need at most `ROUND_SIZE` draws.
_MIN_ACCEPTANCE = 0.2
# Minimum number of rounds of `find_guide` for estimates, whose error is the change between rounds.
_N_ROUNDS = 3
# Maximum number of consecutive draws without an accepted name.
_MAX_FAILURES = 10_000
# Maximum expected number of draws, in total and per name. The greater limit applies.
_MAX_DRAWS, _MAX_DRAWS_PER_NAME = 1_000_000, 30
# Draws a name for each row. Returns which are valid, and all names. Invalid ones may be cut short.
Propose = Callable[[Ints, np.random.Generator], tuple[Bools, list[str]]]
# Maps each reason for rejection to a function that flags the rejected names.
Filters = dict[str, Callable[[list[str]], Bools]]


class Selection:
    """A name for each row, from draws that may be rejected.

    Parameters
    ----------
    rows : ndarray of shape (n,), dtype int
        The prefix index of each name.
    unique : bool
        Whether all names must differ.
    filters : Filters
    taken : sequence of str, default=()
        Names that count as duplicates. With them, at most twice as many names are drawn as wanted.

    Attributes
    ----------
    names : dict of int to str
        The names of the rows that have one.
    pending : ndarray of shape (n_pending,), dtype int64
        All other rows.
    n_drawn : int
        Number of names drawn.
    rejected : Counter
        Number of rejected names for each reason.
    is_open : bool
        Whether rows are pending and more draws are allowed.
    """

    def __init__(self, rows: Ints, unique: bool, filters: Filters, taken: Sequence[str] = ()):
        self.rows, self.names, self.pending = rows, dict[int, str](), np.arange(len(rows))
        self.n_drawn, self.rejected, self.is_open = 0, Counter[str](), len(rows) > 0
        self._unique, self._filters, self._seen = unique, filters, set(taken)
        self._max_drawn, self._n_failures = 2 * len(rows) if taken else inf, 0

    def add(self, prefixes: Ints, texts: list[str]) -> int:
        """Give names drawn for prefixes to the next pending rows with these prefixes.

        Returns the number of rows that have a name now and had none before.
        """
        reasons = np.full(len(texts), "", dtype=object)
        for reason, is_rejected in self._filters.items():
            reasons[is_rejected(texts) & (reasons == "")] = reason
        n_before, waiting = len(self.names), defaultdict[int, list[int]](list)
        for row in self.pending[::-1].tolist():
            waiting[self.rows[row]].append(row)
        for prefix, name, reason in zip(prefixes.tolist(), texts, reasons, strict=True):
            if reason:
                self.rejected[reason] += 1
            elif self._unique and name in self._seen:
                self.rejected["were duplicates"] += 1
            elif waiting[prefix]:
                self.names[waiting[prefix].pop()] = name
                self._seen.add(name)
        n_new = len(self.names) - n_before
        self.pending = np.array([row for row in self.pending.tolist() if row not in self.names])
        self.n_drawn += len(texts)
        self._n_failures = 0 if n_new else self._n_failures + len(texts)
        n_expected = self.n_drawn + len(self.pending) * (len(texts) + 1) // (n_new + 1)
        max_draws = max(_MAX_DRAWS, _MAX_DRAWS_PER_NAME * len(self.rows))
        self.is_open = len(self.pending) > 0 and self._n_failures < _MAX_FAILURES
        self.is_open &= self.n_drawn < _MAX_FAILURES or n_expected <= max_draws
        self.is_open &= self.n_drawn < self._max_drawn
        return n_new


@dataclass(frozen=True)
class Sampler(Learner):
    """Sampler of names under a constraint, which learns a guide if it needs one.

    In its methods, `rows` contains the prefix index of each name. The filters reject names that
    satisfy the constraint.
    """

    filters: Filters = field(default_factory=dict)

    def draw(
        self, rows: Ints, rng: np.random.Generator, unique: bool = False, best_of: int = 1
    ) -> tuple[list[str], str | None]:
        """Draw a name for each row, the best of several candidates.

        A candidate is redrawn while a filter rejects it. Once each row has a name, at most twice as
        many other candidates are drawn as wanted. Returns the names, and either a message, if there
        are fewer names than rows, or None.
        """
        selection = Selection(rows, unique, self.filters)
        self._select(selection, rng)
        names = [selection.names[row] for row in sorted(selection.names)]
        if len(names) == len(rows):
            others = Selection(np.repeat(rows, best_of - 1), unique, self.filters, names)
            self._select(others, rng)
            return self._best(rows, names, others, rng) if others.names else names, None
        reasons = " and ".join(f"{n:,} {reason}" for reason, n in selection.rejected.items())
        reasons = f"of {selection.n_drawn:,} drawn, {reasons}" if reasons else "others are too rare"
        return names, (
            f"Found only {len(names):,} of {len(rows):,} names: {reasons}{self._rarity(rng)}. "
            "Raise temperature or max_length, or request fewer names."
        )

    def _select(self, selection: Selection, rng: np.random.Generator) -> None:
        """Draw a name for each row, as long as the selection is open."""
        if self.source.decoding.temperature == 0:
            self._fill(selection, self._greedy, rng)
            return
        self._fill(selection, self._unguided, rng, ROUND_SIZE)
        if selection.is_open:
            n_in_time, n_valid = self._n_in_time()
            if len(selection.pending) <= n_valid:
                self._fill(selection, self._unguided, rng, 2 * n_in_time)
        try:
            self._fill(selection, self._guided, rng)
        except TooRare:
            max_draws = min(_MAX_FAILURES * len(selection.pending), _MAX_DRAWS)
            self._fill(selection, self._unguided, rng, max_draws)
            if not selection.names:
                raise

    def _best(
        self, rows: Ints, names: list[str], others: Selection, rng: np.random.Generator
    ) -> list[str]:
        """Return a name for each row, the best of its share of the candidates.

        Rows with the same prefix share their candidates: each gets neighbours in alphabetical
        order, so that the names differ. The others are the candidates beside `names`.
        """
        found, best = sorted(others.names), names[:]
        prefixes = np.concatenate([rows, others.rows[found]])
        texts = np.array([*names, *(others.names[row] for row in found)], dtype=object)
        scores = self.source.mean_log_proba(prefixes, texts.tolist())
        order = texts.argsort(kind="stable")
        for prefix in np.unique(rows):
            own = rng.permutation(np.flatnonzero(rows == prefix))
            shares = np.array_split(order[prefixes[order] == prefix], len(own))
            for row, share in zip(own.tolist(), shares, strict=True):
                best[row] = texts[share[scores[share].argmax()]]
        return best

    def _fill(
        self, selection: Selection, propose: Propose, rng: np.random.Generator, max_draws: int = 0
    ) -> None:
        """Propose names until all rows have one, or probably need more than `max_draws` draws.

        0: there is no such limit.
        """
        n_attempts = n_accepted = 0
        n_given = np.array([*map(len, self.source.prefixes)])
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
            n_drawn = np.array([*map(len, texts)]) - n_given[prefixes] + 1
            is_rare = n_drawn[is_valid].sum() < _MIN_ACCEPTANCE * n_drawn.sum()
            n_expected = len(selection.pending) * (n_attempts + 1) / (n_accepted + 1)
            if max_draws and is_rare and n_expected > max_draws:
                break

    def _n_in_time(self) -> tuple[int, int]:
        """Return how many names can be drawn while a guide is learned, and how many are valid."""
        # Names have about half of the maximum length. Guides of n-grams are not learned.
        source, max_length = self.source, self.source.corpus.max_length_
        n = 2 * N_CHARACTERS // max_length if max_length and source.model.ngrams() is None else 0

        def count() -> np.int64:
            rows = np.arange(n) % len(source.prefixes)
            is_valid, _ = self._unguided(rows, np.random.default_rng(0))
            return is_valid.sum()

        return n, int(self.cache.get(("valid", *self.full_key), count)) if n else 0

    def _unguided(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Draw a name for each row. Return which are valid, and all texts."""
        draws = self.source.propose(rows, rng, self.possible, guided=False)
        return draws.log_weights == 0, draws.texts.tolist()

    def _guided(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Return the same for guided draws, which are all valid."""
        texts = np.empty(len(rows), dtype=object)
        for guide, prefixes in self._guides(1):
            selected = np.flatnonzero(np.isin(rows, prefixes))
            texts[selected] = guide.choose(np.searchsorted(prefixes, rows[selected]), rng)
        return np.ones(len(rows), dtype=bool), texts.tolist()

    def _guides(self, n_rounds: int) -> list[tuple[Guide, Ints]]:
        """Return guides and the indices of their prefixes.

        If possible, all prefixes share a guide.
        """
        source, guides = self.source, list[tuple[Guide, Ints]]()
        prefixes = np.arange(len(source.prefixes))
        if len(prefixes) > 1:
            with suppress(TooRare):
                return [(self.guide(n_rounds), prefixes)]
        for prefix, row in zip(source.prefixes, prefixes[:, None], strict=True):
            single = replace(source, prefixes=[prefix], label_proba=source.label_proba[row])
            guides.append((replace(self, source=single).guide(n_rounds), row))
        return guides

    def _greedy(self, rows: Ints, rng: np.random.Generator) -> tuple[Bools, list[str]]:
        """Return the same for the names at temperature 0, with labels drawn at random.

        The lookahead is used only if the unconstrained name violates the constraint.
        """
        labels = self.source.draw_labels(rows, rng)
        (rows, labels), inverse = np.unique([rows, labels], axis=1, return_inverse=True)
        rng = np.random.default_rng(0)  # has no effect at temperature 0
        draws = self.source.propose(rows, rng, self.possible, labels, guided=False)
        misfits = np.flatnonzero(draws.log_weights < 0)
        if len(misfits):
            warm = replace(self.source, decoding=self.source.decoding._replace(temperature=1.0))
            lookahead = self.cache.get(
                ("greedy", self.key, self.possible.limits),
                replace(self, source=warm).first_lookahead,
            )
            guided = self.source.propose(rows[misfits], rng, lookahead, labels[misfits])
            if (guided.log_weights == -np.inf).any():
                raise no_match_error(self.source.prefixes[rows[misfits[0]]])
            draws.texts[misfits] = guided.texts
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

    def constraint_probability(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Estimate the share of names that satisfy the constraint, and its standard error.

        There is one estimate per prefix, from n >= 2 draws. If enough unconstrained names satisfy
        the constraint, the estimate is their share. Otherwise, it comes from guided draws.
        """
        source, temperature = self.source, self.source.decoding.temperature
        rows = np.repeat(np.arange(len(source.prefixes)), n)

        def shares() -> tuple[Floats, Floats]:
            is_valid, _ = self._unguided(rows, rng)
            share = is_valid.reshape(-1, n).mean(axis=1)
            # A few draws cannot show that a share is exactly 0 or 1, so bound the variance.
            variance = np.maximum(share * (1 - share), 1 / n) * (temperature > 0)
            return share, np.sqrt(variance / n)

        share = None
        if not temperature or source.model.ngrams() is None:
            share = shares()
            if not temperature or share[0].min() >= _MIN_ACCEPTANCE:
                return share
        estimates = np.empty((2, len(source.prefixes)))
        try:
            for guide, prefixes in self._guides(_N_ROUNDS):
                estimates[:, prefixes] = guide.probability(n, rng)
        except TooRare:
            share = share or shares()
            if not share[0].all():
                raise
            return share
        return estimates[0], estimates[1]

    def stream(self, rng: np.random.Generator, best_of: int = 1) -> Iterator[str]:
        """Yield the characters after the only prefix.

        Running text without constraints or filters is yielded as it is drawn. Otherwise, the whole
        name must be accepted first.
        """
        source, possible = self.source, self.possible
        (prefix,), row = source.prefixes, np.zeros(1, dtype=np.int64)
        if possible.alphabet.end is not None or self.filters or not possible.limits.is_free:
            names, shortfall = self.draw(row, rng, False, best_of)
            if shortfall:
                raise ValueError(shortfall)
            yield from names[0][len(prefix) :]
            return
        with one_blas_thread():
            state, logits = source.start(row, source.draw_labels(row, rng))
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
            if search.n_expanded > search.max_expanded:
                raise ValueError(
                    f"The search for the {n:,} most likely names requires more than "
                    f"{search.n_expanded:,} prefixes. Relax the constraint, or pass a smaller n."
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
