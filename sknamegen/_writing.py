"""Names as they are asked for: written in blocks, drawn anew where they are not wanted."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import torch

from ._codepoints import decode
from ._decoding import Rules, draw, probabilities, write
from ._threads import one_thread

# Names are written in blocks that fit the cache, and of no more than so many draws.
_CACHED_ROWS = 2048
MAX_DRAWS = 2**21
# Draws in one round, in a row without a name that is wanted, and for each name, at most.
_MAX_ROUND = 4096
_MAX_IN_VAIN = 10_000
_MAX_TRIES = 1000


class Request(NamedTuple):
    """What names are asked of a model.

    Attributes
    ----------
    model : object
        Has `start`, `advance` and `select` as `CharLSTM` has them.
    alphabet : ndarray of shape (n_characters,), dtype str
        What its indices mean, U+0000 instead of the end.
    seeds : list of str
        What the names begin with.
    windows : int64 tensor of shape (n_seeds, window_length)
        The contexts behind the seeds, as `start` takes them, without a label if it is drawn.
    label_proba : ndarray of shape (n_seeds, n_labels), or None
        The distribution of labels for each seed; None if they are not drawn.
    rules : Rules
    """

    model: object
    alphabet: np.ndarray
    seeds: list
    windows: torch.Tensor
    label_proba: np.ndarray | None
    rules: Rules

    def contexts(self, rows, rng):
        """Return windows for names that begin with those seeds, one for all if they are equal."""
        if self.label_proba is not None:
            cumulative = self.label_proba.cumsum(1)[rows]
            labels = (cumulative <= rng.random((len(rows), 1)) * cumulative[:, -1:]).sum(1)
            return self.labelled(rows, labels)
        return self.windows if len(self.windows) == 1 else self.windows[rows]

    def labelled(self, rows, labels):
        """Return windows of seeds with a label each."""
        windows = self.windows[rows]
        offsets = torch.as_tensor(labels * (len(self.alphabet) + 2), device=windows.device)
        return torch.where(windows >= 0, windows + offsets[:, None], -1)

    def states(self, rows):
        """Return where the seeds are in the constraint, None without one."""
        constraint = self.rules.constraint
        return constraint and np.array([constraint.start(seed) for seed in self.seeds])[rows]


def write_names(request, rows, rng):
    """Write one name for each of the rows, which tell its seed.

    Parameters
    ----------
    request : Request
    rows : ndarray of shape (n_names,), dtype int64
    rng : numpy.random.Generator

    Returns
    -------
    names : list of str
    """
    rules, device = request.rules, request.windows.device
    n_steps = max(0, rules.max_length - min(map(len, request.seeds), default=0))
    block_size = MAX_DRAWS // max(1, n_steps)
    if device.type == "cpu":
        block_size = min(block_size, _CACHED_ROWS)
    block_size = max(1, block_size)
    lengths = np.array([len(seed) for seed in request.seeds], dtype=np.int64)[rows]
    windows, states = request.contexts(rows, rng), request.states(rows)
    names = []
    with one_thread():
        for first in range(0, len(rows), block_size):
            block = slice(first, first + block_size)
            # Drawn row by row, so a name does not depend on how rows are cut into blocks.
            uniforms = torch.from_numpy(rng.random((len(rows[block]), n_steps))).to(device)
            text = _write_block(
                request,
                windows if len(windows) == 1 else windows[block],
                torch.from_numpy(lengths[block]).to(device),
                None if states is None else states[block],
                uniforms,
            )
            seeds = [request.seeds[row] for row in rows[block].tolist()]
            names += [seed + characters for seed, characters in zip(seeds, text, strict=True)]
    return names


def _write_block(request, windows, lengths, states, uniforms):
    codes = torch.from_numpy(request.alphabet.view(np.int32)).to(windows.device)
    text = torch.zeros(uniforms.shape, dtype=torch.int32, device=windows.device)
    steps = write(
        request.model,
        windows,
        lengths,
        request.rules,
        lambda logits, rows, step: draw(logits, request.rules, uniforms[rows, step]),
        states,
    )
    for step, (rows, characters) in enumerate(steps):
        text[rows, step] = codes[characters]
    return decode(text.cpu().numpy())


def write_until(request, rows, rng, unique, unwanted):
    """Write a name for each of the rows, and again where it is not wanted.

    Parameters
    ----------
    request, rows, rng
        As in `write_names`.
    unique : bool
        Whether no two names may be alike.
    unwanted : dict of str to callable
        Why a name is unwanted, and what tells that of a list of names, as a bool ndarray.

    Returns
    -------
    names : list of str
    shortfall : str or None
        Why there are fewer names than rows.
    """
    names, seen, rejected = {}, set(), Counter()
    missing = np.arange(len(rows))
    n_drawn = n_in_vain = 0
    while len(missing) and n_in_vain < _MAX_IN_VAIN and n_drawn < _MAX_TRIES * len(rows):
        # As many as should do, by what was wanted so far.
        n_each = min(-(-(n_drawn + 1) // (len(names) + 1)), -(-_MAX_ROUND // len(missing)))
        tried = np.repeat(missing, n_each)
        written = write_names(request, rows[tried], rng)
        reasons = np.full(len(written), None)
        for reason, applies in unwanted.items():
            reasons[applies(written) & (reasons == None)] = reason  # noqa: E711
        n_before = len(names)
        for row, name, reason in zip(tried.tolist(), written, reasons, strict=True):
            if reason is not None:
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
        reasons = " and ".join(f"{n:,} {reason}" for reason, n in rejected.items())
        shortfall = (
            f"Only {len(names):,} of {len(rows):,} names were found: of {n_drawn:,} drawn, "
            f"{reasons}. Raise temperature or max_length, ask for fewer, or use "
            "on_shortfall='warn' to get those."
        )
    return [names[row] for row in sorted(names)], shortfall


def log_proba_of(request, rows, names, labels=None, ends=True):
    """Compute the probability of names to be written.

    Parameters
    ----------
    request : Request
    rows : ndarray of shape (n_names,), dtype int64
        Their seeds, which they begin with.
    names : list of str
        No longer than the rules allow, and such as the constraint accepts.
    labels : ndarray of shape (n_names,), dtype int64, default=None
        Their labels, if labels are drawn.
    ends : bool, default=True
        Whether the names must end where they do, or may go on.

    Returns
    -------
    log_proba : ndarray of shape (n_names,), dtype float64
        In nats, minus infinity if a name cannot be written.
    """
    index = {letter: i for i, letter in enumerate(request.alphabet.tolist())}
    rules, device = request.rules, request.windows.device
    lengths = np.array([len(request.seeds[row]) for row in rows.tolist()], dtype=np.int64)
    n_steps = max((len(name) for name in names), default=0) + 1
    targets = np.full((len(names), n_steps), rules.end or 0)
    for row, (name, length) in enumerate(zip(names, lengths.tolist(), strict=True)):
        targets[row, : len(name) - length] = [index[letter] for letter in name[length:]]
    targets = torch.from_numpy(targets).to(device)
    total = torch.zeros(len(names), dtype=torch.float64, device=device)

    def follow(logits, rows, step):
        characters = targets[rows, step]
        if rules.temperature == 0:
            p = (logits.argmax(1) == characters).double()
        else:
            p = probabilities(logits.double(), rules.temperature, rules.top_k, rules.top_p)
            p = p.gather(1, characters[:, None]).squeeze(1)
        total[rows] += p.log() if ends else torch.where(characters == rules.end, 0, p.log())
        return characters

    windows = request.windows[rows] if labels is None else request.labelled(rows, labels)
    states = request.states(rows)
    with one_thread():
        for first in range(0, len(names), _CACHED_ROWS):
            block = slice(first, first + _CACHED_ROWS)
            starts = torch.from_numpy(lengths[block]).to(device)
            steps = write(
                request.model,
                windows[block],
                starts,
                rules,
                lambda logits, rows, step, first=first: follow(logits, rows + first, step),
                None if states is None else states[block],
            )
            for _ in steps:
                pass
    return total.cpu().numpy()
