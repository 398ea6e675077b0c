"""N-grams as an automaton whose states are contexts, for the lookahead."""

from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import csr_matrix

from .._models.counts import NGramCounts
from .._models.kneser_ney import KneserNey, levels_of
from .._types import Floats, Ints
from .decoding import Decoding

# Weight of the shorter context in expected counts, as a number of observations.
_PRIOR = 0.5


class ContextAutomaton(NamedTuple):
    """Distributions of the next character in each context, with transitions between contexts.

    Contexts are numbered as in `KneserNey`. The first contexts are the roots.

    Attributes
    ----------
    parents : ndarray of shape (n_contexts,), dtype int64
        Each context without its first character.
    lengths : ndarray of shape (n_contexts,), dtype int64
        Length of each context, in characters.
    after : ndarray of shape (n_contexts, n_characters), dtype int32
        Longest known context after each context and character.
    starts : tuple of int
        Context at the start of a name for each label, or a root for running text. Without labels,
        there is one.
    proba : ndarray of shape (n_contexts, n_characters), dtype float32
        Distribution of the next character.
    """

    parents: Ints
    lengths: Ints
    after: Ints
    starts: tuple[int, ...]
    proba: Floats

    @classmethod
    def from_ngrams(cls, ngrams: KneserNey) -> Self:
        """Return the automaton of n-grams without labels."""
        after, start = ngrams.transitions()
        n = len(after)
        proba = ngrams.proba(np.arange(n)).astype(np.float32)
        return cls(ngrams.parents[:n], ngrams.lengths[:n], after, (start,), proba)

    @classmethod
    def learn(cls, contexts: Ints, characters: Ints, kinds: Ints, proba: Floats) -> Self:
        """Return an automaton with the contexts of n-grams, estimated from distributions.

        ``p(w | h) = (s(h w) + a p(w | h')) / (n(h) + a)``, where h' is context h without its first
        character, n(h) is the number of distributions after context h, and s(h w) is the sum of
        their probabilities for w. a is a constant. The roots are those of the n-grams.

        Parameters
        ----------
        contexts, characters
            N-grams without labels, as in `NGramCounts`.
        kinds : ndarray of shape (n_indices + 3,), dtype int
            See `KneserNey`. The last indices are not predicted. They mark the start of a name with
            each label.
        proba : ndarray of shape (n, n_characters), dtype float
            The distribution of the next character after each context.
        """
        ngrams = KneserNey(NGramCounts(contexts, characters), kinds)
        after, start = ngrams.transitions()
        n_contexts, n_characters = len(after), proba.shape[1]
        parents, lengths = ngrams.parents[:n_contexts], ngrams.lengths[:n_contexts]
        ids = ngrams.find(contexts)
        while (is_unknown := ids >= n_contexts).any():
            ids = np.where(is_unknown, ngrams.parents[ids], ids)
        cells = np.ones(len(ids), dtype=np.float32), (ids, np.arange(len(ids)))
        is_after = csr_matrix(cells, shape=(n_contexts, len(ids)))
        n, sums = np.bincount(ids, minlength=n_contexts), is_after @ proba.astype(np.float32)
        levels = levels_of(lengths)
        for level in reversed(levels):  # add up all contexts with the same suffix
            first = np.flatnonzero(np.diff(parents[level], prepend=-1))
            shorter = parents[level][first]  # sorted
            n[shorter] += np.add.reduceat(n[level], first)
            sums[shorter] += np.add.reduceat(sums[level], first)
        sums[: len(ngrams.roots)] = ngrams.roots[:, :n_characters]
        for level in levels:
            sums[level] += _PRIOR * sums[parents[level]]
            sums[level] /= n[level, None] + _PRIOR
        starts = after[0, n_characters:].tolist() or [start]
        return cls(parents, lengths, after[:, :n_characters], tuple(starts), sums)

    @property
    def order(self) -> int:
        """Length of the longest n-grams, in characters."""
        return int(self.lengths[-1]) + 1

    def truncated(self, order: int) -> Self:
        """Return an automaton without the contexts of `order` characters or more."""
        n = int(np.searchsorted(self.lengths, order))
        if n == len(self.lengths):
            return self
        shorter = np.arange(len(self.parents), dtype=np.int32)
        for level in levels_of(self.lengths)[order - 1 :]:
            shorter[level] = shorter[self.parents[level]]
        return type(self)(
            self.parents[:n],
            self.lengths[:n],
            after=shorter[self.after[:n]],
            starts=tuple(shorter[[*self.starts]].tolist()),
            proba=self.proba[:n],
        )

    def decoded(self, decoding: Decoding) -> Self:
        """Return an automaton with the distributions from which characters are drawn."""
        if decoding == Decoding():
            return self
        with np.errstate(divide="ignore"):
            proba = decoding.probabilities(np.log(self.proba))
        return self._replace(proba=proba.astype(np.float32))
