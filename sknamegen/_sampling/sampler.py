"""Sample names from a model, given prefixes and a constraint.

The target is the model's distribution, conditional on the constraint. If enough names satisfy the
constraint, the sampler uses rejection sampling. Otherwise, a guide proposes each character with its
probability times the lookahead, the probability that the name can then be completed (a twisted
proposal) [1]_ [2]_. Importance weights correct for errors in the lookahead.

A guide is only as good as its lookahead, which must describe names that the model rarely generates.
It is therefore learned in rounds: first from unconstrained names and a trial of rejection sampling,
then also from the names drawn in the rounds before. Each round compares its draws with a search for
the most probable names, because importance weights alone cannot show that draws miss names.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import compress
from math import inf

import numpy as np
from numpy.typing import NDArray

from .._parallel import one_blas_thread
from .._types import Bools, Floats, Ints
from .best import choose
from .cache import MAX_BYTES, Cache
from .constraint import Limits
from .contexts import ContextAutomaton
from .decoding import Decoding, draw
from .filters import Filters
from .guide import Guide, log_sum, no_match_error
from .lookahead import Lookahead
from .search import MAX_STATES, Search
from .source import CONTEXT_LENGTH, Draws, Source, Steps

# Number of unconstrained characters to learn from.
N_CHARACTERS = 8_000
# Number of names drawn in each round. The minimum is for long names, of which a round draws
# `N_CHARACTERS` characters.
ROUND_SIZE, _MIN_DRAWS = 256, 32
# Expected number of draws up to which there is no trial, which shows how rare names are.
_FEW_DRAWS = 16
# Number of prefixes that are explored first, divided by temperatures below 1, where single names
# are most probable, and the exponent of the lookahead meanwhile. With 1, probable names whose
# beginnings were not drawn would be missed.
_N_EXPLORED, _TRUST = 4096, 0.6
# Number of prefixes that the search of each round expands.
_N_EXPANDED = 512, 1024, 1024, 2048, 4096
# Temperature from which the names of the trial are varied enough to learn from.
_VARIED = 0.5
# Number of prefixes that a search expands at a time.
_N_ROWS = 64
# Maximum standard deviation of the weights of the draws, and by how much the search may expect
# more of all other names than the draws that pass through the same prefixes, plus two standard
# errors. Both are relative to the total probability of all names that satisfy the constraint.
_MAX_RATIO, _MAX_MISSING = 2, 0.2
# Maximum ratio of the total probability that the lookahead expects of all other names to what the
# draws show. A greater error also hides names that the lookahead considers nearly impossible.
_MAX_EXCESS = 8
# Probability of all other names, relative to the names found, that is negligible.
_NEGLIGIBLE = 1e-2
# Share of the characters drawn, with the ends of names, that valid names must have, or the sampler
# switches to guided draws, unless it expects to need at most `ROUND_SIZE` draws.
_MIN_ACCEPTANCE = 0.2
# Minimum number of rounds for estimates, whose error is the change between rounds.
_N_ROUNDS = 3
# Maximum number of consecutive draws without an accepted name.
_MAX_FAILURES = 10_000
# Maximum number of names that are chosen together, because time grows with its square.
_MAX_CHOSEN = 1000
# Maximum expected number of draws, in total and per name. The greater limit applies.
_MAX_DRAWS, _MAX_DRAWS_PER_NAME = 1_000_000, 30
# Draws a name for each row. Returns which are valid, and all names. Invalid ones may be cut short.
Propose = Callable[[Ints, np.random.Generator], tuple[Bools, list[str]]]


class TooRare(ValueError):
    """No guide can be found, because too few names satisfy the constraint."""


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
class Sampler:
    """Sampler of names under a constraint, which learns a guide if it needs one.

    In its methods, `rows` contains the prefix index of each name.

    Attributes
    ----------
    source : Source
    possible : Lookahead
        Which prefixes can be completed.
    cache : Cache
        Stores guides, lookaheads and what they are learned from.
    key : hashable
        Identifies the labels or the blend in the cache.
    filters : Filters
        They reject names that satisfy the constraint.
    """

    source: Source
    possible: Lookahead
    cache: Cache
    key: Hashable
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
            n_names, n_valid, _ = self._trial()
            if len(selection.pending) <= n_valid:
                self._fill(selection, self._unguided, rng, n_names)
        try:
            self._fill(selection, self._guided, rng)
        except TooRare:
            max_draws = min(_MAX_FAILURES * len(selection.pending), _MAX_DRAWS)
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

    def _trial(self) -> tuple[int, int, Sequence[Steps]]:
        """Draw as many names as can be drawn while a guide is learned.

        Returns how many names that is, how many are valid, and their steps, which show how the
        model continues the most probable beginnings at this temperature.
        """
        # Names have about half of the maximum length. Guides of n-grams are not learned.
        source, max_length = self.source, self.source.corpus.max_length_
        n_characters = self._n_characters if source.model.ngrams is None else 0
        n = 2 * n_characters // max_length if max_length else 0

        def drawn() -> tuple[int, int, Sequence[Steps]]:
            fast, rng, steps = source.reading_on(), np.random.default_rng(0), list[Steps]()
            n_names, n_valid, n_more = 0, 0, n
            while not steps or n_more >= ROUND_SIZE:
                rows = np.arange(n_more) % len(source.prefixes)
                draws = fast.propose(rows, rng, self.possible, guided=False, recorded=True)
                n_names, n_valid = n_names + n_more, n_valid + int((draws.log_weights == 0).sum())
                steps += draws.steps
                n_drawn = n_names + sum(map(len, steps))  # A name takes as long as a character.
                # Invalid names, which may be cut short, leave room for others.
                n_more = n_names * (n_characters - n_drawn) // n_drawn
            return n_names, n_valid, steps

        return self.cache.get(("trial", *self._key), drawn) if n else (0, 0, [])

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
            single = source._replace(prefixes=[prefix], label_proba=source.label_proba[row])
            guides.append((replace(self, source=single).guide(n_rounds), row))
        return guides

    @property
    def _key(self) -> tuple[Hashable, ...]:
        """Identifies the source and the constraint in the cache."""
        return self.source.decoding, self.key, (self.possible.limits, *self.source.prefixes)

    def guide(self, n_rounds: int) -> Guide:
        """Return a guide.

        For several prefixes and for running text, there is no search. Raises TooRare if the names
        are so rare that no round was good enough.

        Parameters
        ----------
        n_rounds : int
            Minimum number of rounds, if there is a search and the lookahead is learned.
        """
        with one_blas_thread():
            guide = self.cache.get((*self._key, n_rounds), lambda: self._find(n_rounds))
        if isinstance(guide, TooRare):
            raise TooRare(*guide.args)  # a cached error would collect the frames of all calls
        return guide

    def _find(self, n_rounds: int) -> Guide | TooRare:
        source, is_learned = self.source, self.source.model.ngrams is None
        has_search = len(source.prefixes) == 1 and self.possible.alphabet.end is not None
        max_draws = N_CHARACTERS // max(1, self.possible.limits.min_length)
        n_draws = min(max(max_draws, _MIN_DRAWS), ROUND_SIZE)
        lookahead, steps = self._first_lookahead(), list[Steps]()
        rng, found, expanded = np.random.default_rng(0), dict[str, float](), set[str]()
        log_expected = log_total = -np.inf
        if has_search and is_learned:
            n_explored = min(_N_EXPLORED / min(source.decoding.temperature, 1), MAX_STATES)
            explored, *_ = _search(source.reading_on(), lookahead, n_explored, steps)
            log_total = log_sum([*explored.values()])
        for number, n_expanded in enumerate(_N_EXPANDED, 1):
            if steps:
                del lookahead  # saves memory while the next one is built
                lookahead = self._learn(steps)
            if has_search:
                newly_found, log_expected, expanded = _search(source, lookahead, n_expanded)
                found |= newly_found
            rows = np.arange(n_draws) % len(source.prefixes)
            draws = source.propose(rows, rng, lookahead, recorded=True)
            log_found = log_sum([*found.values()])
            log_rest, is_good = self._compare(lookahead, draws, found, log_expected, expanded)
            before, log_total = log_total, log_sum([log_found, log_rest])
            if log_sum([log_total, log_expected]) == -np.inf:
                raise no_match_error(source.prefixes[0])
            error = min(abs(np.expm1(before - log_total)), 1) if is_learned else 0.0
            if max(log_rest, log_expected) < np.log(_NEGLIGIBLE) + log_found:
                return Guide(source, lookahead, found, max(log_rest, log_expected), error=error)
            if is_good and (number >= n_rounds or not (has_search and is_learned)):
                return Guide(source, lookahead, found, log_rest, n_draws * has_search, error)
            steps += draws.steps if is_learned else ()
        return TooRare(
            f"Names that begin with {source.prefixes[0]!r} and satisfy the constraint are too rare "
            f"at temperature {source.decoding.temperature:g} to sample them correctly. Raise "
            "temperature, or relax the constraint."
        )

    def _compare(
        self,
        lookahead: Lookahead,
        draws: Draws,
        found: dict[str, float],
        log_expected: float,
        expanded: set[str],
    ) -> tuple[float, bool]:
        """Compare one draw per prefix and row with the search.

        The lookahead may expect more than there is. The draws miss names if it expects more of the
        prefixes that the search has reached than of those that were drawn.

        Returns the log of the total probability of all other names according to the draws, and
        whether it is reliable.
        """
        source, log_weights, log_found = self.source, draws.log_weights, log_sum([*found.values()])
        if len(source.prefixes) > 1:  # relative to what the lookahead expects
            log_start = lookahead.log_values(*source.positions(lookahead))
            log_start = np.logaddexp.reduce(log_start + np.log(source.label_proba), axis=1)
            log_weights = log_weights - np.resize(log_start, len(log_weights))
        scale = max(log_found, log_weights.max())
        if scale == -np.inf:
            return -np.inf, False
        is_found = np.array([text in found for text in draws.texts])
        log_drawn = _log_expected(draws, len(source.prefixes[0]), expanded)
        # The search may expect far more than there is, and the draws may find nothing.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            rest = np.where(is_found, 0, np.exp(log_weights - scale))
            total_found, expected = np.exp(log_found - scale), np.exp(log_expected - scale)
            mean, total = rest.mean(), total_found + rest.mean()
            drawn = np.exp(log_drawn - scale)
            missing = expected - drawn.mean() + 2 * drawn.std() / len(drawn) ** 0.5
            missing = max(missing, expected - _MAX_EXCESS * mean)
            is_good = rest.std() <= _MAX_RATIO * total and missing <= _MAX_MISSING * total
            return float(np.log(mean) + scale), is_good

    def _first_lookahead(self) -> Lookahead:
        """Return the lookahead of an n-gram model, or one learned from names at temperature 1.

        Only the former is cached: it is part of all guides.
        """
        source, ngrams = self.source, self.source.model.ngrams
        if ngrams is None:
            return self._learn([])
        estimate = partial(ContextAutomaton.from_ngrams, ngrams)
        contexts = self.cache.get(("ngrams", self.key), estimate)
        return self.cache.get(
            (source.decoding, self.key, self.possible.limits),
            lambda: self.possible.weighted(contexts.decoded(source.decoding)),
        )

    def _learn(self, steps: list[Steps]) -> Lookahead:
        """Return the lookahead of n-grams learned from the trial, free names and more steps."""
        source, tried = self.source, self._trial()[2]
        is_varied = source.decoding == Decoding(max(source.decoding.temperature, _VARIED))
        if not (tried and is_varied):
            tried = [self.cache.get(("steps", self.key), self._free_steps), *tried]
        all_steps = np.concatenate([*tried, *steps])
        contexts, proba = all_steps["contexts"], source.decoding.probabilities(all_steps["logits"])
        characters, _ = draw(proba, np.random.default_rng(0).random(len(proba)))
        kinds, n_characters = source.corpus.alphabet.kinds, proba.shape[1]
        starts = np.repeat(kinds[n_characters], len(source.labels))  # one for each label
        kinds = np.concatenate([kinds[:n_characters], starts, kinds[n_characters:]])
        automaton = ContextAutomaton.learn(contexts, characters, kinds, proba)
        return self.possible.weighted(automaton)

    @property
    def _n_characters(self) -> int:
        """Number of unconstrained characters whose logits take at most a quarter of the cache."""
        return min(N_CHARACTERS, MAX_BYTES // 16 // len(self.source.corpus.alphabet))

    def _free_steps(self) -> Steps:
        """Draw unconstrained names at temperature 1, and return their steps.

        Running text begins with any character.
        """
        source, corpus = self.source, self.source.corpus
        n_characters = self._n_characters
        prefixes, limits = list(corpus.alphabet.index), Limits(64, 64)
        if corpus.max_length_ is not None:
            prefixes, limits = [""], Limits(0, min(4 * corpus.max_length_ + 1, 256))
        elif corpus.window_length_ < CONTEXT_LENGTH:
            n_characters //= corpus.window_length_  # the model reads a window for each character
        shares = np.ones(1) if len(source.labels) == 1 else corpus.label_shares[source.labels]
        label_proba = np.tile(shares, (len(prefixes), 1))
        free = Source(source.model, corpus, prefixes, source.labels, label_proba, Decoding())
        possible = Lookahead.possible(corpus.alphabet, limits)
        n_names = 2 * n_characters // (corpus.max_length_ or 2 * limits.max_length) + 1
        rng = np.random.default_rng(0)
        rows = rng.integers(len(prefixes), size=n_names)
        draws = free.reading_on().propose(rows, rng, possible, guided=False, recorded=True)
        return np.concatenate(draws.steps)

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
            warm = self.source._replace(decoding=self.source.decoding._replace(temperature=1.0))
            lookahead = self.cache.get(
                ("greedy", self.key, self.possible.limits),
                replace(self, source=warm)._first_lookahead,
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
            for guide, prefixes in self._guides(_N_ROUNDS):
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
            state, logits = source.model.start(
                source.windows([prefix]), source.draw_labels(row, rng)
            )
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


def _search(
    source: Source, lookahead: Lookahead, n_expanded: float, steps: list[Steps] | None = None
) -> tuple[dict[str, float], float, set[str]]:
    """Return names with the logs of their probabilities, and the search's `log_rest` and prefixes.

    Explores and appends to `steps`, unless it is None.
    """
    joint, found = np.log(source.label_proba[0]), dict[str, float]()
    if steps is not None:
        rows, log_scales = lookahead.rows**_TRUST, _TRUST * lookahead.log_scales
        lookahead = lookahead._replace(rows=rows, log_scales=log_scales)
    search = Search(source, lookahead, joint, steps)
    while len(search.expanded) * len(joint) ** 0.5 < n_expanded and search.best > -np.inf:
        names, log_proba = search.step(n_rows=_N_ROWS) if steps is None else search.step()
        log_total = np.logaddexp.reduce(log_proba, axis=1)
        found |= zip(names, log_total.tolist(), strict=True)
    found = {name: logs for name, logs in found.items() if logs > -np.inf}
    return found, search.log_rest, search.expanded


def _log_expected(draws: Draws, n_given: int, expanded: set[str]) -> Floats:
    """Return what the lookahead expects of the first prefix of each draw that is not expanded.

    See `Passed`. n_given is the length of the prefix of all draws. Minus infinity: there is no such
    prefix, or no search.
    """
    logs, ends = np.full(len(draws.texts), -np.inf), np.full(len(draws.texts), n_given)
    for rows, log_values in draws.passed if expanded else ():
        ends[rows] += 1
        for row, end, value in zip(rows.tolist(), ends[rows].tolist(), log_values, strict=True):
            if logs[row] == -np.inf and draws.texts[row][:end] not in expanded:
                logs[row] = value
    return logs
