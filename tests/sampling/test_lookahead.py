"""The probability that a prefix can still be completed, against a recursion over names."""

import itertools
import re

import numpy as np
import pytest

from sknamegen._alphabet import Alphabet
from sknamegen._models.ngrams import NGrams
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.lookahead import Lookahead
from sknamegen._sequences import name_sequences

END = "\3"


def make(letters, names, order=3, pattern=None, min_length=0, max_length=4, banned=()):
    alphabet = Alphabet(np.array(letters))
    ngrams = NGrams.count(name_sequences(names, 20).indexed(alphabet), order, alphabet.kinds)
    pattern = pattern and re.compile(pattern)
    constraint = Constraint(alphabet, pattern, banned, min_length, max_length)
    return alphabet, ngrams, constraint, Lookahead(constraint, ngrams)


def where(alphabet, constraint, lookahead, prefix):
    """The length, state and context of a prefix, each in an array."""
    indices = [alphabet.index[letter] for letter in prefix]
    state, context = constraint.read(prefix), lookahead.context(indices)
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
def test_it_is_the_probability_of_completion(options, order):
    """Up to a factor for a length where names must not end yet."""
    letters = [END, "a", "b"]
    alphabet, ngrams, constraint, lookahead = make(letters, ["ab", "aab", "bab", "b"], 3, **options)
    lookahead = Lookahead(constraint, ngrams := ngrams.truncated(order))

    def next_proba(prefix):
        return ngrams.proba(where(alphabet, constraint, lookahead, prefix)[2])[0]

    def completed(prefix):
        """The probability that a name that begins with the prefix satisfies the constraint."""
        if len(prefix) > constraint.max_length:
            return 0
        proba = next_proba(prefix)
        longer = sum(proba[alphabet.index[c]] * completed(prefix + c) for c in "ab")
        return longer + proba[alphabet.end] * constraint.accepts_name(prefix)

    least, compared = constraint.min_length, 0
    for length in range(constraint.max_length):
        prefixes = ["".join(t) for t in itertools.product("ab", repeat=length)]
        pairs = []
        for prefix in prefixes:
            ahead = lookahead.ahead(*where(alphabet, constraint, lookahead, prefix))[0]
            expected = [completed(prefix + c) for c in "ab"]
            assert ahead[alphabet.end] == constraint.accepts_name(prefix)
            pairs += zip(ahead[[alphabet.index[c] for c in "ab"]], expected, strict=True)
        ahead, expected = np.array(pairs).T
        if length + 1 < least:
            ahead *= expected.max() / ahead.max()
        np.testing.assert_allclose(ahead, expected, atol=1e-9)
        compared += np.count_nonzero(expected)
    assert compared > 3


@pytest.mark.parametrize("lengths", [(0, 4), (3, 4)])
@pytest.mark.parametrize("pattern", [None, "a.*"])
def test_values_before_and_after_a_character_agree(pattern, lengths):
    """Also where some code points begin a character and others continue one."""
    letters = [END, "a", "\u0301", "b"]
    names = ["a\u0301b", "aa\u0301a", "b\u0301", "bab\u0301a", "a"]
    options = {"min_length": lengths[0], "max_length": lengths[1], "pattern": pattern}
    _, ngrams, constraint, lookahead = make(letters, names, **options)
    assert not constraint.all_begin
    n_states, n_contexts = lookahead.table.shape[1:]
    places = np.meshgrid(range(lengths[1]), range(n_states), range(n_contexts))
    before, states, contexts = (column.ravel() for column in places)
    ahead = (ngrams.proba(contexts) * lookahead.ahead(before, states, contexts)).sum(axis=1)
    rows, longer = (lookahead.level(lengths) for lengths in (before, before + 1))
    value = lookahead.table[rows, states, contexts]
    # Values that are known up to a factor for each length.
    value *= np.exp(lookahead.log_scales[rows] - lookahead.log_scales[longer])
    possible = value > 1e-100
    assert possible.sum() > 20
    np.testing.assert_allclose(value[possible], ahead[possible], rtol=1e-2)
