"""N-grams as a weighted automaton, compared with dense tables and with `NGrams`."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from sknamegen._alphabet import NONE, Alphabet
from sknamegen._models.ngrams import NGrams
from sknamegen._sampling import backoff
from sknamegen._sampling.backoff import BackoffAutomaton
from sknamegen._sequences import name_sequences

NAMES = ["anna", "hanna", "hannah", "an", "na", "nana", "a", "hahn", "", "ann", "banana", "naan"]
OTHERS = ["hab", "nnnnnnnnnnnn", "bhb"]
ALPHABET = Alphabet(np.array(["\3", *"abhn"]))
START = len(ALPHABET)
ALPHABET.kinds = np.array([3, 1, 1, 2, 1, 4, 5, 6])  # h has a kind of its own


def pairs(names, length):
    """Return the contexts of names, nearest character first, and the next characters."""
    sequences = name_sequences(names, 20).indexed(ALPHABET)
    return sequences.contexts(length, 0), sequences.targets[sequences.has_target]


def count(names, order, discount=None):
    return NGrams(*pairs(names, order - 1), ALPHABET.kinds, discount=discount)


def automaton(ngrams):
    return BackoffAutomaton.from_ngrams(ngrams)


def proba_of(automaton):
    """Return the distribution after each context, with a loop."""
    rows = list(automaton.roots)
    for context in range(len(rows), len(automaton.parents)):
        row = automaton.backoff[context] * rows[automaton.parents[context]]
        ngrams = slice(automaton.first[context], automaton.first[context + 1])
        characters = automaton.ngrams_[ngrams] % automaton.n_characters
        row[characters] += automaton.weights[ngrams]
        rows.append(row)
    return np.array(rows)


ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 6])


@ORDERS
@pytest.mark.parametrize("power", [0.2, 1.0, 1.7, 10.0])
def test_tempered_probabilities_are_normalised_powers(order, power):
    counts = count(NAMES, order, 0.6)
    expected = counts.proba(np.arange(len(counts.parents))) ** power
    expected /= expected.sum(axis=1, keepdims=True)
    tempered = automaton(counts).tempered(power)
    np.testing.assert_allclose(proba_of(tempered), expected, atol=1e-12)


@pytest.mark.parametrize("lower", [1, 2, 4, 6])
def test_a_truncated_automaton_ignores_farther_characters(lower):
    counts = count(NAMES, 6)
    whole = automaton(counts)
    assert len(whole.contexts_after) == len(whole.parents)  # cached, then recomputed
    truncated = whole.truncated(lower)
    assert truncated.lengths[-1] + 1 == lower
    assert len(truncated.contexts_after) == len(truncated.parents)
    contexts, _ = pairs(NAMES + OTHERS, 5)
    ids = counts.find(np.where(np.arange(5) < lower - 1, contexts, NONE))
    np.testing.assert_allclose(proba_of(truncated)[ids], counts.proba(ids), atol=1e-15)


def context_characters(counts):
    """Return the characters of each context, nearest first, and () for a kind."""
    contexts = [()] * counts.n_kinds
    for context in range(counts.n_kinds, len(counts.parents)):
        farthest = int(counts.farthest[context - counts.n_kinds])
        contexts.append((*contexts[counts.parents[context]], farthest))
    return contexts


@pytest.mark.parametrize("order", [2, 3, 6])
def test_contexts_after_match_find(order):
    counts = count(NAMES, order)
    seen, length, after = context_characters(counts), order - 1, automaton(counts).contexts_after
    for character in range(len(ALPHABET)):
        longer = [[character, *context, *[NONE] * length][:length] for context in seen]
        expected = counts.find(np.array(longer, dtype=np.int32))
        np.testing.assert_array_equal(after[:, character], expected)
    start = np.array([[START, *[NONE] * length][:length]])
    assert automaton(counts).start_context == counts.find(start)[0]


@ORDERS
@pytest.mark.parametrize("power", [1.0, 2.5])
def test_averages_match_a_dense_loop(order, power):
    counts = automaton(count(NAMES, order)).tempered(power)
    rng, n_contexts = np.random.default_rng(0), len(counts.parents)
    after = rng.integers(4, size=(3, len(ALPHABET)))
    later = rng.random((4, n_contexts)) * (rng.random((4, n_contexts)) < 0.7)
    proba = proba_of(counts)
    expected = np.zeros((3, n_contexts))
    for state in range(3):
        for context in range(n_contexts):
            for character in range(len(ALPHABET)):
                value = later[after[state, character], counts.contexts_after[context, character]]
                expected[state, context] += proba[context, character] * value
    np.testing.assert_allclose(counts.averages(after, 4)(later), expected, atol=1e-12)


@ORDERS
@pytest.mark.parametrize("max_cells", [2**22, 1])
def test_expected_counts_are_sums_of_distributions(order, max_cells, monkeypatch):
    """With few cells, each character is counted separately."""
    counts, (contexts, _) = count(NAMES, order), pairs(NAMES[:5] + OTHERS, order - 1)
    proba = np.random.default_rng(0).dirichlet([0.05] * len(ALPHABET), size=len(contexts))
    proba[0] = [0.996, 0.004, 0, 0, 0]  # the second is too small to store
    monkeypatch.setattr(backoff, "_MAX_CELLS", max_cells)
    expected_counts = BackoffAutomaton.from_distributions(counts, contexts, proba)
    seen = context_characters(counts)
    sums, n = defaultdict(lambda: np.zeros(len(ALPHABET))), Counter()
    for context, row in zip(contexts.tolist(), proba, strict=True):
        for length in range(1, order):
            if tuple(context[:length]) in seen:
                sums[tuple(context[:length])] += row
                n[tuple(context[:length])] += 1
    distributions = list(counts.roots)
    for context, parent in list(zip(seen, counts.parents, strict=True))[counts.n_kinds :]:
        stored = np.where(sums[context] >= backoff._MIN_EXPECTED, sums[context], 0)
        prior = backoff._PRIOR
        remaining = prior + n[context] - stored.sum()
        distributions.append((stored + remaining * distributions[parent]) / (n[context] + prior))
    np.testing.assert_allclose(proba_of(expected_counts), distributions, atol=1e-9)
