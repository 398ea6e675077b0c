"""Tests of the methods that both generators share."""

import itertools
import math
import pickle
import re
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import assert_drawn_from, list_words, windows_of
from sklearn.exceptions import NotFittedError

from sknamegen import (
    CharNGramGenerator,
    CharSequenceVectorizer,
    known_names,
    load_names,
    words_like,
)
from sknamegen.datasets import KnownNames, words_of

END = "\3"


def test_replacement_characters_are_never_generated(make_pipe):
    """The vectorizer replaces unknown characters with U+FFFD, which no alphabet contains."""
    vectorizer = CharSequenceVectorizer().fit(["abc"])
    generator = make_pipe()[-1].fit(vectorizer.transform(["xax", "bxa", "axxb", "xx"]))
    assert generator.alphabet_.tolist() == [END, "a", "b"]
    assert set("".join(generator.sample(n_samples=50, random_state=0))) <= {"a", "b"}
    letters = np.array(["a", "b", "\ufffd"])  # alphabet of a list that was decoded wrongly
    generator = make_pipe()[-1].partial_fit(["ab"], alphabet=letters)
    generator.partial_fit(["ba"], alphabet=letters)
    assert generator.alphabet_.tolist() == [END, "a", "b"]
    text = CharSequenceVectorizer(window_length=2, boundary=False).fit(["abc"])
    for string in ("xyzw", "abxyzw"):
        with pytest.raises(ValueError, match=r"only U\+FFFD"):
            make_pipe()[-1].fit(text.transform([string]))


def test_score_is_nats_per_predicted_character(generator, names):
    score_samples = generator.score_samples(names)
    assert score_samples.shape == (len(names),)
    n_characters = sum(len(name) + 1 for name in names)
    assert generator.score(names) == pytest.approx(score_samples.sum() / n_characters)
    assert generator.perplexity(names) == pytest.approx(math.exp(-generator.score(names)))


def test_unknown_characters_have_a_small_finite_probability(generator, names):
    score = generator.score_samples(["Ma\u0416ia", "Maria"])
    assert np.isfinite(score).all()
    assert score[0] < score[1]
    n_seen = sum(len(name) + 1 for name in names)
    assert generator.n_characters_seen_ == n_seen
    assert generator.score_samples(["\u0416"])[0] < -math.log(n_seen)


@pytest.mark.parametrize("names", [["Al", "Marguerite"], ["a", "b"], ["", "x"]])
@pytest.mark.parametrize("window_length", [1, 20])
def test_max_length_is_the_length_of_the_longest_name(make_pipe, names, window_length):
    generator = make_pipe(window_length).fit(names)[-1]
    assert generator.min_length_ == min(map(len, names))
    assert generator.max_length_ == max(map(len, names))
    assert len(generator.sample()) <= generator.max_length_


def test_empty_names_only(make_pipe):
    generator = make_pipe().fit(["", ""])[-1]
    assert generator.sample(min_length=0, max_length=3) == ""
    with pytest.raises(ValueError, match="only empty names"):
        generator.sample(max_length=3)


@pytest.mark.parametrize("name", ["next_char_proba", "score", "score_samples", "perplexity"])
def test_not_fitted(make_pipe, name):
    generator = make_pipe()[-1]
    for call in (generator.sample, generator.stream, partial(getattr(generator, name), ["Ada"])):
        with pytest.raises(NotFittedError):
            call()


def test_windows_of_another_shape_are_rejected(generator, text_generator):
    text = windows_of(["Maria Anna " * 4], boundary=False)
    for scored, windows, match in (
        (generator, windows_of(["Ada"], 3), "window_length seen in fit, 32"),
        (generator, windows_of(["Ada", "Adaline"])[:1, 5:], "at least one character to predict"),
        (generator, text, r"boundary was True\. Got windows with boundary=False"),
        (text_generator, windows_of(["A"], 5), r"was False\. Got windows with boundary=True"),
    ):
        with pytest.raises(ValueError, match=match):
            scored.score(windows)


def test_sample_returns_a_str_or_a_list(generator):
    assert isinstance(generator.sample(), str)
    assert isinstance(generator.sample("Mar", 0.5), str)
    assert generator.sample(n_samples=0) == generator.sample([]) == []
    assert len(generator.sample(n_samples=1)) == 1
    sampled = generator.sample("Mar", 0.5, 20)
    assert len(sampled) == 20
    assert all(type(name) is str and name.startswith("Mar") for name in sampled)
    seeds = ["Mar", "", "Elisabe", "J"]  # one name for each seed
    sampled = generator.sample(seeds, random_state=0)
    assert all(name.startswith(seed) for name, seed in zip(sampled, seeds, strict=True))
    assert generator.sample(iter(seeds), random_state=0) == sampled


def test_empty_names_require_min_length_zero(generator):
    proba = generator.next_char_proba("")[0] ** 0.5
    assert generator.alphabet_[0] == END
    options = {"n_samples": 2000, "temperature": 2.0, "random_state": 0}
    assert "" not in generator.sample(**options)
    sampled = generator.sample(min_length=0, **options)
    assert sampled.count("") == pytest.approx(2000 * proba[0] / proba.sum(), rel=0.5, abs=6)


def sample_slow(generator, rng, temperature, max_length):
    """Sample one name, character by character, through the public API."""
    name = ""
    while len(name) <= max_length:
        p = generator.next_char_proba([name])[0] ** (1 / temperature)
        uniform = rng.random()
        character = generator.alphabet_[np.searchsorted(np.cumsum(p / p.sum()), uniform, "right")]
        if character == END:
            break
        name += character
    return name


@pytest.mark.parametrize(("window_length", "temperature"), [(1, 0.5), (3, 1.0), (10, 0.5)])
def test_sample_matches_a_character_loop(make_pipe, names, window_length, temperature):
    generator = make_pipe(window_length).fit(names)[-1]
    n_same = 0
    for seed in range(20):
        expected = sample_slow(generator, np.random.default_rng(seed), temperature, 12)
        if 1 <= len(expected) <= 12:  # sample redraws names of other lengths
            assert generator.sample("", temperature, max_length=12, random_state=seed) == expected
            n_same += 1
    assert n_same >= 10


def test_random_state(generator):
    sample = partial(generator.sample, n_samples=9)
    assert sample(random_state=5) == sample(random_state=5)
    assert sample() != sample()
    for make in (np.random.RandomState, np.random.default_rng):
        rng = make(0)
        first, second = (sample(random_state=rng) for _ in range(2))
        assert first != second
        assert first == sample(random_state=make(0))


def test_temperature_zero_takes_the_most_probable_characters(generator):
    name = ""
    while True:
        p = generator.next_char_proba([name])[0]
        if name == "":
            p[generator.alphabet_.tolist().index(END)] = 0
        character = generator.alphabet_[p.argmax()]
        if character == END or len(name) == generator.max_length_:
            break
        name += character
    assert generator.sample(temperature=0) == name
    assert generator.sample(temperature=0, n_samples=3) == [name] * 3
    assert generator.sample(top_k=1) == name
    assert generator.sample(top_p=1e-9) == name
    assert generator.sample(temperature=1e-9) == name


def test_stream_matches_sample(generator, text_generator):
    for random_state in range(5):
        characters = generator.stream("Ma", 0.8, random_state=random_state)
        assert next(iter([characters])) is iter(characters)
        streamed = list(characters)
        assert all(len(character) == 1 for character in streamed)
        assert "Ma" + "".join(streamed) == generator.sample("Ma", 0.8, random_state=random_state)
    streamed = "".join(text_generator.stream("Maria", random_state=0))
    assert len(streamed) == 100
    assert "Maria" + streamed == text_generator.sample("Maria", random_state=0)


def test_running_text(text_generator):
    assert len(text_generator.sample("Mar")) == 103
    assert list(map(len, text_generator.sample(["Mar", "Maria"], max_length=20))) == [20, 20]
    for call, match in (
        (partial(text_generator.sample, "M", novel=True), "novel=True requires a generator fitted"),
        (partial(text_generator.sample, "M", best_of=2), "best_of requires a generator fitted to"),
        (partial(text_generator.most_likely, 1, "M"), "most_likely requires a generator fitted to"),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def test_unique_and_novel_names(generator, names):
    sampled = generator.sample(n_samples=300, unique=True, random_state=0)
    assert len(set(sampled)) == 300
    sampled = generator.sample("Mar", 0.5, 100, novel=True, random_state=0)
    assert len(sampled) == 100
    assert not set(sampled) & set(names)
    seeds, options = ["Ma", "", "Jo", "Ma"] * 25, {"unique": True, "novel": True}
    sampled = generator.sample(seeds, 0.7, random_state=0, **options)
    assert len(set(sampled)) == 100
    assert not set(sampled) & set(names)
    assert all(name.startswith(seed) for name, seed in zip(sampled, seeds, strict=True))
    assert generator.sample(seeds, 0.7, random_state=0, **options) == sampled
    assert isinstance(generator.sample(novel=True), str)
    assert generator.sample(n_samples=0, **options) == []


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5, "min_p": 0.1}, {"pattern": ".*x.*"}])
def test_best_of_returns_the_best_candidates(generator, options):
    """The score is the mean over the characters after the seed and the end of the name.

    Names with the same seed are the best of their candidates, best first.
    """
    seeds, rng = ["Ma", "", "Jo", "Ma"], np.random.default_rng(0)
    rows = [*seeds, *np.repeat(seeds, 4).tolist()]
    names = [generator.sample(part, random_state=rng, **options) for part in (seeds, rows[4:])]
    candidates = np.concatenate(names)
    n_drawn = np.array([*map(len, candidates)]) - [*map(len, rows)]
    scores = generator.score_samples(candidates) - [begin(generator, seed) for seed in rows]
    best_first = candidates[np.argsort(-scores / (n_drawn + 1))].tolist()
    sampled, rng = [], np.random.default_rng(0)
    for seed in seeds:
        names = (name for name in best_first if name in candidates[[row == seed for row in rows]])
        sampled.append(next(name for name in names if name not in sampled))
    chosen = {"best_of": 5, "diversity_penalty": 0} | options
    assert generator.sample(seeds, random_state=rng, **chosen) == sampled
    streamed = "".join(generator.stream("Jo", best_of=5, random_state=0, **options))
    assert "Jo" + streamed == generator.sample("Jo", best_of=5, random_state=0, **options)


def begin(generator, seed):
    """Return the log-probability that a name begins with a seed."""
    index = generator.alphabet_.tolist().index
    rows = generator.next_char_proba([seed[:n] for n in range(len(seed))])
    return sum(np.log(row[index(c)]) for row, c in zip(rows, seed, strict=True))


def test_best_of_unique_names(make_pipe):
    """Where few names exist, all of them are found, and have few other candidates."""
    generator = make_pipe().fit(["a", "b", "ab", "ba"])[-1]
    options = {"max_length": 2, "unique": True, "random_state": 0}
    sampled = generator.sample(n_samples=3, best_of=2, **options)
    assert len(set(sampled)) == 3
    assert "aa" not in sampled or "bb" not in sampled
    sampled = generator.sample(n_samples=6, best_of=5, **options)
    assert sorted(sampled) == ["a", "aa", "ab", "b", "ba", "bb"]
    few = CharNGramGenerator(order=9).fit(["ab", "ac", "ad", "b", "bc"])
    for random_state in range(20):
        options["random_state"] = random_state
        assert len(set(few.sample(n_samples=6, best_of=10, **options))) == 6
    with pytest.warns(UserWarning, match="Found only 6 of 7 names"):
        assert len(generator.sample(n_samples=7, best_of=2, on_shortfall="warn", **options)) == 6


def test_novel_ignores_case():
    names = ["Anna", "anna", "Otto", "otto", "ΣΟΦΙΑΣ", "Σοφίας"]
    generator = CharNGramGenerator(order=9).fit(names)
    assert len(generator.name_hashes_) == 4  # the accent matters
    sampled = generator.sample(n_samples=50, novel=True, random_state=0)
    assert not {name.casefold() for name in sampled} & {name.casefold() for name in names}


@pytest.mark.parametrize("options", [{"novel": True}, {"exclude": ["a", "aab", "b"]}], ids=str)
def test_names_that_are_not_excluded_keep_their_proportions(make_pipe, options):
    training_names = ["a", "ab", "ab", "b", "ba", "aab"]
    pipe = make_pipe().fit(training_names)
    names = ["".join(letters) for n in (1, 2, 3) for letters in itertools.product("ab", repeat=n)]
    excluded = options.get("exclude", training_names)
    names = [name for name in names if name not in excluded]
    drawn = pipe[-1].sample(n_samples=20_000, random_state=0, **options)
    assert_drawn_from(drawn, names, np.exp(pipe.score_samples(names)))


@pytest.mark.full
def test_shortfall_reports_the_reasons(make_pipe):
    generator = make_pipe().fit(["a", "b", "ab", "ba"])[-1]
    options = {"n_samples": 50, "max_length": 2, "unique": True, "random_state": 0}
    match = r"Found only 6 of 50 names: of [\d,]+ drawn, [\d,]+ were duplicates. Raise temp"
    with pytest.raises(ValueError, match=match + r".* pass on_shortfall='warn'\."):
        generator.sample(**options)
    with pytest.warns(UserWarning, match=match + r"[^']*$"):  # does not advise what is set
        sampled = generator.sample(on_shortfall="warn", **options)
    assert sorted(sampled) == ["a", "aa", "ab", "b", "ba", "bb"]
    match = r"Found only 0 of 1 names: of [\d,]+ drawn, [\d,]+ were in the training list"
    for on_shortfall in ("raise", "warn"):  # an empty result is always an error
        with pytest.raises(ValueError, match=match):
            generator.sample(max_length=1, novel=True, on_shortfall=on_shortfall)
    match = r"drawn, [\d,]+ were (in|dup).* and [\d,]+ were (in|dup)"
    with pytest.raises(ValueError, match=match):
        generator.sample(n_samples=3, max_length=2, unique=True, novel=True)


class Folded:
    """Container of case-folded names that records all lookups."""

    def __init__(self, names):
        self.names, self.lookups = names, []

    def __contains__(self, name):
        self.lookups.append(name)
        return name in self.names


def test_excluded_names_are_never_generated(make_pipe):
    generator = make_pipe().fit(["Zoë", "zoe", "Ann", "ann", "Zo"])[-1]
    names = Counter(generator.sample(n_samples=2000, random_state=0))
    assert {"Zoë", "Ann", "ann"} <= names.keys()
    excluded = ["ZOE\u0308", "ANN"]
    for exclude in (excluded, set(excluded), iter(excluded), pd.Series(excluded, index=["b", "c"])):
        remaining = set(generator.sample(n_samples=2000, exclude=exclude, random_state=0))
        assert not {name.casefold() for name in remaining} & {"zoë", "ann"}
        assert {"zoe", "Zo"} <= remaining
    container = Folded({"zoë", "ann"})
    assert set(generator.sample(n_samples=2000, exclude=container, random_state=0)) == remaining
    assert all(name == name.casefold() for name in container.lookups)
    likely, scores = generator.most_likely(30, exclude=excluded)
    all_likely, all_scores = generator.most_likely(30 + len(excluded) * 4)
    allowed = [name for name in all_likely if name.casefold() not in ("zoë", "ann")]
    assert likely == allowed[:30]
    np.testing.assert_allclose(scores, all_scores[[all_likely.index(name) for name in likely]])
    for random_state in range(20):
        streamed = "".join(generator.stream("A", exclude=excluded, random_state=random_state))
        assert "A" + streamed == generator.sample("A", exclude=excluded, random_state=random_state)
        assert streamed.casefold() != "nn"


def test_exclusions_of_all_names_or_of_a_text(make_pipe, text_generator):
    generator = make_pipe().fit(["a", "b", "ab", "ba"])[-1]
    sample = partial(generator.sample, n_samples=5, random_state=0)
    assert sample(exclude=[]) == sample()
    match = r"Found only 0 of 1 names: of [\d,]+ drawn, [\d,]+ were excluded"
    for call in (generator.sample, generator.stream):
        with pytest.raises(ValueError, match=match):
            list(call(max_length=1, exclude=["A", "b"]))
    text = text_generator.sample("Mar", max_length=8, random_state=0)
    sampled = text_generator.sample("Mar", max_length=8, exclude=[text], random_state=0)
    assert sampled != text
    streamed = text_generator.stream("Mar", max_length=8, exclude=[text], random_state=0)
    assert "Mar" + "".join(streamed) == sampled


@pytest.mark.parametrize("window_length", [1, 20])
def test_hashes_cover_all_training_names(make_pipe, window_length):
    windows = windows_of(["", "a", "ab", "ab", "Marguerite"], window_length)
    generator = make_pipe()[-1].fit(windows).partial_fit(["ab", "ba"])
    together = make_pipe().fit(["", "a", "ab", "Marguerite", "ba"])[-1]
    np.testing.assert_array_equal(generator.name_hashes_, together.name_hashes_)
    loaded = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(loaded.name_hashes_, generator.name_hashes_)


@pytest.mark.parametrize(("seed", "novel"), [("", False), ("b", True)])
def test_most_likely_matches_an_enumeration(make_pipe, seed, novel):
    training_names = ["a", "ab", "abc", "bc", "ca", "cab", "b", "bcb"]
    pipe = make_pipe().fit(training_names)
    all_names = ["".join(c) for n in range(1, 6) for c in itertools.product("abc", repeat=n)]
    all_names = [name for name in all_names if name.startswith(seed)]
    if novel:
        all_names = [name for name in all_names if name not in training_names]
    scores = dict(zip(all_names, pipe.score_samples(all_names), strict=True))
    expected = sorted(all_names, key=scores.get, reverse=True)
    likely, log_likelihood = pipe[-1].most_likely(30, seed, novel=novel, max_length=5)
    np.testing.assert_allclose(log_likelihood, [scores[name] for name in likely], atol=1e-5)
    np.testing.assert_allclose(log_likelihood, [scores[n] for n in expected[:30]], atol=1e-5)
    assert (np.diff(log_likelihood) <= 0).all()
    assert pipe[-1].most_likely(30, seed, novel=novel, max_length=5)[0] == likely
    likely, _ = pipe[-1].most_likely(1000, seed, novel=novel, max_length=5)
    assert sorted(likely) == sorted(all_names)


def test_search_for_likely_names_is_bounded(generator, monkeypatch):
    monkeypatch.setattr("sknamegen._sampling.search._MAX_CELLS", 2**21)
    with pytest.raises(ValueError, match=r"The search for the 3 most likely names requires more"):
        generator.most_likely(3, min_length=11, pattern="[^aeiou]*")


def test_next_char_proba(generator):
    proba = generator.next_char_proba(["", "Mar", "Margueritexx"[:10]])
    assert proba.shape == (3, len(generator.alphabet_))
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(1), 1)
    np.testing.assert_allclose(generator.next_char_proba(""), proba[:1], rtol=1e-5)
    assert generator.next_char_proba([]).shape == (0, len(generator.alphabet_))
    with pytest.raises(TypeError, match="seeds must be"):
        generator.next_char_proba([None])
    (score,) = generator.score_samples(["Marguerite"])
    assert score == pytest.approx(begin(generator, f"Marguerite{END}"), abs=1e-5)


def test_first_partial_fit_sets_the_alphabet(make_pipe, names):
    generator = make_pipe()[-1]
    for alphabet, error, match in (
        (5, TypeError, r"alphabet must contain single characters\. Got 5\."),
        (["ab"], TypeError, r"alphabet must contain single characters\. Got 'ab'\."),
        ("a\0", ValueError, r"alphabet must not contain reserved characters\. Got '\\x00'\."),
    ):
        with pytest.raises(error, match=match):
            generator.partial_fit(names, alphabet=alphabet)
    assert not [name for name in vars(generator) if name.endswith("_")]
    generator.partial_fit(names[:50], alphabet="xyzq\u0416")
    characters = {*"".join(names[:50]), *"xyzq\u0416", END}
    assert set(generator.alphabet_) == characters
    n_seen = generator.n_characters_seen_
    generator.partial_fit(names[50:], alphabet=characters)
    assert set(generator.alphabet_) == characters
    assert generator.n_characters_seen_ == n_seen + sum(len(name) + 1 for name in names[50:])
    assert generator.max_length_ == max(map(len, names))
    assert generator.sample("\u0416").startswith("\u0416")
    with pytest.raises(ValueError, match=r"after the first call to partial_fit.*'!', '\?'"):
        generator.partial_fit(names, alphabet="?!")


@pytest.mark.full
def test_impossible_numbers_of_unique_names_fail_early():
    """The falling share of new names shows that the request takes too many draws."""
    generator = CharNGramGenerator().fit(["Anna", "Berta", "Carla"])
    options = {"n_samples": 10_000, "unique": True, "novel": True, "random_state": 0}
    with pytest.raises(ValueError, match=r"Found only [\d,]+ of 10,000 names") as caught:
        generator.sample(**options)
    n_drawn = int(re.search(r"of ([\d,]+) drawn", str(caught.value))[1].replace(",", ""))
    assert n_drawn < 200_000
    assert len(generator.sample(**options | {"n_samples": 500})) == 500


def test_partial_fit_does_not_extend_the_alphabet(make_pipe):
    generator = make_pipe()[-1].partial_fit(["Ada", "Eva"]).partial_fit(["Zoe", "Eva"])
    assert set(generator.alphabet_) == {*"AdaEva", END}
    assert generator.n_characters_seen_ == 16
    before, only_padding = dict(vars(generator)), windows_of(["Ada", "Adaline"])[:1, 5:]
    for learn in (generator.fit, generator.partial_fit):
        with pytest.raises(ValueError, match="at least one character to learn"):
            learn(only_padding)
        assert vars(generator) == before


def test_alphabet_of_running_text_has_no_end_symbol(make_pipe):
    windows = windows_of(["anna bella anna bella"], 3, boundary=False)
    generator = make_pipe()[-1]
    for alphabet in ([END, *"abeln xyz"], None):
        generator.partial_fit(windows, alphabet=alphabet)
    assert generator.min_length_ is generator.max_length_ is None
    assert END not in generator.alphabet_
    assert "x" in generator.alphabet_


@pytest.fixture(scope="module")
def female_ngrams():
    return CharNGramGenerator().fit(load_names("female"))


@pytest.mark.parametrize(
    "options",
    [
        {"banned": ["a"], "pattern": ".{3}"},
        {"seed": ["Xa", "Zu"], "pattern": ".{3}"},
        {"exclude": ["Qun", "Ios"], "near": ["Rhe"], "pattern": ".{3}"},
        {"words": ["Vor", "Sel", "Ith"], "on_shortfall": "warn"},
    ],
)
def test_invent_reads_iterators_once(options):
    """It generates names twice if too few are typical."""
    generator = CharNGramGenerator().fit(load_names("planets"))
    iterators = {key: iter(x) if isinstance(x, list) else x for key, x in options.items()}
    results = []
    for given in (options, iterators):
        with pytest.warns(UserWarning, match="Too few|Found only") as caught:
            names = generator.invent(5, **given, random_state=0)
        results.append((names, str(caught[-1].message)))
    assert results[0] == results[1]
    assert results[0][0]


def test_invent_excludes_more_names(female_ngrams):
    known, invent = known_names(), partial(female_ngrams.invent, 40, random_state=0)
    names = invent(near=["Shanella"])
    assert not any(name in known for name in names)
    for exclude in (names[::2], iter(names[::2]), KnownNames() | names[::2]):
        others = invent(near=["Shanella"], exclude=exclude)
        assert not any(name in known | names[::2] for name in others)
        assert not any(name in known_names(near=["Shanella"]) for name in others)
    some = invent(known=True, novel=False, exclude=names)
    assert any(name in known for name in some)
    assert not set(some) & set(names)


def test_the_names_of_both_passes_count():
    generator = CharNGramGenerator().fit(load_names("beers"))
    options = {"words": ["Red", "Old", "Ale", "Black"], "random_state": 0}
    with pytest.warns(UserWarning, match=r"Found only \d+ of 40 names: ") as caught:
        names = generator.invent(40, on_shortfall="warn", **options)
    assert f"only {len(names)} of" in str(caught[-1].message)
    with pytest.raises(ValueError, match=f"Found only {len(names)} of 40 names: ") as raised:
        generator.invent(40, **options)
    assert raised.value.names == names


def test_invent_uses_the_words_of_a_list_of_english_words():
    names = load_names("taverns")[::2]
    generator = CharNGramGenerator().fit(names)
    invent, words = partial(generator.invent, 20, near=names, random_state=0), words_like(names)
    drawn = invent()
    assert drawn == invent(words=words, min_words=3, max_words=4)
    assert words_of(drawn) <= {*words}
    assert {len(list_words(name)) for name in invent(min_words=2)} >= {2, 3}
    assert not words_of(invent(words=None)) <= {*words}
    assert not words_of(generator.sample("", 0.8, 20, random_state=0)) <= {*words}
    with pytest.warns(UserWarning, match="Too few names are typical"):
        assert len(generator.invent(3, seed="The Wub", random_state=0)) == 3
    assert not len(generator.forget_names()._fitted.corpus.usual_words)


@pytest.mark.parametrize(
    ("names", "has_words"),
    [
        (["Old Barn", "Red Stone", "Quellith"], True),
        (["Old Barn", "Stone", "Mill"], False),  # most names have one word
        (["Alte Post", "Zum Hirsch", "Zur Krone"], False),
    ],
)
def test_usual_words(names, has_words):
    generator = CharNGramGenerator().fit(names)
    expected = sorted(words_like(names)) if has_words else []
    assert generator._fitted.corpus.usual_words.tolist() == expected


def test_usual_words_of_several_calls():
    """There are none if one of the calls has none."""
    first, second = ["Old Barn", "Red Stone"], ["The Green River Mill", "The Blue Hill"]
    generator = CharNGramGenerator().partial_fit(first, alphabet="".join(second))
    corpus = generator.partial_fit(second)._fitted.corpus
    assert {*corpus.usual_words.tolist()} == {*words_like(first), *words_like(second)}
    assert corpus.usual_n_words == (2, 4)
    for last in (["Ena", "Ulo"], first):
        assert not len(generator.partial_fit(last)._fitted.corpus.usual_words)


def test_invent_balances_brackets_and_quotes():
    names = [f'{name} ("{name[:3]}")' for name in load_names("female")[:200]]
    options = {"known": True, "temperature": 2, "min_p": 0, "best_of": 1, "random_state": 0}
    for more, expected in ([], True), (["Zoe (Zo"], False):
        drawn = CharNGramGenerator(order=2).fit(names + more).invent(100, **options)
        balanced = [x.count("(") == x.count(")") and x.count('"') % 2 == 0 for x in drawn]
        assert all(balanced) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["O'Hara", "(a) [b{c}]", '"Big" Joe', "„So“", "«a»", "“a”"], True),
        (["(a", "a)", ")a(", "([a)]", '12"', "“a", "a»"], False),
    ],
)
def test_which_names_are_balanced(texts, expected):
    for text in texts:
        assert CharNGramGenerator().fit([text, "ab"])._fitted.corpus.is_balanced == expected
