"""Names that satisfy a constraint, and how to draw those that a model rarely generates.

The lookahead must describe names that satisfy the constraint. It is learned in rounds: first from
unconstrained names, then also from prefixes that a search expands and from those in the beams of
earlier rounds. The search and the first round trust the lookahead less. So they find names that it
does not expect.
"""

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np

from .._parallel import one_blas_thread
from .._types import Ints
from .cache import MAX_BYTES, Cache
from .constraint import Limits
from .contexts import ContextAutomaton
from .decoding import Decoding, draw
from .guide import BEAM_SIZE, MAX_ROUNDS, N_EXTRA, Found, Guide, Pool, no_match_error
from .lookahead import Lookahead
from .search import MAX_STATES, Search
from .source import CONTEXT_LENGTH, Source, Steps

# Number of unconstrained characters to learn from.
N_CHARACTERS = 8_000
# Minimum temperature at which names are drawn. At lower temperatures, draws would miss names that
# the lookahead does not expect.
_MIN_TEMPERATURE = 0.35
# Number of prefixes that a search expands, divided by temperatures below 1, where single names are
# most probable.
_N_EXPANDED = 4096
# Exponent of the lookahead in the search and in the first round. With 1, probable names would be
# missed whose beginnings are not known yet.
_TRUST = 0.6
# Probability of all other names, relative to the names found, that is negligible.
_NEGLIGIBLE = 1e-3
# Maximum relative standard error of the probability of all names in two consecutive rounds, and
# maximum relative change between them.
_MAX_ERROR = 0.2


class TooRare(ValueError):
    """No guide can be found, because too few names satisfy the constraint."""


@dataclass(frozen=True)
class Conditional:
    """Distribution of the names of a source, given a constraint.

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
    def cache_key(self) -> tuple[Hashable, ...]:
        """Identifies the source and the constraint in the cache."""
        return self.source.decoding, self.key, (self.possible.limits, *self.source.prefixes)

    def at(self, temperature: float) -> Self:
        """Return the distribution at another temperature."""
        decoding = self.source.decoding._replace(temperature=temperature)
        return replace(self, source=self.source._replace(decoding=decoding))

    def guides(self) -> list[tuple[Guide, Ints]]:
        """Return guides and the indices of their prefixes.

        If possible, all prefixes share a guide. Raises TooRare if names are so rare that no round
        was good enough.
        """
        source, guides = self.source, list[tuple[Guide, Ints]]()
        prefixes = np.arange(len(source.prefixes))
        if len(prefixes) > 1:
            with suppress(TooRare):
                return [(self._guide(), prefixes)]
        for prefix, row in zip(source.prefixes, prefixes[:, None], strict=True):
            single = source._replace(prefixes=[prefix], label_proba=source.label_proba[row])
            guides.append((replace(self, source=single)._guide(), row))
        return guides

    def _guide(self) -> Guide:
        with one_blas_thread():
            guide = self.cache.get(self.cache_key, self._find_guide)
        if isinstance(guide, TooRare):
            raise TooRare(*guide.args)  # a cached error would collect the frames of all calls
        return guide

    def _find_guide(self) -> Guide | TooRare:
        """Return a guide as soon as the estimates of two consecutive rounds agree."""
        target, prefixes = self.source.decoding, self.source.prefixes
        varied = self.at(max(target.temperature, _MIN_TEMPERATURE))
        lookahead, is_learned = varied.lookahead(), self.source.model.ngrams is None
        n_prefixes = min(len(prefixes), BEAM_SIZE // N_EXTRA)
        chosen = np.arange(n_prefixes) * len(prefixes) // n_prefixes
        # Another seed than callers pass, because draws must be independent of the names found.
        found, steps, rng = Found(), list[Steps](), np.random.default_rng((0, 1))
        if n_prefixes == 1 and not self.source.corpus.is_text:
            found = self._search(lookahead.trusted(_TRUST), steps)
        if is_learned:
            lookahead = varied._learned(steps)
        totals_before, error_before = np.zeros(n_prefixes), np.inf
        for number in range(MAX_ROUNDS):
            trusted = lookahead if number or not is_learned else lookahead.trusted(_TRUST)
            guide = Guide(varied.source, target, trusted, found)
            pools, sizes = [Pool(found) for _ in prefixes], np.zeros(len(prefixes), dtype=np.int64)
            sizes[chosen] = guide.sizes(np.array(BEAM_SIZE // n_prefixes))
            steps += guide.draw(pools, sizes, 2, rng, recorded=is_learned)
            totals, errors = np.transpose([pools[index].probability() for index in chosen.tolist()])
            with np.errstate(divide="ignore", invalid="ignore"):  # no names were found
                error = float(np.linalg.norm(errors / totals)) / n_prefixes
                change = abs((totals_before / totals).mean() - 1)
            if n_prefixes == 1:
                found = pools[0].known
            if max(error, error_before, change) <= _MAX_ERROR:
                rest = 1 - np.exp([*found.values()]).sum() / totals[0]
                error, is_complete = change if is_learned else 0.0, rest < _NEGLIGIBLE
                return Guide(varied.source, target, lookahead, found, is_complete, error)
            totals_before, error_before = totals, error
            if is_learned:
                lookahead = varied._learned(steps)
        if not totals.all() and target != Decoding(target.temperature):
            raise no_match_error(prefixes[chosen[int(totals.argmin())]])
        return TooRare(
            f"Names that begin with {prefixes[0]!r} and satisfy the constraint are too rare at "
            f"temperature {target.temperature:g} to sample them correctly. Raise temperature, or "
            "relax the constraint."
        )

    def _search(self, lookahead: Lookahead, steps: list[Steps]) -> Found:
        """Return probable names with the logs of their probabilities, and append to the steps."""
        source, found = self.source, Found()
        search = Search(source, lookahead, np.log(source.label_proba[0]), steps)
        n_expanded = min(_N_EXPANDED / min(source.decoding.temperature, 1), MAX_STATES)
        n_expanded /= len(source.labels) ** 0.5
        while search.best > -np.inf and len(search.expanded) < n_expanded:
            names, joints = search.step()
            rows, columns = np.nonzero(joints > -np.inf)
            keys = zip((names[row] for row in rows), columns.tolist(), strict=True)
            found |= zip(keys, joints[rows, columns].tolist(), strict=True)
        return found

    def lookahead(self) -> Lookahead:
        """Return the lookahead of an n-gram model, or one learned from names at temperature 1.

        Only the former is cached: it is part of all guides.
        """
        source, ngrams = self.source, self.source.model.ngrams
        if ngrams is None:
            return self._learned([])
        estimate = partial(ContextAutomaton.from_ngrams, ngrams)
        contexts = self.cache.get(("ngrams", self.key), estimate)
        return self.cache.get(
            (source.decoding, self.key, self.possible.limits),
            lambda: self.possible.weighted(contexts.decoded(source.decoding)),
        )

    def _learned(self, steps: list[Steps]) -> Lookahead:
        """Return the lookahead of n-grams, learned from unconstrained names and more steps."""
        source = self.source
        free_steps = self.cache.get(("steps", self.key), self._free_steps)
        all_steps = np.concatenate([free_steps, *steps])
        contexts, proba = all_steps["contexts"], source.decoding.probabilities(all_steps["logits"])
        characters, _ = draw(proba, np.random.default_rng(0).random(len(proba)))
        kinds, n_characters = source.corpus.alphabet.kinds, proba.shape[1]
        starts = np.repeat(kinds[n_characters], len(source.labels))  # one for each label
        kinds = np.concatenate([kinds[:n_characters], starts, kinds[n_characters:]])
        automaton = ContextAutomaton.learn(contexts, characters, kinds, proba)
        return self.possible.weighted(automaton)

    def _free_steps(self) -> Steps:
        """Draw unconstrained names at temperature 1, and return their steps.

        Running text begins with any character.
        """
        source, corpus = self.source, self.source.corpus
        # The logits take at most a quarter of the cache.
        n_characters = min(N_CHARACTERS, MAX_BYTES // 16 // len(corpus.alphabet))
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
        draws = free.reading_on().draw(rows, rng, possible, recorded=True)
        return np.concatenate(draws.steps)
