"""What is asked of the names: checked once, whoever asks."""

import re
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._codepoints import Alphabet
from .._validation import check_banned, check_int, check_real
from .regex import compile_pattern
from .wish import Wish

_MAX_STEPS = 2**21
_TEXT_LENGTH = 100


class Wishes(TypedDict, total=False):
    """What `sample` and all that draw like it can be asked for; see `sample`."""

    label: object
    min_length: int
    max_length: int | None
    top_k: int | None
    top_p: float | None
    pattern: str | re.Pattern[str] | None
    banned: Iterable[str]


class SampleOptions(Wishes, total=False):
    """The keyword-only parameters of `sample`."""

    unique: bool
    novel: bool
    on_shortfall: Literal["raise", "warn"]
    random_state: Any


class Step(NamedTuple):
    """A character of each of some names, with what the model says before it.

    Attributes
    ----------
    rows : ndarray of shape (n_active,), dtype int64
        Which names.
    characters : ndarray of shape (n_active,), dtype int64
    logits : tensor of shape (n_active, n_characters), on the processor
    """

    rows: NDArray[np.int64]
    characters: NDArray[np.int64]
    logits: Tensor


class Rules(NamedTuple):
    """How characters are drawn, and of which names.

    Attributes
    ----------
    temperature : float
        Divides the logits; 0 takes the most probable character.
    top_k : int or None
        Draw from the `top_k` most probable characters only.
    top_p : float or None
        Nucleus sampling: the smallest set of most probable characters whose probabilities
        sum to at least `top_p`.
    wish : Wish
        Which names are asked for.
    """

    temperature: float
    top_k: int | None
    top_p: float | None
    wish: Wish

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits into the distribution that characters are drawn from, in float64.

        The temperature counts as 1e-30 below that, and as 1e30 above that; at zero the most
        probable character has all the probability.
        """
        if self.temperature == 0:
            best = logits.argmax(1, keepdim=True)
            return torch.zeros_like(logits, dtype=torch.float64).scatter(1, best, 1)
        if self.temperature != 1:
            # Subtracting the maximum first keeps the smallest temperatures finite.
            logits = logits - logits.amax(1, keepdim=True)
            logits = logits / min(max(self.temperature, 1e-30), 1e30)
        p = logits.softmax(1, dtype=torch.float64)
        if self.top_k is not None and self.top_k < p.shape[1]:
            kept = p.topk(self.top_k).indices
            p = torch.zeros_like(p).scatter(1, kept, p.gather(1, kept))
        if self.top_p is not None and self.top_p < 1:
            ordered, indices = p.sort(dim=1, descending=True, stable=True)
            cumulative = ordered.cumsum(1)
            reached = cumulative >= self.top_p * cumulative[:, -1:]
            p = p.scatter(1, indices[:, 1:], ordered[:, 1:].masked_fill(reached[:, :-1], 0))
        return p if self.top_k is None and self.top_p is None else p / p.sum(1, keepdim=True)

    def log_proba(self, step: Step) -> NDArray[np.float64]:
        """Compute the log-probability of each character of a step, in nats."""
        p = self.probabilities(step.logits).numpy()
        with np.errstate(divide="ignore"):
            return np.log(p[np.arange(len(p)), step.characters])


def draw(weights: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """Draw one character a row in proportion to weights; return them and the rows' sums.

    `weights` has shape (n_rows, n_characters), `uniforms`, in [0, 1), (n_rows,): float64. A
    character of weight 0 is drawn only where all of the row are.
    """
    cumulative = weights.cumsum(1)
    sums = cumulative[:, -1]
    # The first character whose cumulative weight exceeds the threshold, never one of weight 0.
    characters = torch.searchsorted(cumulative, (uniforms * sums)[:, None], right=True).squeeze(1)
    return characters.clamp(max=weights.shape[1] - 1), sums


def check_temperature(temperature: Any) -> float:
    """Return a temperature, or raise if it is none."""
    check_real("temperature", temperature, "a finite number >= 0", lambda t: t >= 0 and isfinite(t))
    return float(temperature)


def check_rules(
    alphabet: Alphabet,
    make_wish: Callable[..., Wish],
    longest_name: int | None,
    seeds: list[str],
    temperature: float,
    *,
    min_length: int = 1,
    max_length: int | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    pattern: str | re.Pattern[str] | None = None,
    banned: Iterable[str] = (),
) -> Rules:
    """Check what is asked for, as in `sample`, and return it.

    ``make_wish(pattern, banned, min_length, max_length)`` makes a `Wish`, or gives back one made
    before; `longest_name` is None for running text.
    """
    temperature = check_temperature(temperature)
    if top_k is not None:
        check_int("top_k", top_k, 1)
    if top_p is not None:
        check_real("top_p", top_p, "in (0, 1]", lambda p: 0 < p <= 1)
    banned = check_banned(banned)
    max_length = _check_lengths(alphabet, longest_name, seeds, min_length, max_length)
    compiled = None if pattern is None else compile_pattern(pattern)
    wish = make_wish(compiled, banned, int(min_length), max_length)
    for seed in () if wish.is_any else seeds:
        if not wish.can_begin(seed):
            wishes = "" if pattern is None else f", matches pattern={pattern!r}"
            wishes += f", holds none of banned={banned!r}" if banned else ""
            raise ValueError(
                f"No name of {wish.min_length} to {wish.max_length} characters that the model "
                f"knows begins with {seed!r}{wishes}. Ask for less, or for other lengths."
            )
    return Rules(
        temperature,
        None if top_k is None else int(top_k),
        None if top_p is None else float(top_p),
        wish,
    )


def _check_lengths(alphabet, longest_name, seeds, min_length, max_length):
    """Return the greatest length of a name."""
    check_int("min_length", min_length, 0)
    longest_seed = max(map(len, seeds), default=0)
    source = ""
    if max_length is not None:
        check_int("max_length", max_length, 1)
    elif longest_name is None:
        max_length = max(longest_seed + _TEXT_LENGTH, min_length)
    else:
        max_length = longest_name
        source = ", the longest training name; pass a larger max_length"
    if min_length > max_length:
        raise ValueError(
            f"min_length must be at most max_length. Got min_length={min_length} and "
            f"max_length={max_length}{source}."
        )
    if longest_seed > max_length:
        raise ValueError(
            f"A seed must have at most max_length characters. Got seed {max(seeds, key=len)!r} of "
            f"{longest_seed} characters and max_length={max_length}{source}."
        )
    if not alphabet.index and min_length > longest_seed:
        raise ValueError(
            f"The model has seen empty names only, so it cannot write any of {min_length=}."
        )
    if max_length - min(map(len, seeds), default=0) > _MAX_STEPS:
        raise ValueError(
            f"max_length must leave at most {_MAX_STEPS:,} characters to write. Got {max_length=}."
        )
    return int(max_length)
