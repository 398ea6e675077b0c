"""The probability of completing a prefix, compared with a recursion over names."""

import itertools
import re

import numpy as np
import pytest

from sknamegen._data.rows import Rows, encode_rows
from sknamegen._data.sequences import Sequences
from sknamegen._models.counts import NGramCounts
from sknamegen._models.ngrams import NGrams
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.contexts import ContextAutomaton
from sknamegen._sampling.lookahead import Lookahead
from sknamegen._text.alphabet import Alphabet

END = "\3"


def make(letters, names, order=3, pattern=None, min_length=0, max_length=4, banned=(), words=None):
    alphabet = Alphabet(np.array(sorted(letters)))
    sequences = Sequences.of_rows(Rows(encode_rows(names), 20), alphabet)
    counts = NGrams(NGramCounts.of(sequences, order), alphabet.kinds)
    contexts = ContextAutomaton.from_ngrams(counts.levels[0])
    pattern = pattern and re.compile(pattern)
    words = words and frozenset(words)
    limits = Constraint(min_length, max_length, pattern, banned, words)
    return alphabet, contexts, Lookahead.possible(alphabet, limits)


def position_of(alphabet, lookahead, prefix):
    """Return the length and the state of a prefix, in arrays of one element."""
    return alphabet.lengths([prefix])[:1], np.array(lookahead.read(prefix)[:1])


def ahead_of(lookahead, lengths, states):
    return lookahead.ahead(lengths, states, lookahead.automaton.after(states))


@pytest.fixture(params=[True, False], ids=["dense", "sparse"])
def is_dense(request, monkeypatch):
    """Store transitions in dense or sparse arrays."""
    limit = 2**21 if request.param else 0
    monkeypatch.setattr("sknamegen._sampling.lookahead.BLOCK_CELLS", limit)


@pytest.mark.usefixtures("is_dense")
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_length": 3},
        {"pattern": "a.*b"},
        {"banned": ("ab", "bb"), "min_length": 2},
        {"pattern": "(ab?)+", "min_length": 4},
        {"words": ["ab", "bba", "aaab"]},
    ],
    ids=str,
)
def test_lookahead_is_the_probability_of_completion(options, order):
    """Below the minimum length, the values are correct up to a factor."""
    letters = [END, "a", "b"]
    alphabet, contexts, possible = make(letters, ["ab", "aab", "bab", "b"], 3, **options)
    contexts, limits = contexts.truncated(order), possible.constraint
    lookahead = possible.weighted(contexts)

    def next_proba(prefix):
        context = contexts.starts[0]
        for c in prefix:
            context = contexts.after[context, alphabet.index[c]]
        return contexts.proba[context]

    def may_end(prefix):
        return possible.may_end(*position_of(alphabet, possible, prefix))[0]

    def completed(prefix):
        """Return the probability that a name with this prefix satisfies the constraint."""
        if len(prefix) > limits.max_length:
            return 0
        after = next_proba(prefix)
        longer = sum(after[alphabet.index[c]] * completed(prefix + c) for c in "ab")
        return longer + after[alphabet.end] * may_end(prefix)

    min_length, n_compared = limits.min_length, 0
    for length in range(limits.max_length):
        prefixes = ["".join(t) for t in itertools.product("ab", repeat=length)]
        pairs = []
        for prefix in prefixes:
            ahead = ahead_of(lookahead, *position_of(alphabet, lookahead, prefix))[0]
            expected = [completed(prefix + c) for c in "ab"]
            assert ahead[alphabet.end] == may_end(prefix)
            pairs += zip(ahead[[alphabet.index[c] for c in "ab"]], expected, strict=True)
        ahead, expected = np.array(pairs).T
        if length + 1 < min_length:
            ahead *= expected.max() / ahead.max()
        np.testing.assert_allclose(ahead, expected, atol=1e-6)
        n_compared += np.count_nonzero(expected)
    assert n_compared > 3


@pytest.mark.usefixtures("is_dense")
@pytest.mark.parametrize("lengths", [(0, 4), (3, 4)])
@pytest.mark.parametrize("pattern", [None, "a.*"])
def test_values_before_and_after_a_character_agree(pattern, lengths):
    """Some code points start a character and others continue one."""
    letters = [END, "a", "\u0301", "b"]
    names = ["a\u0301b", "aa\u0301a", "b\u0301", "bab\u0301a", "a"]
    options = {"min_length": lengths[0], "max_length": lengths[1], "pattern": pattern}
    alphabet, contexts, possible = make(letters, names, **options)
    assert not alphabet.clusters.one_code_per_cluster
    lookahead, n_compared = possible.weighted(contexts), 0
    for prefix in map("".join, itertools.product("a\u0301b", repeat=3)):
        for length in range(len(prefix)):
            text = prefix[:length]
            position = position_of(alphabet, lookahead, text)
            context = contexts.starts[0]
            for c in text:
                context = contexts.after[context, alphabet.index[c]]
            ahead = (contexts.proba[context] * ahead_of(lookahead, *position)).sum()
            # `ahead` has the factor of longer prefixes.
            longer = lookahead.log_scales[lookahead.row_for_length(position[0] + 1)][0]
            value = np.exp(lookahead.log_values(*position)[0] - longer)
            if value > 1e-100:
                np.testing.assert_allclose(value, ahead, rtol=1e-2)
                n_compared += 1
    assert n_compared > 20
