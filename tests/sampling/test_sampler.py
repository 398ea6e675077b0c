"""The sampler with models that are ten lines long, and the choice among candidates."""

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline

from sknamegen._alphabet import END, NONE, units_of
from sknamegen._corpus import Corpus
from sknamegen._models.contract import NextCharModel
from sknamegen._models.mixture import Mixture
from sknamegen._models.ngrams import NGrams
from sknamegen._sampling.cache import Cache
from sknamegen._sampling.constraint import make_constraint
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.sampler import Sampler
from sknamegen._sampling.writing import Draws, Pool


class Even(NextCharModel):
    """Always predicts "a" and the end with the same probability."""

    n_characters, n_labels = 2, 0

    def start(self, windows, labels):
        return np.zeros(len(windows)), np.zeros((len(windows), 2))

    def advance(self, state, characters):
        return state, np.zeros((len(state), 2))

    def select(self, state, rows):
        return state[rows]

    def distinct_logits(self, sequences):
        return np.zeros(np.count_nonzero(sequences.has_target), int), np.zeros((1, 2))


class Wrong(Even):
    """Its lookahead expects the end after nearly every character."""

    def ngrams(self):
        characters = np.array([0] * 999 + [1])
        return NGrams(np.empty((1000, 0), int), characters, np.array([1, 2, 3, 4, 5]))


def make(model, prefixes=("",), **limits):
    letters = units_of(np.array([END, ord("a")], np.int32))
    corpus, cache, prefixes = Corpus(letters, 4, 5, None, 1.0), Cache(), list(prefixes)
    constraint = make_constraint(corpus.alphabet, 5, prefixes, cache, **limits)
    proba = np.ones((len(prefixes), 1))
    options = np.array([NONE]), proba, Decoding(), constraint, cache, None
    return Sampler(model, corpus, prefixes, *options)


def zeros(n):
    return np.zeros(n, dtype=int)


@pytest.mark.parametrize(
    ("limits", "lengths"),
    [
        ({"min_length": 8, "max_length": 40}, range(8, 41)),
        # It takes three of what the lookahead says comes once in a thousand times.
        ({"pattern": "a{5}|a{8}", "max_length": 12}, [5, 8]),
    ],
)
def test_a_wrong_lookahead_costs_draws_but_no_variety(limits, lengths):
    sampler, fits = make(Wrong(), **limits), ["a" * n for n in lengths]
    for seed in range(3):
        written, shortfall = sampler.draw(zeros(3000), np.random.default_rng(seed))
        assert shortfall is None
        assert_drawn_from(written, fits, [0.5 ** len(name) for name in fits])


def test_prefixes_of_which_some_are_rarely_completed():
    """By a lookahead that was learned from what the model writes."""
    sampler = make(Even(), ["", "a", "aaaa"], pattern="(aa){2,}", max_length=12, min_length=0)
    names, _ = sampler.draw(np.repeat([0, 1, 2], 1000), np.random.default_rng(0))
    fits, p = ["a" * n for n in (4, 6, 8, 10, 12)], 0.25 ** np.arange(5)
    for number in range(3):
        assert_drawn_from(names[1000 * number : 1000 * (number + 1)], fits, p)


def test_what_is_written_can_be_observed():
    sampler, seen = make(Even(), ["", "aa"], max_length=40), []
    rows = np.array([0, 1] * 200)
    draws = sampler.write(
        rows, np.random.default_rng(0), observe=lambda *step: seen.append([*map(np.copy, step)])
    )
    whole = [name for name in draws.texts if len(name) < 40]
    n_steps = sum(len(name) + 1 for name in whole) - 2 * 200
    assert sum(len(step[2]) for step in seen) >= n_steps
    letters = sampler.corpus.alphabet.letters
    for start, windows, index, text, logits in seen:
        assert logits.shape == (len(index), 2)
        assert text.shape[0] == len(index)
        for row, window, written in zip(index, windows[index], text, strict=True):
            prefix = sampler.prefixes[rows[start + row]]
            assert window[(window >= 0) & (window < 2)].tolist() == [1] * len(prefix)
            so_far = prefix + "".join(letters[i] for i in written)
            assert draws.texts[start + row].startswith(so_far)


@pytest.mark.parametrize("pattern", [None, "a*"])
def test_a_stream_of_text_reads_one_character_at_a_time(names, pattern, monkeypatch):
    """The model is started as often as for a whole text."""
    generator = ngram_pipeline(window_length=5, boundary=False).fit([" ".join(names)])[-1]
    starts, start = [], Mixture.start
    monkeypatch.setattr(Mixture, "start", lambda *args: starts.append(1) or start(*args))
    expected = generator.sample("Ma", max_length=400, random_state=0)
    n_starts = len(starts)
    assert "Ma" + "".join(generator.stream("Ma", max_length=400, random_state=0)) == expected
    assert len(starts) == 2 * n_starts


def draws_of(p, q, n, rng):
    """Names that were drawn from q instead of p."""
    number = rng.choice(len(q), size=n, p=q)
    names = np.array(list(map(str, number)), dtype=object)
    return Draws(names, zeros(n), np.log(p[number]), np.log(p[number] / q[number]))


@pytest.mark.parametrize("q", [[0.001, 0.009, 0.49, 0.5], [0.9, 0.06, 0.03, 0.01]])
def test_names_are_chosen_in_proportion_to_their_probability(q):
    """Whatever the proposal; a name that was sure to be drawn counts as its probability."""
    rng, p, pool = np.random.default_rng(0), np.array([0.9, 0.06, 0.03, 0.01]), Pool(1000)
    for _ in range(2):
        pool.add(draws_of(p, np.array(q), 6000, rng), slice(None))
    chosen = pool.choose(rng)
    assert [chosen.count(str(name)) for name in range(4)] == [900, 60, 30, 10]
    assert pool.is_enough()
    assert pool.probability()[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("p", "q", "n"),
    [
        (0.2 * 0.5 ** np.arange(1, 31), np.full(30, 1 / 30), 110),
        (np.array([0.5, 0.2, 0.1, 0.1, 0.1]), np.array([0.3, 0.3, 0.2, 0.1, 0.1]), 20),
        (np.array([0.5, 0.2, 0.1, 0.1, 0.1]), np.array([0.02, 0.08, 0.1, 0.2, 0.6]), 200),
    ],
)
def test_the_probability_is_estimated_without_bias_and_as_well_as_stated(p, q, n):
    rng, estimates = np.random.default_rng(0), []
    for _ in range(500):
        pool = Pool(1)
        pool.add(draws_of(p, q, n, rng), slice(None))
        estimates.append(pool.probability())
    proba, errors = np.array(estimates).T
    assert proba.mean() == pytest.approx(p.sum(), abs=4 * proba.std() / 500**0.5)
    assert np.mean(np.abs(proba - p.sum()) < 1.96 * errors) > 0.92
    assert errors.mean() < 2.5 * proba.std()


def test_names_that_do_not_satisfy_the_constraint_are_not_chosen():
    rng, pool = np.random.default_rng(0), Pool(3)
    names = np.array(["a", "b", "c"], dtype=object)
    pool.add(Draws(names, zeros(3), np.zeros(3), np.full(3, -np.inf)), slice(None))
    assert not pool.is_enough()
    assert pool.probability() == (0, 0)
    pool.add(Draws(names, zeros(3), np.zeros(3), np.array([-np.inf, 0, -np.inf])), slice(None))
    assert pool.choose(rng) == ["b"] * 3


def test_probabilities_may_be_less_than_a_number_can_hold():
    """Such as those of texts of a thousand characters."""
    pool, names = Pool(400), np.array(["a", "b", "c"], dtype=object)
    log_proba, log_weights = np.array([-2000.0, -2001, -1999]), np.array([-3, -3, -1000.0])
    pool.add(Draws(names, zeros(3), log_proba, log_weights), slice(None))
    chosen = pool.choose(np.random.default_rng(0))
    assert [chosen.count(name) for name in names] == [200, 200, 0]


@pytest.mark.parametrize(
    ("log_weights", "is_enough"),
    [(np.full(1000, -3.0), True), (np.repeat([-3.0, -9.0], [100, 900]), False)],
)
def test_draws_that_stand_for_several_names_are_not_enough(log_weights, is_enough):
    """Equal weights are as good as names drawn as they come."""
    pool, names = Pool(1000), np.array(list(map(str, range(1000))), dtype=object)
    pool.add(Draws(names, zeros(1000), np.full(1000, -20.0), log_weights), slice(None))
    assert pool.is_enough() == is_enough
