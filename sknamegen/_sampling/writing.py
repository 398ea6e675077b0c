"""The loop that writes blocks of names, and the weights of what it wrote.

References
----------
.. [1] T. Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions",
   Technometrics, 1995.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._clusters import MAX_CODE_POINTS
from .._models.model import Indices, Logits, NextCharModel
from .constraint import Constraint
from .decoding import Decoding, draw, only
from .lookahead import Lookahead
from .weights import Thinning

# What the lookahead says of a character is mixed with such a part of what it says on average: where
# it is wrong, names that it takes for impossible would else be drawn once in many thousand times,
# and count for all of these [1]_.
_DEFENCE = 0.2


@dataclass
class Block:
    """Names that are being written; those that have ended are dropped.

    Attributes
    ----------
    index : ndarray of shape (n_active,), dtype int64
        Where in the block the names stand.
    lengths, states, contexts : ndarray of shape (n_active,), dtype int64
        Characters of each name, its state in the automaton and its context in the lookahead.
    state, logits
        From `NextCharModel`.
    """

    index: Indices
    lengths: Indices
    states: Indices
    contexts: Indices
    state: Any
    logits: Logits

    def keep(self, model: NextCharModel, rows: Indices) -> None:
        """Drop all but some of the names, or repeat them."""
        self.index, self.lengths = self.index[rows], self.lengths[rows]
        self.states, self.contexts = self.states[rows], self.contexts[rows]
        self.state, self.logits = model.select(self.state, rows), self.logits[rows]


def write_block(
    model: NextCharModel,
    names: Block,
    decoding: Decoding,
    constraint: Constraint,
    lookahead: Lookahead | None,
    rng: np.random.Generator,
    thinning: Thinning | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Write one character after another until all names of a block have ended.

    Without a lookahead names are drawn as they come, and given up when they cannot fit. With one
    they may be thinned.

    Returns
    -------
    text : ndarray of shape (n_names, n_steps), dtype int64
        The indices written, -1 behind the last one.
    log_proba, log_weights : ndarray of shape (n_names,), dtype float64
        As from `Sampler.write`.
    """
    end = constraint.end
    text = np.full((len(names.index), 16), NONE)
    log_proba, log_weights = np.zeros((2, len(names.index)))
    is_greedy = decoding.temperature == 0
    weighed = decoding._replace(temperature=1.0) if is_greedy else decoding
    step, longest = 0, MAX_CODE_POINTS * (constraint.max_length + 1)
    if end is None:
        names.keep(model, np.flatnonzero(names.lengths < constraint.max_length))
    log_at_start = np.zeros_like(log_weights)
    if lookahead and thinning:
        where = names.lengths, names.states, names.contexts
        log_at_start[names.index] = lookahead.log_fits(*where)
    while len(names.index):
        uniforms = rng.random(len(names.index))
        if lookahead:
            ahead = lookahead.ahead(names.lengths, names.states, names.contexts)
            p = weighed.probabilities(names.logits)
            worth = p * ahead
            if is_greedy:
                worth = only(worth, worth.argmax(axis=1))
            else:
                ahead += _DEFENCE * (ahead > 0) * worth.sum(axis=1, keepdims=True)
                worth = p * ahead
            characters, sums = draw(worth, uniforms)
            chosen = np.arange(len(p)), characters
            with np.errstate(divide="ignore", invalid="ignore"):  # of rows that cannot fit
                log_proba[names.index] += np.log(p[chosen])
                log_weights[names.index] += np.log(sums) - np.log(ahead[chosen])
            names.contexts = lookahead.contexts_after[names.contexts, characters]
            fits = sums > 0
        else:
            characters, _ = draw(decoding.probabilities(names.logits), uniforms)
            fits = constraint.may_follow(names.lengths, names.states, characters)
        names.lengths = names.lengths + constraint.begins[names.states, characters]
        names.states = constraint.states_after[names.states, characters]
        ends = characters == (NONE if end is None else end)
        log_weights[names.index[~fits]] = -np.inf
        is_over = ends if end is not None else names.lengths >= constraint.max_length
        if step == longest:  # of code points that go on with one character for ever
            log_weights[names.index] = -np.inf
            break
        if step == text.shape[1]:
            text = np.concatenate([text, np.full_like(text, NONE)], axis=1)
        written = fits & ~ends
        text[names.index[written], step] = characters[written]
        step += 1
        lasting = np.flatnonzero(fits & ~is_over)
        if lookahead and thinning and len(lasting):
            where = names.lengths, names.states, names.contexts
            log_fits = lookahead.log_fits(*(each[lasting] for each in where))
            here, log_worth = names.index[lasting], log_weights - log_at_start
            log_worth[here] += log_fits
            goes_on, log_factors = thinning.keep(log_worth, here, log_fits, rng)
            log_weights[here] = np.where(goes_on, log_weights[here] + log_factors, -np.inf)
            lasting = lasting[goes_on]
        if not len(lasting):
            break
        if len(lasting) < len(characters):
            names.keep(model, lasting)
            characters = characters[lasting]
        names.state, names.logits = model.advance(names.state, characters)
    return text, log_proba, log_weights
