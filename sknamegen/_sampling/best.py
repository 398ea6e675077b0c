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

from .._data.corpus import Corpus
from .._data.features import Excess, NGramSets
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
        self._texts, self._sets = lower, NGramSets(lower)
        # Numbers of the beginnings of each length.
        self._openings = [
            np.unique(np.array(lower, dtype=f"U{n}"), return_inverse=True)[1].astype(np.int32)
            for n in range(1, _N_OPENING + 1)
        ]

    def to(self, index: int) -> Floats:
        """Return the likeness of each name to one of them, from 0 to 1."""
        same = sum((numbers == numbers[index]).astype(np.int8) for numbers in self._openings)
        cosine = self._sets.cosine_to(self._texts[index])
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
