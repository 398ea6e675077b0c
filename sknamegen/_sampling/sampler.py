"""The object that writes names: with a model, from seeds, within rules.

Names are drawn from the model's distribution given that they fit. Where most names fit, those that
do not are drawn again. Elsewhere each character is drawn in proportion to its probability times a
guide's probability that the name can then still be finished (a twisted proposal); each name has an
importance weight for what the guide got wrong, and names are chosen in proportion to it [1]_ [2]_.

References
----------
.. [1] J. Whiteley and A. Lee, "Twisted particle filters", The Annals of Statistics, 2014.
.. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models using
   Probabilistic Programs", 2023.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._codepoints import Alphabet, decode
from .._threads import own_torch
from .model import NextCharModel, next_log_proba
from .rules import Rules, Step, draw
from .weights import choose, draws_needed
from .writing import Block, write_block

# Names are written in blocks: on a processor, of as many as its cache takes the distributions of.
_BLOCK_ROWS, _LARGE_BLOCK_ROWS, _BLOCK_CELLS = (64, 2048), 65_536, 2**18
_CHUNK_ROWS = 8192  # that are chosen among each other
# Names are drawn again where so many fit, by the guide's estimate, and do fit.
_COMMON, _STILL_COMMON = 0.5, 0.35
# Elsewhere so many are drawn at first for each one wanted, and some more; then as many as it
# takes until they are worth so many draws without weights, up to so many times the first ones.
# Names that are longer than the window take several times as long.
_FIRST_DRAWS, _MORE_DRAWS, _MAX_DRAWS = 1.4, 8, 20
_ENOUGH, _ENOUGH_LONG = 1.3, 0.75
_RARITY_DRAWS, _RARE = 1000, 0.1
# Draws in one round, in a row without a name that is wanted, and for each name, at most.
_MAX_ROUND = 4096
_MAX_IN_VAIN = 10_000
_MAX_TRIES = 1000


@dataclass(frozen=True)
class Sampler:
    """Writes names.

    Rows of its methods are the indices of seeds, one for each name.

    Parameters
    ----------
    model : NextCharModel
    alphabet : Alphabet
        What the model's indices mean.
    seeds : list of str
        What the names begin with.
    windows : int64 tensor of shape (n_seeds, window_length)
        The contexts behind the seeds.
    labels : ndarray of shape (n_labels,), dtype int64
        The labels that names may have; [-1] for none.
    label_proba : ndarray of shape (n_seeds, n_labels), dtype float64
        Their distribution for each seed.
    rules : Rules
    """

    model: NextCharModel
    alphabet: Alphabet
    seeds: list[str]
    windows: Tensor
    labels: NDArray[np.int64]
    label_proba: NDArray[np.float64]
    rules: Rules

    def with_rules(self, **changes: Any) -> "Sampler":
        """Return the same sampler under rules of which some are changed."""
        return replace(self, rules=self.rules._replace(**changes))

    @own_torch()
    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
        """Write one name for each of the rows."""
        names = np.full(len(rows), None, dtype=object)
        is_common = self._is_common()
        for first in range(0, len(rows), _CHUNK_ROWS):
            chunk = np.arange(first, min(first + _CHUNK_ROWS, len(rows)))
            missing, share = chunk[is_common[rows[chunk]]], 1.0
            while len(missing) and share >= _STILL_COMMON:
                tried = np.repeat(missing, int(np.ceil(1 / share)))
                texts, log_weights = self.write(rows[tried], rng)
                fits = log_weights == 0
                names[tried[fits]] = texts[fits]
                missing, share = missing[[name is None for name in names[missing]]], fits.mean()
            missing = chunk[[name is None for name in names[chunk]]]
            if len(missing):
                names[missing] = self._draw_guided(rows[missing], rng)
        return names.tolist()

    def _is_common(self):
        """Tell for which seeds to draw names as they come until they fit."""
        wish = self.rules.wish
        if wish.is_any and (wish.min_length <= 1 or wish.end is None):
            return np.ones(len(self.seeds), dtype=bool)
        completions = wish.completions(self.rules.temperature)
        starts = self._starts(completions).tolist()
        return np.array([completions.probability(*start) >= _COMMON for start in starts])

    def _starts(self, completions=None):
        """Return the length, the state and the guide's context behind each seed, (n_seeds, 3)."""
        found = np.zeros((len(self.seeds), 3), dtype=np.int64)
        for row, seed in enumerate(self.seeds):
            found[row, :2] = len(seed), self.rules.wish.automaton.read(seed)
            if completions:
                indices = [self.alphabet.index[letter] for letter in seed]
                found[row, 2] = completions.context(indices)
        return found

    def _draw_guided(self, rows, rng):
        """Draw more names than wanted, with a guide, and choose among those of each seed."""
        _, first, pool, wanted = np.unique(
            [self.seeds[row] for row in rows.tolist()],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        seeds = rows[first]
        is_greedy = self.rules.temperature == 0
        is_long = self.rules.wish.min_length + 1 >= self.windows.shape[1]
        enough = _ENOUGH_LONG if is_long else _ENOUGH
        size = np.ceil(_FIRST_DRAWS * wanted).astype(np.int64) + _MORE_DRAWS
        size = np.ones_like(wanted) if is_greedy else size
        limit, drawn = _MAX_DRAWS * size, np.zeros_like(size)
        texts: list[Any] = [np.empty(0, dtype=object)] * len(seeds)
        log_weights: list[Any] = [np.empty(0)] * len(seeds)
        while size.any():
            found = self.write(np.repeat(seeds, size), rng, guided=True)
            for new, old in zip(found, (texts, log_weights), strict=True):
                parts = np.split(new, np.cumsum(size)[:-1])
                old[:] = [np.append(*pair) for pair in zip(old, parts, strict=True)]
            drawn += size
            needed = [
                draws_needed(*each, enough) for each in zip(texts, log_weights, wanted, strict=True)
            ]
            more = 1.1 * (np.array(needed) - drawn)
            is_enough = is_greedy | (more <= 0) | (drawn >= limit)
            size = np.where(is_enough, 0, np.clip(more, _MORE_DRAWS, limit - drawn)).astype(
                np.int64
            )
        names = np.empty(len(rows), dtype=object)
        for i, (text, log_weight) in enumerate(zip(texts, log_weights, strict=True)):
            if log_weight.max() == -np.inf:
                raise ValueError(
                    f"No name of {drawn[i]:,} drawn from {self.seeds[seeds[i]]!r} fits: at this "
                    "temperature, top_k and top_p too few characters are left. Raise them."
                )
            names[pool == i] = text[choose(text, log_weight, wanted[i], rng)]
        return names

    def write(
        self,
        rows: NDArray[np.int64],
        rng: np.random.Generator,
        guided: bool = False,
        prune: bool = True,
    ) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
        """Write a name for each of the rows, which may not fit.

        Parameters
        ----------
        rows, rng
            As in `draw`.
        guided : bool, default=False
            Whether to draw towards names that fit.
        prune : bool, default=True
            Whether names of little weight may be given up on the way.

        Returns
        -------
        texts : ndarray of shape (n_names,), dtype object
        log_weights : ndarray of shape (n_names,), dtype float64
            Logarithms of importance weights: weighted with them, the names are drawn from the
            model's distribution of those that fit, times their probability. Minus infinity for
            those that do not; not guided, 0 for those that do.
        """
        completions = self.rules.wish.completions(self.rules.temperature) if guided else None
        starts = self._starts(completions)
        block_size = self._block_rows()
        texts, log_weights = np.empty(len(rows), dtype=object), np.empty(len(rows))
        codes = np.append(self.alphabet.codes, 0)  # -1 is behind the end
        for first in range(0, len(rows), block_size):
            block = rows[first : first + block_size]
            is_of_one_seed = prune and (block == block[0]).all()
            with torch.inference_mode():
                state, logits = self._start(block, self._draw_labels(block, rng))
                lengths, states, contexts = torch.from_numpy(starts[block]).unbind(1)
                index = torch.arange(len(block))
                names = Block(index, lengths, states, contexts, state, logits)
                prune_at = self.windows.shape[1] if is_of_one_seed else None
                text, found = write_block(self.model, names, self.rules, completions, rng, prune_at)
            log_weights[first : first + block_size] = found
            written = zip(block.tolist(), decode(codes[text]), strict=True)
            texts[first : first + block_size] = [self.seeds[row] + each for row, each in written]
        return texts, log_weights

    def _block_rows(self):
        """Return how many names to write at a time."""
        if self.model.device.type != "cpu":
            return _LARGE_BLOCK_ROWS
        return int(np.clip(_BLOCK_CELLS // len(self.alphabet.codes), *_BLOCK_ROWS))

    def _start(self, rows, labels):
        """Read the contexts behind seeds, with those labels."""
        device = self.model.device
        if len(self.seeds) == len(self.labels) == 1:  # all have the same context
            state, logits = self.model.start(
                self.windows.to(device), torch.from_numpy(self.labels).to(device)
            )
            shared = torch.zeros(len(rows), dtype=torch.int64, device=device)
            return self.model.select(state, shared), logits[shared]
        return self.model.start(self.windows[rows].to(device), torch.from_numpy(labels).to(device))

    def _draw_labels(self, rows, rng):
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        cumulative = self.label_proba.cumsum(1)[rows]
        index = (cumulative <= rng.random((len(rows), 1)) * cumulative[:, -1:]).sum(1)
        return self.labels[index]

    def draw_until(
        self,
        rows: NDArray[np.int64],
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
        proba = self.wish_probability(_RARITY_DRAWS, rng)[0].mean()
        if not 0 < proba < _RARE:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f"; about one name in {round(1 / proba / step) * step:,} fits"

    @own_torch()
    def wish_probability(
        self, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate for each seed the share of names that fit, and its standard error.

        By importance sampling with n draws, at least 2, for each seed: unbiased.
        """
        rows = np.repeat(np.arange(len(self.seeds)), n)
        is_guided = self.rules.temperature > 0
        _, log_weights = self.write(rows, rng, guided=is_guided, prune=False)
        weights = np.exp(log_weights).reshape(len(self.seeds), n)
        return weights.mean(axis=1), weights.std(axis=1, ddof=1) / np.sqrt(n)

    def stream(self, rng: np.random.Generator) -> Iterator[str]:
        """Yield the characters that follow the one seed.

        Those of running text of which only a length is asked come as they are drawn, others when
        it is known that the name fits.
        """
        (seed,), wish = self.seeds, self.rules.wish
        row = np.zeros(1, dtype=np.int64)
        if wish.end is not None or not wish.is_any:
            yield from self.draw(row, rng)[0][len(seed) :]
            return
        label, text = self._draw_labels(row, rng), seed
        while len(text) < wish.max_length:
            with own_torch(), torch.inference_mode():
                windows = self.alphabet.windows([text], self.windows.shape[1])
                logits = next_log_proba(self.model, windows, label)[0]
                p = self.rules.probabilities(torch.from_numpy(logits))
                character, _ = draw(p, torch.from_numpy(rng.random(1)))
            text += self.alphabet.letters[int(character)]
            yield text[-1]

    @own_torch()
    def log_proba(self, n_names: int, steps: Iterable[Step]) -> NDArray[np.float64]:
        """Compute the log-probability of names to be written, from what `read` yields, in nats.

        Whatever is asked for; minus infinity if a name cannot be written.
        """
        total = np.zeros(n_names)
        for step in steps:
            total[step.rows] += self.rules.log_proba(step)
        return total

    def read(
        self,
        rows: NDArray[np.int64],
        names: list[str],
        labels: NDArray[np.int64],
        ends: bool = True,
    ) -> Iterator[Step]:
        """Yield what the model says along names, step by step; within `own_torch`.

        The names begin with the seeds of the rows, and have those labels; without `ends` they
        may go on.
        """
        end = [] if self.alphabet.end is None or not ends else [self.alphabet.end]
        block_size, device = self._block_rows(), self.model.device
        for first in range(0, len(names), block_size):
            block = slice(first, first + block_size)
            targets = [
                [self.alphabet.index[c] for c in name[len(self.seeds[row]) :]] + end
                for row, name in zip(rows[block].tolist(), names[block], strict=True)
            ]
            active = np.flatnonzero([len(each) > 0 for each in targets])
            if not len(active):
                continue
            with torch.inference_mode():
                state, logits = self._start(rows[block], labels[block])
                state, logits = self.model.select(state, torch.from_numpy(active)), logits[active]
            for step in count():
                characters = np.array([targets[i][step] for i in active])
                yield Step(first + active, characters, logits.cpu())
                lasting = np.flatnonzero([len(targets[i]) > step + 1 for i in active])
                if not len(lasting):
                    break
                active, on_device = active[lasting], torch.from_numpy(lasting).to(device)
                read = torch.from_numpy(characters[lasting]).to(device)
                with torch.inference_mode():
                    state, logits = self.model.advance(self.model.select(state, on_device), read)


def label_proba(
    model: NextCharModel,
    alphabet: Alphabet,
    window_length: int,
    seeds: list[str],
    log_prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute the probability of each label, given each seed, (n_seeds, n_labels).

    Running text begins anywhere, so its labels are as probable as they were frequent.
    """
    joint = np.tile(log_prior, (len(seeds), 1))
    if any(seeds) and alphabet.end is not None:
        labels = np.arange(len(log_prior))
        windows = torch.from_numpy(alphabet.windows([""], window_length))
        anything: Any = Rules(1.0, None, None, None)  # type: ignore[arg-type]
        start = Sampler(model, alphabet, [""], windows, labels, np.exp(log_prior)[None], anything)
        rows = np.zeros(len(seeds), dtype=np.int64)
        for label in labels:
            each = np.full(len(seeds), label)
            joint[:, label] += start.log_proba(
                len(seeds), start.read(rows, seeds, each, ends=False)
            )
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)
