"""The sampler with a model that is ten lines long."""

from itertools import product

import numpy as np
import pytest
import torch
from conftest import assert_drawn_from

from sknamegen._codepoints import Alphabet
from sknamegen._sampling.rules import Rules
from sknamegen._sampling.sampler import Sampler
from sknamegen._sampling.weights import effective_size, resample
from sknamegen._sampling.wish import Wish


class FakeModel:
    """Always predicts "a" or the end alike; its state counts the characters."""

    device = torch.device("cpu")

    def start(self, windows, labels):
        return torch.zeros(len(windows)), torch.zeros(len(windows), 2)

    def advance(self, state, characters):
        return state + 1, torch.zeros(len(state), 2)

    def select(self, state, rows):
        return state[rows]


class Guide:
    """Expects either character alike too, whatever came before."""

    n_contexts, start = 1, 0
    after = np.zeros((1, 2), dtype=np.int32)

    def proba_of(self, character):
        return np.array([0.5])

    def averages(self, after):
        return lambda later: later[after].mean(axis=1)


def make(seeds=("",), end="\3", pattern=None, min_length=0, max_length=5, **changes):
    alphabet = Alphabet(np.array([end, "a"]))
    wish = Wish(alphabet, lambda *args: Guide(), pattern, (), min_length, max_length)
    rules = Rules(1.0, None, None, wish)._replace(**changes)
    windows = torch.zeros(len(seeds), 4, dtype=torch.int64)
    proba = np.ones((len(seeds), 1))
    return Sampler(FakeModel(), alphabet, list(seeds), windows, np.array([-1]), proba, rules)


def zeros(n):
    return np.zeros(n, dtype=int)


@pytest.mark.parametrize(
    "wish",
    [{}, {"min_length": 2}, {"min_length": 4}, {"pattern": "(aa)*"}, {"pattern": "a{0,3}"}],
)
@pytest.mark.parametrize("max_length", [5, 12])
def test_names_are_drawn_given_that_they_fit(wish, max_length):
    sampler = make(max_length=max_length, **wish)
    names = sampler.draw(zeros(4000), np.random.default_rng(0))
    fits = ["a" * n for n in range(max_length + 1) if sampler.rules.wish.accepts_name("a" * n)]
    p = np.array([0.5 ** (len(name) + 1) for name in fits])
    assert_drawn_from(names, fits, p)
    proba, error = sampler.wish_probability(500, np.random.default_rng(0))
    assert proba[0] == pytest.approx(p.sum(), rel=1e-3)
    assert error[0] < 1e-3 * proba[0]  # the guide is right


def test_each_seed_is_conditioned_on_its_own():
    sampler = make(["", "a", "aaaa"], pattern="(aa)*")
    names = sampler.draw(np.repeat([0, 1, 2], 1000), np.random.default_rng(0))
    assert_drawn_from(names[:1000], ["", "aa", "aaaa"], [16, 4, 1])
    assert_drawn_from(names[1000:2000], ["aa", "aaaa"], [4, 1])
    assert set(names[2000:]) == {"aaaa"}


def test_texts_without_an_end_reach_max_length():
    written = make(["", "a"], end="b").draw(np.arange(2), np.random.default_rng(0))
    assert list(map(len, written)) == [5, 5]
    assert written[1][0] == "a"
    texts = make(end="b", pattern=".*bb").draw(zeros(2000), np.random.default_rng(0))
    assert_drawn_from(
        [text[:3] for text in texts], ["".join(c) for c in product("ab", repeat=3)], [1] * 8
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_log_proba_is_that_of_the_model(temperature):
    names = ["", "a", "aa", "aaa", "aaaa", "aaaaa"]
    sampler = make(temperature=temperature)
    log_proba = sampler.log_proba(6, sampler.read(zeros(6), names, np.full(6, -1)))
    np.testing.assert_allclose(np.exp(log_proba), 0.5 ** np.arange(1, 7))
    open_ended = sampler.log_proba(6, sampler.read(zeros(6), names, np.full(6, -1), ends=False))
    np.testing.assert_allclose(np.exp(open_ended), 0.5 ** np.arange(6))


def test_a_stream_is_a_draw():
    for seed in range(5):
        for sampler in (make(["aa"]), make(["aa"], end="b"), make(["aa"], end="b", pattern=".*b")):
            (name,) = sampler.draw(zeros(1), np.random.default_rng(seed))
            assert "aa" + "".join(sampler.stream(np.random.default_rng(seed))) == name


def test_other_rules_leave_the_sampler_as_it_was():
    sampler = make()
    assert sampler.with_rules(temperature=0).draw(zeros(2), np.random.default_rng(0)) == [""] * 2
    assert sampler.rules.temperature == 1


def test_weights_do_not_repeat_one_draw():
    """A guide that is badly wrong costs draws, not variety."""

    class Wrong(Guide):
        def averages(self, after):
            return lambda later: later[after][..., 0] @ np.array([[0.999], [0.001]])

    good = make(min_length=8, max_length=40)
    alphabet = good.alphabet
    wish = Wish(alphabet, lambda *args: Wrong(), None, (), 8, 40)
    written = good.with_rules(wish=wish).draw(zeros(3000), np.random.default_rng(0))
    fits = ["a" * n for n in range(8, 41)]
    assert_drawn_from(written, fits, [0.5 ** len(name) for name in fits])


def test_draws_are_chosen_in_proportion_to_their_weights():
    rng = np.random.default_rng(0)
    log_weights = np.log([0.1, 0.5, 0.4, 1e-300])
    assert effective_size(log_weights) == pytest.approx(1 / (0.01 + 0.25 + 0.16))
    assert effective_size(np.full(3, -np.inf)) == 0
    chosen = resample(log_weights, 1000, rng)
    assert np.bincount(chosen, minlength=4).tolist() == [100, 500, 400, 0]
    assert resample(np.array([-np.inf, 0, -np.inf]), 3, rng).tolist() == [1, 1, 1]
