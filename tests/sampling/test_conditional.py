"""What is asked for is conditioned on: against all names of a small alphabet, one by one."""

import itertools
import re
from collections import Counter
from functools import partial

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, small_pipeline

from sknamegen._sampling.sampler import Sampler
from sknamegen.metrics import constraint_probability, expected_novelty, temperature_for

END = "\3"
NAMES = ["a", "ab", "abc", "ca", "cab", "b", "bb", "acca", "baca", "cabab", "bca"]
LABELS = ["x", "y", "x", "y", "y", "x", "x", "y", "x", "x", "y"]
CONSTRAINTS = [
    {},
    {"min_length": 3},
    {"max_length": 2},
    {"min_length": 4, "max_length": 4},
    {"pattern": "a.*c|b.*"},
    {"pattern": ".*c.*c.*", "temperature": 0.7},
    {"banned": ["AB", "cc"]},
    {"pattern": "[^c]*c", "banned": ["ab"], "min_length": 2},
    {"seed": "b", "pattern": ".*a"},
    {"seed": "ca", "min_length": 4, "temperature": 1.5},
    {"min_length": 4, "top_k": 3},
    {"pattern": ".*c.*", "top_p": 0.8, "temperature": 1.2},
    {"pattern": ".*cc.*", "temperature": 0.3},
    {"min_length": 5, "top_p": 0.9},
    {"pattern": ".*b.*", "banned": ["ac", "bb"], "temperature": 0.5},
    {"min_length": 4, "temperature": 0.3, "top_k": 2},
    {"label": "y", "pattern": "(ab?c?)+"},
    {"label": "x", "min_length": 4, "seed": "c"},
]
MAX_LENGTH = 5


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def pipes(request):
    """The same generator without labels, and with them."""
    # In float32, so that the network is nearly the same on every processor.
    of_lstm = {"max_epochs": 40, "precision": "float32"}
    options = of_lstm if request.param is small_pipeline else {}
    plain = request.param(window_length=3, **options).fit(NAMES * 4)
    return plain, request.param(window_length=3, **options).fit(NAMES * 4, LABELS * 4)


def restrict(p, temperature, top_k, top_p):
    """The distribution of one character, as `sample` documents it."""
    p = p ** (1 / temperature)
    p /= p.sum()
    kept = np.argsort(-p, kind="stable")[:top_k]
    if top_p is not None:
        mass = np.cumsum(p[kept]) / p[kept].sum()
        kept = kept[: np.searchsorted(mass, top_p) + 1]
    q = np.zeros_like(p)
    q[kept] = p[kept]
    return q / q.sum()


def all_probabilities(generator, seed, label, how, max_length, ends=True):
    """The probability of each string that begins with a seed, one character after another."""
    letters = [c for c in generator.alphabet_ if c != END]
    column = {c: i for i, c in enumerate(generator.alphabet_)}
    waiting, found = {seed: 1.0}, {}
    while waiting:
        beginnings = list(waiting)
        rows = generator.next_char_proba(beginnings, label=label)
        following = {}
        for beginning, row in zip(beginnings, rows, strict=True):
            q = restrict(row, *how)
            if ends:
                found[beginning] = waiting[beginning] * q[column[END]]
            elif len(beginning) == max_length:
                found[beginning] = waiting[beginning]
            if len(beginning) < max_length:
                for c in letters:
                    following[beginning + c] = waiting[beginning] * q[column[c]]
        waiting = following
    return found


def conditional(generator, constraint, max_length=MAX_LENGTH, ends=True):
    """All strings that fit, and the joint probability of each and the constraint."""
    asked = dict(constraint)
    seed, label = asked.pop("seed", ""), asked.pop("label", None)
    how = asked.pop("temperature", 1.0), asked.pop("top_k", None), asked.pop("top_p", None)
    max_length = asked.get("max_length", max_length)
    weights = {label: 1.0}
    if label is None and hasattr(generator, "classes_"):
        weights = dict(zip(generator.classes_, _label_proba(generator, seed), strict=True))
    p = {}
    for label, weight in weights.items():
        each = all_probabilities(generator, seed, label, how, max_length, ends)
        for name, probability in each.items():
            p[name] = p.get(name, 0) + weight * probability
    return {
        name: probability
        for name, probability in p.items()
        if asked.get("min_length", 1) <= len(name)
        and re.fullmatch(constraint.get("pattern") or "(?s).*", name)
        and not any(banned.lower() in name for banned in asked.get("banned", ()))
    }


def _label_proba(generator, seed):
    column = {c: i for i, c in enumerate(generator.alphabet_)}
    joint = generator.class_count_ / generator.class_count_.sum()
    for i, c in enumerate(seed):
        rows = [generator.next_char_proba([seed[:i]], label=y)[0] for y in generator.classes_]
        joint = joint * [row[column[c]] for row in rows]
    return joint / joint.sum()


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_names_are_drawn_given_that_they_fit(pipes, constraint, labelled):
    if "label" in constraint and not labelled:
        constraint = {name: value for name, value in constraint.items() if name != "label"}
    generator = pipes[labelled][-1]
    asked = {"max_length": MAX_LENGTH} | constraint
    p = conditional(generator, asked)
    drawn = generator.sample(n_samples=4000, random_state=1, **asked)
    assert_drawn_from(drawn, list(p), list(p.values()))
    estimates = [
        constraint_probability(generator, n_draws=3000, random_state=seed, **asked)
        for seed in (0, 1)
    ]
    proba, error = np.transpose(estimates)
    assert abs(proba.mean() - sum(p.values())) < 4.5 * np.sqrt((error**2).sum()) / 2 + 1e-6
    known = pipes[labelled][0].transform(NAMES)
    share = sum(p.get(name, 0) for name in NAMES) / sum(p.values())
    # Four standard errors where the draws are at their limit.
    assert expected_novelty(generator, known, **asked) == pytest.approx(1 - share, abs=0.016)


def test_each_of_several_seeds_is_conditioned_on_its_own(pipes):
    generator = pipes[0][-1]
    seeds, asked = ["a", "ca", "bb"], {"pattern": ".*c.*", "max_length": MAX_LENGTH}
    drawn = generator.sample(seeds * 1500, random_state=0, **asked)
    for i, seed in enumerate(seeds):
        p = conditional(generator, asked | {"seed": seed})
        assert_drawn_from(drawn[i::3], list(p), list(p.values()))


def test_single_names_are_drawn_given_that_they_fit(pipes):
    """Each is chosen from a few draws, so a small bias is left; it must not show."""
    generator = pipes[0][-1]
    asked = {"pattern": ".*c.*", "max_length": 3}
    p = conditional(generator, asked)
    rng = np.random.default_rng(0)
    drawn = [generator.sample(random_state=rng, **asked) for _ in range(1500)]
    assert_drawn_from(drawn, list(p), list(p.values()))


def test_streams_are_drawn_given_that_they_fit(pipes):
    generator = pipes[0][-1]
    asked = {"min_length": 2, "max_length": 3}
    p = conditional(generator, asked)
    rng = np.random.default_rng(0)
    drawn = ["".join(generator.stream(random_state=rng, **asked)) for _ in range(1500)]
    assert_drawn_from(drawn, list(p), list(p.values()))


@pytest.mark.parametrize("constraint", [{}, {"pattern": ".*cc.*"}, {"banned": ["ab"]}], ids=str)
@pytest.mark.parametrize("make_pipe", [small_pipeline, ngram_pipeline])
def test_texts_are_drawn_given_that_they_fit(make_pipe, constraint):
    text = "".join(np.random.default_rng(0).choice(list("abcab"), size=300))
    generator = make_pipe(window_length=3, boundary=False).fit([text])[-1]
    asked = {"seed": "a", "max_length": 6} | constraint
    p = conditional(generator, asked, ends=False)
    drawn = generator.sample(n_samples=4000, random_state=0, **asked)
    assert_drawn_from(drawn, list(p), list(p.values()))


@pytest.mark.parametrize("constraint", [{"min_length": 4}, {"pattern": "b.*c"}, {"max_length": 1}])
def test_the_greedy_name_fits_and_ends_well(pipes, constraint):
    generator = pipes[0][-1]
    asked = {"max_length": MAX_LENGTH} | constraint
    p = conditional(generator, asked)
    name = generator.sample(temperature=0, **asked)
    assert p[name] >= 0.2 * max(p.values())
    assert generator.sample(temperature=0, n_samples=2, **asked) == [name] * 2


@pytest.mark.parametrize("asked", [{}, {"min_length": 4}, {"pattern": ".*c.*"}], ids=str)
def test_greedy_names_have_labels_in_proportion(pipes, asked):
    """At temperature 0 each label has one name, and that is as frequent as the label."""
    generator = pipes[1][-1]
    asked = {"temperature": 0, "max_length": MAX_LENGTH} | asked
    shares = generator.class_count_ / generator.class_count_.sum()
    counts = Counter(generator.sample(n_samples=2000, random_state=0, **asked))
    assert sorted(counts.values()) == pytest.approx(sorted(2000 * shares), abs=100)
    known = pipes[1][0].transform([min(counts, key=counts.get)])
    assert expected_novelty(generator, known, **asked) == pytest.approx(max(shares))


@pytest.mark.parametrize("asked", [{"max_length": MAX_LENGTH}, {"pattern": ".*b.*"}], ids=str)
def test_a_constraint_that_enough_names_meet_needs_no_lookahead(pipes, monkeypatch, asked):
    """Then names are drawn as they come: exactly, whatever a lookahead says."""
    generator = pipes[0][-1]
    asked = {"max_length": MAX_LENGTH} | asked
    monkeypatch.setattr(Sampler, "lookahead", lambda self: 1 / 0)
    drawn = generator.sample(n_samples=4000, random_state=0, **asked)
    p = conditional(generator, asked)
    assert_drawn_from(drawn, list(p), list(p.values()))


def test_too_few_characters_are_left(pipes):
    generator = pipes[0][-1]
    best = generator.sample(temperature=0, max_length=MAX_LENGTH)
    other = {"a": "b", "b": "c", "c": "a"}[best[0]]
    with pytest.raises(ValueError, match=r"No name of [\d,]+ drawn from '' fits: at this"):
        generator.sample(top_k=1, pattern=f"{other}.*", max_length=MAX_LENGTH)
    known = pipes[0][0].transform(NAMES)
    for novelty in (expected_novelty, partial(temperature_for, novelty=0.5)):
        with pytest.raises(ValueError, match=r"No name of [\d,]+ drawn from '' fits: at this"):
            novelty(generator, known, top_k=1, pattern=f"{other}.*", max_length=MAX_LENGTH)


def test_a_shortfall_says_how_rare_the_constraint_is(pipes):
    generator = pipes[0][-1]
    share, _ = constraint_probability(generator, pattern="cc.{3}", max_length=5, random_state=0)
    everything = ["".join(t) for t in itertools.product("abc", repeat=3)]
    with pytest.raises(ValueError, match=r"about one name in [\d,]+ fits\.") as shortfall:
        generator.sample(n_samples=len(everything) + 1, pattern="cc.{3}", max_length=5, unique=True)
    (told,) = re.findall(r"one name in ([\d,]+) fits", str(shortfall.value))
    assert int(told.replace(",", "")) == pytest.approx(1 / share, rel=0.2)


def test_prefixes_that_fit_much_less_often_than_it_seems_have_names_all_the_same(names):
    """Each is compared with itself only, and nothing is given up where all was."""
    generator = ngram_pipeline(window_length=10).fit(names)[-1]
    seeds = ["A", "Be", "Ca", "Do", "El", "Fa", "Ge", "Ma"]
    for random_state in range(3):
        written = generator.sample(
            seeds, 0.1, pattern=".*i.*i.*", max_length=14, random_state=random_state
        )
        assert all(map(str.startswith, written, seeds))
