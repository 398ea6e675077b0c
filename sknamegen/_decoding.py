"""Logits to next characters, and the loop that writes names with them."""

from typing import NamedTuple

import torch

from ._constraints import Constraint


class Rules(NamedTuple):
    """What is asked of the names, with lengths counted over the whole string.

    Attributes
    ----------
    temperature : float
        Divides the logits; 0 takes the most probable character.
    top_k : int or None
        Draw from the `top_k` most probable characters only.
    top_p : float or None
        Draw from the fewest most probable characters that together have this
        probability only (Holtzman et al., 2020).
    min_length : int
        Characters before a name may end.
    max_length : int
        Characters after which a name ends.
    end : int or None
        Index of the character that ends a name, if there is one.
    constraint : Constraint or None
        What else is asked of the whole name.
    """

    temperature: float
    top_k: int | None
    top_p: float | None
    min_length: int
    max_length: int
    end: int | None
    constraint: Constraint | None = None


@torch.inference_mode()
def write(model, windows, lengths, rules, choose, states=None):
    """Write one character after another to each row until all have ended.

    Parameters
    ----------
    model : object
        Has `start`, `advance` and `select` as `CharLSTM` has them.
    windows : int64 tensor of shape (n_rows or 1, window_length)
        The context of each row, or one that all share.
    lengths : int64 tensor of shape (n_rows,)
        Characters each row has already.
    rules : Rules
    choose : callable
        ``choose(logits, rows, step)`` gives the next character of those rows, an int64 tensor.
        Characters that the rules forbid have logits of minus infinity.
    states : ndarray of shape (n_rows,), dtype int64, default=None
        Where each row is in the constraint of the rules, if they have one.

    Yields
    ------
    rows : int64 tensor of shape (n_active,)
        The rows that got a character.
    characters : int64 tensor of shape (n_active,)
        Their indices.
    """
    rows = torch.arange(len(lengths), device=lengths.device)
    state, logits = model.start(windows)
    if len(windows) != len(rows):
        shared = torch.zeros_like(rows)
        state, logits = model.select(state, shared), logits[shared]
    active = lengths < rules.max_length
    step = 0
    while True:
        if not active.all():
            kept = active.nonzero().squeeze(1)
            rows, lengths, logits = rows[kept], lengths[kept], logits[kept]
            state = model.select(state, kept)
            states = None if states is None else states[kept.cpu().numpy()]
        if not len(rows):
            return
        if states is not None:
            allowed = torch.from_numpy(rules.constraint.mask(states, lengths.cpu().numpy()))
            logits = logits.masked_fill(~allowed.to(logits.device), -torch.inf)
        elif rules.end is not None:
            logits[lengths < rules.min_length, rules.end] = -torch.inf
        characters = choose(logits, rows, step)
        if states is not None:
            states = rules.constraint.advance(states, characters.cpu().numpy())
        lengths = lengths + 1
        active = lengths < rules.max_length
        if rules.end is not None:
            active &= characters != rules.end
        yield rows, characters
        if not active.any():
            return
        state, logits = model.advance(state, characters)
        step += 1


def draw(logits, rules, uniforms):
    """Draw one character a row.

    Parameters
    ----------
    logits : float tensor of shape (n_rows, n_characters)
        At least one of each row is finite, the others may be minus infinity.
    rules : Rules
    uniforms : float64 tensor of shape (n_rows,)
        In [0, 1).

    Returns
    -------
    characters : int64 tensor of shape (n_rows,)
    """
    if rules.temperature == 0:
        return logits.argmax(1)
    weights = probabilities(logits, rules.temperature, rules.top_k, rules.top_p)
    cumulative = weights.cumsum(1, dtype=torch.float64)
    thresholds = uniforms[:, None] * cumulative[:, -1:]
    # The first character whose cumulative weight exceeds the threshold, never one of weight 0.
    characters = torch.searchsorted(cumulative, thresholds, right=True).squeeze(1)
    return characters.clamp(max=logits.shape[1] - 1)


def probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """Turn logits into the distribution that characters are drawn from.

    Parameters
    ----------
    logits : float tensor of shape (n_rows, n_characters)
    temperature : float, default=1.0
        Positive; counts as 1e-30 below that, and as 1e30 above that.
    top_k, top_p : default=None
        As in `Rules`.

    Returns
    -------
    probabilities : tensor of shape (n_rows, n_characters)
        Of the dtype of the logits.
    """
    if temperature != 1:
        # Subtracting the maximum first keeps the smallest temperatures finite.
        logits = logits - logits.amax(1, keepdim=True)
        logits = logits / min(max(temperature, 1e-30), 1e30)
    p = logits.softmax(1)
    if top_k is not None and top_k < p.shape[1]:
        p = _keep(p, p.topk(top_k).indices)
    if top_p is not None and top_p < 1:
        ordered, indices = p.sort(dim=1, descending=True, stable=True)
        cumulative = ordered.cumsum(1)
        reached = cumulative >= top_p * cumulative[:, -1:]
        p = p.scatter(1, indices[:, 1:], ordered[:, 1:].masked_fill(reached[:, :-1], 0))
    return p if top_k is None and top_p is None else p / p.sum(1, keepdim=True)


def _keep(p, indices):
    return torch.zeros_like(p).scatter(1, indices, p.gather(1, indices))
