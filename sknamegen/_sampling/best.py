"""Choose names that go together among candidates: typical names that differ from each other.

The names are chosen one after another, by maximal marginal relevance [1]_: each has the highest
score minus its likeness to the nearest name chosen before.

References
----------
.. [1] J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
   Documents and Producing Summaries", SIGIR 1998.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csc_array

from .._data.corpus import Corpus
from .._data.features import Excess, hash_ngrams
from .._text.words import split_words
from .._types import Floats, Ints

# Costs of a copy of a chosen name, and of a word e times as frequent as in the training names, in
# standard deviations of the score.
_COPY_COST, _WORD_COST = 3.0, 2.0
# Number of characters of a beginning, and likeness of names with a common beginning.
_N_OPENING, _OPENING = 4, 0.9


class Alike:
    """Likeness of names: the cosine of their n-grams, or a common beginning, if that is greater."""

    def __init__(self, texts: Sequence[str]):
        lower = [text.lower() for text in texts]
        hashes, ends = hash_ngrams("\0".join(["", *lower, ""]), bits=32)
        ngrams, columns = np.unique(hashes.ravel(), return_inverse=True)
        rows = np.tile(np.repeat(np.arange(len(texts)), np.diff(ends)), 3)
        cells = np.ones(len(rows), dtype=np.int32), (rows, columns)
        self._by_ngram = csc_array(cells, shape=(len(texts), len(ngrams)))  # adds up equal cells
        self._of_name = self._by_ngram.tocsr()
        self._norms = np.diff(self._of_name.indptr) ** 0.5
        # Numbers of the beginnings of each length.
        self._openings = [
            np.unique(np.array(lower, dtype=f"U{n}"), return_inverse=True)[1].astype(np.int32)
            for n in range(1, _N_OPENING + 1)
        ]

    def to(self, index: int) -> Floats:
        """Return the likeness of each name to one of them, from 0 to 1."""
        ngrams = self._of_name.indices[slice(*self._of_name.indptr[index : index + 2])]
        bounds = zip(self._by_ngram.indptr[ngrams], self._by_ngram.indptr[ngrams + 1], strict=True)
        rows = np.concatenate([self._by_ngram.indices[start:end] for start, end in bounds])
        cosine = np.bincount(rows, minlength=len(self._norms)) / self._norms / self._norms[index]
        same = sum((numbers == numbers[index]).astype(np.int8) for numbers in self._openings)
        return np.maximum(cosine, _OPENING / _N_OPENING * same)


def choose(
    texts: Sequence[str], scores: Floats, pools: Ints, wanted: Ints, penalty: float, corpus: Corpus
) -> list[str]:
    """Choose a candidate for each wanted pool.

    A text is chosen twice only if its pool has no other.

    Parameters
    ----------
    texts : sequence of str
        Candidates.
    scores : ndarray of shape (n_candidates,), dtype float64
    pools : ndarray of shape (n_candidates,), dtype int
        The pool that contains each candidate.
    wanted : ndarray of shape (n,), dtype int
        The pool from which each name is chosen.
    penalty : float
        Weight of the likeness.
    corpus : Corpus
        A word may be as frequent as in its names.
    """
    _, ids = np.unique(np.array(texts, dtype=object), return_inverse=True)
    alike = Alike(texts)
    words = [set(found) if len(found) > 1 else () for found in split_words(texts)]
    excess = Excess(words, corpus.word_shares)
    z, n_chosen, nearest = np.empty(len(texts)), np.zeros(len(texts)), np.zeros(len(texts))
    members = {pool: np.flatnonzero(pools == pool) for pool in set(wanted.tolist())}
    for own in members.values():
        z[own] = (scores[own] - scores[own].mean()) / (scores[own].std() or 1)
    chosen = list[int]()
    for pool in wanted.tolist():
        own = members[pool]
        costs = _COPY_COST * nearest[own] + _WORD_COST * excess.of_next()[own]
        # A text is chosen again only if the pool has no other.
        values = z[own] - penalty * costs - 1e9 * n_chosen[ids[own]]
        best = int(own[values.argmax()])
        chosen.append(best)
        n_chosen[ids[best]] += 1
        if penalty:
            nearest = np.maximum(nearest, alike.to(best))
            excess.add(best)
    return [texts[index] for index in chosen]
