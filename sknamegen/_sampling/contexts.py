"""N-grams as an automaton whose states are contexts, for the lookahead."""

from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import csr_matrix

from .._models.kneser_ney import TABLE_CELLS, KneserNey
from .._text.alphabet import NONE
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
        parents, lengths, after, start = _transitions(ngrams)
        proba = ngrams.proba(np.arange(len(parents))).astype(np.float32)
        return cls(parents, lengths, after, (start,), proba)

    @classmethod
    def from_distributions(cls, ngrams: KneserNey, contexts: Ints, proba: Floats) -> Self:
        """Return an automaton with the contexts of n-grams, estimated from distributions.

        ``p(w | h) = (s(h w) + a p(w | h')) / (n(h) + a)``, where h' is context h without its first
        character, n(h) is the number of distributions after context h, and s(h w) is the sum of
        their probabilities for w. a is a constant. The roots are those of the n-grams.

        Parameters
        ----------
        ngrams : KneserNey
            Without labels. The last of their characters are not predicted. They mark the start of a
            name with each label.
        contexts : ndarray of shape (n, order), dtype int
            As in `NGramCounts`.
        proba : ndarray of shape (n, n_characters), dtype float
            The distribution of the next character after each context.
        """
        parents, lengths, after, start = _transitions(ngrams)
        n_contexts, ids = len(parents), ngrams.find(contexts)
        while (is_unknown := ids >= n_contexts).any():
            ids = np.where(is_unknown, ngrams.parents[ids], ids)
        cells = np.ones(len(ids), dtype=np.float32), (ids, np.arange(len(ids)))
        is_after = csr_matrix(cells, shape=(n_contexts, len(ids)))
        n, sums = np.bincount(ids, minlength=n_contexts), is_after @ proba.astype(np.float32)
        levels = _levels(lengths)
        for level in reversed(levels):  # add up all contexts with the same suffix
            first = np.flatnonzero(np.diff(parents[level], prepend=-1))
            shorter = parents[level][first]  # sorted
            n[shorter] += np.add.reduceat(n[level], first)
            sums[shorter] += np.add.reduceat(sums[level], first)
        n_characters = proba.shape[1]
        sums[: ngrams.n_kinds] = ngrams.roots[:, :n_characters]
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
        for level in _levels(self.lengths)[order - 1 :]:
            shorter[level] = shorter[self.parents[level]]
        arrays = self.parents[:n], self.lengths[:n], shorter[self.after[:n]]
        return type(self)(*arrays, tuple(shorter[[*self.starts]].tolist()), self.proba[:n])

    def decoded(self, decoding: Decoding) -> Self:
        """Return an automaton with the distributions from which characters are drawn."""
        if decoding == Decoding():
            return self
        with np.errstate(divide="ignore"):
            proba = decoding.probabilities(np.log(self.proba))
        return self._replace(proba=proba.astype(np.float32))


def _levels(lengths: Ints) -> list[slice]:
    """Return the contexts of each length, starting at 1, as slices."""
    ends = np.searchsorted(lengths, np.arange(1, lengths[-1] + 2))
    return list(map(slice, ends[:-1], ends[1:]))


def _transitions(tree: KneserNey) -> tuple[Ints, Ints, Ints, int]:
    """Return the parents, lengths and transitions of contexts, and the start of a name.

    These are the contexts up to a length for which the tables stay within the limit.
    """
    n_characters, kinds, n_roots = tree.n_characters, tree.kinds, tree.n_kinds
    limit = max(TABLE_CELLS // n_characters, n_roots)
    end = tree.lengths[limit] if limit < len(tree.lengths) else tree.order + 1
    n_contexts = int(np.searchsorted(tree.lengths, end))
    parents, lengths = tree.parents[:n_contexts], tree.lengths[:n_contexts]
    keys = np.append(tree.keys[: n_contexts - n_roots], NONE)

    def longer(contexts: Ints, characters: Ints) -> Ints:
        """Return contexts with one more character in front, or -1 for unknown contexts."""
        wanted = contexts.astype(np.int64) * tree.radix + characters + 1
        place = np.searchsorted(keys[:-1], wanted)
        return np.where(keys[place] == wanted, place + n_roots, NONE)

    after = np.empty((n_contexts, n_characters), dtype=np.int32)
    roots = kinds[:n_characters]
    after[:n_roots] = np.maximum(longer(roots, np.arange(n_characters)), roots)
    for level in _levels(lengths):
        after[level] = after[parents[level]]
        # A context can only be extended by characters that extend its whole parent.
        rows, characters = np.nonzero(after[level] >= level.start)
        rows += level.start
        shorter = after[rows, characters]
        extended = longer(shorter, tree.farthest[rows - n_roots])
        after[rows, characters] = np.maximum(extended, shorter)
    start = np.array([n_characters])
    return parents, lengths, after, int(max(longer(kinds[start], start)[0], kinds[NONE]))
