"""N-gram counts."""

from typing import NamedTuple, Self

import numpy as np

from .._arrays import unique_inverse
from .._data.sequences import Sequences
from .._parallel import MAX_CELLS
from .._text.alphabet import NONE
from .._types import Data, Floats, Ints
from .._validation import MAX_TOTAL_WEIGHT, check_arrays

# Maximum order of an n-gram model.
MAX_ORDER = 100


class NGramCounts(NamedTuple):
    """Characters, or kinds of characters, that follow contexts.

    Attributes
    ----------
    contexts : ndarray of shape (n, order), dtype int
        The label and the characters before each character, see `Sequences.contexts`.
    characters : ndarray of shape (n,), dtype int
    counts : ndarray of shape (n,), dtype float64, or None
        Positive number of occurrences, which may be fractional. None: 1 each.
    """

    contexts: Ints
    characters: Ints
    counts: Floats | None = None

    @classmethod
    def of(cls, sequences: Sequences, order: int, before: "NGramCounts | None" = None) -> Self:
        """Return the n-grams in sequences of indices, and those of `before`."""
        has_target, counts = sequences.has_target, None
        if sequences.weights is not None:
            counts = np.repeat(sequences.weights, has_target.sum(1))
        counted = cls(sequences.contexts(order - 1), sequences.targets[has_target], counts)
        return cls.joined([before, counted]) if before else counted

    @classmethod
    def joined(cls, parts: "list[NGramCounts]") -> Self:
        """Return the n-grams of all parts."""
        filled = [(*part[:2], part.filled_counts) for part in parts]
        return cls(*map(np.concatenate, zip(*filled, strict=True)))

    @property
    def filled_counts(self) -> Floats:
        """The counts as an array."""
        return np.ones(len(self.characters)) if self.counts is None else self.counts.astype(float)

    def merged(self, first: int, radix: int) -> "NGramCounts":
        """Drop the columns before `first`, and merge equal n-grams if they fit into an int64."""
        contexts = self.contexts[:, first:]
        if radix ** (contexts.shape[1] + 1) >= 2**63:
            return NGramCounts(contexts, self.characters, self.filled_counts)
        packed: Ints = self.characters.astype(np.int64)
        for column in contexts.T:
            packed *= radix
            packed += column
            packed += 1
        if self.counts is None:
            packed, counts = np.unique(packed, return_counts=True)
        else:
            packed, inverse = unique_inverse(packed)
            counts = np.bincount(inverse, weights=self.counts)
        contexts = np.empty((len(packed), contexts.shape[1]), dtype=np.int32)
        for column in reversed(range(contexts.shape[1])):
            packed, contexts[:, column] = np.divmod(packed, radix)
        return NGramCounts(contexts - 1, packed, counts.astype(float))

    @classmethod
    def from_state(cls, state: Data, kinds: Ints, n_labels: int) -> Self:
        """Return counts from a state returned by `to_state`, or raise ValueError."""
        expected = {"contexts": ("i", ("n-grams", "columns")), "characters": ("i", ("n-grams",))}
        check_arrays(state, expected | {"counts": ("iuf", ("n-grams",))})
        contexts, characters, counts = state["contexts"], state["characters"], state["counts"]
        n = len(kinds) - 3
        if n_labels == 0:
            contexts = np.pad(contexts.astype(np.int32), ((0, 0), (1, 0)), constant_values=NONE)
        if not (
            len(counts) > 0
            and 0 < contexts.shape[1] <= MAX_ORDER
            and n * (kinds.max() + 1) <= MAX_CELLS
            and ((counts > 0) & (counts <= MAX_TOTAL_WEIGHT)).all()
            and _are_within(characters, 0, n)
            and _are_within(contexts[:, 1:], NONE, n + 2)
            and (n_labels == 0 or _are_within(contexts[:, 0], 0, n_labels))
        ):
            raise ValueError("A number is out of range.")
        return cls(contexts, characters, counts)

    def to_state(self, n_characters: int, n_labels: int) -> Data:
        """Return compact arrays. Without labels, they do not contain the label column."""
        dtype, counts = np.min_scalar_type(-max(n_characters + 3, n_labels)), self.filled_counts
        is_integer = counts.max() < 2**32 and (counts == np.rint(counts)).all()
        return {
            "contexts": self.contexts[:, int(n_labels == 0) :].astype(dtype),
            "characters": self.characters.astype(dtype),
            "counts": counts.astype(np.uint32) if is_integer else counts,
        }


def _are_within(numbers: Ints, low: int, end: int) -> bool:
    return not numbers.size or bool(low <= numbers.min() and numbers.max() < end)
