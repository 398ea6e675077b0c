"""The sampler with a model that is ten lines long."""

from itertools import product

import numpy as np
import pytest
from conftest import assert_drawn_from

from sknamegen._alphabet import NONE, Alphabet
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._models.model import NextCharModel
from sknamegen._sampling import sampler as sampler_module
from sknamegen._sampling.cache import Cache
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.sampler import Sampler
from sknamegen._sampling.weights import Draws, Pool


class FakeModel(NextCharModel):
    """Always predicts "a" or the end alike; its state counts the characters."""

    n_characters, n_labels = 2, 0

    def start(self, windows, labels):
        return np.zeros(len(windows)), np.zeros((len(windows), 2))

    def advance(self, state, characters):
        return state + 1, np.zeros((len(state), 2))

    def select(self, state, rows):
        return state[rows]

    def logits(self, sequences):
        return np.zeros((np.count_nonzero(sequences.has_target), 2))


class Wrong(FakeModel):
    """Its lookahead expects the end behind nearly every character."""

    def ngrams(self):
        characters = np.array([0] * 999 + [1])
        return KneserNey(np.empty((1000, 0), int), characters, np.array([1, 2, 3, 4, 5]))


def make(prefixes=("",), end="\3", pattern=None, min_length=0, max_length=5, model=None, **how):
    alphabet = Alphabet(np.array([end, "a"]))
    constraint = Constraint(alphabet, pattern, (), min_length, max_length)
    longest = 5 if end == "\3" else None
    labels, shares, proba = np.array([NONE]), np.ones(1), np.ones((len(prefixes), 1))
    where = model or FakeModel(), alphabet, 4, longest, list(prefixes)
    return Sampler(*where, labels, shares, proba, Decoding(**how), constraint, Cache())


def zeros(n):
    return np.zeros(n, dtype=int)


@pytest.mark.parametrize(
    "constraint",
    [{}, {"min_length": 2}, {"min_length": 4}, {"pattern": "(aa)*"}, {"pattern": "a{0,3}"}],
)
@pytest.mark.parametrize("max_length", [5, 12])
def test_names_are_drawn_given_that_they_fit(constraint, max_length):
    sampler = make(max_length=max_length, **constraint)
    names = sampler.draw(zeros(4000), np.random.default_rng(0))
    fits = ["a" * n for n in range(max_length + 1) if sampler.constraint.accepts_name("a" * n)]
    p = np.array([0.5 ** (len(name) + 1) for name in fits])
    assert_drawn_from(names, fits, p)
    proba, error = sampler.constraint_probability(500, np.random.default_rng(0))
    assert proba[0] == pytest.approx(p.sum(), abs=4 * error[0])
    assert error[0] < 0.1 * proba[0]


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


def test_sequences_of_names_predict_what_follows_the_prefix():
    sampler = make(["aa"])
    found = sampler.sequences(["aa", "aaa", "aaaaaa"], 0, NONE)
    targets = [
        found.targets[found.name_index == name][found.has_target[found.name_index == name]].tolist()
        for name in range(3)
    ]
    assert targets == [[0], [1, 0], [1, 1, 1, 1, 0]]


def test_a_stream_is_a_draw():
    for seed in range(5):
        for sampler in (make(["aa"]), make(["aa"], end="b"), make(["aa"], end="b", pattern=".*b")):
            (name,) = sampler.draw(zeros(1), np.random.default_rng(seed))
            assert "aa" + "".join(sampler.stream(np.random.default_rng(seed))) == name


def test_another_temperature_leaves_the_sampler_as_it_was():
    sampler = make()
    assert sampler.at(0).draw(zeros(2), np.random.default_rng(0)) == [""] * 2
    assert sampler.decoding.temperature == 1


def test_weights_do_not_repeat_one_draw():
    """A lookahead that is badly wrong costs draws, not variety."""
    sampler = make(min_length=8, max_length=40, model=Wrong())
    written = sampler.draw(zeros(3000), np.random.default_rng(0))
    fits = ["a" * n for n in range(8, 41)]
    assert_drawn_from(written, fits, [0.5 ** len(name) for name in fits])


def test_names_that_the_lookahead_hardly_knows_of_are_found():
    """It takes three of what it says comes once in a thousand times."""
    sampler = make(pattern="a{5}|a{8}", max_length=12, model=Wrong())
    for seed in range(3):
        written = sampler.draw(zeros(3000), np.random.default_rng(seed))
        assert_drawn_from(written, ["a" * 5, "a" * 8], [8, 1])


def test_a_lookahead_is_learned_once_from_names_of_the_model(monkeypatch):
    sampler, written = make(min_length=4), []
    write = Sampler.write
    monkeypatch.setattr(Sampler, "write", lambda *a, **k: written.append(a[0]) or write(*a, **k))
    first = sampler.lookahead()
    n_written = len(written)
    assert n_written > 0
    assert {each.constraint.asked for each in written} == {(None, (), 0, 20)}
    assert sampler.lookahead() is first
    assert len(written) == n_written
    assert sampler.at(0.5).lookahead() is not first


@pytest.mark.parametrize("end", ["\3", "b"])
def test_names_do_not_depend_on_what_is_kept(end):
    asked = {"end": end, "pattern": "a(aa)*b*", "max_length": 9, "min_length": 5}
    used, fresh = make(**asked), make(**asked)
    used.at(0.7).draw(zeros(50), np.random.default_rng(1))
    used.draw(zeros(50), np.random.default_rng(1))
    drawn = [each.draw(zeros(200), np.random.default_rng(0)) for each in (used, fresh)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("n", [1, 127, 128, 1000])
def test_blocks_are_drawn_from_random_numbers_of_their_own(n):
    """So that names do not depend on which block is written first, or by which thread."""
    blocks, write_block = [], sampler_module.write_block

    def told(model, names, *args):
        blocks.append(len(names.index))
        return write_block(model, names, *args)

    sampler = make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler_module, "write_block", told)
        texts = sampler.write(zeros(n), np.random.default_rng(0)).texts
    assert sum(blocks) == n == len(texts)
    assert max(blocks) <= 384
    assert len(blocks) == (1 if n < 128 else max(2, -(-n // 384)))


def drawn(p, q, n, rng):
    """A round of draws from q, in the place of p."""
    number = rng.choice(len(q), size=n, p=q)
    names = np.array([str(each) for each in number], dtype=object)
    return Draws(names, zeros(n), np.log(p[number]), np.log(p[number] / q[number]))


def test_names_are_chosen_in_proportion_to_their_probability():
    """Also where they are drawn in quite another one."""
    rng, p = np.random.default_rng(0), np.array([0.9, 0.06, 0.03, 0.01])
    pool = Pool(1000)
    for _ in range(2):
        pool.add(drawn(p, np.array([0.001, 0.009, 0.49, 0.5]), 3000, rng))
    chosen = pool.choose(rng)
    assert [chosen.count(str(name)) for name in range(4)] == [900, 60, 30, 10]


def test_the_probability_of_names_is_estimated_as_well_as_is_said():
    rng, p, q = np.random.default_rng(0), 0.5 ** np.arange(1, 31), np.full(30, 1 / 30)
    p *= 0.2
    found = []
    for _ in range(400):
        pool = Pool(1)
        pool.add(drawn(p, q, 110, rng))
        found.append(pool.probability())
    estimates, errors = np.array(found).T
    assert estimates.mean() == pytest.approx(p.sum(), abs=3 * estimates.std() / 20)
    assert (np.abs(estimates - p.sum()) < 1.96 * errors).mean() > 0.93
    assert errors.mean() < 2 * estimates.std()


def test_what_does_not_fit_is_not_chosen():
    rng, pool = np.random.default_rng(0), Pool(3)
    names, labels = np.array(["a", "b", "c"], dtype=object), zeros(3)
    pool.add(Draws(names, labels, np.zeros(3), np.full(3, -np.inf)))
    assert pool.missing() == np.inf
    assert pool.probability() == (0, 0)
    pool.add(Draws(names, labels, np.zeros(3), np.array([-np.inf, 0, -np.inf])))
    assert pool.choose(rng) == ["b"] * 3


@pytest.mark.parametrize("q", [[0.3, 0.3, 0.2, 0.1, 0.1], [0.001, 0.009, 0.01, 0.08, 0.9]])
def test_totals_are_right_on_average_however_few_are_drawn(q):
    """What is drawn once counts as what it stands for."""
    rng, p = np.random.default_rng(0), np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    found = []
    for _ in range(3000):
        pool = Pool(1)
        pool.add(drawn(p, np.array(q), 20, rng))
        found.append(pool.probability()[0])
    assert np.mean(found) == pytest.approx(1, abs=4 * np.std(found) / len(found) ** 0.5)


def test_what_was_bound_to_be_drawn_counts_as_its_probability():
    rng, p = np.random.default_rng(0), np.array([0.6, 0.3, 0.1])
    pool = Pool(100)
    pool.add(drawn(p, np.array([0.2, 0.3, 0.5]), 2000, rng))
    assert pool.probability()[0] == pytest.approx(1, abs=1e-12)
    chosen = pool.choose(rng)
    assert [chosen.count(name) for name in "012"] == [60, 30, 10]


def test_what_is_less_probable_than_numbers_can_hold_is_chosen_all_the_same():
    """Such as texts of a thousand characters."""
    pool, names = Pool(400), np.array(["a", "b", "c"], dtype=object)
    log_proba, log_weights = np.array([-2000.0, -2001, -1999]), np.array([-3, -3, -1000.0])
    pool.add(Draws(names, zeros(3), log_proba, log_weights))
    chosen = pool.choose(np.random.default_rng(0))
    assert [chosen.count(name) for name in names] == [200, 200, 0]
    assert np.isfinite(pool.missing())


def test_draws_that_stand_for_several_names_ask_for_more():
    names = np.array([str(i) for i in range(1000)], dtype=object)

    def missing(log_weights):
        pool = Pool(1000)
        pool.add(Draws(names, zeros(1000), np.full(1000, -20.0), log_weights))
        return pool.missing()

    assert missing(np.full(1000, -3.0)) == 0  # as good as free ones
    assert 500 <= missing(np.repeat([-3.0, -9.0], 500)) <= 2000
    assert missing(np.repeat([-3.0, -9.0], [100, 900])) >= 4000
