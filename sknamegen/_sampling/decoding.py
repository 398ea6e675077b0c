"""Distributions from which characters are drawn: temperature, top_k, top_p and min_p."""

from typing import NamedTuple

import numpy as np

from .._types import Floats, Ints


class Decoding(NamedTuple):
    """Temperature and truncation of the distribution from which characters are drawn.

    Attributes
    ----------
    temperature : float
        Divides the logits. 0 selects the most probable character.
    top_k : int or None
        Draw only from the `top_k` most probable characters.
    top_p : float or None
        Nucleus sampling: draw only from the smallest set of most probable characters whose
        probabilities sum to at least `top_p`.
    min_p : float or None
        Draw only characters with at least this fraction of the highest probability.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def probabilities(self, logits: Floats) -> Floats:
        """Convert logits to the distribution from which characters are drawn, in float64.

        Temperatures above zero are clipped to [1e-30, 1e30]. At zero, the most probable character
        has probability 1.
        """
        if self.temperature == 0:
            is_best = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, None]
            return is_best.astype(np.float64)
        # Subtracting the maximum first keeps the smallest temperatures finite.
        p = logits.astype(np.float64)
        p -= p.max(axis=1, keepdims=True)
        if self.temperature != 1:
            p /= min(max(self.temperature, 1e-30), 1e30)
        np.exp(p, out=p)
        if self.top_k is not None or self.top_p is not None:
            order = np.argsort(-p, axis=1, kind="stable")
            np.put_along_axis(p, order[:, self.top_k or p.shape[1] :], 0, axis=1)
            if self.top_p is not None and self.top_p < 1:
                cumulative = np.take_along_axis(p, order, axis=1).cumsum(axis=1)
                rows, places = np.nonzero(cumulative[:, :-1] >= self.top_p * cumulative[:, -1:])
                p[rows, order[rows, places + 1]] = 0
        if self.min_p is not None:
            p[p < self.min_p] = 0  # the highest value is 1
        p /= p.sum(axis=1, keepdims=True)
        return p


def draw(weights: Floats, uniforms: Floats) -> tuple[Ints, Floats]:
    """Draw one character per row in proportion to weights. Return the characters and row sums.

    `weights` has shape (n_rows, n_characters). `uniforms` has shape (n_rows,) and values in [0, 1).
    A character with weight 0 is drawn only if all weights in its row are 0.
    """
    cumulative = weights.cumsum(axis=1)
    sums = cumulative[:, -1]
    # The first character whose cumulative weight exceeds the threshold has a weight above 0.
    characters = (cumulative <= (uniforms * sums)[:, None]).sum(axis=1)
    return np.minimum(characters, weights.shape[1] - 1), sums
