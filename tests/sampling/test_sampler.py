"""The sampler with minimal models, and the choice among candidates."""

from collections import Counter

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline

from sknamegen._data.corpus import Corpus
from sknamegen._fitted import Fitted
from sknamegen._models.counts import NGramCounts
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._models.model import CharModel
from sknamegen._models.next_char_model import NextCharModel
from sknamegen._sampling.beam import WeightedNames, draw_distinct
from sknamegen._sampling.constraint import SampleRequest
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.guide import WeightedPool
from sknamegen._sampling.learning import lookahead_of
from sknamegen._sampling.sampler import Sampler
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
    def as_ngrams(self):
        characters = np.array([0] * 999 + [1])
        counted = NGramCounts(np.full((1000, 1), NONE), characters)
        return KneserNey(counted, np.array([1, 2, 3, 4, 5]))


def make(model, prefixes=("",), **limits):
    letters = characters_of(np.array([END, ord("a")], np.int32))
    corpus = Corpus(letters, 4, 1, 5, None, 1.0)
    names = Fitted(corpus, model).names(list(prefixes), 1.0, SampleRequest(**limits))
    return Sampler(names, {})


def zeros(n):
    return np.zeros(n, dtype=int)


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
    draws = sampler.names.source.draw(rows, rng, sampler.names.possible, recorded=True)
    expected = Counter[tuple[int, ...]]()
    for text, row in zip(draws.texts, rows, strict=True):
        for length in range(2 * row, min(len(text), 40) + 1):
            context = [1] * length + [2] + [NONE] * 4  # characters, start, padding
            expected[(NONE, *context[:4])] += 1  # without a label
    steps = np.concatenate(draws.steps)
    assert Counter(map(tuple, steps["contexts"].tolist())) == expected
    assert steps["logits"].shape == (expected.total(), 2)


def test_streaming_text_does_not_restart_the_model(names, monkeypatch):
    generator = ngram_pipeline(window_length=5, boundary=False).fit([" ".join(names)])[-1]
    starts, start = [], CharModel.start
    monkeypatch.setattr(CharModel, "start", lambda *args: starts.append(1) or start(*args))
    expected = generator.sample("Ma", max_length=400, random_state=0)
    assert len(starts) == 1
    assert "Ma" + "".join(generator.stream("Ma", max_length=400, random_state=0)) == expected
    assert len(starts) == 2


def drawn_of(p, q, k, rng):
    """Return k names drawn without replacement from q, weighted for the distribution p."""
    times = rng.exponential(1 / q)
    order = np.argsort(times)
    drawn, limit = order[:k], times[order[k]] if k < len(q) else np.inf
    names = np.array(list(map(str, drawn)), dtype=object)
    log_drawn = np.log(-np.expm1(-q[drawn] * limit))
    return WeightedNames(
        names, zeros(k), zeros(k), np.log(p[drawn]), np.log(p[drawn]) - log_drawn, []
    )


def pool_of(found, *beams):
    pool = WeightedPool(found)
    for drawn in beams:
        pool.add(drawn, np.ones(len(drawn.texts), dtype=bool))
    return pool


P = np.array([0.6, 0.3, 0.05, 0.03, 0.02])


@pytest.mark.parametrize("found", [{}, {("0", 0): np.log(0.6), ("3", 0): np.log(0.03)}])
@pytest.mark.parametrize(("n_beams", "k"), [(1, 3), (3, 2)])
@pytest.mark.parametrize("q", [P, np.array([0.2, 0.2, 0.1, 0.1, 0.4])])
def test_weights_are_unbiased_and_errors_are_calibrated(found, n_beams, k, q):
    """Names found keep their probability, and names drawn also represent others."""
    rng, counts, estimates = np.random.default_rng(0), np.zeros(5), []
    for _ in range(2000):
        pool = pool_of(found, *(drawn_of(P, q, k, rng) for _ in range(n_beams)))
        total, error = pool.probability()
        estimates.append((total, error))
        for name, count in zip(pool.names, pool.counts(1)[0], strict=True):
            counts[int(name)] += count * total
    total, errors = np.array(estimates).T
    assert total.mean() == pytest.approx(1, abs=4 * total.std() / 2000**0.5)
    assert (errors**2).mean() == pytest.approx(total.var(), rel=0.4)
    np.testing.assert_allclose(counts / 2000, P, atol=4 * total.std() / 2000**0.5)


def test_a_pool_that_holds_all_names_is_exact():
    rng, pool = np.random.default_rng(0), pool_of({})
    assert not pool.is_enough(1)
    pool = pool_of({}, drawn_of(P, P, 5, rng))
    assert pool.is_enough(1000)
    assert pool.probability() == pytest.approx((1, 0))
    assert_drawn_from(pool.choose(3000, rng), list("01234"), P)
    assert pool_of({("a", 0): np.log(1e-9)}).choose(3, rng) == ["a"] * 3


def test_probabilities_may_underflow():
    """Texts of a thousand characters have probabilities below the range of float64."""
    names = np.array(["a", "b", "c"], dtype=object)
    logs = np.array([-2000.0, -2000, -2005])
    pool = pool_of({}, WeightedNames(names, zeros(3), zeros(3), logs - 900, logs, []))
    chosen = pool.choose(400, np.random.default_rng(0))
    assert [chosen.count(name) for name in names] == pytest.approx([199, 199, 1], abs=1)
    assert not pool.is_enough(400)


@pytest.mark.parametrize("sizes", [(3,), (100,), (2, 5)])
def test_beams_draw_without_replacement(sizes):
    """The names of each prefix are distinct, and the sum of their weights is unbiased."""
    prefixes = ["", "aa"][: len(sizes)]
    sampler = make(MisleadingModel(), prefixes, min_length=2, max_length=9)
    lookahead, decoding, totals = lookahead_of(*sampler.names), Decoding(), []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        drawn = draw_distinct(sampler.names.source, decoding, lookahead, np.array(sizes), rng)
        for index, size in enumerate(sizes):
            names = drawn.texts[drawn.prefixes == index].tolist()
            assert len({*names}) == len(names) == min(size, 8)
        last = drawn.prefixes == len(sizes) - 1
        totals.append(np.exp(drawn.log_weights[last]).sum())
        log_p = [-(len(name) - len(prefixes[-1]) + 1) * np.log(2) for name in drawn.texts[last]]
        np.testing.assert_allclose(drawn.log_proba[last], log_p)
    p = 0.5 ** (np.arange(2, 10) - len(prefixes[-1]) + 1)
    assert np.mean(totals) == pytest.approx(p.sum(), abs=4 * np.std(totals) / 500**0.5 + 1e-9)
