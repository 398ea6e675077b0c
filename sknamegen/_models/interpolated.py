"""N-gram counts that back off to another model."""

from itertools import pairwise
from math import inf
from typing import Self

import numpy as np

from .._text.alphabet import Alphabet
from .._types import Data, Floats, Ints
from .contract import NextCharModel, Wrapper, log_softmax
from .kneser_ney import TABLE_CELLS, TINY, KneserNey
from .ngrams import NGrams


def fits_in_a_table(ngrams: NGrams) -> bool:
    """Whether n-grams have few enough contexts and characters for `Interpolated`."""
    return len(ngrams.levels[-1].parents) * ngrams.n_characters <= TABLE_CELLS


class BackoffTable:
    """N-grams that back off from contexts of two characters to given distributions.

    Parameters
    ----------
    ngrams : KneserNey
    concentration : float
        In a context of k characters, the shorter context has the weight of
        ``concentration / (k - 1)^3`` more observed characters.

    Attributes
    ----------
    weights, backoff : ndarray, dtype float64
        As in `KneserNey`, with the concentration.
    first : int
        The first context of at least two characters.
    scale : ndarray of shape (n_contexts,), dtype float64
        Weight of the given distribution in each context.
    sums : ndarray of shape (n_contexts, n_characters), dtype float32
        Total weight of the n-grams in each context and its suffixes.
    """

    def __init__(self, ngrams: KneserNey, concentration: float):
        self.ngrams = ngrams
        lengths = ngrams.lengths - int(ngrams.n_labels > 0)
        contexts = ngrams.ngrams // ngrams.n_characters
        kept = ngrams.totals / (ngrams.totals + concentration / np.maximum(lengths - 1, 1) ** 3)
        self.backoff = 1 - kept * (1 - ngrams.backoff)
        self.weights = kept[contexts] * ngrams.weights
        ends = np.searchsorted(lengths, np.arange(2, ngrams.order + 1))
        self.first = int(ends[0])
        self.scale = np.ones(len(lengths))
        self.sums = np.zeros((len(lengths), ngrams.n_characters), dtype=np.float32)
        for start, stop in pairwise(ends.tolist()):
            parents = ngrams.parents[start:stop]
            self.scale[start:stop] = self.backoff[start:stop] * self.scale[parents]
            self.sums[start:stop] = self.backoff[start:stop, None] * self.sums[parents]
            cells = slice(*ngrams.first[[start, stop]])
            self.sums.reshape(-1)[ngrams.ngrams[cells]] += self.weights[cells]

    def interpolate(self, proba: Floats, contexts: Ints) -> None:
        """Replace the given distributions by those of the n-grams, in place.

        ``contexts`` are as in `Sequences.contexts`.
        """
        ids = self.ngrams.find(contexts)
        proba *= self.scale[ids, None]
        proba += self.sums[ids]

    def export(self) -> Data:
        """Return the data for the web page script."""
        tables = {"weights": self.weights, "backoff": self.backoff, "shared": None}
        return self.ngrams.export() | tables | {"firstLong": self.first}


class Interpolated(Wrapper):
    """A model to which n-gram counts back off.

    The lowest order of the counts are contexts of one character. They have the distribution that
    the model predicts from the whole window. D are the Kneser-Ney discounts and N(h) is the number
    of characters after context h. For contexts of k characters::

        p(w | h) = (c(h w) - D) / (N(h) + θ) + (sum of D + θ) / (N(h) + θ) p(w | h')

    with θ = concentration / (k - 1)^3. With labels, the counts are those of the label.

    Parameters
    ----------
    model : NextCharModel
    counts : NGrams
        For the same characters and labels.
    concentration : float
        The higher it is, the less the counts change the predictions. Infinity: they change nothing,
        and only `partial_fit` uses them.
    """

    def __init__(self, model: NextCharModel, counts: NGrams, concentration: float):
        super().__init__(model, counts.order - 1)
        self.counts, self.concentration = counts, concentration
        is_used = concentration < inf
        self._table = BackoffTable(counts.levels[-1], concentration) if is_used else None

    @classmethod
    def _from_state(cls, state: Data, alphabet: Alphabet, n_labels: int) -> Self:
        model = NextCharModel.from_state(state["model"], alphabet, n_labels)
        counts = NextCharModel.from_state(state["counts"], alphabet, n_labels)
        concentration = float(state["concentration"])
        if not concentration > 0:
            raise ValueError("Expected a concentration > 0.")
        if not isinstance(counts, NGrams) or (concentration < inf and not fits_in_a_table(counts)):
            raise ValueError("Expected n-grams that fit in a table.")
        return cls(model, counts, concentration)

    def _to_state(self) -> Data:
        models = {"model": self.model.to_state(), "counts": self.counts.to_state()}
        return models | {"concentration": self.concentration}

    def export(self) -> Data:
        """Return the data for the web page script."""
        if not self._table:
            return self.model.export()
        table = self._table.export()
        return {"type": "interpolated", "model": self.model.export(), "table": table}

    def _change(self, logits: Floats, contexts: Ints) -> Floats:
        if not self._table:
            return logits
        proba = np.exp(log_softmax(logits).astype(np.float64))
        self._table.interpolate(proba, contexts)
        return np.log(np.maximum(proba, TINY))
