"""Generate blocks of candidate names, and choose among candidates.

References
----------
.. [1] T. Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions",
   Technometrics, 1995.
.. [2] D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement from a
   Finite Universe", Journal of the American Statistical Association, 1952.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._graphemes import MAX_CODE_POINTS
from .._models.contract import Indices, Logits, NextCharModel
from .constraint import Constraint
from .decoding import Decoding, draw
from .lookahead import Lookahead

# Share of the mean lookahead that is mixed into the lookahead of each character. Otherwise,
# names that the lookahead wrongly considers nearly impossible would be drawn once in many thousand
# draws, with an enormous weight [1]_.
_DEFENSIVE_SHARE = 0.2
# Maximum share of the chosen names that may represent names that were not drawn.
_MAX_UNSEEN_SHARE = 0.12
_FLOAT = np.finfo(float)


class Draws(NamedTuple):
    """Candidate names with their importance weights.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
    labels : ndarray of shape (n_names,), dtype int
    log_proba : ndarray of shape (n_names,), dtype float64
        With a lookahead: log-probability of each name with its label, in nats. At temperature 0,
        it is the log-probability at temperature 1.
    log_weights : ndarray of shape (n_names,), dtype float64
        Log of the importance weight: the probability of a name divided by its probability under the
        proposal. Minus infinity for names that violate the constraint. Without a lookahead, 0 for
        all other names.
    log_missing : float
        Upper bound on the log of the total probability of all other names. 0: unknown.
    """

    texts: NDArray[np.object_]
    labels: NDArray[np.integer[Any]]
    log_proba: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    log_missing: float = 0.0

    @property
    def nbytes(self) -> int:
        """Approximate size in bytes."""
        return 100 * len(self.texts)


def propose_block(
    model: NextCharModel,
    start: tuple[Any, Any],
    position: NDArray[np.int64],
    decoding: Decoding,
    constraint: Constraint,
    lookahead: Lookahead | None,
    rng: np.random.Generator,
    observe: Callable[[Indices, Indices, Logits], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Generate a block of names character by character until all have ended.

    Without a lookahead, the model alone decides. A name is abandoned when it can no longer satisfy
    the constraint.

    Parameters
    ----------
    model, decoding, constraint, lookahead, rng
    start : tuple
        State and logits of the model after the prefixes.
    position : ndarray of shape (3, n_names), dtype int64
        Length, automaton state and lookahead context of each prefix.
    observe : callable, default=None
        Called before each step with the active rows, their characters so far and their logits.

    Returns
    -------
    text : ndarray of shape (n_names, n_steps), dtype int64
        Indices of the generated characters, -1 after the end of the name.
    log_proba, log_weights : ndarray of shape (n_names,), dtype float64
        As in `Draws`.
    """
    (state, logits), end, n_names = start, constraint.end, position.shape[1]
    text = np.full((n_names, 16), NONE)
    log_proba, log_weights = np.zeros((2, n_names))
    active = np.arange(n_names)
    if end is None:
        active = np.flatnonzero(position[0] < constraint.max_length)
        state, logits, position = model.select(state, active), logits[active], position[:, active]
    for step in range(MAX_CODE_POINTS * (constraint.max_length + 1)):
        if not len(active):
            break
        lengths, states, contexts = position
        if observe:
            observe(active, text[active, :step], logits)
        uniforms = rng.random(len(active))
        if lookahead:
            characters, log_p, log_weight = _draw_with_lookahead(
                logits, position, decoding, lookahead, uniforms
            )
            log_proba[active] += log_p
            log_weights[active] += log_weight
            contexts = lookahead.contexts_after[contexts, characters]
        else:
            characters, _ = draw(decoding.probabilities(logits), uniforms)
        next_lengths = lengths + constraint.starts_cluster[states, characters]
        position = np.stack([next_lengths, constraint.transitions[states, characters], contexts])
        is_feasible = constraint.feasibility.is_possible(*position[:2])
        is_complete = next_lengths >= constraint.max_length
        if end is not None:
            is_complete = characters == end
            is_feasible[is_complete] = constraint.may_end(lengths, states)[is_complete]
        log_weights[active[~is_feasible]] = -np.inf
        if step == text.shape[1]:
            text = np.concatenate([text, np.full_like(text, NONE)], axis=1)
        text[active, step] = characters
        survivors = np.flatnonzero((log_weights[active] > -np.inf) & ~is_complete)
        if len(survivors) < len(active):
            state, characters = model.select(state, survivors), characters[survivors]
            active, position = active[survivors], position[:, survivors]
        if len(active):
            state, logits = model.advance(state, characters)
    log_weights[active] = -np.inf  # endless sequences of code points that continue a character
    return text, log_proba, log_weights


def _draw_with_lookahead(logits, position, decoding, lookahead, uniforms):
    """Draw in proportion to probability times lookahead. Return characters, log p, log(p / q)."""
    ahead = lookahead.ahead(*position)
    if decoding.temperature == 0:
        p = Decoding(1.0, *decoding[1:]).probabilities(logits)
        characters, sums = (p * ahead).argmax(axis=1), (p * ahead).max(axis=1)
    else:
        p = decoding.probabilities(logits)
        mean = (p * ahead).sum(axis=1, keepdims=True)
        ahead += _DEFENSIVE_SHARE * (ahead > 0) * mean
        characters, sums = draw(p * ahead, uniforms)
    cells = np.arange(len(p)), characters
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that cannot be completed
        log_weight = np.where(sums > 0, np.log(sums) - np.log(ahead[cells]), -np.inf)
        return characters, np.log(p[cells]), log_weight


class Pool:
    """Candidates for one prefix, from which n names are chosen.

    The weight of a distinct name is its probability divided by the probability that it is drawn at
    least once. Both are known for every name that was drawn [2]_. If a name was almost certain
    to be drawn, its weight is its probability. A rare name also represents names that were not
    drawn.

    Parameters
    ----------
    n : int
    likely : Draws, default=None
        Candidates found by a search. Their weight is their probability.

    Attributes
    ----------
    candidates : dict of (str, int) to (float, float)
        The log-probability and the log of the importance weight of each name with its label.
    n_drawn : int
        The number of draws added.
    log_missing : float
        As in `Draws`, for all candidates.
    """

    def __init__(self, n: int, likely: Draws | None = None):
        self.n, self.log_missing = n, likely.log_missing if likely else 0.0
        self.n_drawn, self.candidates = 0, dict[tuple[str, int], tuple[float, float]]()
        if likely:
            self.add(likely, slice(None))
            self.n_drawn = 0
        self._n_likely = len(self.candidates)

    def add(self, draws: Draws, rows: slice) -> None:
        """Add candidates that were drawn with a lookahead."""
        texts, labels, *logs = (column[rows].tolist() for column in draws[:4])
        self.n_drawn += len(texts)
        for text, label, log_p, log_weight in zip(texts, labels, *logs, strict=True):
            if log_weight > -np.inf:
                self.candidates.setdefault((text, label), (log_p, log_weight))

    def _weights(self):
        """Return log(p / q), q and the probability of being drawn, for each name."""
        log_p, log_weights = np.array([*self.candidates.values()]).T
        q = np.clip(np.exp(log_p - log_weights), _FLOAT.tiny, 1 - _FLOAT.eps)
        return log_weights, q, -np.expm1(max(self.n_drawn, 1) * np.log1p(-q))

    def is_enough(self) -> bool:
        """Return whether few of the n chosen names would represent names that were not drawn."""
        if not self.candidates or not (self.n_drawn or self.log_missing):
            return False
        log_weights, q, prob_seen = self._weights()
        p = np.exp(log_weights - log_weights.max()) * q
        scale = self.n / (p / prob_seen).sum()  # a name should be chosen `scale * p` times
        excess = scale * p / prob_seen - np.maximum(scale * p, 1)
        return bool(excess.clip(0).sum() <= _MAX_UNSEEN_SHARE * self.n)

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to weight, by systematic sampling, and shuffle them."""
        log_weights, q, prob_seen = self._weights()
        log_weights += np.log(q / prob_seen)
        cumulative = np.exp(log_weights - log_weights.max()).cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(cumulative) - 1)
        names = [name for name, _ in self.candidates]
        return [names[index] for index in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of satisfying the constraint, and its standard error."""
        if not self.candidates:
            return 0.0, 0.0
        log_weights, q, prob_seen = self._weights()
        weights = np.exp(log_weights) * q / prob_seen
        # The number of draws is fixed, so draws of one name leave fewer for the others.
        ratio = (1 - prob_seen) / ((1 - q) * prob_seen)
        shared = self.n_drawn * (weights * q * ratio).sum() ** 2
        spread = max(0.0, ((1 - prob_seen) * weights**2).sum() - shared)
        # The error allows for one more draw of a new name with the greatest importance weight,
        # because unseen names may exist.
        missing = np.exp(self.log_missing)
        if not self.log_missing:
            missing = np.exp(log_weights[self._n_likely :].max(initial=-np.inf))
            missing /= self.n_drawn
        return float(weights.sum()), float((spread + missing**2) ** 0.5)
