"""Tests of constraints against enumerations over small alphabets and against `re`."""

import copy
import itertools
import random
import re
import sys
from collections import Counter
from functools import partial

import numpy as np
import pytest
from conftest import assert_drawn_from, list_words, ngram_pipeline, small_pipeline, windows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen.metrics import constraint_probability

END = "\3"
NAMES = ["a", "ab", "abc", "ca", "cab", "b", "bb", "acca", "baca", "cabab", "bca"]
LABELS = ["x", "y", "x", "y", "y", "x", "x", "y", "x", "x", "y"]
CONSTRAINTS = [
    {},
    {"max_length": 2},
    {"min_length": 4, "max_length": 4},
    {"pattern": ".*c.*c.*", "temperature": 0.7},
    {"banned": ["AB", "cc"]},
    {"pattern": "[^c]*c", "banned": ["ab"], "min_length": 2},
    {"seed": "b", "pattern": ".*a"},
    {"seed": "ca", "min_length": 4, "temperature": 1.5},
    {"min_length": 4, "top_k": 3},
    {"pattern": ".*c.*", "top_p": 0.8, "temperature": 1.2},
    {"pattern": ".*cc.*", "temperature": 0.3},
    {"pattern": ".*b.*b.*", "min_p": 0.4, "temperature": 1.5},
    {"min_length": 4, "min_p": 0.2, "top_k": 3, "top_p": 0.9},
    {"max_length": 2, "temperature": 0.05},
    {"min_length": 4, "temperature": 0.1},
    {"banned": ["a"], "temperature": 0.2, "top_k": 3},
]
LABELLED = [
    {},
    {"min_length": 4, "top_k": 3},
    {"seed": "ca", "min_length": 4, "temperature": 1.5},
    {"min_length": 4, "temperature": 0.1},
    {"label": "x", "seed": "c", "pattern": ".*b.*", "temperature": 0.05},
    {"label": "y", "pattern": "(ab?c?)+"},
    {"label": {"x": 1, "y": 2}, "pattern": ".*bb"},
]
MAX_LENGTH = 5
# Probabilities from 3e-5 to 8e-11.
RARE = [
    {"pattern": "[bc]{4,}", "temperature": 0.35},
    {"pattern": ".*cb.*cb.*", "temperature": 0.7},
    {"pattern": "c.*c.*c.*c.*", "temperature": 0.5, "top_k": 3},
]


@pytest.fixture(scope="module")
def pipes(make_pipe):
    """Return pipelines with the same generator, fitted without labels and with labels."""
    # With float32, the network is nearly the same on every processor.
    lstm_options = {"max_epochs": 40, "precision": "float32"}
    options = {"window_length": 3} | (lstm_options if make_pipe is small_pipeline else {})
    return make_pipe(**options).fit(NAMES * 4), make_pipe(**options).fit(NAMES * 4, LABELS * 4)


def restrict(p, temperature, top_k, top_p, min_p):
    """Restrict the distribution of one character, as documented in `sample`."""
    p = p ** (1 / temperature)
    p /= p.sum()
    indices = np.argsort(-p, kind="stable")[:top_k]
    if top_p is not None:
        mass = np.cumsum(p[indices]) / p[indices].sum()
        indices = indices[: np.searchsorted(mass, top_p) + 1]
    q = np.zeros_like(p)
    q[indices] = p[indices]
    q[p < (min_p or 0) * p.max()] = 0
    return q / q.sum()


def all_probabilities(generator, seed, label, decoding, max_length, ends=True):
    """Return the probability of each string that starts with the seed."""
    letters = [c for c in generator.alphabet_ if c != END]
    column = {c: i for i, c in enumerate(generator.alphabet_)}
    prefixes, probabilities = {seed: 1.0}, {}
    while prefixes:
        rows = generator.next_char_proba(list(prefixes), label=label)
        longer = {}
        for (prefix, p), row in zip(prefixes.items(), rows, strict=True):
            q = restrict(row, *decoding)
            if ends:
                probabilities[prefix] = p * q[column[END]]
            elif len(prefix) == max_length:
                probabilities[prefix] = p
            if len(prefix) < max_length:
                longer |= {prefix + c: p * q[column[c]] for c in letters}
        prefixes = longer
    return probabilities


def conditional(generator, constraint, ends=True):
    """Return all strings that satisfy a constraint, with their unnormalized probabilities."""
    options = dict(constraint)
    seed, label = options.pop("seed", ""), options.pop("label", None)
    top = [options.get(name) for name in ("top_k", "top_p", "min_p")]
    decoding = options.get("temperature", 1.0), *top
    max_length = options.get("max_length", MAX_LENGTH)
    weights = {label: 1.0} if not isinstance(label, dict) else {None: 1.0}
    if label is None and hasattr(generator, "classes_"):
        weights = dict(zip(generator.classes_, label_proba(generator, seed), strict=True))
    p = Counter()
    for y, weight in weights.items():
        condition = label if isinstance(label, dict) else y
        joint = all_probabilities(generator, seed, condition, decoding, max_length, ends)
        p.update({name: weight * probability for name, probability in joint.items()})
    return {
        name: probability
        for name, probability in p.items()
        if options.get("min_length", 1) <= len(name)
        and re.fullmatch(options.get("pattern", "(?s).*"), name)
        and not any(banned.lower() in name for banned in options.get("banned", ()))
    }


def label_proba(generator, seed):
    """Return the probability of each label after a seed."""
    column = {c: i for i, c in enumerate(generator.alphabet_)}
    joint = generator.class_count_ / generator.class_count_.sum()
    for i, c in enumerate(seed):
        rows = [generator.next_char_proba([seed[:i]], label=y)[0] for y in generator.classes_]
        joint = joint * [row[column[c]] for row in rows]
    return joint / joint.sum()


@pytest.mark.parametrize(
    ("labelled", "constraint"),
    [*itertools.product([False], CONSTRAINTS), *itertools.product([True], LABELLED)],
    ids=str,
)
def test_constrained_names_follow_the_conditional_distribution(pipes, constraint, labelled):
    """Estimates of the total probability agree with the enumeration within their errors."""
    generator = pipes[labelled][-1]
    options = {"max_length": MAX_LENGTH} | constraint
    p = conditional(generator, options)
    drawn = generator.sample(n_samples=3000, random_state=1, **options)
    assert_drawn_from(drawn, list(p), list(p.values()))
    total = sum(p.values())
    proba, error = constraint_probability(generator, random_state=0, **options)
    assert abs(proba - total) < 4.5 * error + 1e-6


@pytest.mark.parametrize(
    ("kind", "constraint", "is_short"),
    [
        *(("plain", rare, is_short) for rare in RARE for is_short in (False, True)),
        pytest.param("labelled", RARE[1], False, marks=pytest.mark.full),
    ],
    ids=str,
)
def test_the_rarest_names(pipes, kind, constraint, is_short, monkeypatch):
    """After a short search, draws represent most of the names."""
    generator = copy.deepcopy(pipes[kind == "labelled"][-1])
    if is_short:
        monkeypatch.setattr("sknamegen._sampling.learning._N_EXPANDED", 8)
    options = constraint | {"max_length": 7}
    p = conditional(generator, options)
    total, rng = sum(p.values()), np.random.default_rng(0)
    assert total < 1e-3
    for drawn in (
        generator.sample(n_samples=1000, random_state=1, **options),
        [generator.sample(random_state=rng, **options) for _ in range(30)],
    ):
        assert_drawn_from(drawn, list(p), list(p.values()))
    proba, error = constraint_probability(generator, random_state=0, **options)
    assert abs(proba - total) < 3 * error


@pytest.mark.full
@pytest.mark.parametrize("labelled", [False, True])
def test_estimates_do_not_depend_on_what_a_guide_learned_from(pipes, labelled, monkeypatch):
    """After a search that finds nearly nothing, over seeds of the learning."""
    monkeypatch.setattr("sknamegen._sampling.learning._N_EXPANDED", 8)
    for constraint in RARE:
        options = constraint | {"max_length": 7}
        total = sum(conditional(pipes[labelled][-1], options).values())
        for seed in range(4):
            monkeypatch.setattr("sknamegen._sampling.learning._SEED", (1, seed))
            generator = copy.deepcopy(pipes[labelled][-1])  # without guides
            proba, error = constraint_probability(generator, random_state=0, **options)
            assert abs(proba - total) < 4 * error + 1e-6 * total


@pytest.mark.parametrize(
    ("title", "pattern"), [("hi_IN_first_names", "अ.*"), ("th_TH_first_names", "[^ั]*ก.*")]
)
def test_large_automata_of_scripts_with_marks(title, pattern):
    """Ways to continue a character are so many that their number overflows."""
    names = load_names(title)
    banned = random.Random(0).sample([name for name in names if len(name) > 3], 120)
    options = {"pattern": pattern, "banned": banned, "max_length": 12}
    for name in CharNGramGenerator().fit(names).sample(n_samples=3, random_state=0, **options):
        assert re.fullmatch(pattern, name)
        assert not any(text in name for text in banned)


@pytest.mark.full
def test_the_number_of_words_of_n_grams():
    """Their lookahead ignores the penalties, and expects three times as much as there is."""
    generator = CharNGramGenerator().fit(load_names("taverns"))
    probability, error = constraint_probability(generator, min_words=5, max_words=5, random_state=0)
    assert abs(probability - 0.00376) < 4 * error < 0.001  # of 80,000 draws
    drawn = generator.sample(n_samples=5000, min_words=5, max_words=5, random_state=7)
    assert {len(list_words(name)) for name in drawn} == {5}


def test_a_list_of_mostly_empty_names():
    generator = CharNGramGenerator().fit([""] * 3000 + ["Anna", "Hanna", "Berta"])
    assert "" not in generator.sample("", 0.3, 3, random_state=0)


def test_short_names_at_low_temperature():
    """Names this short are rare. Single samples and lists have the same distribution."""
    temperature = 0.05
    generator = CharNGramGenerator().fit(list(map(str.lower, load_names("female"))))
    p = all_probabilities(generator, "", None, (temperature, None, None, None), 3)
    del p[""]
    sample = partial(generator.sample, max_length=3, temperature=temperature)
    for drawn in (
        sample(n_samples=2000, random_state=0),
        [sample(random_state=state) for state in range(75)],
    ):
        assert_drawn_from(drawn, list(p), list(p.values()))
    total, options = sum(p.values()), {"max_length": 3, "temperature": temperature}
    proba, error = constraint_probability(generator, random_state=0, **options)
    assert proba == pytest.approx(total, abs=error + 1e-6 * total)
    assert error < 0.002 * total


@pytest.mark.full
def test_what_drawing_again_finds_is_not_refused():
    """One name in a hundred to five hundred satisfies these constraints."""
    generator = CharLSTMGenerator(max_epochs=2, random_state=0).fit(load_names("beers"))
    options = {"n_samples": 3, "random_state": 0}
    for temperature in (0.7, 0.6):
        names = generator.sample("", temperature, pattern="[A-Z][a-z]*", **options)
        assert all(re.fullmatch("[A-Z][a-z]*", name) for name in names)
    names = generator.sample("", 0.5, banned=["e", "o"], **options)
    assert not set("".join(names).lower()) & {*"eo"}


@pytest.mark.full
def test_both_parts_of_a_union_are_found():
    """A network remembers the first letter longer than the contexts of a lookahead."""
    rng = random.Random(5)
    middles = ["".join(rng.choices("xy", k=rng.choice([6, 7, 8]))) for _ in range(1500)]
    names = [first + middle + first for first, middle in zip(itertools.cycle("aab"), middles)]
    names += [f"q{middle[:3]}r" for middle in middles[:12]]
    sizes = {"hidden_size": 48, "embedding_dim": 16, "num_networks": 1, "init": None}
    settings = {"max_epochs": 30, "dropout": 0.0, "ngram_weight": 0.0, "random_state": 5}
    generator = CharLSTMGenerator(**sizes, **settings).fit(names)
    for temperature in (0.33, 0.4):
        (first, _), (second, _), (union, error) = (
            constraint_probability(
                generator, temperature, pattern=pattern, max_length=11, random_state=0
            )
            for pattern in ("a.*b", "b.*a", "a.*b|b.*a")
        )
        assert abs(union - first - second) < 0.03 * (first + second) + 2 * error
        options = {"pattern": "a.*b|b.*a", "max_length": 11, "random_state": 1}
        drawn = generator.sample("", temperature, 1000, **options)
        share = sum(name[0] == "a" for name in drawn) / 1000
        assert share == pytest.approx(first / (first + second), abs=0.05)


@pytest.mark.full
def test_names_are_drawn_again_if_there_is_no_guide(monkeypatch):
    """The distribution is the same. The search for a guide is not repeated."""
    generator, calls = ngram_pipeline(window_length=3, order=2).fit(NAMES)[-1], []

    def find_no_guide(*_):
        calls.append(1)

    monkeypatch.setattr("sknamegen._sampling.constrained.learn_guide", find_no_guide)
    options = {"pattern": ".*c.*c", "max_length": 7}
    p = conditional(generator, options)
    assert sum(p.values()) < 0.05
    for _ in range(2):
        drawn = generator.sample(n_samples=2000, random_state=1, **options)
        assert_drawn_from(drawn, list(p), list(p.values()))
    assert calls == [1]
    with pytest.raises(ValueError, match="too rare"):
        generator.sample(pattern="c{7}", temperature=0.05, max_length=7, random_state=0)


@pytest.mark.full
def test_constraints_that_are_too_rare_are_refused():
    generator = CharNGramGenerator().fit(load_names("female"))
    options = {"pattern": ".*qqq.*zzz.*", "temperature": 0.03}
    for call in (generator.sample, generator.stream, partial(constraint_probability, generator)):
        with pytest.raises(ValueError, match=r"too rare at temperature 0.03 to sample"):
            list(call(**options))
    assert re.fullmatch(options["pattern"], generator.sample(**options | {"temperature": 0.3}))


@pytest.mark.parametrize(
    "constraint", [{"pattern": ".*c.*"}, {"pattern": ".*cc.*", "temperature": 0.1}], ids=str
)
def test_each_seed_has_its_own_distribution(pipes, constraint):
    """The sampler compares only candidates with the same seed."""
    generator, seeds = pipes[0][-1], ["a", "ca", "bb"]
    options = constraint | {"max_length": MAX_LENGTH}
    drawn = generator.sample(seeds * 1500, random_state=0, **options)
    for i, seed in enumerate(seeds):
        p = conditional(generator, options | {"seed": seed})
        assert_drawn_from(drawn[i::3], list(p), list(p.values()))


@pytest.mark.parametrize("constraint", [{}, {"pattern": ".*cc.*"}, {"banned": ["ab"]}], ids=str)
def test_constrained_texts_follow_the_conditional_distribution(make_pipe, constraint):
    text = "".join(np.random.default_rng(0).choice(list("abcab"), size=300))
    generator = make_pipe(window_length=3, boundary=False).fit([text])[-1]
    options = {"seed": "a", "max_length": 6} | constraint
    p = conditional(generator, options, ends=False)
    drawn = generator.sample(n_samples=4000, random_state=0, **options)
    assert_drawn_from(drawn, list(p), list(p.values()))
    for random_state in range(3):
        streamed = "a" + "".join(generator.stream(random_state=random_state, **options))
        assert streamed == generator.sample(random_state=random_state, **options)


@pytest.mark.parametrize("constraint", [{"min_length": 4}, {"pattern": "b.*c"}, {"max_length": 1}])
def test_greedy_name_satisfies_the_constraint_and_is_likely(pipes, constraint):
    generator = pipes[0][-1]
    options = {"max_length": MAX_LENGTH} | constraint
    p = conditional(generator, options)
    name = generator.sample(temperature=0, **options)
    assert p[name] >= 0.2 * max(p.values())
    assert generator.sample(temperature=0, n_samples=2, **options) == [name] * 2
    is_greedy = name == generator.sample(temperature=0)  # also without the constraint
    assert constraint_probability(generator, temperature=0, pattern=name) == (is_greedy, 0)


def test_probability_at_temperature_0_depends_on_the_label_drawn():
    generator = CharNGramGenerator().fit(["aba", "bab", "bab"], ["x", "y", "y"])
    for label, name in {"x": "aba", "y": "bab"}.items():
        assert generator.sample(temperature=0, label=label) == name
    probability, error = constraint_probability(generator, 0, pattern="b.*", random_state=0)
    assert 0 < abs(probability - 2 / 3) < 3 * error < 0.1


@pytest.mark.parametrize("constraint", [{}, {"min_length": 4}, {"pattern": ".*c.*"}], ids=str)
def test_greedy_names_follow_the_label_proportions(pipes, constraint):
    """At temperature 0, each label generates one name, which is as frequent as the label."""
    generator = pipes[1][-1]
    options = {"temperature": 0, "max_length": MAX_LENGTH} | constraint
    shares = generator.class_count_ / generator.class_count_.sum()
    counts = Counter(generator.sample(n_samples=2000, random_state=0, **options))
    for n in counts.values():
        assert np.isclose([*shares, 1], n / 2000, rtol=0, atol=0.05).any()
    if not constraint:
        greedy = [generator.sample(label=label, **options) for label in generator.classes_]
        assert len(set(greedy)) == len(counts) == 2
        for name, share in zip(greedy, shares, strict=True):
            assert counts[name] / 2000 == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("constraint", "n_draws"), [({"pattern": ".*cc.*"}, 300), ({"pattern": "(ccc|bbb).*"}, 30)]
)
def test_probability_estimates_are_unbiased_and_within_their_errors(pipes, constraint, n_draws):
    generator = pipes[0][-1]
    options = {"max_length": MAX_LENGTH} | constraint
    truth = sum(conditional(generator, options).values())
    assert truth < 0.1  # so that importance sampling is used
    options |= {"n_draws": n_draws, "random_state": np.random.default_rng(0)}
    estimates = [constraint_probability(generator, **options) for _ in range(60)]
    proba, errors = np.transpose(estimates)
    assert proba.mean() == pytest.approx(truth, abs=4.5 * proba.std() / 60**0.5 + 1e-3 * truth)
    assert np.mean(np.abs(proba - truth) < 1.96 * errors + 1e-9 * truth) > 0.85
    # Importance sampling has a much smaller error than unconstrained draws.
    assert errors.mean() < 0.4 * (truth * (1 - truth) / n_draws) ** 0.5


def test_rare_names_of_a_call_are_independent(pipes):
    """Pairs are independent draws, and with `unique` draws without replacement."""
    generator = pipes[0][-1]
    options = {"pattern": "cc?b[bc]", "max_length": 4, "temperature": 0.5}
    p = conditional(generator, options)
    assert sum(p.values()) < 0.01
    names, share = list(p), np.array([*p.values()]) / sum(p.values())
    pairs = np.outer(share, share)
    distinct = share[:, None] * share / (1 - share)[:, None] * ~np.eye(len(share), dtype=bool)
    for unique, expected in ((False, pairs), (True, distinct)):
        drawn = [
            "+".join(generator.sample(n_samples=2, unique=unique, random_state=state, **options))
            for state in range(400)
        ]
        titles = ["+".join(pair) for pair in itertools.product(names, names)]
        assert_drawn_from(drawn, titles, expected.ravel())


def test_unique_samples_contain_every_matching_name(pipes):
    generator = pipes[0][-1]
    options = {"pattern": "(c|bb)a{1,2}[bc]?", "max_length": 4, "temperature": 2}
    expected = conditional(generator, options)
    n = len(expected)
    sampled = generator.sample(n_samples=n, unique=True, random_state=0, **options)
    assert n == 10
    assert sorted(sampled) == sorted(expected)
    with pytest.raises(ValueError, match=rf"Found only {n} of {n + 1} names"):
        generator.sample(n_samples=n + 1, unique=True, random_state=0, **options)


@pytest.mark.full
def test_long_constrained_texts_keep_their_distribution():
    """The probabilities of the texts underflow in float64."""
    text = "".join(np.random.default_rng(0).choice(list("abb"), size=2000))
    generator = ngram_pipeline(window_length=2, boundary=False).fit([text])[-1]
    options = {"seed": "a", "max_length": 1500}
    drawn = generator.sample(n_samples=300, pattern=".*aaaa", random_state=0, **options)
    assert all(name.endswith("aaaa") and len(name) == 1500 for name in drawn)
    assert len(set(drawn)) == 300
    (p,) = generator.next_char_proba(["a"])
    assert_drawn_from([name[1] for name in drawn], generator.alphabet_.tolist(), p)


def test_names_do_not_depend_on_earlier_calls(pipes):
    sample = partial(pipes[0][-1].sample, n_samples=50)
    options = {"pattern": "b?a(ca)*b*c?", "max_length": 9, "min_length": 5}
    first = sample(random_state=0, **options)
    sample(temperature=0.7, random_state=1, **options)
    sample(pattern=".*bbb.*", random_state=1)
    assert sample(random_state=0, **options) == first


def test_top_k_without_a_matching_name_is_an_error(pipes):
    generator = pipes[0][-1]
    match = "No name drawn with seed '' satisfies the constraint: temperature, top_k, top_p and"
    best = generator.sample(temperature=0, max_length=MAX_LENGTH)
    other = {"a": "b", "b": "c", "c": "a"}[best[0]]
    options = {"top_k": 1, "pattern": f"{other}.*", "max_length": MAX_LENGTH}
    with pytest.raises(ValueError, match=match):
        generator.sample(**options)


def test_shortfall_reports_how_rare_the_constraint_is(pipes):
    generator = pipes[0][-1]
    options = {"pattern": "cc.{3}", "max_length": 5}
    share = sum(conditional(generator, options).values())
    with pytest.raises(ValueError, match=r"\. About one name in [\d,]+ satisfies") as shortfall:
        generator.sample(n_samples=28, unique=True, random_state=0, **options)
    (stated,) = re.findall(r"one name in ([\d,]+) satisfies", str(shortfall.value))
    assert int(stated.replace(",", "")) == pytest.approx(1 / share, rel=0.2)


LETTERS = [*"abAB -é"]
TEXTS = ["".join(t) for n in range(1, 5) for t in itertools.product(LETTERS, repeat=n)]
PATTERNS = [
    *(r"a.*b", r"(a|b){2,3}", r"(?i)A+b?", r"(?i:a)B", r"[^a]*", r"a$|^b", r"^(ab|a)(bab|)?$"),
    *(r"\w+\s\w|\W\S", r"(a?){3}b", r"(a*)*b", r"(a|b)*?é{0}", r"[a-b-]+", r"(?s).|.\D"),
    *(r"(?P<n>ab)+", r"(?a:\w+)", r"(?u:\w+)(?a:\W?)", re.compile(r"(?u:\w+)", re.ASCII)),
    *(r"((a|b)?A{0,2})*", r"(a{0,2}|B){2,3}", r"a+?b{2,}|(ab+)+", re.compile("É.?", re.I)),
    *(r"(?x) a  b # spaces mean nothing", "[ab]?" * 1900 + "A?" * 100),
]
# Equivalents of patterns for which `re` takes hours.
EQUIVALENT = {PATTERNS[-1]: "[ab]*A*"}


def generator_of(letters, names=(), **params):
    """Fit a generator that gives all strings of the letters a positive probability."""
    windows = windows_of([*letters, *names], 3, normalization=None)
    return CharNGramGenerator(order=2, **params).fit(windows)


@pytest.fixture(scope="module")
def letter_generator():
    rng = np.random.default_rng(0)
    return generator_of(LETTERS, ["".join(rng.permutation(LETTERS)) for _ in range(20)])


def all_matches(generator, **options):
    """Return all names that satisfy the constraint, or an empty list if it is impossible."""
    try:
        return sorted(generator.most_likely(10**5, **{"max_length": 4} | options)[0])
    except ValueError as error:
        if "characters from the model" not in str(error):
            raise
        return []


@pytest.mark.parametrize("lengths", [(0, 4), (2, 3)])
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: str(pattern)[:40])
def test_patterns_match_like_re(letter_generator, pattern, lengths):
    options = {"min_length": lengths[0], "max_length": lengths[1], "pattern": pattern}
    matches = re.compile(EQUIVALENT.get(pattern, pattern)).fullmatch
    expected = [text for text in TEXTS if matches(text) and lengths[0] <= len(text) <= lengths[1]]
    assert all_matches(letter_generator, **options) == sorted(expected)


def test_pattern_that_matches_only_the_empty_name(letter_generator):
    sampled = letter_generator.sample(n_samples=3, pattern="x?", min_length=0, max_length=4)
    assert sampled == [""] * 3


nodes = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "é", "-", "A"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    nodes,
    st.lists(st.text("abAé", min_size=1, max_size=3), max_size=6),
    st.integers(1, 4),
    st.text(LETTERS, max_size=4),
)
def test_seeds_and_patterns_match_an_enumeration(
    letter_generator, pattern, banned, min_length, seed
):
    """Banned strings may overlap. A seed is rejected if no matching name starts with the seed."""
    options = {"pattern": pattern, "banned": banned, "min_length": min_length, "max_length": 4}
    expected = [
        text
        for text in TEXTS
        if text.startswith(seed)
        and min_length <= len(text)
        and re.fullmatch(pattern, text)
        and not any(string.casefold() in text.casefold() for string in banned)
    ]
    assert all_matches(letter_generator, seed=seed, **options) == sorted(expected)
    if expected:
        assert letter_generator.sample(seed, 3.0, random_state=0, **options) in expected
    else:
        with pytest.raises(ValueError, match="characters from the model"):
            letter_generator.sample(seed, **options)


def test_banned_strings_ignore_case():
    alphabet = [*"ßsSxi", "İ"]  # case folding turns ß and İ into two characters
    names = all_matches(generator_of(alphabet), banned=["SSx", "i̇"], min_length=3, max_length=3)
    texts = ["".join(letters) for letters in itertools.product(alphabet, repeat=3)]
    allowed = [text for text in texts if not re.search("ssx|i̇", text.casefold())]
    assert names == sorted(allowed)


def test_a_long_banned_string(letter_generator):
    options = {"pattern": "(ab)*a?", "max_length": 5}
    names = all_matches(letter_generator, banned=["ab" * 2000], **options)
    assert names == ["a", "ab", "aba", "abab", "ababa"]


def test_thousands_of_banned_strings():
    """The alphabet of the model also has thousands of characters."""
    letters = list(map(chr, range(0x4E00, 0x4E00 + 3000)))
    banned = ["".join(pair) for pair in itertools.pairwise(letters[:1200])]
    names = [letters[i] + letters[i + 1] + letters[-i - 1] for i in range(1000)]
    names += [letters[i] + letters[-i - 1] for i in range(1000)]
    generator = generator_of(letters, names * 3)
    options = {"min_length": 2, "max_length": 3, "random_state": 0, "n_samples": 300}
    unconstrained = generator.sample(**options)
    assert np.mean([name[:2] in banned for name in unconstrained]) > 0.1
    sampled = generator.sample(banned=banned, **options)
    assert not any(name[i : i + 2] in banned for name in sampled for i in range(2))
    with pytest.raises(ValueError, match="No name of"):
        generator.sample(letters[9] + banned[3], banned=banned)
    assert generator.sample(letters[2] + letters[1], banned=banned, max_length=4)


def test_texts_satisfy_the_constraint_at_their_full_length():
    generator = ngram_pipeline(window_length=3, boundary=False).fit(["abaabbab" * 3])[-1]
    options = {"pattern": "(ab)*", "n_samples": 20, "random_state": 0}
    assert set(generator.sample("a", max_length=4, **options)) == {"abab"}
    for seed, max_length in (("a", 3), ("aa", 4)):
        with pytest.raises(ValueError, match="No name of"):
            generator.sample(seed, max_length=max_length, **options)


def test_regex_parser_is_tested_on_this_python():
    """`re._parser` is private. Run these tests on a new Python version, then add it here."""
    assert sys.version_info[:2] in {(3, 11), (3, 12), (3, 13), (3, 14)}


def test_most_likely_under_a_constraint(generator):
    all_names, scores = generator.most_likely(2000, max_length=6)
    options = {"pattern": "(?i)[^o]{4,5}|L.*", "banned": ["an"], "max_length": 6}
    fits = re.compile(options["pattern"]).fullmatch
    expected = [name for name in all_names if fits(name) and "an" not in name.lower()]
    assert len(expected) > 50
    sampled, log_likelihood = generator.most_likely(50, **options)
    assert sampled == expected[:50]
    np.testing.assert_allclose(log_likelihood, generator.score_samples(sampled), atol=1e-4)
    assert log_likelihood[0] <= scores[0]


@pytest.mark.parametrize(
    ("labelled", "options"), [(False, {}), (True, {}), (True, {"label": {"x": 1, "y": 2}})]
)
def test_most_likely_names_with_min_p(pipes, labelled, options):
    generator, options = pipes[labelled][-1], options | {"min_p": 0.3, "max_length": MAX_LENGTH}
    p = conditional(generator, options | {"min_length": 1})
    expected = {name: probability for name, probability in p.items() if probability}
    assert 5 < len(expected) < len(p) / 2
    names, log_likelihood = generator.most_likely(1000, **options)
    assert sorted(names) == sorted(expected)
    proba = [expected[name] for name in names]
    np.testing.assert_allclose(log_likelihood, np.log(proba), atol=1e-4)


def test_pattern_of_thousands_of_alternatives(generator):
    allowed = set(load_names("female"))
    sampled = generator.sample(n_samples=300, pattern="|".join(allowed), random_state=0)
    assert set(sampled) <= allowed
    assert len(set(sampled)) > 30


@pytest.fixture(scope="module")
def ngram_generator(names):
    return CharNGramGenerator().fit(names)


@pytest.mark.parametrize(
    "pattern", ["(.*a){20}b", "(a*)*(a*)*b", "(a|aa|a.)*b" * 5, ".*a.{8}", ".{0,900}"]
)
def test_patterns_with_many_readings(ngram_generator, pattern):
    options = {"max_length": 30, "random_state": 0}
    sampled = ngram_generator.sample(n_samples=200, pattern=pattern, **options)
    equivalent = "a*b" if "*)*" in pattern else pattern  # `re` itself would not terminate
    assert all(re.fullmatch(equivalent, name) for name in sampled[:20])


@pytest.mark.parametrize("pattern", [".*a.{25}", ".*(a.{18}|e.{19}|i.{17})"])
def test_patterns_with_too_many_states_are_rejected(ngram_generator, pattern):
    with pytest.raises(ValueError, match=r"be simpler: their automaton is too large"):
        ngram_generator.sample(n_samples=200, pattern=pattern, max_length=60)


def test_limits_on_very_long_names(generator):
    """The tables of the lookahead end at the length from which they no longer change."""
    assert "zx" in generator.sample(pattern=".*zx.*", max_length=10**6, random_state=0)
    assert generator.sample(max_length=10**6, random_state=0)
    with pytest.raises(ValueError, match=r"require a table that is too large: .* Simplify them"):
        generator.sample(pattern=".*zx.*", min_length=10**5, max_length=10**6, random_state=0)
