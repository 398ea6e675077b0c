"""Find out how to draw the names that satisfy a constraint.

Drawing each character in proportion to its probability times the lookahead is only as good as the
lookahead, which must describe names that the model rarely generates. It is therefore learned in
rounds: first from unconstrained names, then also from the names drawn in the rounds before. Each
round compares its draws with a search for the most probable names, because importance weights alone
cannot show that draws miss names.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .._models.kneser_ney import KneserNey, NGramCounts
from .._parallel import one_blas_thread
from .._types import Floats, Ints
from .cache import MAX_BYTES, Cache
from .constraint import Limits
from .contexts import ContextAutomaton
from .decoding import Decoding, draw
from .lookahead import Lookahead
from .pool import Pool, log_sum
from .search import Search
from .source import Draws, Source, Steps

# Number of unconstrained characters to learn from.
N_CHARACTERS = 8_000
# Number of prefixes that are explored first.
_N_EXPLORED = 2048
# Number of names drawn in each round. The minimum is for long names, of which a round draws
# `N_CHARACTERS` characters.
ROUND_SIZE, _MIN_DRAWS = 256, 32
# Number of prefixes that the search of each round expands.
_N_EXPANDED = 256, 512, 1024, 2048, 4096
# Number of prefixes that a search expands at a time.
_N_ROWS = 64
# Maximum standard deviation of the weights of the draws, and by how much the search may expect
# more of all other names than the draws show. Both are relative to the total probability of all
# names that satisfy the constraint.
_MAX_RATIO, _MAX_MISSING = 2, 0.5
# Probability of all other names, relative to the names found, that is negligible.
_NEGLIGIBLE = 1e-2
# Number of candidates for each prefix, in addition to the number of names.
_EXTRA_CANDIDATES = 16
# Standard error of logits in float32, measured in a network with 384 units. It is ten times the
# precision of float32, and the order of the sums, which depends on the processor, decides it.
_LOGIT_ERROR = 1e-6
# Maximum number of rounds that add candidates.
_MAX_ROUNDS = 10


class TooRare(ValueError):
    """No guide can be found, because too few names satisfy the constraint."""

    nbytes = 1000  # approximately, in a cache


@dataclass(frozen=True, eq=False)
class Guide:
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

    @property
    def nbytes(self) -> int:
        """Approximate size in bytes."""
        return self.lookahead.nbytes + 200 * len(self.found)

    def choose(self, rows: Ints, rng: np.random.Generator) -> list[str]:
        """Return a name for each row. `rows` contains indices of prefixes."""
        n_names = np.bincount(rows, minlength=len(self.source.prefixes))
        pools = [self._pool(n) for n in n_names.tolist()]
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
        pools = [self._pool(n) for _ in self.source.prefixes]
        if self.n_draws or not self.found:
            self._add_draws(pools, np.full(len(pools), n), rng)
        # Rounding errors of a name add up over its characters.
        n_characters, decoding = self.lookahead.limits.max_length, self.source.decoding
        error = self.error + min(_LOGIT_ERROR * n_characters / decoding.temperature, 1)
        return np.transpose([pool.probability(error) for pool in pools])

    def _pool(self, n: int) -> Pool:
        return Pool(n, self.found, self.log_rest, self.n_draws)

    def _add_draws(self, pools: list[Pool], n_draws: Ints, rng: np.random.Generator) -> None:
        rows = np.repeat(np.arange(len(pools)), n_draws)
        draws, ends = self.source.propose(rows, rng, self.lookahead), n_draws.cumsum()
        for pool, start, end in zip(pools, ends - n_draws, ends, strict=True):
            pool.add(draws, slice(start, end))


@dataclass(frozen=True)
class Learner:
    """Learns how to draw names from a source that satisfy a constraint.

    Attributes
    ----------
    source : Source
    possible : Lookahead
        Which prefixes can be completed.
    cache : Cache
        Stores guides, lookaheads and what they are learned from.
    key : hashable
        Identifies the labels or the blend in the cache.
    """

    source: Source
    possible: Lookahead
    cache: Cache
    key: Hashable

    @property
    def full_key(self) -> tuple[Hashable, ...]:
        """Identifies the source and the constraint in the cache."""
        source = self.source
        return source.decoding, self.key, self.possible.limits, *source.prefixes

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
            guide = self.cache.get((*self.full_key, n_rounds), lambda: self._find(n_rounds))
        if isinstance(guide, TooRare):
            raise TooRare(*guide.args)  # a cached error would collect the frames of all calls
        return guide

    def _find(self, n_rounds: int) -> Guide | TooRare:
        source, is_learned = self.source, self.source.model.ngrams() is None
        has_search = len(source.prefixes) == 1 and self.possible.alphabet.end is not None
        max_draws = N_CHARACTERS // max(1, self.possible.limits.min_length)
        n_draws = min(max(max_draws, _MIN_DRAWS), ROUND_SIZE)
        lookahead, steps = self.first_lookahead(), list[Steps]()
        rng, found, log_expected = np.random.default_rng(0), dict[str, float](), -np.inf
        if has_search and is_learned:
            found, _ = _search(source, lookahead, _N_EXPLORED, steps)
        log_total = log_sum([*found.values()])
        for number, n_expanded in enumerate(_N_EXPANDED, 1):
            if steps:
                del lookahead  # saves memory while the next one is built
                lookahead = self._learn(steps)
            if has_search:
                newly_found, log_expected = _search(source, lookahead, n_expanded)
                found |= newly_found
            rows = np.arange(n_draws) % len(source.prefixes)
            draws = source.propose(rows, rng, lookahead, recorded=is_learned)
            log_found = log_sum([*found.values()])
            log_rest, is_good = self._compare(lookahead, draws, found, log_expected)
            before, log_total = log_total, log_sum([log_found, log_rest])
            if log_sum([log_total, log_expected]) == -np.inf:
                raise no_match_error(source.prefixes[0])
            error = min(abs(np.expm1(before - log_total)), 1) if is_learned else 0.0
            if max(log_rest, log_expected) < np.log(_NEGLIGIBLE) + log_found:
                return Guide(source, lookahead, found, max(log_rest, log_expected), error=error)
            if is_good and (number >= n_rounds or not (has_search and is_learned)):
                return Guide(source, lookahead, found, log_rest, n_draws * has_search, error)
            steps += draws.steps
        return TooRare(
            f"Names that begin with {source.prefixes[0]!r} and satisfy the constraint are too rare "
            f"at temperature {source.decoding.temperature:g} to sample them correctly. Raise "
            "temperature, or relax the constraint."
        )

    def _compare(
        self, lookahead: Lookahead, draws: Draws, found: dict[str, float], log_expected: float
    ) -> tuple[float, bool]:
        """Compare one draw per prefix and row with the search.

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
        with np.errstate(over="ignore"):  # the search may expect far more than there is
            weights, total_found, expected = (
                np.exp(logs - scale) for logs in (log_weights, log_found, log_expected)
            )
        is_found = np.array([text in found for text in draws.texts])
        rest = np.where(is_found, 0, weights)
        mean, total = rest.mean(), total_found + rest.mean()
        is_good = rest.std() <= _MAX_RATIO * total and expected - mean <= _MAX_MISSING * total
        with np.errstate(divide="ignore"):
            return float(np.log(mean) + scale), is_good

    def first_lookahead(self) -> Lookahead:
        """Return the lookahead of an n-gram model, or one learned from names at temperature 1.

        Only the former is cached: it is part of all guides.
        """
        source, ngrams = self.source, self.source.model.ngrams()
        if ngrams is None:
            return self._learn([])
        estimate = partial(ContextAutomaton.from_ngrams, ngrams)
        contexts = self.cache.get(("ngrams", self.key), estimate)
        return self.cache.get(
            (source.decoding, self.key, self.possible.limits),
            lambda: self.possible.weighted(contexts.decoded(source.decoding)),
        )

    def _learn(self, steps: list[Steps]) -> Lookahead:
        """Return the lookahead of n-grams learned from unconstrained names and more steps."""
        source = self.source
        all_steps = np.concatenate([self._free_steps(), *steps])
        contexts, proba = all_steps["contexts"], source.decoding.probabilities(all_steps["logits"])
        characters, _ = draw(proba, np.random.default_rng(0).random(len(proba)))
        kinds, n_characters = source.corpus.alphabet.kinds, proba.shape[1]
        starts = np.repeat(kinds[n_characters], len(source.labels))  # one for each label
        kinds = np.concatenate([kinds[:n_characters], starts, kinds[n_characters:]])
        ngrams = KneserNey(NGramCounts(contexts, characters), kinds)
        automaton = ContextAutomaton.from_distributions(ngrams, contexts, proba)
        return self.possible.weighted(automaton)

    def _free_steps(self) -> Steps:
        """Return the steps of unconstrained names at temperature 1.

        Running text begins with any character.
        """
        source, corpus = self.source, self.source.corpus

        def draw_names() -> Steps:
            # Their logits take at most half of the cache.
            n_characters = min(N_CHARACTERS, MAX_BYTES // 8 // len(corpus.alphabet))
            if corpus.max_length_ is None:  # the model reads a window for each character
                n_characters //= corpus.window_length_
                prefixes, limits = list(corpus.alphabet.index), Limits(64, 64)
            else:
                prefixes, limits = [""], Limits(0, min(4 * corpus.max_length_ + 1, 256))
            shares = np.ones(1) if len(source.labels) == 1 else corpus.label_shares[source.labels]
            label_proba = np.tile(shares, (len(prefixes), 1))
            free = Source(source.model, corpus, prefixes, source.labels, label_proba, Decoding())
            possible = Lookahead.possible(corpus.alphabet, limits)
            rng, n_names = np.random.default_rng(0), 2 * int(n_characters**0.5)

            def steps_of(n_names: int) -> list[Steps]:
                rows = rng.integers(len(prefixes), size=n_names)
                draws = free.propose(rows, rng, possible, guided=False, recorded=True)
                return [*draws.steps]

            parts = steps_of(n_names)  # shows how long names are
            if (n_missing := n_characters - sum(map(len, parts))) > 0:
                parts += steps_of(n_missing * n_names // sum(map(len, parts)) + 1)
            return np.concatenate(parts)

        return self.cache.get(("steps", self.key), draw_names)


def _search(
    source: Source, lookahead: Lookahead, n_expanded: int, steps: list[Steps] | None = None
) -> tuple[dict[str, float], float]:
    """Return names with the logs of their probabilities, and the search's `log_rest`.

    Appends to `steps`, unless it is None.
    """
    joint, found = np.log(source.label_proba[0]), dict[str, float]()
    search = Search(source, lookahead, joint, steps)
    while search.n_expanded * len(joint) ** 0.5 < n_expanded and search.best > -np.inf:
        names, log_proba = search.step(n_rows=_N_ROWS)
        log_total = np.logaddexp.reduce(log_proba, axis=1)
        found |= zip(names, log_total.tolist(), strict=True)
    return {name: logs for name, logs in found.items() if logs > -np.inf}, search.log_rest


def no_match_error(prefix: str) -> ValueError:
    """Return the error for a prefix that was never completed."""
    return ValueError(
        f"No name drawn with seed {prefix!r} satisfies the constraint: temperature, top_k, "
        "top_p and min_p leave too few characters. Raise them, and lower min_p."
    )
