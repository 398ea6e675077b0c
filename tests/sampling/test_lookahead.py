"""The probability of completing a prefix, compared with a recursion over names."""

import itertools
import re

import numpy as np
import pytest
from test_backoff import proba_of

from sknamegen._alphabet import Alphabet
from sknamegen._models.ngrams import NGrams
from sknamegen._sampling.backoff import BackoffAutomaton
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.lookahead import Lookahead
from sknamegen._sequences import name_sequences

END = "\3"


def make(letters, names, order=3, pattern=None, min_length=0, max_length=4, banned=()):
    alphabet = Alphabet(np.array(sorted(letters)))
    counts = NGrams.count(name_sequences(names, 20).indexed(alphabet), order, alphabet.kinds)
    ngrams = BackoffAutomaton.from_ngrams(counts)
    pattern = pattern and re.compile(pattern)
    constraint = Constraint(alphabet, pattern, banned, min_length, max_length)
    return alphabet, ngrams, constraint, Lookahead(constraint, ngrams)


def position_of(alphabet, constraint, lookahead, prefix):
    """Return the length, state and context of a prefix, in arrays of one element."""
    state, context = constraint.read(prefix), lookahead.context(prefix)
    return [np.array([value]) for value in (alphabet.lengths([prefix])[0], state, context)]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_length": 3},
        {"pattern": "a.*b"},
        {"banned": ("ab", "bb"), "min_length": 2},
        {"pattern": "(ab?)+", "min_length": 4},
    ],
    ids=str,
)
def test_lookahead_is_the_probability_of_completion(options, order):
    """Below the minimum length, the values are correct up to a factor."""
    letters = [END, "a", "b"]
    alphabet, ngrams, constraint, lookahead = make(letters, ["ab", "aab", "bab", "b"], 3, **options)
    lookahead = Lookahead(constraint, ngrams := ngrams.truncated(order))
    proba = proba_of(ngrams)

    def next_proba(prefix):
        return proba[position_of(alphabet, constraint, lookahead, prefix)[2]][0]

    def may_end(prefix):
        length, state, _ = position_of(alphabet, constraint, lookahead, prefix)
        return constraint.may_end(length, state)[0]

    def completed(prefix):
        """Return the probability that a name with this prefix satisfies the constraint."""
        if len(prefix) > constraint.max_length:
            return 0
        after = next_proba(prefix)
        longer = sum(after[alphabet.index[c]] * completed(prefix + c) for c in "ab")
        return longer + after[alphabet.end] * may_end(prefix)

    min_length, n_compared = constraint.min_length, 0
    for length in range(constraint.max_length):
        prefixes = ["".join(t) for t in itertools.product("ab", repeat=length)]
        pairs = []
        for prefix in prefixes:
            ahead = lookahead.ahead(*position_of(alphabet, constraint, lookahead, prefix))[0]
            expected = [completed(prefix + c) for c in "ab"]
            assert ahead[alphabet.end] == may_end(prefix)
            pairs += zip(ahead[[alphabet.index[c] for c in "ab"]], expected, strict=True)
        ahead, expected = np.array(pairs).T
        if length + 1 < min_length:
            ahead *= expected.max() / ahead.max()
        np.testing.assert_allclose(ahead, expected, atol=1e-9)
        n_compared += np.count_nonzero(expected)
    assert n_compared > 3


@pytest.mark.parametrize("lengths", [(0, 4), (3, 4)])
@pytest.mark.parametrize("pattern", [None, "a.*"])
def test_values_before_and_after_a_character_agree(pattern, lengths):
    """Some code points start a character and others continue one."""
    letters = [END, "a", "\u0301", "b"]
    names = ["a\u0301b", "aa\u0301a", "b\u0301", "bab\u0301a", "a"]
    options = {"min_length": lengths[0], "max_length": lengths[1], "pattern": pattern}
    _, ngrams, constraint, lookahead = make(letters, names, **options)
    assert not constraint.one_code_per_cluster
    n_states, n_contexts = lookahead.table.shape[1:]
    grid = np.meshgrid(range(lengths[1]), range(n_states), range(n_contexts))
    before, states, contexts = (column.ravel() for column in grid)
    ahead = (proba_of(ngrams)[contexts] * lookahead.ahead(before, states, contexts)).sum(axis=1)
    rows, longer = (lookahead.row_for_length(lengths) for lengths in (before, before + 1))
    value = lookahead.table[rows, states, contexts]
    # The table stores values up to a factor per length.
    value *= np.exp(lookahead.log_scales[rows] - lookahead.log_scales[longer])
    possible = value > 1e-100
    assert possible.sum() > 20
    np.testing.assert_allclose(value[possible], ahead[possible], rtol=1e-2)
