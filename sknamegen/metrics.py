"""Metrics for names: novelty, similarity to a list, rarity of a constraint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from ._generator import BaseCharGenerator, ConstraintOptions, fitted
from ._sampling.constraint import SampleRequest
from ._types import RandomStateLike
from ._validation import check_int, check_strings, random_generator

__all__ = ["constraint_probability", "novelty", "uniqueness"]


def novelty(names: Iterable[str], training_names: Iterable[str]) -> float:
    """Compute the share of names that are not in the training list.

    Parameters
    ----------
    names, training_names : iterable of str

    Returns
    -------
    novelty : float
        Between 0 and 1. Each occurrence of a repeated name is counted. Names that differ in case
        are different, unlike in ``sample(novel=True)``.

    Examples
    --------
    >>> from sknamegen.metrics import novelty
    >>> novelty(["Anna", "Annia", "Marla", "Marla"], ["Anna", "Maria"])
    0.75
    """
    names = check_strings("names", names)
    training_set = set(check_strings("training_names", training_names))
    return sum(name not in training_set for name in names) / len(names)


def uniqueness(names: Iterable[str]) -> float:
    """Compute the number of distinct names divided by the number of names.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    uniqueness : float
        In (0, 1]. It is 1 if all names are distinct.

    Examples
    --------
    >>> from sknamegen.metrics import uniqueness
    >>> uniqueness(["Anna", "Annia", "Marla", "Marla"])
    0.75
    """
    names = check_strings("names", names)
    return len(set(names)) / len(names)


def constraint_probability(
    generator: BaseCharGenerator,
    temperature: float = 1.0,
    *,
    seed: str = "",
    n_draws: int = 2000,
    random_state: RandomStateLike = None,
    **constraints: Unpack[ConstraintOptions],
) -> tuple[float, float]:
    """Estimate the share of sampled names that satisfy the constraints.

    Parameters
    ----------
    generator : generator or Pipeline
        A fitted generator, or a pipeline or search that ends with one.
    temperature : float, default=1.0
        The sampling temperature.
    seed : str, default=""
        The beginning of the names.
    n_draws : int, default=2000
        Number of names to draw, at least 2.
    random_state : int, RandomState, Generator or None, default=None
        An int makes the estimate reproducible.
    **constraints
        `label`, `min_length`, `max_length`, `top_k`, `top_p`, `min_p`, `pattern`, `banned`,
        `words`, `min_words` and `max_words`, as in `sample`. The default length limits apply too.
        Names that repeat a word are included.

    Returns
    -------
    probability : float
        The share of unconstrained draws that satisfy the constraints, if it is at least a fifth,
        for a network or a generator with labels. Otherwise, the exact probability of
        the names that a search has found, plus an estimate for all other names from draws with a
        lookahead, which also works for rare constraints. At temperature 0, it is 0 or 1, unless
        labels are drawn.
    standard_error : float
        The standard error of `probability`, including rounding: 1e-6 for each character, divided by
        the temperature.

    Examples
    --------
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
    >>> from sknamegen.metrics import constraint_probability
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharNGramGenerator().fit(windows)
    >>> probability, _ = constraint_probability(generator, pattern=".*x.*z.*", random_state=0)
    >>> 5e-5 < probability < 9e-5
    True
    """
    n_draws = check_int("n_draws", n_draws, 2)
    rng = random_generator(random_state)
    names = fitted(generator).names([seed], temperature, SampleRequest(**constraints))
    probability, error = names.probability(n_draws, rng)
    return float(probability[0]), float(error[0])
