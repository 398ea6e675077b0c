"""Names that were written: the loop that writes a block of them, and the choice among candidates.

References
----------
.. [1] T. Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions",
   Technometrics, 1995.
.. [2] D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without Replacement from a
   Finite Universe", Journal of the American Statistical Association, 1952.
"""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import NONE
from .._graphemes import MAX_CODE_POINTS
from .._models.contract import Indices, Logits, NextCharModel
from .constraint import Constraint
from .decoding import Decoding, draw, only
from .lookahead import Lookahead

# The lookahead of each character is mixed with this share of the mean lookahead: where it is wrong,
# names that it takes for impossible would otherwise be drawn once in many thousand times, and count
# for all of these [1]_.
_DEFENCE = 0.2
# Of the names chosen, the share that may stand for names that were not drawn.
_MISSING = 0.12
_FLOAT = np.finfo(float)


class Draws(NamedTuple):
    """Names that were written.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
    labels : ndarray of shape (n_names,), dtype int
    log_proba : ndarray of shape (n_names,), dtype float64
        With a lookahead: log-probability of each name with its label, in nats; at temperature 0
        that at temperature 1.
    log_weights : ndarray of shape (n_names,), dtype float64
        Logarithms of importance weights: of that probability over the one with which the name was
        drawn. Minus infinity for names that do not satisfy the constraint; without a lookahead, 0
        for all others.
    log_rest : float
        The logarithm of what all other names have at most, together; 0: unknown.
    """

    texts: NDArray[np.object_]
    labels: NDArray[np.integer[Any]]
    log_proba: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    log_rest: float = 0.0

    @property
    def nbytes(self) -> int:
        """Bytes, about."""
        return 100 * len(self.texts)


def write_block(
    model: NextCharModel,
    start: tuple[Any, Any],
    at: NDArray[np.int64],
    decoding: Decoding,
    constraint: Constraint,
    lookahead: Lookahead | None,
    rng: np.random.Generator,
    observe: Callable[[Indices, Indices, Logits], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Write one character after another until all names of a block have ended.

    Without a lookahead names are drawn as they come, and given up when they cannot satisfy the
    constraint.

    Parameters
    ----------
    model, decoding, constraint, lookahead, rng
    start : tuple
        State and logits of the model after the prefixes.
    at : ndarray of shape (3, n_names), dtype int64
        The length of each prefix, its state in the automaton and its context in the lookahead.
    observe : callable, default=None
        Called before each step with the rows that go on, what was written to them, and their
        logits.

    Returns
    -------
    text : ndarray of shape (n_names, n_steps), dtype int64
        The indices written, -1 after the last one.
    log_proba, log_weights : ndarray of shape (n_names,), dtype float64
        As in `Draws`.
    """
    (state, logits), end, n_names = start, constraint.end, at.shape[1]
    text = np.full((n_names, 16), NONE)
    log_proba, log_weights = np.zeros((2, n_names))
    index, lasting = np.arange(n_names), np.arange(n_names)
    if end is None:
        lasting = np.flatnonzero(at[0] < constraint.max_length)
        state, logits = model.select(state, lasting), logits[lasting]
        index, at = index[lasting], at[:, lasting]
    for step in range(MAX_CODE_POINTS * (constraint.max_length + 1)):
        if not len(lasting):
            break
        lengths, states, contexts = at
        if observe:
            observe(index, text[index, :step], logits)
        uniforms = rng.random(len(index))
        if lookahead:
            characters, log_p, log_weight = _draw_ahead(logits, at, decoding, lookahead, uniforms)
            log_proba[index] += log_p
            log_weights[index] += log_weight
            contexts = lookahead.contexts_after[contexts, characters]
            fits = log_weight > -np.inf
        else:
            characters, _ = draw(decoding.probabilities(logits), uniforms)
            fits = constraint.may_follow(lengths, states, characters)
        lengths = lengths + constraint.begins[states, characters]
        at = np.stack([lengths, constraint.after[states, characters], contexts])
        log_weights[index[~fits]] = -np.inf
        ends = characters == (NONE if end is None else end)
        if step == text.shape[1]:
            text = np.concatenate([text, np.full_like(text, NONE)], axis=1)
        written = fits & ~ends
        text[index[written], step] = characters[written]
        is_over = ends if end is not None else lengths >= constraint.max_length
        lasting = np.flatnonzero(fits & ~is_over)
        if len(lasting) < len(index):
            state, characters = model.select(state, lasting), characters[lasting]
            index, at = index[lasting], at[:, lasting]
        if len(lasting):
            state, logits = model.advance(state, characters)
    log_weights[index] = -np.inf  # of code points that continue a character for ever
    return text, log_proba, log_weights


def _draw_ahead(logits, at, decoding, lookahead, uniforms):
    """Draw characters by probability times lookahead; return them and the logs of p and p / q."""
    ahead = lookahead.ahead(*at)
    is_greedy = decoding.temperature == 0
    p = (decoding._replace(temperature=1.0) if is_greedy else decoding).probabilities(logits)
    weights = p * ahead
    if is_greedy:
        weights = only(weights, weights.argmax(axis=1))
    else:
        ahead += _DEFENCE * (ahead > 0) * weights.sum(axis=1, keepdims=True)
        weights = p * ahead
    characters, sums = draw(weights, uniforms)
    chosen = np.arange(len(p)), characters
    with np.errstate(divide="ignore", invalid="ignore"):  # of rows that cannot be completed
        log_weight = np.where(sums > 0, np.log(sums) - np.log(ahead[chosen]), -np.inf)
        return characters, np.log(p[chosen]), log_weight


class Pool:
    """Candidates after one prefix, from which n names are chosen.

    The weight of each different name is its probability over the chance to be drawn at least once,
    both of which are known once it has been drawn [2]_. So a name that was almost certain to be
    drawn counts as its probability, and a rare one stands for others that were not drawn, too.

    Parameters
    ----------
    n : int
    likely : Draws, default=None
        Names that are candidates for certain, so their weight is their probability.
    """

    def __init__(self, n: int, likely: Draws | None = None):
        self.n, self._log_rest = n, likely.log_rest if likely else 0.0
        self.n_drawn = 0
        self.names: list[str] = []  # different ones, or equal ones with different labels
        self._keys: set[Hashable] = set()
        self._logs: list[tuple[float, float]] = []  # of p and p / q
        if likely:
            self.add(likely, slice(None))
            self.n_drawn = 0
        self._n_likely = len(self.names)

    def add(self, draws: Draws, rows: slice) -> None:
        """Add names that were written with a lookahead."""
        texts, labels, *logs = (column[rows].tolist() for column in draws[:4])
        self.n_drawn += len(texts)
        for text, label, log_p, log_weight in zip(texts, labels, *logs, strict=True):
            if log_weight > -np.inf and (text, label) not in self._keys:
                self._keys.add((text, label))
                self.names.append(text)
                self._logs.append((log_p, log_weight))

    def _weights(self):
        """Return of each name log(p / q), q, and the chance to be among the draws."""
        log_p, log_weights = np.array(self._logs).T
        chance = np.clip(np.exp(log_p - log_weights), _FLOAT.tiny, 1 - _FLOAT.eps)
        return log_weights, chance, -np.expm1(max(self.n_drawn, 1) * np.log1p(-chance))

    def is_enough(self) -> bool:
        """Whether few of n names chosen would stand for names that were not drawn."""
        if not self.names or not (self.n_drawn or self._log_rest < 0):
            return False
        log_weights, chance, is_drawn = self._weights()
        p = np.exp(log_weights - log_weights.max()) * chance
        n_times = self.n / (p / is_drawn).sum()  # a name of probability p should be chosen
        excess = n_times * p / is_drawn - np.maximum(n_times * p, 1)
        return bool(excess.clip(0).sum() <= _MISSING * self.n)

    def choose(self, rng: np.random.Generator) -> list[str]:
        """Choose n names in proportion to their weights, systematically, in random order."""
        log_weights, chance, is_drawn = self._weights()
        log_weights += np.log(chance / is_drawn)
        cumulative = np.exp(log_weights - log_weights.max()).cumsum()
        ticks = (np.arange(self.n) + rng.random()) / self.n * cumulative[-1]
        chosen = np.searchsorted(cumulative, ticks, side="right").clip(max=len(cumulative) - 1)
        return [self.names[name] for name in rng.permutation(chosen)]

    def probability(self) -> tuple[float, float]:
        """Estimate the probability of all names that satisfy the constraint, and its error."""
        if not self.names:
            return 0.0, 0.0
        log_weights, chance, is_drawn = self._weights()
        weights = np.exp(log_weights) * chance / is_drawn
        # With a fixed number of draws, the more of them some names take, the fewer others take.
        ratio = (1 - is_drawn) / ((1 - chance) * is_drawn)
        shared = self.n_drawn * (weights * chance * ratio).sum() ** 2
        spread = max(0.0, ((1 - is_drawn) * weights**2).sum() - shared)
        # As if one more draw had been new, with the greatest importance weight of all: that none
        # was does not mean that none can be.
        rest = np.exp(self._log_rest)
        if not self._log_rest:
            rest = np.exp(log_weights[self._n_likely :].max(initial=-np.inf))
            rest /= self.n_drawn
        return float(weights.sum()), float((spread + rest**2) ** 0.5)
