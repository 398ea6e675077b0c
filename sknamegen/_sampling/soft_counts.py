"""N-grams of what a model says, not only of what was then drawn.

The distribution before each character of its names is known. Counting all of it instead of the one
character that was drawn (Rao and Blackwell) tells as much from less than half of the names, and
tells of rare characters what draws would hardly show.
"""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from .._models.kneser_ney import KneserNey
from .._models.model import Indices, Logits, NextCharModel
from .._sequences import Sequences
from .decoding import Decoding

# Distributions are kept as integers, so that their sums do not depend on which thread comes first.
# They are summed up for so many numbers at a time.
_ONE, _MAX_SUMS = 2**30, 2**22
# Sums of so much are told one by one, but so many at most; the shorter context counts as so many
# distributions.
_TOLD, _MAX_TOLD, _PRIOR = 0.005, 3 * 2**18, 0.5


class Observed(NextCharModel):
    """A model of which it is kept what it said behind which contexts.

    Parameters
    ----------
    model : NextCharModel
    decoding : Decoding
        That of the distributions that are kept.
    length : int
        Of the contexts.
    """

    def __init__(self, model: NextCharModel, decoding: Decoding, length: int):
        self.model, self.decoding, self.length = model, decoding, length
        self.n_characters, self.n_labels = model.n_characters, model.n_labels
        self.block_rows, self.blend = model.block_rows, model.blend
        self._kept: list[tuple[Indices, NDArray[np.uint32]]] = []

    def start(self, windows: Indices, labels: Indices) -> tuple[Any, Logits]:
        """Read contexts."""
        state, logits = self.model.start(windows, labels)
        return self._keep(state, windows[:, ::-1][:, : self.length], logits)

    def advance(self, state: Any, characters: Indices) -> tuple[Any, Logits]:
        """Read one more character of each row."""
        state, contexts = state
        state, logits = self.model.advance(state, characters)
        return self._keep(state, np.column_stack([characters, contexts])[:, :-1], logits)

    def select(self, state: Any, rows: Indices) -> Any:
        """Return the state of some rows, in their order."""
        state, contexts = state
        return self.model.select(state, rows), contexts[rows]

    def logits(self, sequences: Sequences) -> Logits:
        """Read given names, of which nothing is kept."""
        return self.model.logits(sequences)

    def _keep(self, state, contexts, logits):
        proba = self.decoding.probabilities(logits)
        self._kept.append((contexts, np.rint(proba * _ONE).astype(np.uint32)))
        return (state, contexts), logits

    def soften(self, counts: KneserNey) -> KneserNey:
        """Return counts of names that it wrote, with probabilities from what was kept.

        ``p(w | h) = (s(h w) + (a + u(h)) p(w | h')) / (n(h) + a)``, where n(h) distributions are
        kept behind a context h, s(h w) is the sum of what they say of w, u(h) that of all that is
        too little to be told one by one, h' is h without its first character, and a is a constant.
        What follows a kind alone stays as counted. The result is for a `Lookahead` only: it cannot
        tell what it learned.
        """
        soft = copy.copy(counts)
        contexts, proba = (np.concatenate(each) for each in zip(*self._kept, strict=True))
        n_contexts, (n_visits, n_characters) = len(counts.parents), proba.shape
        visits = counts.find(contexts), np.arange(n_visits)
        behind = csr_matrix((np.ones(n_visits), visits), shape=(n_contexts, n_visits))
        n = _with_shorter(counts, np.asarray(behind.sum(axis=1)))[:, 0] + _PRIOR
        context, character = np.divmod(counts.ngrams, n_characters)
        found: list[NDArray[np.int64]] = []
        sums: list[NDArray[np.float64]] = []
        width = max(1, _MAX_SUMS // max(n_contexts, n_visits))
        for first in range(0, n_characters, width):
            each = _with_shorter(counts, behind @ (proba[:, first : first + width] / _ONE))
            is_told = each >= _TOLD
            here = (character >= first) & (character < first + width)
            is_told[context[here], character[here] - first] = True
            rows, columns = np.nonzero(is_told)
            found.append(rows * n_characters + first + columns)
            sums.append(each[is_told])
        ngrams = np.concatenate(found)
        order = np.argsort(ngrams, kind="stable")
        ngrams, told = ngrams[order], np.concatenate(sums)[order]
        if len(told) > _MAX_TOLD:
            is_told = told >= np.partition(told, -_MAX_TOLD)[-_MAX_TOLD]
            is_told[np.searchsorted(ngrams, counts.ngrams)] = True
            ngrams, told = ngrams[is_told], told[is_told]
        soft.ngrams = ngrams
        context, soft.characters = np.divmod(soft.ngrams, n_characters)
        soft.first = np.searchsorted(context, np.arange(n_contexts + 1))
        soft.weights = told / n[context]
        soft.backoff = (n - np.bincount(context, weights=told, minlength=n_contexts)) / n
        return soft


def _with_shorter(counts, sums):
    """Add what was summed up behind each context to all shorter ones, in place."""
    ends = np.searchsorted(counts.lengths, np.arange(counts.lengths[-1] + 2))
    for first, end in reversed(list(pairwise(ends[1:].tolist()))):
        parents = counts.parents[first:end]  # sorted
        starts = np.flatnonzero(np.diff(parents, prepend=-1))
        sums[parents[starts]] += np.add.reduceat(sums[first:end], starts)
    return sums
