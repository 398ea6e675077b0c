"""The object that writes names: with a model, from seeds, within rules."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._codepoints import Alphabet, decode
from .._threads import one_thread
from .constraint import Constraint
from .model import NextCharModel
from .rules import MAX_STEPS, Rules

# Names are written in blocks that fit the cache of a processor.
_CACHED_ROWS = 2048
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

    def without_constraint(self) -> tuple["Sampler", Callable[[list[str]], NDArray[np.bool_]]]:
        """Return a sampler of names as they come, and what tells which of them do not fit."""
        rules = self.rules
        constraint = rules.constraint or Constraint(
            self.alphabet, None, (), rules.min_length, rules.max_length
        )
        changes: dict[str, Any] = {"constraint": None}
        if rules.end is not None:  # names that end by themselves, or are too long
            changes |= {"min_length": 0, "max_length": rules.max_length + 1}
        free = self.with_rules(**changes)
        return free, lambda names: np.array([not constraint.accepts_name(n) for n in names])

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
        """Write one name for each of the rows."""
        n_steps = max(0, self.rules.max_length - min(map(len, self.seeds), default=0))
        device = self.model.device
        block_size = _CACHED_ROWS if device.type == "cpu" else MAX_STEPS
        block_size = max(1, min(MAX_STEPS // max(1, n_steps), block_size))
        labels = self._draw_labels(rows, rng)
        codes = torch.from_numpy(self.alphabet.codes).to(device)
        names = []
        for first in range(0, len(rows), block_size):
            block = slice(first, first + block_size)
            # Drawn row by row, so a name does not depend on how rows are cut into blocks.
            uniforms = torch.from_numpy(rng.random((len(rows[block]), n_steps))).to(device)
            text = torch.zeros(uniforms.shape, dtype=torch.int32, device=device)

            def choose(logits, active, step, uniforms=uniforms):
                return self.rules.draw(logits, uniforms[active, step])

            with one_thread():
                steps = self._steps(rows[block], labels[block], choose)
                for step, (active, characters) in enumerate(steps):
                    text[active, step] = codes[characters]
            written = zip(rows[block].tolist(), decode(text.cpu().numpy()), strict=True)
            names += [self.seeds[row] + characters for row, characters in written]
        return names

    def _draw_labels(self, rows, rng):
        if len(self.labels) == 1:
            return np.repeat(self.labels, len(rows))
        cumulative = self.label_proba.cumsum(1)[rows]
        index = (cumulative <= rng.random((len(rows), 1)) * cumulative[:, -1:]).sum(1)
        return self.labels[index]

    @torch.inference_mode()
    def _steps(
        self,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64],
        choose: Callable[[Tensor, Tensor, int], Tensor],
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Write one character after another to names of those rows and labels, until all end.

        ``choose(logits, active, step)`` gives the next characters of the names that have not
        ended; what the rules forbid has logits of minus infinity. Yields `active` and those
        characters, int64 tensors of shape (n_active,).
        """
        rules, model = self.rules, self.model
        seed_lengths = np.array([len(seed) for seed in self.seeds], dtype=np.int64)
        lengths = torch.from_numpy(seed_lengths[rows]).to(model.device)
        states: Any = None
        if rules.constraint:
            states = np.array([rules.constraint.start(seed) for seed in self.seeds])[rows]
        active = torch.arange(len(rows), device=model.device)
        share = len(self.seeds) == len(self.labels) == 1  # all have the same context
        windows, context_labels = self.windows[rows], torch.from_numpy(labels)
        if share:
            windows, context_labels = self.windows, torch.from_numpy(self.labels)
        state, logits = model.start(windows.to(model.device), context_labels.to(model.device))
        if share:
            first = torch.zeros_like(active)
            state, logits = model.select(state, first), logits[first]
        goes_on = lengths < rules.max_length
        for step in count():
            if not goes_on.all():
                kept = goes_on.nonzero().squeeze(1)
                active, lengths, logits = active[kept], lengths[kept], logits[kept]
                state = model.select(state, kept)
                states = None if states is None else states[kept.cpu().numpy()]
            if not len(active):
                return
            if rules.constraint:
                allowed = torch.from_numpy(rules.constraint.mask(states, lengths.cpu().numpy()))
                logits = logits.masked_fill(~allowed.to(logits.device), -torch.inf)
            elif rules.end is not None:
                logits[lengths < rules.min_length, rules.end] = -torch.inf
            characters = choose(logits, active, step)
            if rules.constraint:
                states = rules.constraint.advance(states, characters.cpu().numpy())
            lengths = lengths + 1
            goes_on = lengths < rules.max_length
            if rules.end is not None:
                goes_on &= characters != rules.end
            yield active, characters
            if not goes_on.any():
                return
            state, logits = model.advance(state, characters)

    def draw_until(
        self,
        rows: NDArray[np.int64],
        rng: np.random.Generator,
        unique: bool,
        unwanted: dict[str, Callable[[list[str]], NDArray[np.bool_]]],
    ) -> tuple[list[str], str | None]:
        """Write a name for each of the rows, and again where it is not wanted.

        Parameters
        ----------
        rows, rng
            As in `draw`.
        unique : bool
            Whether no two names may be alike.
        unwanted : dict of str to callable
            Why a name is unwanted, and what tells that of a list of names.

        Returns
        -------
        names : list of str
        shortfall : str or None
            Why there are fewer names than rows.
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
                f"{why}. Raise temperature or max_length, ask for fewer, or use "
                "on_shortfall='warn' to get those."
            )
        return [names[row] for row in sorted(names)], shortfall

    def stream(self, rng: np.random.Generator) -> Iterator[str]:
        """Yield the characters that follow the one seed, each as soon as it is drawn."""
        row = np.zeros(1, dtype=np.int64)

        def choose(logits, rows, step):
            uniform = torch.tensor([rng.random()], dtype=torch.float64, device=logits.device)
            return self.rules.draw(logits, uniform)

        steps = self._steps(row, self._draw_labels(row, rng), choose)
        while True:
            with one_thread():
                _, characters = next(steps, (None, None))
            if characters is None or int(characters) == self.rules.end:
                return
            yield self.alphabet.letters[int(characters)]

    def log_proba(
        self,
        rows: NDArray[np.int64],
        names: list[str],
        labels: NDArray[np.int64],
        ends: bool = True,
    ) -> NDArray[np.float64]:
        """Compute the log-probability of names to be written.

        Parameters
        ----------
        rows : ndarray of shape (n_names,), dtype int64
            Their seeds, which they begin with.
        names : list of str
            No longer than the rules allow, and such as the constraint accepts.
        labels : ndarray of shape (n_names,), dtype int64
            The labels they are written with.
        ends : bool, default=True
            Whether the names must end where they do, or may go on.

        Returns
        -------
        log_proba : ndarray of shape (n_names,), dtype float64
            In nats, minus infinity if a name cannot be written.
        """
        rules, device = self.rules, self.model.device
        total = torch.zeros(len(names), dtype=torch.float64, device=device)
        targets = self._targets(rows, names).to(device)
        with one_thread():
            for first in range(0, len(names), _CACHED_ROWS):
                block = slice(first, first + _CACHED_ROWS)

                def follow(logits, written, step, first=first):
                    characters = targets[written + first, step]
                    p = rules.probabilities(logits.double())
                    p = p.gather(1, characters[:, None]).squeeze(1)
                    log_p = p.log() if ends else p.log().where(characters != rules.end, 0)
                    total[written + first] += log_p
                    return characters

                for _ in self._steps(rows[block], labels[block], follow):
                    pass
        return total.cpu().numpy()

    def _targets(self, rows, names):
        """Return the indices behind the seeds, then the end, (n_names, longest + 1)."""
        n_steps = max((len(name) for name in names), default=0) + 1
        targets = np.full((len(names), n_steps), self.rules.end or 0)
        index = self.alphabet.index
        for target, row, name in zip(targets, rows.tolist(), names, strict=True):
            written = name[len(self.seeds[row]) :]
            target[: len(written)] = [index[letter] for letter in written]
        return torch.from_numpy(targets)


def label_proba(
    model: NextCharModel,
    alphabet: Alphabet,
    window_length: int,
    seeds: list[str],
    log_prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute the probability of each label, given what a name begins with.

    Running text begins anywhere, so its labels are as probable as they were frequent.

    Parameters
    ----------
    model, alphabet, seeds
        As in `Sampler`.
    window_length : int
    log_prior : ndarray of shape (n_labels,), dtype float64
        Log-probability of each label.

    Returns
    -------
    proba : ndarray of shape (n_seeds, n_labels), dtype float64
    """
    joint = np.tile(log_prior, (len(seeds), 1))
    if any(seeds) and alphabet.end is not None:
        labels = np.arange(len(log_prior))
        windows = torch.from_numpy(alphabet.windows([""], window_length))
        rules = Rules(1.0, None, None, 0, max(map(len, seeds)) + 1, alphabet.end)
        start = Sampler(model, alphabet, [""], windows, labels, np.exp(log_prior)[None], rules)
        rows = np.zeros(len(seeds), dtype=np.int64)
        for label in labels:
            each = np.full(len(seeds), label)
            joint[:, label] += start.log_proba(rows, seeds, each, ends=False)
    joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
    return np.exp(joint)
