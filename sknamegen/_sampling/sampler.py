"""Writes names: with a model, from prefixes, so that they satisfy a constraint.

Names are drawn from the model's distribution given that they satisfy the constraint. Where enough
names do, the others are drawn again. Elsewhere each character is drawn in proportion to its
probability times the lookahead, the probability that the name can then still be completed (a
twisted proposal) [1]_ [2]_. The errors of the lookahead are known for each name that was drawn:
names are chosen by importance weight. At low temperatures a search finds the most probable names,
which are candidates for certain.

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
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._corpus import Corpus
from .._models.contract import Indices, NextCharModel, log_likelihood
from .._models.ngrams import NGrams
from .._parallel import BLOCK_CELLS, MAX_CELLS, blocks, one_blas_thread, parallel_map
from .._sequences import Sequences, name_sequences
from .cache import Cache
from .constraint import Constraint
from .decoding import Decoding, draw
from .lookahead import Lookahead
from .search import Search
from .writing import Draws, Pool, write_block

# Names are drawn as they come where this share of them satisfies the constraint, or where so many
# are expected to do; elsewhere the lookahead is used.
_COMMON, _ROUND = 0.2, 256
# Candidates for each name that is wanted, and some more.
_CANDIDATES, _MORE_CANDIDATES, _MAX_ROUNDS = 1.4, 16, 10
# Draws in a row without a wanted name, at most; and draws in all that the last ones let expect, if
# they are not a few for each name.
_MAX_IN_VAIN, _MAX_DRAWS, _MAX_EACH = 10_000, 1_000_000, 30
# The lookahead of a network is learned from so many characters that it writes; from more for long
# lists, or if fewer than `_EFFECTIVE` of the names drawn with it count.
_ORDER, _READS, _EFFECTIVE = 8, (12_000, 40_000, 120_000), 0.1
_LOWEST_TEMPERATURE = 0.25
# Below that temperature names are searched for. What has this logarithm of a probability, beside
# others, is negligible. So many prefixes are continued.
_NEGLIGIBLE, _MAX_EXPANDED = -7.0, 8192
_FLOAT = np.finfo(float)
# Below temperature 1 this share of them is written at a higher temperature: otherwise rare prefixes
# would be known from other ones only.
_WARMER, _WARMER_SHARE = 2, 0.3
# For each reason to leave out names, a function that tells which names it applies to.
Filters = dict[str, Callable[[list[str]], NDArray[np.bool_]]]


@dataclass(frozen=True)
class Sampler:
    """Writes names.

    Rows of its methods are the indices of prefixes, one for each name.

    Parameters
    ----------
    model : NextCharModel
    corpus : Corpus
    prefixes : list of str
        What the names begin with.
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have; [-1] for none.
    label_proba : ndarray of shape (n_prefixes, n_labels), dtype float64
        Their distribution for each prefix.
    decoding : Decoding
    constraint : Constraint
    cache : Cache
        Of lookaheads and what they are made of.
    key : hashable
        Tells labels and blends apart in the cache.
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
        """Write a name for each of the rows, and again until no filter applies to it.

        Returns the names, and why there are fewer than rows, None if there are not.
        """
        names: dict[int, str] = {}
        seen, rejected = set(), Counter[str]()
        is_rare, missing = False, np.arange(len(rows))
        n_written = n_new = n_drawn = n_in_vain = n_needed = 0
        n_most = max(_MAX_DRAWS, _MAX_EACH * len(rows))
        while len(missing) and n_in_vain < _MAX_IN_VAIN:
            if n_drawn >= _MAX_IN_VAIN and n_needed > n_most:
                break
            # As many as should do, by the share that was wanted so far.
            n_each = -(-(n_written + 1) // (n_new + 1)) if n_new else 4 * n_written + 1
            n_each = min(n_each, -(-_ROUND // len(missing)))
            is_first = not is_rare and not n_written
            tried = np.repeat(missing[:_ROUND] if is_first else missing, n_each)
            n_written += len(tried)
            n_tried = len(tried)
            tried, drawn = self._candidates(tried, rows, rng, is_rare)
            reasons = np.full(len(drawn), "", dtype=object)
            for reason, applies in (filters or {}).items():
                reasons[applies(drawn) & (reasons == "")] = reason
            n_before = len(names)
            for row, name, reason in zip(tried.tolist(), drawn, reasons, strict=True):
                if reason:
                    rejected[reason] += 1
                elif unique and name in seen:
                    rejected["repeated another"] += 1
                elif row not in names:
                    names[row] = name
                    seen.add(name)
            n_drawn += len(drawn)
            n_new += len(names) - n_before
            n_in_vain = 0 if len(names) > n_before else n_in_vain + len(drawn)
            missing = np.array([row for row in missing.tolist() if row not in names])
            n_needed = n_drawn + len(missing) * (len(drawn) + 1) // (len(names) - n_before + 1)
            is_slow = len(missing) * (n_written + 1) > _ROUND * (n_new + 1)
            if not is_rare and is_slow and len(drawn) < _COMMON * n_tried:
                is_rare, n_written, n_new = True, 0, 0
        shortfall = None
        if len(missing):
            why = " and ".join(f"{n:,} {reason}" for reason, n in rejected.items())
            shortfall = (
                f"Only {len(names):,} of {len(rows):,} names were found: of {n_drawn:,} drawn, "
                f"{why}{self._how_rare(rng)}. Raise temperature or max_length"
            )
            shortfall += (
                ", ask for fewer, or use on_shortfall='warn' to get those." if names else "."
            )
        return [names[row] for row in sorted(names)], shortfall

    def _candidates(self, tried, rows, rng, is_rare):
        """Write a name for each place in rows; return the places and names that may be taken."""
        if self.decoding.temperature == 0:
            return tried, self.greedy(rows[tried], self._draw_labels(rows[tried], rng))
        if not is_rare:
            draws = self.write(rows[tried], rng)
            fits = draws.log_weights == 0
            return tried[fits], draws.texts[fits].tolist()
        prefixes = [self.prefixes[row] for row in rows[tried].tolist()]
        _, first, pool_of, wanted = np.unique(
            prefixes, return_index=True, return_inverse=True, return_counts=True
        )
        firsts, names = rows[tried[first]], np.empty(len(tried), dtype=object)
        likely = [self._likely_names(row) for row in firsts.tolist()]
        pools = list(map(Pool, wanted.tolist(), likely))
        n_more = np.ceil(_CANDIDATES * wanted).astype(np.int64) + _MORE_CANDIDATES
        for _ in range(_MAX_ROUNDS):
            short = np.array([i for i, pool in enumerate(pools) if not pool.is_enough()])
            if not len(short):
                break
            lookahead = self.lookahead(len(tried))
            draws = self.write(np.repeat(firsts[short], n_more[short]), rng, lookahead)
            ends = n_more[short].cumsum()
            for i, start, end in zip(short, ends - n_more[short], ends, strict=True):
                pools[i].add(draws, slice(start, end))
                n_more[i] = -(-pools[i].n_drawn // 4)
        for i, pool in enumerate(pools):
            if not pool.names:
                raise self.nothing_fits(pool.n_drawn, firsts[i])
            names[pool_of == i] = pool.choose(rng)
        return tried, names.tolist()

    def _likely_names(self, row: int) -> Draws | None:
        """Search for the names that have nearly all of the probability, where temperature is low.

        There the lookahead is too rough: what it takes for rare counts many times.
        """
        if self.decoding.temperature >= _LOWEST_TEMPERATURE or self.constraint.end is None:
            return None
        prefix, joint = self.prefixes[row], np.log(self.label_proba[row])

        def search() -> Draws:
            search, log_mass = self._search(prefix, joint), -np.inf
            names, columns = list[str](), [np.empty((0, len(joint)))]
            n_most = min(_MAX_EXPANDED, search.n_most)
            while search.n_expanded < n_most and search.mass > log_mass + _NEGLIGIBLE:
                more, log_proba = search.step(within=-_NEGLIGIBLE)
                names += more
                columns.append(log_proba)
                log_mass = np.logaddexp(log_mass, np.logaddexp.reduce(log_proba, axis=None))
            if search.best > log_mass + _NEGLIGIBLE:
                raise ValueError(
                    f"temperature must be at least {_LOWEST_TEMPERATURE} for so rare a constraint: "
                    f"the most probable names after {prefix!r} were not found among "
                    f"{search.n_expanded:,} beginnings. Got {self.decoding.temperature}."
                )
            log_proba = np.concatenate(columns).ravel()
            texts = np.repeat(np.array(names, dtype=object), len(joint))
            labels = np.tile(self.labels, len(names))
            is_all = search.mass <= log_mass + _NEGLIGIBLE
            return Draws(texts, labels, log_proba, log_proba, search.mass if is_all else 0.0)

        return self.cache.get(
            ("names", prefix, self.decoding, self.key, self.constraint.key), search
        )

    def greedy(self, rows: Indices, labels: Indices) -> list[str]:
        """Write the name of temperature 0 for each prefix and label: unconstrained, if it fits."""
        (rows, labels), place = np.unique([rows, labels], axis=1, return_inverse=True)
        rng = np.random.default_rng(0)  # which decides nothing
        draws = self.write(rows, rng, labels=labels)
        misfits = np.flatnonzero(draws.log_weights < 0)
        if len(misfits):
            again = self.write(rows[misfits], rng, self.lookahead(), labels[misfits])
            if (again.log_weights == -np.inf).any():
                raise self.nothing_fits(len(misfits), rows[misfits[0]])
            draws.texts[misfits] = again.texts
        return draws.texts[place.reshape(-1)].tolist()

    def nothing_fits(self, n_drawn: int, row: int) -> ValueError:
        """Return the error for a prefix that no name completes."""
        return ValueError(
            f"No name of {n_drawn:,} drawn from {self.prefixes[row]!r} satisfies the constraint: "
            "at this temperature, top_k and top_p too few characters are left. Raise them."
        )

    def write(
        self,
        rows: Indices,
        rng: np.random.Generator,
        lookahead: Lookahead | None = None,
        labels: Indices | None = None,
        observe: Callable[..., None] | None = None,
    ) -> Draws:
        """Write a name for each of the rows, which may not satisfy the constraint.

        Parameters
        ----------
        rows, rng
            As in `draw`.
        lookahead : Lookahead, default=None
            Draws towards names that satisfy the constraint.
        labels : ndarray of shape (n_names,), dtype int, default=None
            Of the names; None: drawn.
        observe : callable, default=None
            Called as by `write_block`, but first with the place where the block begins and the
            last characters of the prefixes of its rows.
        """
        row_cells = max(8 * len(self.corpus.alphabet), BLOCK_CELLS // self.model.block_rows)
        parts = blocks(len(rows), row_cells)
        if labels is None:
            labels = self._draw_labels(rows, rng)
        rngs = [rng]
        if len(parts) > 1:  # what each draws does not depend on which is written first
            rngs = list(map(np.random.default_rng, rng.integers(2**63, size=len(parts))))
        starts, windows = self._starts(lookahead), self._windows()

        def write(part: slice, rng: np.random.Generator) -> Draws:
            own, label = rows[part], labels[part]
            start = self._start(own, windows, label)
            how = self.decoding, self.constraint, lookahead, rng
            watch = observe and partial(observe, part.start, windows[own])
            text, log_proba, log_weights = write_block(
                self.model, start, starts[:, own], *how, watch
            )
            log_proba += np.log(self.label_proba[own, np.searchsorted(self.labels, label)])
            written = zip(own.tolist(), self.corpus.alphabet.decode(text), strict=True)
            texts = np.empty(len(own), dtype=object)
            texts[:] = [self.prefixes[row] + name for row, name in written]
            return Draws(texts, label, log_proba, log_weights)

        draws = parallel_map(write, zip(parts, rngs, strict=True))
        columns = zip(*(part[:4] for part in draws), strict=True)
        arrays: list[Any] = list(map(np.concatenate, columns))
        return Draws(*arrays)

    def _starts(self, lookahead):
        """Return the length, the state and the context of each prefix, (3, n_prefixes)."""
        alphabet, starts = self.corpus.alphabet, np.zeros((3, len(self.prefixes)), dtype=np.int64)
        starts[0] = alphabet.lengths(self.prefixes)
        for row, prefix in enumerate(self.prefixes):
            starts[1, row] = self.constraint.read(prefix)
            if lookahead:
                starts[2, row] = lookahead.context([alphabet.index[letter] for letter in prefix])
        return starts

    def _windows(self):
        return self.corpus.alphabet.windows(self.prefixes, self.corpus.window_length_)

    def _start(self, rows, windows, labels):
        """Read prefixes with labels; return the model's state and logits."""
        if len(self.prefixes) == len(self.labels) == 1:  # all have the same context
            state, logits = self.model.start(windows, self.labels)
            shared = np.zeros(len(rows), dtype=np.int64)
            return self.model.select(state, shared), logits[shared]
        return self.model.start(windows[rows], labels)

    def _draw_labels(self, rows, rng):
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        cumulative = self.label_proba.cumsum(1)[rows]
        index = (cumulative <= rng.random((len(rows), 1)) * cumulative[:, -1:]).sum(1)
        return self.labels[index]

    def lookahead(self, n: int = 1) -> Lookahead:
        """Return the lookahead for the constraint, of this model at this decoding, for n names.

        It is kept for further calls, and so are the n-grams that it is made of.
        """
        counts, decoding, is_long = self.model.ngrams(), self.decoding, n > 2 * _ROUND
        temperature = max(decoding.temperature or 1.0, _LOWEST_TEMPERATURE)
        decoding = decoding._replace(temperature=temperature)
        if counts is not None:
            decoding = Decoding(temperature)
        key = decoding, self.key

        def make() -> Lookahead:
            if counts is not None:
                ngrams = self.cache.get(key, lambda: counts.tempered(1 / temperature))
                return Lookahead(self.constraint, ngrams)
            for n_reads in _READS[int(is_long) :]:
                learn = partial(self._learn_ngrams, decoding, n_reads)
                lookahead = Lookahead(self.constraint, self.cache.get((key, n_reads), learn))
                if not self._is_rough(lookahead, decoding):
                    break
            return lookahead

        return self.cache.get((key, is_long, self.constraint.key), make)

    def _is_rough(self, lookahead, decoding):
        """Whether few of the names drawn with a lookahead have most of the weight."""
        free = replace(self._free(), constraint=self.constraint, decoding=decoding)
        rows, rng = np.arange(_ROUND) % len(free.prefixes), np.random.default_rng(0)
        log_weights = free.write(rows, rng, lookahead).log_weights
        weights = np.exp(log_weights - max(log_weights.max(), -_FLOAT.max))
        return weights.sum() ** 2 <= _EFFECTIVE * _ROUND * (weights**2).sum()

    def _free(self):
        """Return what writes whole names, or text from any character on, without a constraint."""
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

    def _learn_ngrams(self, decoding, n_reads):
        """Learn n-grams from what the model computes while it writes names freely."""
        corpus, free = self.corpus, self._free()
        alphabet, order = corpus.alphabet, min(_ORDER, corpus.window_length_ + 1)
        warmer = decoding._replace(temperature=min(1.0, _WARMER * decoding.temperature))
        share = _WARMER_SHARE * (decoding.temperature < 1)
        n_reads = min(n_reads, MAX_CELLS // len(alphabet))
        rng = np.random.default_rng(0)  # so that names do not depend on earlier calls
        steps: list[tuple[Any, ...]] = []

        def observe(start, windows, rows, text, logits):
            contexts = np.concatenate([windows[rows], text], axis=1)[:, :-order:-1]
            steps.append((start, contexts, decoding.probabilities(logits).astype(np.float32)))
            # After that the model reads a whole window for each character.
            is_late = text.shape[1] >= corpus.window_length_
            n_read.append(len(rows) * (corpus.window_length_ if is_late else 1))

        for now, n in ((decoding, (1 - share) * n_reads), (warmer, share * n_reads)):
            size, n_read = 2 * int(n**0.5), list[int]()
            while sum(n_read) < n:
                first, rows = len(steps), rng.integers(len(free.prefixes), size=size)
                replace(free, decoding=now).write(rows, rng, observe=observe)
                steps[first:] = sorted(steps[first:], key=itemgetter(0))  # whichever came first
        contexts, proba = (np.concatenate([step[i] for step in steps]) for i in (1, 2))
        characters, _ = draw(proba, rng.random(len(proba)))
        ngrams = NGrams(contexts, characters, alphabet.kinds)
        return ngrams.with_expected_counts(contexts, proba)

    def _how_rare(self, rng):
        """Say how rare names are that satisfy the constraint, unless a tenth of all do."""
        proba = self.constraint_probability(1000, rng)[0].mean()
        if not 0 < proba < 0.1:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f"; about one name in {round(1 / proba / step) * step:,} fits"

    def constraint_probability(
        self, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate for each prefix the share of names that satisfy the constraint, and its error.

        With n draws, at least 2, for each prefix: as they come where enough of them satisfy it, by
        importance sampling elsewhere.
        """
        rows = np.repeat(np.arange(len(self.prefixes)), n)
        if not self.decoding.temperature or self.model.ngrams() is None:
            log_weights = self.write(rows, rng).log_weights
            share = (log_weights == 0).reshape(len(self.prefixes), n).mean(axis=1)
            if not self.decoding.temperature or share.min(initial=1) >= _COMMON:
                # As if one more did not fit: none out of few does not mean that none can.
                spread = np.maximum(share * (1 - share), 1 / n) * (self.decoding.temperature > 0)
                return share, np.sqrt(spread / n)
        likely = [self._likely_names(row) for row in range(len(self.prefixes))]
        pools = [Pool(n, names) for names in likely]
        if not all(names and names.log_rest < 0 for names in likely):
            draws = self.write(rows, rng, self.lookahead())
            for i, pool in enumerate(pools):
                pool.add(draws, slice(i * n, (i + 1) * n))
        probability, error = np.array([pool.probability() for pool in pools]).T
        return probability, error

    def stream(self, rng: np.random.Generator, filters: Filters) -> Iterator[str]:
        """Yield the characters that follow the one prefix.

        Those of running text without constraints or filters come as they are drawn, others when it
        is known that the name satisfies the constraint.
        """
        (prefix,), constraint = self.prefixes, self.constraint
        row: Indices = np.zeros(1, dtype=np.int64)
        if constraint.end is not None or filters or not constraint.is_unconstrained:
            names, shortfall = self.draw(row, rng, filters=filters)
            if shortfall:
                raise ValueError(shortfall)
            yield from names[0][len(prefix) :]
            return
        state, character = None, row
        for _ in range(len(prefix), constraint.max_length):
            with one_blas_thread():
                if state is None:
                    labels = self._draw_labels(row, rng)
                    state, logits = self._start(row, self._windows(), labels)
                else:
                    state, logits = self.model.advance(state, character)
            character, _ = draw(self.decoding.probabilities(logits), rng.random(1))
            yield self.corpus.alphabet.letters[int(character[0])]

    def most_likely(self, n: int, filters: Filters) -> tuple[list[str], NDArray[np.float64]]:
        """Find the n names of the highest probability; see `CharLSTMGenerator.most_likely`.

        There is one prefix, and the temperature is 1.
        """
        log_prior = self.corpus.log_prior if len(self.labels) > 1 else np.zeros(1)
        joint = log_prior + _log_proba(self.model, self.corpus, self.prefixes, self.labels)[0]
        search = self._search(self.prefixes[0], joint)
        found: list[tuple[float, str]] = []
        while search.best > (found[0][0] if len(found) == n else -np.inf):
            if search.n_expanded > search.n_most:
                raise ValueError(
                    f"The search for the {n:,} most likely names needs more than "
                    f"{search.n_expanded:,} beginnings. Relax the constraint, or pass a smaller n."
                )
            names, joints = search.step(found[0][0] if len(found) == n else -np.inf)
            left_out = np.zeros(len(names), dtype=bool)
            for applies in filters.values():
                left_out |= applies(names)
            totals = np.logaddexp.reduce(joints, axis=1).tolist()
            for name, total, is_left_out in zip(names, totals, left_out, strict=True):
                if name and not is_left_out:
                    heappush(found, (total, name))
            while len(found) > n:
                heappop(found)
        found.sort(key=lambda pair: (-pair[0], pair[1]))
        return [name for _, name in found], np.array([total for total, _ in found])

    def _search(self, prefix, joint):
        how = self.labels, self.decoding, self.constraint
        return Search(self.model, self.corpus, *how, prefix, joint)

    def sequences(self, names: list[str], row: int, label: int) -> Sequences:
        """Return the sequences of whole names that begin with the prefix of a row, with a label.

        The targets are the characters after the prefix.
        """
        skip = len(self.prefixes[row])
        sequences = name_sequences(names, self.corpus.window_length_, skip=skip)
        labels = np.full(len(sequences.inputs), label, dtype=np.int32)
        return sequences.indexed(self.corpus.alphabet)._replace(labels=labels)


def label_proba(model: NextCharModel, corpus: Corpus, prefixes: list[str]) -> NDArray[np.float64]:
    """Compute the probability of each label, given each prefix, (n_prefixes, n_labels)."""
    joint = corpus.log_prior + _log_proba(model, corpus, prefixes, np.arange(len(corpus.labels)))
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)


def _log_proba(model, corpus, prefixes, labels):
    """Compute the log-probability of each prefix given each label, (n_prefixes, n_labels).

    Running text begins anywhere, so its prefixes say nothing of the label.
    """
    log_proba = np.zeros((len(prefixes), len(labels)))
    if any(prefixes) and corpus.max_length_ is not None:
        read = name_sequences(prefixes, corpus.window_length_, ends=False).indexed(corpus.alphabet)
        for column, label in enumerate(labels.tolist()):
            of_label = read._replace(labels=np.full_like(read.labels, label))
            log_proba[:, column] = log_likelihood(model, of_label, len(prefixes))
    return log_proba
