"""The sampler with minimal models, and the choice among candidates."""

from collections import Counter

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, small_pipeline

from sknamegen._data.corpus import Corpus
from sknamegen._fitted import Fitted
from sknamegen._models.contract import NextCharModel
from sknamegen._models.counts import NGramCounts
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._models.mixture import Mixture
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.guide import Guide, Pool
from sknamegen._sampling.sampler import _log_expected, _search
from sknamegen._sampling.source import Draws
from sknamegen._text.alphabet import NONE
from sknamegen._text.codes import END, characters_of


class EvenModel(NextCharModel):
    """A model that always predicts "a" and the end with equal probability."""

    n_characters, n_labels = 2, 0

    def start(self, windows, labels):
        return np.zeros(len(windows)), np.zeros((len(windows), 2))

    def advance(self, state, characters):
        return state, np.zeros((len(state), 2))

    def logits(self, sequences):
        return np.zeros((np.count_nonzero(sequences.has_target), 2))


class MisleadingModel(EvenModel):
    """A model whose lookahead expects the end after almost every character."""

    @property
    def ngrams(self):
        characters = np.array([0] * 999 + [1])
        counted = NGramCounts(np.full((1000, 1), NONE), characters)
        return KneserNey(counted, np.array([1, 2, 3, 4, 5]))


def make(model, prefixes=("",), **limits):
    letters = characters_of(np.array([END, ord("a")], np.int32))
    corpus = Corpus(letters, 4, 1, 5, None, 1.0)
    return Fitted(corpus, model).sampler(list(prefixes), 1.0, Constraint(**limits), {})


def zeros(n):
    return np.zeros(n, dtype=int)


def test_names_that_are_cut_short_leave_room_for_others_in_a_trial(names):
    generator = small_pipeline().fit(names)[-1]
    sampler = generator._fitted.sampler([""], 1.0, Constraint(pattern="V.*"), {})
    n_names, n_valid, steps = sampler._trial()
    assert 7500 < n_names + sum(map(len, steps)) < 8500
    share = generator.next_char_proba("")[0, list(generator.alphabet_).index("V")]
    assert abs(n_valid / n_names - share) < 5 * (share / n_names) ** 0.5


@pytest.mark.parametrize(
    ("limits", "lengths"),
    [
        ({"min_length": 8, "max_length": 40}, range(8, 41)),
        # Accepted names need three events of probability 1/1000 under the lookahead.
        ({"pattern": "a{5}|a{8}", "max_length": 12}, [5, 8]),
    ],
)
def test_a_misleading_lookahead_does_not_bias_samples(limits, lengths):
    sampler, matches = make(MisleadingModel(), **limits), ["a" * n for n in lengths]
    for seed in range(3):
        drawn, shortfall = sampler.draw(zeros(3000), np.random.default_rng(seed))
        assert shortfall is None
        assert_drawn_from(drawn, matches, [0.5 ** len(name) for name in matches])


def test_every_step_is_recorded():
    """Each step of each name has the characters before it, nearest first."""
    sampler = make(EvenModel(), ["", "aa"], max_length=40)
    rows, rng = np.array([0, 1] * 200), np.random.default_rng(0)
    draws = sampler.source.propose(rows, rng, sampler.possible, guided=False, recorded=True)
    expected = Counter[tuple[int, ...]]()
    for text, row in zip(draws.texts, rows, strict=True):
        for length in range(2 * row, min(len(text), 40) + 1):
            context = [1] * length + [2] + [NONE] * 4  # characters, start, padding
            expected[(NONE, *context[:4])] += 1  # without a label
    steps = np.concatenate(draws.steps)
    assert Counter(map(tuple, steps["contexts"].tolist())) == expected
    assert steps["logits"].shape == (expected.total(), 2)


def test_draws_show_what_the_lookahead_expects_of_prefixes():
    """The mean over draws estimates what a search expects of the prefixes that it reached."""
    limits = {"min_length": 4, "max_length": 12}
    source = make(EvenModel(), **limits).source
    lookahead = make(MisleadingModel(), **limits)._first_lookahead()
    _, log_rest, expanded = _search(source, lookahead, 6)
    assert expanded == {"a" * n for n in range(6)}
    draws = source.propose(zeros(20_000), np.random.default_rng(0), lookahead, recorded=True)
    drawn = np.exp(_log_expected(draws, 0, expanded))
    assert 0 < drawn.mean() == pytest.approx(np.exp(log_rest), abs=4 * drawn.std() / 20_000**0.5)


def test_streaming_text_does_not_restart_the_model(names, monkeypatch):
    generator = ngram_pipeline(window_length=5, boundary=False).fit([" ".join(names)])[-1]
    starts, start = [], Mixture.start
    monkeypatch.setattr(Mixture, "start", lambda *args: starts.append(1) or start(*args))
    expected = generator.sample("Ma", max_length=400, random_state=0)
    n_starts = len(starts)
    assert "Ma" + "".join(generator.stream("Ma", max_length=400, random_state=0)) == expected
    assert len(starts) == 2 * n_starts


def pool_of(n, found=None, *log_rest_and_n_draws):
    return Pool(Guide(None, None, found or {}, *log_rest_and_n_draws), n)


def draws_of(p, q, n, rng):
    """Return draws from the proposal q, weighted for the distribution p."""
    number = rng.choice(len(q), size=n, p=q)
    names = np.array(list(map(str, number)), dtype=object)
    return Draws(names, zeros(n), np.log(p[number]), np.log(p[number] / q[number]))


@pytest.mark.parametrize("q", [[0.001, 0.009, 0.49, 0.5], [0.9, 0.06, 0.03, 0.01]])
def test_names_are_chosen_in_proportion_to_their_probability(q):
    """Names certain to be drawn count with their probability, for any proposal."""
    rng, p, pool = np.random.default_rng(0), np.array([0.9, 0.06, 0.03, 0.01]), pool_of(1000)
    for _ in range(2):
        pool.add(draws_of(p, np.array(q), 6000, rng), slice(None))
    chosen = pool.choose(rng)
    assert [chosen.count(str(name)) for name in range(4)] == [900, 60, 30, 10]
    assert pool.is_enough()
    assert pool.probability(0)[0] == pytest.approx(1, abs=1e-4)


def test_draws_represent_the_names_that_a_search_has_not_found():
    """The names found keep their probability. An earlier estimate determines the share of the rest.

    The estimate of the probability only uses the pool's own draws.
    """
    p, q = np.array([0.6, 0.3, 0.05, 0.03, 0.02]), np.array([0.2, 0.2, 0.1, 0.1, 0.4])
    found = {str(name): np.log(p[name]) for name in range(2)}
    rng, counts, estimates = np.random.default_rng(0), Counter[str](), []
    for _ in range(500):
        pool = pool_of(20, found, np.log(0.1), 100_000)
        assert not pool.is_enough()
        pool.add(draws_of(p, q, 20, rng))
        assert not {name for name, _ in pool.candidates} & found.keys()
        counts.update(pool.choose(rng))
        estimates.append(pool.probability(0))
    total, errors = np.array(estimates).T
    assert total.mean() == pytest.approx(1, abs=4 * total.std() / 500**0.5)
    assert (np.abs(total - 1) < 3 * errors).mean() > 0.97
    for name, share in enumerate(p):
        assert counts[str(name)] / 10_000 == pytest.approx(share, abs=0.012)


def test_names_found_are_enough_if_the_rest_is_negligible():
    pool = pool_of(3, {"a": np.log(1e-9)}, np.log(1e-12))
    assert pool.is_enough()
    assert pool.choose(np.random.default_rng(0)) == ["a"] * 3
    assert pool.probability(0) == pytest.approx((1e-9, 1e-12), rel=1e-3)


def test_names_that_violate_the_constraint_are_not_chosen():
    rng, pool = np.random.default_rng(0), pool_of(3)
    names = np.array(["a", "b", "c"], dtype=object)
    pool.add(Draws(names, zeros(3), np.zeros(3), np.full(3, -np.inf)), slice(None))
    assert not pool.is_enough()
    assert pool.probability(0) == (0, 0)
    pool.add(Draws(names, zeros(3), np.zeros(3), np.array([-np.inf, 0, -np.inf])), slice(None))
    assert pool.choose(rng) == ["b"] * 3


def test_probabilities_may_underflow():
    """Texts of a thousand characters have probabilities below the range of float64."""
    pool, names = pool_of(400), np.array(["a", "b", "c"], dtype=object)
    log_proba, log_weights = np.array([-2000.0, -2001, -1999]), np.array([-3, -3, -1000.0])
    pool.add(Draws(names, zeros(3), log_proba, log_weights), slice(None))
    chosen = pool.choose(np.random.default_rng(0))
    assert [chosen.count(name) for name in names] == [200, 200, 0]


@pytest.mark.parametrize(
    ("log_weights", "is_enough"),
    [(np.full(1000, -3.0), True), (np.repeat([-3.0, -9.0], [100, 900]), False)],
)
def test_too_few_effective_draws_are_not_enough(log_weights, is_enough):
    """Draws with equal weights are as good as unweighted draws."""
    pool, names = pool_of(1000), np.array(list(map(str, range(1000))), dtype=object)
    pool.add(Draws(names, zeros(1000), np.full(1000, -20.0), log_weights), slice(None))
    assert pool.is_enough() == is_enough


def test_prefixes_with_different_completion_probabilities():
    """The lookahead learns from samples of the model."""
    sampler = make(EvenModel(), ["", "a", "aaaa"], pattern="(aa){2,}", max_length=12, min_length=0)
    names, _ = sampler.draw(np.repeat([0, 1, 2], 1000), np.random.default_rng(0))
    matches, p = ["a" * n for n in (4, 6, 8, 10, 12)], 0.25 ** np.arange(5)
    for number in range(3):
        assert_drawn_from(names[1000 * number : 1000 * (number + 1)], matches, p)


@pytest.mark.parametrize(
    ("p", "q", "n"),
    [
        (0.2 * 0.5 ** np.arange(1, 31), np.full(30, 1 / 30), 110),
        (np.array([0.5, 0.2, 0.1, 0.1, 0.1]), np.array([0.3, 0.3, 0.2, 0.1, 0.1]), 20),
        (np.array([0.5, 0.2, 0.1, 0.1, 0.1]), np.array([0.02, 0.08, 0.1, 0.2, 0.6]), 200),
    ],
)
def test_the_probability_estimate_is_unbiased_and_its_error_is_calibrated(p, q, n):
    rng, estimates = np.random.default_rng(0), []
    for _ in range(500):
        pool = pool_of(1)
        pool.add(draws_of(p, q, n, rng), slice(None))
        estimates.append(pool.probability(0))
    proba, errors = np.array(estimates).T
    assert proba.mean() == pytest.approx(p.sum(), abs=4 * proba.std() / 500**0.5)
    assert np.mean(np.abs(proba - p.sum()) < 1.96 * errors) > 0.92
    assert errors.mean() < 2.5 * proba.std()
