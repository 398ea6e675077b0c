"""N-grams as an automaton whose states are contexts, compared with `KneserNey` and with a loop."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from sknamegen._data.rows import Rows, encode_rows
from sknamegen._data.sequences import Sequences
from sknamegen._models import kneser_ney
from sknamegen._models.counts import NGramCounts
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._sampling import contexts as contexts_module
from sknamegen._sampling.contexts import ContextAutomaton
from sknamegen._sampling.decoding import Decoding
from sknamegen._text.alphabet import NONE, Alphabet

NAMES = ["anna", "hanna", "hannah", "an", "na", "nana", "a", "hahn", "", "ann", "banana", "naan"]
OTHERS = ["hab", "nnnnnnnnnnnn", "bhb"]
ALPHABET = Alphabet(np.array(["\3", *"abhn"]))
START = len(ALPHABET)
ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 6])
ALPHABET.kinds = np.array([3, 1, 1, 2, 1, 4, 5, 6])  # h has a kind of its own


def pairs(names, length):
    """Return the contexts of names, nearest character first, and the next characters."""
    sequences = Sequences.of_rows(Rows(encode_rows(names), 20), ALPHABET)
    return sequences.contexts(length), sequences.targets[sequences.has_target]


def count(names, order, discount=None):
    return KneserNey(NGramCounts(*pairs(names, order - 1)), ALPHABET.kinds, discount=discount)


@ORDERS
@pytest.mark.parametrize("decoding", [Decoding(5.0), Decoding(), Decoding(0.1), Decoding(0.7, 2)])
def test_distributions_are_those_of_the_ngrams_after_decoding(order, decoding):
    counts = count(NAMES, order, 0.6)
    with np.errstate(divide="ignore"):
        expected = decoding.probabilities(np.log(counts.proba(np.arange(len(counts.parents)))))
    decoded = ContextAutomaton.from_ngrams(counts).decoded(decoding)
    np.testing.assert_allclose(decoded.proba, expected, atol=1e-6)
    assert decoded.order == order


@pytest.mark.parametrize("lower", [1, 2, 4, 6])
@pytest.mark.parametrize("limit", [False, True])
def test_a_truncated_automaton_ignores_farther_characters(lower, limit, monkeypatch):
    """The limit of the tables truncates as well."""
    counts = count(NAMES, 6)
    n = int(np.searchsorted(counts.lengths, lower))
    if limit:
        monkeypatch.setattr(kneser_ney, "TABLE_CELLS", n * counts.n_characters)
    truncated = ContextAutomaton.from_ngrams(counts)
    truncated = truncated if limit else truncated.truncated(lower)
    assert truncated.order == lower
    contexts, _ = pairs(NAMES + OTHERS, 5)
    ids = counts.find(np.where(np.arange(6) < lower, contexts, NONE))
    np.testing.assert_allclose(truncated.proba[ids], counts.proba(ids), atol=1e-6)
    assert_transitions(truncated, counts)


def context_characters(counts):
    """Return the characters of each context, nearest first, and () for a kind."""
    contexts = [()] * counts.n_kinds
    for context in range(counts.n_kinds, len(counts.parents)):
        farthest = int(counts.farthest[context - counts.n_kinds])
        contexts.append((*contexts[counts.parents[context]], farthest))
    return contexts


def find(counts, characters):
    """Return the ids of contexts without labels."""
    return counts.find(np.insert(characters, 0, NONE, axis=1))


def assert_transitions(automaton, counts):
    length, width = automaton.order - 1, counts.order - 1
    seen = context_characters(counts)[: len(automaton.parents)]
    for character in range(len(ALPHABET)):
        longer = [([character, *context][:length] + [NONE] * width)[:width] for context in seen]
        longer = np.array(longer, dtype=np.int32).reshape(len(seen), width)
        if not length:  # only the kind of the last character remains
            longer[:, 0] = character
            expected = np.minimum(find(counts, longer), counts.kinds[character])
        else:
            expected = find(counts, longer)
        np.testing.assert_array_equal(automaton.after[:, character], expected)
    start = np.array([[START, *[NONE] * counts.order][: counts.order - 1]])
    assert automaton.starts[0] == find(counts, start)[0] or not length


@ORDERS
def test_expected_counts_are_sums_of_distributions(order):
    counted = NGramCounts(*pairs(NAMES[:5] + OTHERS, order - 1))
    counts, contexts = KneserNey(counted, ALPHABET.kinds), counted.contexts
    proba = np.random.default_rng(0).dirichlet([0.05] * len(ALPHABET), size=len(contexts))
    expected_counts = ContextAutomaton.learn(*counted[:2], kinds=ALPHABET.kinds, proba=proba)
    seen = context_characters(counts)
    sums, n = defaultdict(lambda: np.zeros(len(ALPHABET))), Counter()
    for context, row in zip(contexts[:, 1:].tolist(), proba, strict=True):
        for length in range(1, order):
            if tuple(context[:length]) in seen:
                sums[tuple(context[:length])] += row
                n[tuple(context[:length])] += 1
    distributions = list(counts.roots)
    pairs_of_parents = list(zip(seen, counts.parents, strict=True))
    for context, parent in pairs_of_parents[counts.n_kinds :]:
        prior = contexts_module._PRIOR * distributions[parent]
        distributions.append((sums[context] + prior) / (n[context] + contexts_module._PRIOR))
    np.testing.assert_allclose(expected_counts.proba, distributions, atol=1e-6)
