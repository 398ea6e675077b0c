"""The sampler with a model that is ten lines long."""

import numpy as np
import pytest
import torch

from sknamegen._codepoints import Alphabet
from sknamegen._sampling.rules import Rules
from sknamegen._sampling.sampler import Sampler


class FakeModel:
    """Always predicts "a" or the end alike; its state counts the characters."""

    device = torch.device("cpu")

    def start(self, windows, labels):
        return torch.zeros(len(windows)), torch.zeros(len(windows), 2)

    def advance(self, state, characters):
        return state + 1, torch.zeros(len(state), 2)

    def select(self, state, rows):
        return state[rows]


class Uniforms:
    """Gives the same numbers in each row instead of random ones."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def random(self, size):
        return np.tile(np.resize(self.numbers, size[1]), (size[0], 1))


def make(seeds=("",), end="\3", **changes):
    alphabet = Alphabet(np.array([end, "a"]))
    rules = Rules(1.0, None, None, 0, 5, alphabet.end)._replace(**changes)
    windows = torch.zeros(len(seeds), 3, dtype=torch.int64)
    proba = np.ones((len(seeds), 1))
    return Sampler(FakeModel(), alphabet, list(seeds), windows, np.array([-1]), proba, rules)


def test_names_end_where_the_end_is_drawn_or_forced():
    seeds = ["", "aa", "aaaaa"]
    assert make(seeds).draw(np.arange(3), Uniforms(0.9)) == ["aaaaa"] * 3
    assert make(["", "aaaa"]).draw(np.arange(2), Uniforms(0.9, 0.1)) == ["a", "aaaaa"]
    assert make().draw(np.zeros(2, dtype=int), Uniforms(0.1)) == ["", ""]


def test_no_end_before_min_length():
    written = make(["", "a", "aaa"], min_length=2).draw(np.arange(3), Uniforms(0.1))
    assert written == ["aa", "aa", "aaa"]


def test_texts_without_an_end_reach_max_length():
    assert make(["", "a"], end="b").draw(np.arange(2), Uniforms(0.1)) == ["bbbbb", "abbbb"]


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_log_proba_is_that_of_the_draws(temperature):
    names = ["", "a", "aa", "aaa", "aaaa", "aaaaa"]
    sampler = make(temperature=temperature)
    log_proba = sampler.log_proba(np.zeros(6, dtype=int), names, np.full(6, -1))
    np.testing.assert_allclose(np.exp(log_proba), [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32])
    open_ended = sampler.log_proba(np.zeros(6, dtype=int), names, np.full(6, -1), ends=False)
    np.testing.assert_allclose(np.exp(open_ended), 0.5 ** np.arange(6))


def test_a_stream_is_a_draw():
    for seed in range(5):
        (name,) = make(["aa"]).draw(np.zeros(1, dtype=int), np.random.default_rng(seed))
        assert "aa" + "".join(make(["aa"]).stream(np.random.default_rng(seed))) == name


def test_other_rules_leave_the_sampler_as_it_was():
    sampler = make()
    assert sampler.with_rules(max_length=2).draw(np.zeros(1, dtype=int), Uniforms(0.9)) == ["aa"]
    assert sampler.rules.max_length == 5
