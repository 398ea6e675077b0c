"""The object that writes names: with a model, from prefixes, given that they fit.

Names are drawn from the model's distribution given that they fit. Where enough names fit, those
that do not are drawn again. Elsewhere each character is drawn in proportion to its probability
times the lookahead, which tells how probable it is that the name can then still be finished (a
twisted proposal) [1]_ [2]_. What the lookahead got wrong is known of each name that was drawn:
names are chosen in proportion to their probability over the chance that they had to be drawn.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

from .._alphabet import Alphabet
from .._models.kneser_ney import KneserNey
from .._models.model import Indices, NextCharModel, log_likelihood
from .._sequences import Sequences, name_sequences, row_sequences
from .._threads import one_blas_thread, side_by_side
from .cache import Cache
from .constraint import Constraint
from .decoding import Decoding, draw
from .lookahead import Lookahead
from .soft_counts import Observed
from .weights import POOL, Draws, Pool, Thinning
from .writing import Block, write_block

# Names are written in blocks of as many as a processor's cache takes the states and distributions
# of, and from so many on in two at least, so that two threads can share them.
_LEAST_ROWS, _BLOCK_CELLS, _SHARED_ROWS = 64, 2**18, 128
_CHUNK_ROWS = 8192  # that are chosen among each other
# A few names are drawn as they come; then again as long as such a share of them fits. Elsewhere a
# round of so many times more draws is tried, up to so many for each name and in all.
_PILOT, _COMMON, _MORE_TRIES, _MAX_TRIES_EACH, _MAX_TRIED = 256, 0.2, 8, 512, 4096
# With a lookahead so many are drawn at first for each one wanted, and some more; then as many as
# it takes, up to so many times the first ones.
_FIRST_DRAWS, _MORE_DRAWS, _MAX_DRAWS = 1.8, 16, 4
_RARITY_DRAWS, _RARE = 1000, 0.1
# Draws in one round, in a row without a name that is wanted, and for each name, at most.
_MAX_ROUND = 4096
_MAX_IN_VAIN = 10_000
_MAX_TRIES = 1000
# What the lookahead learns from: so many of the model's own names, or as many as cost so many
# characters to be read, or probabilities, after a first few; cut at a length; at temperatures
# within these.
_LOOKAHEAD_ORDER, _LOOKAHEAD_NAMES, _FIRST_NAMES = 8, 20_000, 64
_LOOKAHEAD_READS, _LOOKAHEAD_CELLS = 140_000, 2**25
_LONGEST, _TEXT_LENGTH = 256, 64
_LOOKAHEAD_TEMPERATURES = 0.25, 4.0
# Below temperature 1 such a share of them is written at so many times the temperature, 1 at most:
# else what follows rare beginnings would be known from other ones only.
_BOLDER, _BOLDER_SHARE = 2, 0.3


@dataclass(frozen=True)
class Sampler:
    """Writes names.

    Rows of its methods are the indices of prefixes, one for each name.

    Parameters
    ----------
    model : NextCharModel
    alphabet : Alphabet
        What the model's indices mean.
    window_length : int
    longest_name : int or None
        Characters of the longest training name; None for running text.
    prefixes : list of str
        What the names begin with.
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have; [-1] for none.
    label_shares : ndarray of shape (n_labels,), dtype float64
        How frequent they are, whatever a name begins with.
    label_proba : ndarray of shape (n_prefixes, n_labels), dtype float64
        Their distribution for each prefix.
    decoding : Decoding
    constraint : Constraint
    cache : Cache
        Of lookaheads and what they are made of.
    """

    model: NextCharModel
    alphabet: Alphabet
    window_length: int
    longest_name: int | None
    prefixes: list[str]
    labels: NDArray[np.int64]
    label_shares: NDArray[np.float64]
    label_proba: NDArray[np.float64]
    decoding: Decoding
    constraint: Constraint
    cache: Cache

    def at(self, temperature: float) -> "Sampler":
        """Return the same sampler at another temperature."""
        return replace(self, decoding=self.decoding._replace(temperature=temperature))

    def draw(self, rows: Indices, rng: np.random.Generator) -> list[str]:
        """Write one name for each of the rows."""
        if self.decoding.temperature == 0:
            return self.greedy(rows, self._draw_labels(rows, rng))
        names = np.full(len(rows), None, dtype=object)
        for first in range(0, len(rows), _CHUNK_ROWS):
            missing = np.arange(first, min(first + _CHUNK_ROWS, len(rows)))
            missing = self._draw_until_they_fit(names, rows, missing, rng)
            if len(missing):
                names[missing] = self._draw_looking_ahead(rows[missing], rng)
        return names.tolist()

    def greedy(self, rows: Indices, labels: Indices) -> list[str]:
        """Write the name that prefix and label have at temperature 0: as it comes, if it fits."""
        (rows, labels), place = np.unique([rows, labels], axis=1, return_inverse=True)
        rng = np.random.default_rng(0)  # which decides nothing
        found = self.write(rows, rng, labels=labels)
        misfits = np.flatnonzero(found.log_weights < 0)
        if len(misfits):
            again = self.write(rows[misfits], rng, self.lookahead(), labels[misfits])
            if (again.log_weights == -np.inf).any():
                raise self.nothing_fits(len(misfits), rows[misfits[0]])
            found.texts[misfits] = again.texts
        return found.texts[place.reshape(-1)].tolist()

    def _draw_until_they_fit(self, names, rows, missing, rng):
        """Write names as they come, again where they do not fit; return where it takes too long."""
        n_each, share, now = 1, 1.0, missing[:_PILOT]
        while len(now) and (share >= _COMMON or n_each * len(now) <= _MAX_TRIED):
            tried = np.repeat(now, n_each)
            found = self.write(rows[tried], rng)
            fits = found.log_weights == 0
            names[tried[fits]] = found.texts[fits]
            now, share = missing[[name is None for name in names[missing]]], fits.mean()
            n_each = int(np.ceil(1 / share)) if share >= _COMMON else n_each * _MORE_TRIES
            if n_each > _MAX_TRIES_EACH:
                break
        return now

    def _draw_looking_ahead(self, rows, rng):
        """Draw more names than wanted, looking ahead, and choose among those of each prefix."""
        lookahead = self.lookahead()
        prefixes = [self.prefixes[row] for row in rows.tolist()]
        _, first, own, wanted = np.unique(
            prefixes, return_index=True, return_inverse=True, return_counts=True
        )
        pools = list(map(Pool, wanted.tolist()))
        names = np.empty(len(rows), dtype=object)
        missing = np.ceil(_FIRST_DRAWS * wanted).astype(np.int64) + _MORE_DRAWS
        limit = _MAX_DRAWS * missing
        while missing.any():
            n_drawn = np.array([pool.n_drawn for pool in pools])
            # Where all were given up, none is.
            thins = [bool(pool.names) or not pool.n_drawn for pool in pools]
            shares = np.where(thins, (wanted + POOL) / np.maximum(n_drawn + missing, 1), np.inf)
            drawn = np.repeat(rows[first], missing), rng, lookahead
            found = self.write(*drawn, shares=np.repeat(shares, missing))
            ends = missing.cumsum().tolist()
            for i in np.flatnonzero(missing).tolist():
                pools[i].add(found.take(slice(ends[i] - missing[i], ends[i])))
                n = pools[i].n_drawn
                missing[i] = max(0, min(1.1 * pools[i].missing(), n, limit[i] - n))
        for i, pool in enumerate(pools):
            if not pool.names:
                raise self.nothing_fits(pool.n_drawn, rows[first[i]])
            names[own == i] = pool.choose(rng)
        return names

    def nothing_fits(self, n_drawn: int, row: int) -> ValueError:
        """Return the error for a prefix behind which no name fits."""
        return ValueError(
            f"No name of {n_drawn:,} drawn from {self.prefixes[row]!r} fits: at this "
            "temperature, top_k and top_p too few characters are left. Raise them."
        )

    def write(
        self,
        rows: Indices,
        rng: np.random.Generator,
        lookahead: Lookahead | None = None,
        labels: Indices | None = None,
        shares: NDArray[np.float64] | None = None,
    ) -> Draws:
        """Write a name for each of the rows, which may not fit.

        Parameters
        ----------
        rows, rng
            As in `draw`.
        lookahead : Lookahead, default=None
            Draws towards names that fit.
        labels : ndarray of shape (n_names,), dtype int, default=None
            Of the names; None: drawn.
        shares : ndarray of shape (n_names,), dtype float64, default=None
            With a lookahead: the share of the names behind the same prefix that will be chosen;
            most others are given up early. None: all are written.
        """
        size = int(np.clip(_BLOCK_CELLS // len(self.alphabet), _LEAST_ROWS, self.model.block_rows))
        n_blocks = max(2 if len(rows) >= _SHARED_ROWS else 1, -(-len(rows) // size))
        if labels is None:
            labels = self._draw_labels(rows, rng)
        rngs = [rng]
        if n_blocks > 1:  # what each draws does not depend on which is written first
            rngs = list(map(np.random.default_rng, rng.integers(2**63, size=n_blocks)))
        thinnings: list[Thinning | None] = [None] * n_blocks
        blocks = [np.array_split(each, n_blocks) for each in (rows, labels)]
        if shares is not None:
            parts = zip(blocks[0], np.array_split(shares, n_blocks), strict=True)
            thinnings = list(starmap(Thinning, parts))
        shared = self._starts(lookahead), self._windows(self.prefixes), lookahead
        calls = ((*each, *shared) for each in zip(*blocks, rngs, thinnings, strict=True))
        each = side_by_side(self._write_block, calls)
        return Draws(*map(np.concatenate, zip(*each, strict=True)))

    def _starts(self, lookahead):
        """Return the length, the state and the context behind each prefix, (n_prefixes, 3)."""
        found = np.zeros((len(self.prefixes), 3), dtype=np.int64)
        found[:, 0] = self.alphabet.lengths(self.prefixes)
        for row, prefix in enumerate(self.prefixes):
            found[row, 1] = self.constraint.automaton.read(prefix)
            if lookahead:
                indices = [self.alphabet.index[letter] for letter in prefix]
                found[row, 2] = lookahead.context(indices)
        return found

    def _windows(self, prefixes):
        return self.alphabet.windows(prefixes, self.window_length)

    def _write_block(self, rows, labels, rng, thinning, starts, windows, lookahead):
        state, logits = self._start(rows, windows, labels)
        lengths, states, contexts = starts[rows].T
        names = Block(np.arange(len(rows)), lengths, states, contexts, state, logits)
        how = self.decoding, self.constraint, lookahead
        text, log_proba, log_weights = write_block(self.model, names, *how, rng, thinning)
        log_proba += np.log(self.label_proba[rows, np.searchsorted(self.labels, labels)])
        written = zip(rows.tolist(), self.alphabet.decode(text), strict=True)
        texts = np.empty(len(rows), dtype=object)
        texts[:] = [self.prefixes[row] + each for row, each in written]
        return Draws(texts, labels, log_proba, log_weights)

    def _start(self, rows, windows, labels):
        """Read the contexts behind prefixes, with those labels."""
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

    def lookahead(self) -> Lookahead:
        """Return the lookahead for the constraint, of this model at this decoding.

        Kept for further calls, and so are the n-grams that it is made of.
        """
        power, counts = 1.0, self.model.ngrams()
        decoding = self.decoding if self.decoding.temperature else Decoding()
        temperature = float(np.clip(decoding.temperature, *_LOOKAHEAD_TEMPERATURES))
        decoding = decoding._replace(temperature=temperature)
        if counts is not None:
            power, decoding = 1 / temperature, Decoding(temperature)
        drawn = decoding, tuple(self.labels.tolist()), self.model.blend

        def make() -> Lookahead:
            ngrams = counts
            if ngrams is None:
                ngrams = self.cache.get(drawn, lambda: self._learn_ngrams(decoding))
            return Lookahead(self.constraint, ngrams, power)

        return self.cache.get((*drawn, self.constraint.asked), make)

    def _learn_ngrams(self, decoding):
        """Count the n-grams of the model's own names, whatever they begin with and are."""
        order = min(_LOOKAHEAD_ORDER, self.window_length + 1)
        model = Observed(self.model, decoding, order - 1)
        observed, is_low = replace(self, model=model), decoding.temperature < 1
        rows = observed._free_rows(decoding, 1 - _BOLDER_SHARE * is_low)
        if is_low:
            bolder = min(1.0, _BOLDER * decoding.temperature)
            rows += observed._free_rows(decoding._replace(temperature=bolder), _BOLDER_SHARE)
        read = row_sequences(rows)
        targets = read.targets[read.has_target]
        return model.soften(KneserNey(read.contexts(order - 1, 0), targets, self.alphabet.kinds))

    def _free_rows(self, decoding, share):
        """Write names of any kind, a share of those to learn from; return rows of indices."""
        rng = np.random.default_rng(0)  # so that names do not depend on what was asked before
        prefixes, max_length = list(self.alphabet.index), _TEXT_LENGTH
        if self.longest_name is not None:
            prefixes, max_length = [""], min(4 * self.longest_name, _LONGEST)
        free = replace(
            self,
            prefixes=prefixes,
            label_proba=np.tile(self.label_shares, (len(prefixes), 1)),
            decoding=decoding,
            constraint=Constraint(self.alphabet, None, (), 0, max_length),
        )
        rows: list[list[int]] = []
        n_names = _FIRST_NAMES
        while len(rows) < n_names:
            which = rng.integers(len(prefixes), size=n_names - len(rows))
            found = free.write(which, rng)
            has_ended = found.log_weights == 0
            rows += self.alphabet.rows(found.texts[has_ended], ends=True)
            rows += self.alphabet.rows(found.texts[~has_ended])
            # Behind its window the model reads all of it again for each character.
            n_late = [max(0, len(row) - self.window_length) for row in rows]
            n_reads = sum(map(len, rows)) + sum(n_late) * self.window_length
            most_reads = min(_LOOKAHEAD_READS, _LOOKAHEAD_CELLS // len(self.alphabet))
            most = min(_LOOKAHEAD_NAMES, most_reads * len(rows) // n_reads)
            n_names = max(1, int(share * most))
        return rows

    def draw_until(
        self,
        rows: Indices,
        rng: np.random.Generator,
        unique: bool,
        unwanted: dict[str, Callable[[list[str]], NDArray[np.bool_]]],
    ) -> tuple[list[str], str | None]:
        """Write a name for each of the rows, and again where it is not wanted.

        `unwanted` has for each reason what tells which of a list of names have it. Returns the
        names, and why there are fewer than rows, None if there are not.
        """
        names: dict[int, str] = {}
        seen, rejected = set(), Counter[str]()
        missing = np.arange(len(rows))
        n_drawn = n_in_vain = 0
        while len(missing) and n_in_vain < _MAX_IN_VAIN and n_drawn < _MAX_TRIES * len(rows):
            # As many as should do, by what was wanted so far.
            n_each = min(-(-(n_drawn + 1) // (len(names) + 1)), -(-_MAX_ROUND // len(missing)))
            tried = np.repeat(missing, n_each)
            written = self.draw(rows[tried], rng)
            reasons = np.full(len(written), "", dtype=object)
            for reason, applies in unwanted.items():
                reasons[applies(written) & (reasons == "")] = reason
            n_before = len(names)
            for row, name, reason in zip(tried.tolist(), written, reasons, strict=True):
                if reason:
                    rejected[reason] += 1
                elif unique and name in seen:
                    rejected["repeated another"] += 1
                elif row not in names:
                    names[row] = name
                    seen.add(name)
            n_drawn += len(written)
            n_in_vain = 0 if len(names) > n_before else n_in_vain + len(written)
            missing = np.array([row for row in missing.tolist() if row not in names])
        shortfall = None
        if len(missing):
            why = " and ".join(f"{n:,} {reason}" for reason, n in rejected.items())
            shortfall = (
                f"Only {len(names):,} of {len(rows):,} names were found: of {n_drawn:,} drawn, "
                f"{why}{self._how_rare(rng)}. Raise temperature or max_length, ask for fewer, or "
                "use on_shortfall='warn' to get those."
            )
        return [names[row] for row in sorted(names)], shortfall

    def _how_rare(self, rng):
        """Say how rare what is asked for is, unless most names fit."""
        proba = self.constraint_probability(_RARITY_DRAWS, rng)[0].mean()
        if not 0 < proba < _RARE:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f"; about one name in {round(1 / proba / step) * step:,} fits"

    def constraint_probability(
        self, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate for each prefix the share of names that fit, and its standard error.

        With n draws, at least 2, for each prefix: as they come where enough fit, by importance
        sampling elsewhere.
        """
        rows = np.repeat(np.arange(len(self.prefixes)), n)
        if not self.decoding.temperature or self.model.ngrams() is None:
            log_weights = self.write(rows, rng).log_weights
            share = (log_weights == 0).reshape(len(self.prefixes), n).mean(axis=1)
            if not self.decoding.temperature or share.min(initial=1) >= _COMMON:
                # As if one more did not fit: none out of few does not mean that none can.
                spread = np.maximum(share * (1 - share), 1 / n) * (self.decoding.temperature > 0)
                return share, np.sqrt(spread / n)
        found, pools = self.write(rows, rng, self.lookahead()), [Pool(n) for _ in self.prefixes]
        for i, pool in enumerate(pools):
            pool.add(found.take(slice(i * n, (i + 1) * n)))
        probability, error = np.array([pool.probability() for pool in pools]).T
        return probability, error

    def stream(self, rng: np.random.Generator) -> Iterator[str]:
        """Yield the characters that follow the one prefix.

        Those of running text of which only a length is asked come as they are drawn, others when
        it is known that the name fits.
        """
        (prefix,), constraint = self.prefixes, self.constraint
        row: Indices = np.zeros(1, dtype=np.int64)
        if constraint.end is not None or not constraint.is_any:
            yield from self.draw(row, rng)[0][len(prefix) :]
            return
        state, character = None, row
        for _ in range(len(prefix), constraint.max_length):
            with one_blas_thread():
                if state is None:
                    state, logits = self._start(
                        row, self._windows(self.prefixes), self._draw_labels(row, rng)
                    )
                else:
                    state, logits = self.model.advance(state, character)
            p = self.decoding.probabilities(logits)
            character, _ = draw(p, rng.random(1))
            yield self.alphabet.letters[int(character[0])]

    def sequences(self, names: list[str], row: int, label: int) -> Sequences:
        """Return the sequences of whole names that begin with the prefix of a row, with a label.

        What is predicted is what follows the prefix.
        """
        skip = len(self.prefixes[row])
        found = name_sequences(self.alphabet, names, self.window_length, skip=skip)
        return found._replace(labels=np.full(len(found.inputs), label, dtype=np.int32))


def label_proba(
    model: NextCharModel,
    alphabet: Alphabet,
    window_length: int,
    prefixes: list[str],
    log_prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute the probability of each label, given each prefix, (n_prefixes, n_labels).

    Running text begins anywhere, so its labels are as probable as they were frequent.
    """
    joint = np.tile(log_prior, (len(prefixes), 1))
    if any(prefixes) and alphabet.end is not None:
        read = name_sequences(alphabet, prefixes, window_length, ends=False)
        for label in range(len(log_prior)):
            labels = np.full(len(read.inputs), label, dtype=np.int32)
            joint[:, label] += log_likelihood(model, read._replace(labels=labels), len(prefixes))
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)
