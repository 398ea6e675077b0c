"""The loop that writes blocks of names, and the weights of what it wrote."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .model import NextCharModel
from .rules import Rules, draw
from .weights import capped, effective_size, resample
from .wish import Completions

# Of the names that are cut down to their effective number, so many for each one of it, and only
# if that leaves no more than such a share of them.
_KEPT, _WORTH_PRUNING = 1.1, 0.75


@dataclass
class Block:
    """Names that are being written; those that have ended are dropped.

    Attributes
    ----------
    index : int64 tensor of shape (n_active,)
        Where in the block the names stand.
    lengths, states, contexts : int64 tensor of shape (n_active,)
        Characters of each name, its state in the automaton and its context in the guide.
    state, logits
        From `NextCharModel`.
    """

    index: Tensor
    lengths: Tensor
    states: Tensor
    contexts: Tensor
    state: Any
    logits: Tensor

    def keep(self, model: NextCharModel, rows: Tensor) -> None:
        """Drop all but some of the names, or repeat them."""
        self.index, self.lengths = self.index[rows], self.lengths[rows]
        self.states, self.contexts = self.states[rows], self.contexts[rows]
        rows = rows.to(self.logits.device)
        self.state, self.logits = model.select(self.state, rows), self.logits[rows]


def write_block(
    model: NextCharModel,
    names: Block,
    rules: Rules,
    completions: Completions | None,
    rng: np.random.Generator,
    prune_at: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Write one character after another until all names of a block have ended.

    Without completions names are drawn as they come, and given up when they cannot fit. Names of
    little weight are given up once, at the length `prune_at`.

    Returns
    -------
    text : ndarray of shape (n_names, n_steps), dtype int64
        The indices written, -1 behind the last one.
    log_weights : ndarray of shape (n_names,), dtype float64
        As from `Sampler.write`.
    """
    wish, end = rules.wish, rules.wish.end
    text = torch.full((len(names.index), 16), -1)
    log_weights = torch.zeros(len(names.index), dtype=torch.float64)
    step = 0
    if end is None:
        names.keep(model, torch.nonzero(names.lengths < wish.max_length).squeeze(1))
    while len(names.index):
        uniforms = torch.from_numpy(rng.random(len(names.index)))
        if completions:
            ahead = completions.ahead(names.lengths, names.states, names.contexts)
            characters, sums = draw(_guided(rules, names.logits.cpu(), ahead), uniforms)
            worth = ahead.gather(1, characters[:, None]).squeeze(1)
            log_weights[names.index] += sums.log() - worth.log()
            names.contexts = completions.contexts_after[names.contexts, characters].long()
            fits = sums > 0
        else:
            characters, _ = draw(rules.probabilities(names.logits.cpu()), uniforms)
            fits = wish.may_follow(names.lengths, names.states, characters)
        names.lengths, names.states = names.lengths + 1, wish.states_after[names.states, characters]
        ends = characters == (-1 if end is None else end)
        log_weights[names.index[~fits]] = -torch.inf
        is_over = ends if end is not None else names.lengths >= wish.max_length
        if step == text.shape[1]:
            text = torch.cat([text, torch.full_like(text, -1)], dim=1)
        written = fits & ~ends
        text[names.index[written], step] = characters[written]
        step += 1
        lasting = torch.nonzero(fits & ~is_over).squeeze(1)
        if not len(lasting):
            break
        if len(lasting) < len(characters):
            names.keep(model, lasting)
            characters = characters[lasting]
        if completions and prune_at is not None and int(names.lengths.min()) >= prune_at:
            prune_at = None
            chosen = _prune(model, names, text, log_weights, worth[lasting].log(), rng)
            characters = characters[chosen]
        names.state, names.logits = model.advance(names.state, characters.to(names.logits.device))
    return text.numpy(), log_weights.numpy()


def _guided(rules, logits, ahead):
    """Multiply the distribution with what each character is worth; at temperature 0, its best."""
    if rules.temperature:
        return rules.probabilities(logits) * ahead
    weighted = rules._replace(temperature=1.0).probabilities(logits) * ahead
    best = weighted.argmax(1, keepdim=True)
    return torch.zeros_like(weighted).scatter(1, best, weighted.gather(1, best))


def _prune(model, names, text, log_weights, log_worth, rng):
    """Cut names down to their effective number, in proportion to weight times worth; say to which.

    What is to come costs most, as the model then reads its whole window anew for each character.
    """
    expected = (log_weights[names.index] + log_worth).numpy()
    n_kept = int(np.ceil(_KEPT * effective_size(expected)))
    expected = capped(expected, n_kept)
    if n_kept > _WORTH_PRUNING * len(expected):
        return torch.arange(len(expected))
    chosen = torch.from_numpy(np.sort(resample(expected, n_kept, rng)))
    places, text_chosen = names.index[:n_kept].clone(), text[names.index[chosen]]
    log_weights[names.index] = -torch.inf
    log_weights[places] = float(np.logaddexp.reduce(expected) - np.log(n_kept)) - log_worth[chosen]
    text[places] = text_chosen
    names.keep(model, chosen)
    names.index = places
    return chosen
