"""Model of the next character from n-gram counts."""

from typing import Self

import numpy as np

from .._data.sequences import Sequences
from .._text.alphabet import Alphabet
from .._types import Data, Floats, Ints
from .contract import NextCharModel, State, append_character, recent_contexts
from .kneser_ney import TINY, KneserNey, NGramCounts, unique_inverse

# Weight of a label's n-grams in the average with those of all labels. Best of the values from 0.3
# to 0.7 for surnames in 16 languages and for female and male first names.
_LABEL_WEIGHT = 0.7


class NGrams(NextCharModel):
    """Kneser-Ney estimates of characters, averaged over those of a label and of all labels.

    Parameters
    ----------
    counted, kinds, n_labels, discount
        As in `KneserNey`.

    Attributes
    ----------
    levels : list of KneserNey
        The estimates from the counts of all labels and, with labels, of each label.
    discounts : ndarray of shape (order, 3), or (order + 1, 3) with labels
        Discounts for counts of 1, 2, and 3 or more, for each n-gram length.
    """

    def __init__(
        self, counted: NGramCounts, kinds: Ints, n_labels: int = 0, discount: float | None = None
    ):
        self.n_characters, self.n_labels = len(kinds) - 3, n_labels
        numbers = (0, n_labels) if n_labels else (0,)
        self.levels = [KneserNey(counted, kinds, n, discount) for n in numbers]
        self.order, self.discounts = counted.contexts.shape[1], self.levels[-1].discounts

    def counted(self) -> NGramCounts:
        """Return the counts from which the probabilities are estimated."""
        return self.levels[-1].counted()

    @classmethod
    def _from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        discount = state.pop("discount")
        if not (discount is None or 0 < discount <= 1):
            raise ValueError("Expected a discount in (0, 1].")
        counted = NGramCounts.from_state(state, alphabet.kinds, n_labels)
        return cls(counted, alphabet.kinds, n_labels, discount)

    def _to_state(self) -> Data:
        return self.levels[-1].to_state() | {"discount": self.levels[-1].discount}

    def find(self, contexts: Ints) -> Ints:
        """Return an id for each context, for use with `proba`: its longest known suffixes."""
        ids, *by_label = (level.find(contexts) for level in self.levels)
        for label_ids in by_label:
            ids = label_ids * len(self.levels[0].parents) + ids
        return ids

    def proba(self, ids: Ints) -> Floats:
        """Return the distribution for each context id, (n, n_characters)."""
        if self.n_labels == 0:
            return self.levels[0].proba(ids)
        label_ids, ids = np.divmod(ids, len(self.levels[0].parents))
        proba = self.levels[1].proba(label_ids)
        proba *= _LABEL_WEIGHT
        proba += (1 - _LABEL_WEIGHT) * self.levels[0].proba(ids)
        return proba

    def _log_proba(self, ids: Ints) -> Floats:
        # With very small discounts, the probability of unseen characters underflows to zero.
        return np.log(np.maximum(self.proba(ids), TINY))

    def start(self, windows: Ints, labels: Ints) -> tuple[State, Floats]:
        """Read contexts."""
        contexts = recent_contexts(windows, labels, self.order - 1)
        return contexts, self._log_proba(self.find(contexts))

    def advance(self, state: State, characters: Ints) -> tuple[State, Floats]:
        """Read one more character per row."""
        contexts = append_character(state, characters)
        return contexts, self._log_proba(self.find(contexts))

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the log-probabilities of the rows."""
        ids, rows = unique_inverse(self.find(sequences.contexts(self.order - 1)))
        return rows, self._log_proba(ids)

    def export(self) -> Data:
        """Return the data for the web page script."""
        shared = self.levels[0].export() if self.n_labels else None
        return self.levels[-1].export() | {"labelWeight": _LABEL_WEIGHT, "shared": shared}

    def ngrams(self) -> KneserNey | None:
        """Return the estimates. With labels, return None: each label needs its own n-grams."""
        return None if self.n_labels else self.levels[0]
