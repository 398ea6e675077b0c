"""Estimates of the next character from n-gram counts, with labels."""

from typing import Self

import numpy as np

from .._arrays import log_softmax
from .._data.corpus import Corpus
from .._data.sequences import Sequences
from .._text.alphabet import Alphabet
from .._types import Data, Floats, Ints
from .counts import NGramCounts
from .kneser_ney import TABLE_CELLS, TINY, KneserNey

# Weight of a label's n-grams in the average with those of all labels. Best of the values from 0.3
# to 0.7 for surnames in 16 languages and for female and male first names.
_LABEL_WEIGHT = 0.7


class Interpolation:
    """N-grams whose distribution is averaged with that of networks.

    Parameters
    ----------
    ngrams : NGrams
    share : float
        Weight of the n-grams in the average, in (0, 1).
    """

    def __init__(self, ngrams: "NGrams", share: float):
        self.find, self.order, self._ngrams, self._share = ngrams.find, ngrams.order, ngrams, share

    def log_proba(self, ids: Ints, logits: Floats) -> Floats:
        """Return the log-probabilities in contexts, given the logits of the networks."""
        proba = np.exp(log_softmax(logits).astype(np.float64))
        proba += self._share * (self._ngrams.proba(ids) - proba)
        return np.log(np.maximum(proba, TINY))


class NGrams:
    """Kneser-Ney estimates of characters, averaged over those of a label and of all labels.

    Parameters
    ----------
    counted, kinds, n_labels
        As in `KneserNey`.

    Attributes
    ----------
    levels : list of KneserNey
        The estimates from the counts of all labels and, with labels, of each label.
    discounts : ndarray of shape (order, 3), or (order + 1, 3) with labels
        Discounts for counts of 1, 2, and 3 or more, for each n-gram length.
    """

    def __init__(self, counted: NGramCounts, kinds: Ints, n_labels: int = 0):
        self.levels = [KneserNey(counted, kinds, n) for n in sorted({0, n_labels})]
        self.order, self.n_characters = counted.contexts.shape[1], len(kinds) - 3
        self.discounts = self.levels[-1].discounts

    @property
    def fits_in_a_table(self) -> bool:
        """Whether a `BackoffTable` of the counts is small enough."""
        return self.levels[-1].n_contexts * self.n_characters <= TABLE_CELLS

    @classmethod
    def learn(cls, corpus: Corpus, sequences: Sequences, order: int, before: Self | None) -> Self:
        """Count the n-grams of sequences, and add the counts of earlier calls."""
        order = min(order, corpus.window_length_ + 1)
        counted = NGramCounts.of(sequences, order, before.levels[-1].counted() if before else None)
        return cls(counted, corpus.alphabet.kinds, len(corpus.labels))

    def count_of(self, character: int | None) -> float:
        """Return how often a character occurs, by its index."""
        counted = self.levels[-1].counted()
        return float(counted.filled_counts[counted.characters == character].sum())

    @classmethod
    def from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        """Return the estimates from a state returned by `to_state`, or raise ValueError."""
        counted = NGramCounts.from_state(state, alphabet.kinds, n_labels)
        return cls(counted, alphabet.kinds, n_labels)

    def to_state(self) -> Data:
        """Return the counts as compact arrays."""
        return self.levels[-1].to_state()

    def find(self, contexts: Ints) -> Ints:
        """Return an id for each context, for use with `proba`: its longest known suffixes."""
        ids = self.levels[0].find(contexts)
        for level in self.levels[1:]:
            ids = level.find(contexts) * self.levels[0].n_contexts + ids
        return ids

    def proba(self, ids: Ints) -> Floats:
        """Return the distribution for each context id, (n, n_characters)."""
        if len(self.levels) == 1:
            return self.levels[0].proba(ids)
        label_ids, ids = np.divmod(ids, self.levels[0].n_contexts)
        proba = _LABEL_WEIGHT * self.levels[1].proba(label_ids)
        return proba + (1 - _LABEL_WEIGHT) * self.levels[0].proba(ids)

    def log_proba(self, ids: Ints, logits: Floats) -> Floats:
        """Return the logarithms of `proba`. There are no logits to back off to."""
        return np.log(np.maximum(self.proba(ids), TINY))

    def export(self) -> Data:
        """Return the data for the web page script."""
        shared = self.levels[0].export() if len(self.levels) > 1 else None
        return self.levels[-1].export() | {"labelWeight": _LABEL_WEIGHT, "shared": shared}
