"""Array functions that numpy lacks, or that are faster than those of numpy."""

from collections.abc import Iterable, Sequence

import numpy as np

from ._parallel import blocks
from ._types import Floats, Ints

# Maximum ratio of largest value to array length at which a table replaces sorting.
_MAX_TABLE_RATIO = 32


def look_up(table: Ints, codes: Ints) -> Ints:
    """Return the entries of a table for rows of codes. Like ``table[codes]``, but faster."""
    entries = np.empty(codes.shape, dtype=table.dtype)
    for rows in blocks(*codes.shape):  # which fit into the cache of a processor
        table.take(codes[rows], out=entries[rows], mode="wrap")
    return entries


def sorted_unique(numbers: Ints) -> Ints:
    """Return the sorted distinct numbers. `np.unique` hashes them, which takes longer."""
    numbers = np.sort(numbers)
    return numbers[np.append(numbers[1:] != numbers[:-1], True)[: len(numbers)]]


def unique_inverse(numbers: Ints) -> tuple[Ints, Ints]:
    """Return the sorted unique values of nonnegative ints, and each int's position among them."""
    end = int(numbers.max(initial=-1)) + 1
    if end > _MAX_TABLE_RATIO * len(numbers):
        return np.unique(numbers.astype(np.int64), return_inverse=True)
    occurs, position = np.zeros(end, dtype=bool), np.empty(end, dtype=np.int64)
    occurs[numbers] = True
    unique = np.flatnonzero(occurs)
    position[unique] = np.arange(len(unique))
    return unique, position[numbers]


def log_softmax(logits: Floats) -> Floats:
    """Return the log-probabilities, in nats, along the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def shares_of(weights: Sequence[float]) -> list[float]:
    """Return weights > 0 divided by their sum."""
    scaled = np.array(weights) / max(weights, default=1)  # keeps the sum finite
    return (scaled / scaled.sum()).tolist()


def weighted_sum(shares: Sequence[float], logits: Iterable[Floats]) -> Floats:
    """Return the weighted sum of the logits of several models."""
    first, *others = (share * part for share, part in zip(shares, logits, strict=True))
    return sum(others, first)
