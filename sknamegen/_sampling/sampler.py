"""Sample names from a model, given prefixes and a constraint.

The target is the model's distribution, conditional on the constraint. If enough names satisfy the
constraint, the sampler uses rejection sampling. Otherwise, the proposal for each character is its
probability times the lookahead, the probability that the name can then be completed (a twisted
proposal) [1]_ [2]_. Importance weights correct for errors in the lookahead. At low temperatures, a
search adds the most probable names to the candidates.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._corpus import Corpus
from .._models.contract import Indices, NextCharModel, log_likelihood, next_log_proba
from .._models.ngrams import NGrams
from .._parallel import BLOCK_CELLS, MAX_CELLS, blocks, one_blas_thread, parallel_map
from .._sequences import name_sequences
from .backoff import BackoffAutomaton
from .cache import Cache
from .constraint import Constraint
from .decoding import Decoding, draw
from .lookahead import Lookahead
from .search import Search
from .writing import Draws, Pool, propose_block

# Share of accepted draws below which the sampler switches to the lookahead.
_MIN_ACCEPTANCE = 0.2
# Number of draws in the first round. If the sampler expects to need fewer draws, it does not
# switch.
_ROUND_SIZE = 256
# Number of candidates per name, and of additional candidates per prefix.
_CANDIDATES_PER_NAME, _EXTRA_CANDIDATES = 1.4, 16
# Maximum number of rounds that add candidates.
_MAX_ROUNDS = 10
# Maximum number of consecutive draws without an accepted name.
_MAX_FAILURES = 10_000
# Maximum expected number of draws, in total and per name. The greater limit applies.
_MAX_DRAWS, _MAX_DRAWS_PER_NAME = 1_000_000, 30
# Order of the n-grams in the lookahead for a network.
_ORDER = 8
# Numbers of characters generated to estimate these n-grams. The next number is used if the
# effective sample size is too small. Long lists skip the first number.
_N_CHARACTERS = (12_000, 40_000, 120_000)
# Minimum effective sample size, as a share of the draws.
_MIN_EFFECTIVE_SHARE = 0.1
# Minimum temperature of a lookahead. Below this temperature, the sampler searches for names.
_MIN_TEMPERATURE = 0.25
# Log-probability, relative to the names found, at which the remaining names are negligible.
_NEGLIGIBLE = -7.0
# Maximum number of prefixes expanded in this search.
_MAX_EXPANDED = 8192
# If the temperature is below 1: share of characters generated at a multiple of the temperature,
# and the multiple. Otherwise, rare prefixes would be estimated only from other prefixes.
_WARM_SHARE, _WARM_FACTOR = 0.3, 2
# Maps each reason for rejection to a function that flags the rejected names.
Filters = dict[str, Callable[[list[str]], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Sampler:
    """Sampler of names under a constraint.

    In its methods, `rows` contains the prefix index of each name.

    Parameters
    ----------
    model : NextCharModel
    corpus : Corpus
    prefixes : list of str
        The beginnings of the names.
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have, or [-1] without labels.
    label_proba : ndarray of shape (n_prefixes, n_labels), dtype float64
        The label distribution for each prefix.
    decoding : Decoding
    constraint : Constraint
    cache : Cache
        Stores lookaheads, their n-grams and search results.
    key : hashable
        Identifies the labels or the blend in the cache.
    """

    model: NextCharModel
    corpus: Corpus
    prefixes: list[str]
    labels: NDArray[np.int64]
    label_proba: NDArray[np.float64]
    decoding: Decoding
    constraint: Constraint
    cache: Cache
    key: Hashable

    def draw(
        self,
        rows: Indices,
        rng: np.random.Generator,
        unique: bool = False,
        filters: Filters | None = None,
    ) -> tuple[list[str], str | None]:
        """Draw a name for each row, and redraw it while a filter rejects it.

        Returns the names, and either a message, if there are fewer names than rows, or None.
        """
        names: dict[int, str] = {}
        seen, rejected = set[str](), Counter[str]()
        use_lookahead, pending = False, np.arange(len(rows))
        n_attempts = n_accepted = n_drawn = n_failures = 0
        while len(pending) and n_failures < _MAX_FAILURES:
            # The share of names accepted so far predicts how many draws a row needs.
            n_repeats = -(-(n_attempts + 1) // (n_accepted + 1))
            n_repeats = n_repeats if n_accepted else 4 * n_attempts + 1
            n_repeats = min(n_repeats, -(-_ROUND_SIZE // len(pending)))
            is_first = not use_lookahead and not n_attempts
            attempts = np.repeat(pending[:_ROUND_SIZE] if is_first else pending, n_repeats)
            drawn_rows, texts = self._candidates(attempts, rows, rng, use_lookahead)
            reasons = np.full(len(texts), "", dtype=object)
            for reason, is_rejected in (filters or {}).items():
                reasons[is_rejected(texts) & (reasons == "")] = reason
            n_before = len(names)
            for row, name, reason in zip(drawn_rows.tolist(), texts, reasons, strict=True):
                if reason:
                    rejected[reason] += 1
                elif unique and name in seen:
                    rejected["were duplicates"] += 1
                elif row not in names:
                    names[row] = name
                    seen.add(name)
            n_new = len(names) - n_before
            pending = np.array([row for row in pending.tolist() if row not in names])
            n_attempts, n_accepted = n_attempts + len(attempts), n_accepted + n_new
            n_drawn, n_failures = n_drawn + len(texts), 0 if n_new else n_failures + len(texts)
            is_slow = len(pending) * (n_attempts + 1) > _ROUND_SIZE * (n_accepted + 1)
            if not use_lookahead and is_slow and len(texts) < _MIN_ACCEPTANCE * len(attempts):
                use_lookahead, n_attempts, n_accepted = True, 0, 0
            n_expected = n_drawn + len(pending) * (len(texts) + 1) // (n_new + 1)
            max_draws = max(_MAX_DRAWS, _MAX_DRAWS_PER_NAME * len(rows))
            if n_drawn >= _MAX_FAILURES and n_expected > max_draws:
                break
        shortfall = None
        if len(pending):
            reasons_text = " and ".join(f"{n:,} {reason}" for reason, n in rejected.items())
            shortfall = (
                f"Found only {len(names):,} of {len(rows):,} names: of {n_drawn:,} drawn, "
                f"{reasons_text}{self._rarity(rng)}. Raise temperature or max_length, or request "
                "fewer names."
            )
        return [names[row] for row in sorted(names)], shortfall

    def _candidates(self, attempts, rows, rng, use_lookahead):
        """Draw a name for each index in `attempts`. Return the indices and names to accept."""
        if self.decoding.temperature == 0:
            return attempts, self._greedy(rows[attempts], rng)
        if not use_lookahead:
            draws = self.propose(rows[attempts], rng)
            is_valid = draws.log_weights == 0
            return attempts[is_valid], draws.texts[is_valid].tolist()
        prefixes = [self.prefixes[row] for row in rows[attempts].tolist()]
        _, first, pool_index, n_names = np.unique(
            prefixes, return_index=True, return_inverse=True, return_counts=True
        )
        prefix_rows, names = rows[attempts[first]], np.empty(len(attempts), dtype=object)
        pools = list(map(Pool, n_names.tolist(), map(self._likely_names, prefix_rows.tolist())))
        n_draws = np.ceil(_CANDIDATES_PER_NAME * n_names).astype(np.int64) + _EXTRA_CANDIDATES
        for _ in range(_MAX_ROUNDS):
            short = np.array([i for i, pool in enumerate(pools) if not pool.is_enough()])
            if not len(short):
                break
            short_rows = np.repeat(prefix_rows[short], n_draws[short])
            draws = self.propose(short_rows, rng, self.lookahead(len(attempts)))
            ends = n_draws[short].cumsum()
            for i, start, end in zip(short, ends - n_draws[short], ends, strict=True):
                pools[i].add(draws, slice(start, end))
                n_draws[i] = -(-pools[i].n_drawn // 4)
        for i, pool in enumerate(pools):
            if not pool.candidates:
                raise self._no_match_error(pool.n_drawn, prefix_rows[i])
            names[pool_index == i] = pool.choose(rng)
        return attempts, names.tolist()

    def _likely_names(self, row: int) -> Draws | None:
        """Return the names with nearly all of the probability if the temperature is low.

        At low temperatures, the lookahead is too inaccurate: names that it considers rare would get
        excessive weights.
        """
        if self.decoding.temperature >= _MIN_TEMPERATURE or self.constraint.end is None:
            return None
        prefix, joint = self.prefixes[row], np.log(self.label_proba[row])

        def search() -> Draws:
            search, log_mass = self._search(prefix, joint), -np.inf
            found: dict[str, NDArray[np.float64]] = {}
            max_expanded = min(_MAX_EXPANDED, search.max_expanded)
            while search.n_expanded < max_expanded and search.mass > log_mass + _NEGLIGIBLE:
                names, log_proba = search.step(margin=-_NEGLIGIBLE)
                found.update(zip(names, log_proba, strict=True))
                log_mass = np.logaddexp(log_mass, np.logaddexp.reduce(log_proba, axis=None))
            if search.best > log_mass + _NEGLIGIBLE:
                raise ValueError(
                    f"temperature must be at least {_MIN_TEMPERATURE} for such a strict "
                    f"constraint: a search of {search.n_expanded:,} prefixes did not find the most "
                    f"probable names that begin with {prefix!r}. Got {self.decoding.temperature}."
                )
            log_proba = np.array([*found.values()]).ravel()
            texts = np.repeat(np.array([*found], dtype=object), len(joint))
            labels = np.tile(self.labels, len(found))
            log_missing = search.mass if search.mass <= log_mass + _NEGLIGIBLE else 0.0
            return Draws(texts, labels, log_proba, log_proba, log_missing)

        key = "names", prefix, self.decoding, self.key, self.constraint.key
        return self.cache.get(key, search)

    def _greedy(self, rows, rng):
        """Return the name at temperature 0 for each row, with labels drawn at random.

        The lookahead is used only if the unconstrained name violates the constraint.
        """
        labels = self._draw_labels(rows, rng)
        (rows, labels), inverse = np.unique([rows, labels], axis=1, return_inverse=True)
        rng = np.random.default_rng(0)  # has no effect at temperature 0
        draws = self.propose(rows, rng, labels=labels)
        misfits = np.flatnonzero(draws.log_weights < 0)
        if len(misfits):
            guided = self.propose(rows[misfits], rng, self.lookahead(), labels[misfits])
            if (guided.log_weights == -np.inf).any():
                raise self._no_match_error(len(misfits), rows[misfits[0]])
            draws.texts[misfits] = guided.texts
        return draws.texts[inverse.reshape(-1)].tolist()

    def _no_match_error(self, n_drawn, row):
        """Return the error for a prefix that was never completed."""
        return ValueError(
            f"No name drawn with seed {self.prefixes[row]!r} satisfies the constraint "
            f"({n_drawn:,} drawn): temperature, top_k and top_p leave too few characters. Raise "
            "them."
        )

    def propose(
        self,
        rows: Indices,
        rng: np.random.Generator,
        lookahead: Lookahead | None = None,
        labels: Indices | None = None,
        observe: Callable[..., None] | None = None,
    ) -> Draws:
        """Draw one candidate per row, which may violate the constraint.

        Parameters
        ----------
        rows, rng
            As in `draw`.
        lookahead : Lookahead, default=None
            Guides the draws towards names that satisfy the constraint.
        labels : ndarray of shape (n_names,), dtype int, default=None
            Labels of the names. None: drawn at random.
        observe : callable, default=None
            Called as by `propose_block`, but with two additional arguments first: the first row of
            the block, and the last characters of its rows' prefixes.
        """
        row_cells = max(8 * len(self.corpus.alphabet), BLOCK_CELLS // self.model.block_rows)
        parts = blocks(len(rows), row_cells)
        if labels is None:
            labels = self._draw_labels(rows, rng)
        rngs = [rng]
        if len(parts) > 1:  # the draws must not depend on the order of the blocks
            rngs = list(map(np.random.default_rng, rng.integers(2**63, size=len(parts))))
        alphabet, windows = self.corpus.alphabet, self._windows()
        states = list(map(self.constraint.read, self.prefixes))
        contexts = [lookahead.context(prefix) if lookahead else 0 for prefix in self.prefixes]
        position = np.array([alphabet.lengths(self.prefixes), states, contexts])
        prefixes = np.array(self.prefixes, dtype=object)

        def propose_part(part: slice, rng: np.random.Generator) -> Draws:
            part_rows, part_labels = rows[part], labels[part]
            start = self._start(part_rows, windows, part_labels)
            settings = self.decoding, self.constraint, lookahead, rng
            observe_part = observe and partial(observe, part.start, windows[part_rows])
            text, log_proba, log_weights = propose_block(
                self.model, start, position[:, part_rows], *settings, observe_part
            )
            columns = np.searchsorted(self.labels, part_labels)
            log_proba += np.log(self.label_proba[part_rows, columns])
            texts = prefixes[part_rows] + np.array(alphabet.decode(text), dtype=object)
            return Draws(texts, part_labels, log_proba, log_weights)

        draws = parallel_map(propose_part, zip(parts, rngs, strict=True))
        columns = zip(*(part[:4] for part in draws), strict=True)
        return Draws._make([*map(np.concatenate, columns), 0.0])

    def _windows(self):
        return self.corpus.alphabet.windows(self.prefixes, self.corpus.window_length_)

    def _start(self, rows, windows, labels):
        """Return the model's state and logits after labelled prefixes."""
        if len(self.prefixes) == len(self.labels) == 1:  # all rows have the same context
            state, logits = self.model.start(windows, self.labels)
            shared = np.zeros(len(rows), dtype=np.int64)
            return self.model.select(state, shared), logits[shared]
        return self.model.start(windows[rows], labels)

    def _draw_labels(self, rows, rng):
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        index, _ = draw(self.label_proba[rows], rng.random(len(rows)))
        return self.labels[index]

    def lookahead(self, n: int = 1) -> Lookahead:
        """Return the model's lookahead for the constraint and the decoding, for n names.

        The lookahead and its n-grams are cached.
        """
        is_learned = self.model.ngrams() is None
        temperature = max(self.decoding.temperature or 1.0, _MIN_TEMPERATURE)
        decoding = Decoding(temperature, *self.decoding[1:] if is_learned else ())
        sizes = _N_CHARACTERS[n > 2 * _ROUND_SIZE :] if is_learned else (None,)

        def build() -> Lookahead:
            for n_characters in sizes:
                learn = partial(self._ngrams, decoding, n_characters)
                ngrams = self.cache.get((decoding, self.key, n_characters), learn)
                lookahead = Lookahead(self.constraint, ngrams)
                if not is_learned or not self._is_inaccurate(lookahead, decoding):
                    break
            return lookahead

        with one_blas_thread():
            return self.cache.get((decoding, self.key, sizes, self.constraint.key), build)

    def _is_inaccurate(self, lookahead, decoding):
        """Return whether the effective sample size with a lookahead is too small."""
        sampler = replace(self._unconstrained(), constraint=self.constraint, decoding=decoding)
        rows, rng = np.arange(_ROUND_SIZE) % len(sampler.prefixes), np.random.default_rng(0)
        log_weights = sampler.propose(rows, rng, lookahead).log_weights
        weights = np.exp(log_weights - np.nan_to_num(log_weights.max()))
        min_effective = _MIN_EFFECTIVE_SHARE * _ROUND_SIZE
        return weights.sum() ** 2 <= min_effective * (weights**2).sum()

    def _unconstrained(self):
        """Return a sampler for unconstrained names, or for text that begins with any character."""
        alphabet, longest = self.corpus.alphabet, self.corpus.max_length_
        prefixes, max_length = list(alphabet.index), 64
        if longest is not None:
            prefixes, max_length = [""], min(4 * longest + 1, 256)
        shares = np.ones(1) if len(self.labels) == 1 else self.corpus.label_shares[self.labels]
        return replace(
            self,
            prefixes=prefixes,
            label_proba=np.tile(shares, (len(prefixes), 1)),
            constraint=Constraint(alphabet, max_length=max_length),
        )

    def _ngrams(self, decoding, n_characters):
        """Return n-grams for the lookahead.

        For a network, they are estimated from its distributions during unconstrained sampling.
        """
        model_ngrams = self.model.ngrams()
        if model_ngrams is not None:
            return BackoffAutomaton.from_ngrams(model_ngrams).tempered(1 / decoding.temperature)
        corpus, sampler = self.corpus, self._unconstrained()
        alphabet, order = corpus.alphabet, min(_ORDER, corpus.window_length_ + 1)
        warm_decoding = decoding._replace(temperature=min(1.0, _WARM_FACTOR * decoding.temperature))
        warm_share = _WARM_SHARE * (decoding.temperature < 1)
        n_characters = min(n_characters, MAX_CELLS // len(alphabet))
        rng = np.random.default_rng(0)  # names must not depend on earlier calls
        steps: list[tuple[Any, ...]] = []

        def observe(start, windows, rows, text, logits):
            contexts = np.concatenate([windows[rows], text], axis=1)[:, :-order:-1]
            steps.append((start, contexts, decoding.probabilities(logits).astype(np.float32)))
            # Past the window length, the model reads a whole window for each character.
            is_past_window = text.shape[1] >= corpus.window_length_
            n_read.append(len(rows) * (corpus.window_length_ if is_past_window else 1))

        n_warm, n_normal = warm_share * n_characters, (1 - warm_share) * n_characters
        for step_decoding, n in ((decoding, n_normal), (warm_decoding, n_warm)):
            size, n_read = 2 * int(n**0.5), list[int]()
            while sum(n_read) < n:
                n_before, rows = len(steps), rng.integers(len(sampler.prefixes), size=size)
                replace(sampler, decoding=step_decoding).propose(rows, rng, observe=observe)
                # Blocks run in parallel, so sort their steps.
                steps[n_before:] = sorted(steps[n_before:], key=itemgetter(0))
        contexts, proba = (np.concatenate([step[i] for step in steps]) for i in (1, 2))
        characters, _ = draw(proba, rng.random(len(proba)))
        ngrams = NGrams(contexts, characters, alphabet.kinds)
        return BackoffAutomaton.from_distributions(ngrams, contexts, proba)

    def _rarity(self, rng):
        """Describe how rarely names satisfy the constraint, if fewer than a tenth do."""
        proba = self.constraint_probability(1000, rng)[0].mean()
        if not 0 < proba < 0.1:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f". About one name in {round(1 / proba / step) * step:,} satisfies the constraint"

    def constraint_probability(
        self, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate the share of names that satisfy the constraint, and its standard error.

        There is one estimate per prefix, from n >= 2 draws. If enough unconstrained names satisfy
        the constraint, the estimate is their share. Otherwise it comes from importance sampling.
        """
        rows = np.repeat(np.arange(len(self.prefixes)), n)
        if not self.decoding.temperature or self.model.ngrams() is None:
            is_valid = self.propose(rows, rng).log_weights == 0
            share = is_valid.reshape(-1, n).mean(axis=1)
            if not self.decoding.temperature or share.min() >= _MIN_ACCEPTANCE:
                # A few draws cannot show that a share is exactly 0 or 1, so bound the variance.
                variance = np.maximum(share * (1 - share), 1 / n) * (self.decoding.temperature > 0)
                return share, np.sqrt(variance / n)
        pools = [Pool(n, self._likely_names(row)) for row in range(len(self.prefixes))]
        if not all(pool.log_missing for pool in pools):
            draws = self.propose(rows, rng, self.lookahead())
            for i, pool in enumerate(pools):
                pool.add(draws, slice(i * n, (i + 1) * n))
        probability, error = np.array([pool.probability() for pool in pools]).T
        return probability, error

    def stream(self, rng: np.random.Generator, filters: Filters) -> Iterator[str]:
        """Yield the characters after the only prefix.

        Running text without constraints or filters is yielded as it is drawn. Otherwise, the whole
        name must be accepted first.
        """
        (prefix,), constraint = self.prefixes, self.constraint
        row: Indices = np.zeros(1, dtype=np.int64)
        is_free = constraint.key[:2] == (None, ())  # neither pattern nor banned
        if constraint.end is not None or filters or not is_free:
            names, shortfall = self.draw(row, rng, filters=filters)
            if shortfall:
                raise ValueError(shortfall)
            yield from names[0][len(prefix) :]
            return
        with one_blas_thread():
            state, logits = self._start(row, self._windows(), self._draw_labels(row, rng))
        for _ in range(len(prefix), constraint.max_length):
            character, _ = draw(self.decoding.probabilities(logits), rng.random(1))
            yield self.corpus.alphabet.characters[int(character[0])]
            with one_blas_thread():
                state, logits = self.model.advance(state, character)

    def most_likely(self, n: int, filters: Filters) -> tuple[list[str], NDArray[np.float64]]:
        """Return the n most probable names, see `CharLSTMGenerator.most_likely`.

        The sampler must have one prefix and temperature 1.
        """
        log_prior = self.corpus.log_prior if len(self.labels) > 1 else np.zeros(1)
        joint = log_prior + _log_proba(self.model, self.corpus, self.prefixes, self.labels)[0]
        search = self._search(self.prefixes[0], joint)
        best: list[tuple[float, str]] = []  # ascending
        threshold = -np.inf
        while search.best > threshold:
            if search.n_expanded > search.max_expanded:
                raise ValueError(
                    f"The search for the {n:,} most likely names requires more than "
                    f"{search.n_expanded:,} prefixes. Relax the constraint, or pass a smaller n."
                )
            names, joints = search.step(threshold)
            is_allowed = np.array(names, dtype=object) != ""
            for is_rejected in filters.values():
                is_allowed &= ~is_rejected(names)
            totals = np.logaddexp.reduce(joints, axis=1).tolist()
            best = sorted([*best, *compress(zip(totals, names, strict=True), is_allowed)])[-n:]
            threshold = best[0][0] if len(best) == n else -np.inf
        best.sort(key=lambda pair: (-pair[0], pair[1]))
        return [name for _, name in best], np.array([total for total, _ in best])

    def _search(self, prefix, joint):
        alphabet = self.corpus.alphabet
        return Search(self._next_log_proba, alphabet, self.constraint, prefix, joint)

    def _next_log_proba(self, prefixes):
        """Return the log-probabilities of the next character, (n_prefixes, n_labels, n_chars)."""
        windows = self.corpus.alphabet.windows(prefixes, self.corpus.window_length_)
        log_proba = next_log_proba(self.model, windows, self.labels)
        if self.decoding == Decoding():
            return log_proba
        proba = self.decoding.probabilities(log_proba.reshape(-1, log_proba.shape[2]))
        with np.errstate(divide="ignore"):
            return np.log(proba).reshape(log_proba.shape)


def label_proba(model: NextCharModel, corpus: Corpus, prefixes: list[str]) -> NDArray[np.float64]:
    """Return the probability of each label given each prefix, (n_prefixes, n_labels)."""
    joint = corpus.log_prior + _log_proba(model, corpus, prefixes, np.arange(len(corpus.labels)))
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)


def _log_proba(model, corpus, prefixes, labels):
    """Return the log-probability of each prefix given each label, (n_prefixes, n_labels).

    Running text may begin anywhere, so its prefixes give no information about the label.
    """
    log_proba = np.zeros((len(prefixes), len(labels)))
    if any(prefixes) and corpus.max_length_ is not None:
        read = name_sequences(prefixes, corpus.window_length_, ends=False).indexed(corpus.alphabet)
        for column, label in enumerate(labels.tolist()):
            labelled = read._replace(labels=np.full_like(read.labels, label))
            log_proba[:, column] = log_likelihood(model, labelled, len(prefixes))
    return log_proba
