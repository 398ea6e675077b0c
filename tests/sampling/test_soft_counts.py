"""N-grams of what a model says: against sums done one by one, and against counting draws."""

from collections import defaultdict

import numpy as np
import pytest
from conftest import small_pipeline

from sknamegen._alphabet import NONE, Alphabet
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._models.model import NextCharModel
from sknamegen._sampling import soft_counts
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.soft_counts import Observed
from sknamegen._sequences import row_sequences

ALPHABET = Alphabet(np.array(["\3", *"ab"]))
END, A, B, START = 0, 1, 2, 3
ROWS = [[START, A, END], [START, A, B, END], [START, B, A, B, END], [START, B, END]]
TABLE = np.array([[0, 0, 0], [0.5, 0.1, -1], [1, -2, 0.3], [-9, 1, 0.5]])


class Bigrams(NextCharModel):
    """What follows depends on the last character alone."""

    n_characters, n_labels = 3, 0

    def start(self, windows, labels):
        return labels, TABLE[windows[:, -1]]

    def advance(self, state, characters):
        return self.start(characters[:, None], state)

    def select(self, state, rows):
        return state[rows]

    def logits(self, sequences):
        return TABLE[sequences.inputs[sequences.has_target]]


FREE = Decoding()


def observe(decoding=FREE, length=2):
    """Write the names with a model that keeps what it says, all of them side by side."""
    model = Observed(Bigrams(), decoding, length)
    windows = np.tile([NONE, NONE, NONE, START], (len(ROWS), 1))
    state, _ = model.start(windows, np.full(len(ROWS), NONE))
    left = np.arange(len(ROWS))
    for step in range(1, 5):
        lasting = np.array([ROWS[row][step] != END for row in left])
        left = left[lasting]
        if not len(left):
            break
        state = model.select(state, np.flatnonzero(lasting))
        state, _ = model.advance(state, np.array([ROWS[row][step] for row in left]))
    return model


def counted(rows=ROWS, order=3):
    read = row_sequences(rows)
    targets = read.targets[read.has_target]
    return KneserNey(read.contexts(order - 1, 0), targets, ALPHABET.kinds)


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(0.5), Decoding(1.0, top_k=2)])
@pytest.mark.parametrize("max_sums", [2**22, 1])
def test_probabilities_are_those_of_all_that_was_said(decoding, max_sums, monkeypatch):
    monkeypatch.setattr(soft_counts, "_MAX_SUMS", max_sums)
    soft = observe(decoding).soften(counted())
    sums, n = defaultdict(lambda: np.zeros(3)), defaultdict(float)
    drawn = set()
    for row in ROWS:
        for i in range(1, len(row)):
            said = decoding.probabilities(TABLE[row[i - 1]][None])[0]
            for context in {tuple(row[max(0, i - k) : i]) for k in (1, 2)}:
                sums[context] += said
                n[context] += 1
                drawn.add((context, row[i]))
    prior = soft_counts._PRIOR
    for context in sums:
        (found,) = soft.find(np.array([[*context[::-1], NONE][:2]]))
        kind = soft.roots[ALPHABET.kinds[context[-1]]]
        expected = kind  # backed off to by the last character alone, that by both
        for length in range(1, len(context) + 1):
            suffix = context[-length:]
            is_told = sums[suffix] >= soft_counts._TOLD
            is_told |= [(suffix, character) in drawn for character in range(3)]
            told = np.where(is_told, sums[suffix], 0)
            left = n[suffix] - told.sum() + prior
            expected = (told + left * expected) / (n[suffix] + prior)
        np.testing.assert_allclose(soft.proba(np.array([found]))[0], expected, atol=1e-8)
        assert expected.sum() == pytest.approx(1)


def test_sums_do_not_depend_on_which_thread_comes_first():
    first, then = observe(), observe()
    then._kept.reverse()
    one, other = first.soften(counted()), then.soften(counted())
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.backoff, other.backoff)


def test_counts_stay_as_they_are():
    counts = counted()
    weights = counts.weights.copy()
    soft = observe().soften(counts)
    np.testing.assert_array_equal(counts.weights, weights)
    assert not np.array_equal(soft.weights, weights)


def test_only_the_greatest_sums_are_told_where_there_are_many(monkeypatch):
    everything = observe().soften(counted())
    monkeypatch.setattr(soft_counts, "_MAX_TOLD", 3)
    few = observe().soften(counted())
    assert len(counted().ngrams) <= len(few.ngrams) < len(everything.ngrams)
    assert np.isin(counted().ngrams, few.ngrams).all()
    proba = few.proba(np.arange(len(few.parents)))
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize("asked", [{"min_length": 8}, {"pattern": ".*z.*"}], ids=str)
def test_draws_are_worth_more_than_with_counts_of_draws(asked, monkeypatch):
    """The effective share of the draws: 1 where the lookahead is right."""
    rng = np.random.default_rng(0)
    syllables = ["an", "bel", "ko", "ri", "sta", "tu", "vem", "zo"]
    names = ["".join(rng.choice(syllables, rng.integers(1, 5))) for _ in range(300)]
    generator = small_pipeline(window_length=10, max_epochs=15).fit(names)[-1]

    def effective_share():
        sampler = generator._sampler([""], temperature=1.0, max_length=12, **asked)
        found = sampler.write(
            np.zeros(2000, dtype=int), np.random.default_rng(0), sampler.lookahead()
        )
        weights = np.exp(found.log_weights - found.log_weights.max())
        return weights.sum() ** 2 / (weights**2).sum() / len(weights)

    soft = effective_share()
    monkeypatch.setattr(Observed, "soften", lambda self, counts: counts)
    generator._cache._kept.clear()
    assert soft > effective_share() + 0.02
