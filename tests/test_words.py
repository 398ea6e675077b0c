"""Tests of names that consist of given words, against a check of every name."""

import itertools
import re
import unicodedata
from functools import partial

import numpy as np
import pytest
from conftest import (
    assert_drawn_from,
    list_words,
    repeats,
    saved_copies,
    small_pipeline,
)
from hypothesis import given
from hypothesis import strategies as st
from test_constraints import all_matches, conditional, generator_of

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.datasets import load_words, words_like, words_of
from sknamegen.metrics import constraint_probability

LETTERS = "abAé '’-1"
TEXTS = ["".join(t) for n in range(1, 5) for t in itertools.product(LETTERS, repeat=n)]
full = partial(pytest.param, marks=pytest.mark.full)
BEERS = ["Copper Fox Ale", "Smoky Barn Saison", "Old Anchor Stout", "The Blind Owl", "Iron Bridge"]


def consists_of(name, words):
    """Return whether a name has words, and all are allowed. Each apostrophe may separate words."""
    folded = unicodedata.normalize("NFC", name).casefold().replace("’", "'")
    runs = "".join(c if unicodedata.category(c)[0] in "LM'" or c == "'" else " " for c in folded)
    choices = [" '" if c == "'" else c for c in runs]
    readings = ("".join(reading).split() for reading in itertools.product(*choices))
    return any(reading and all(word in words for word in reading) for reading in readings)


@pytest.fixture(scope="module")
def letter_generator():
    rng = np.random.default_rng(0)
    names = ["".join(rng.permutation([*LETTERS])) for _ in range(20)]
    return generator_of(LETTERS, [name for name in names if not repeats(name)])


@given(st.sets(st.text("abé'", min_size=1, max_size=4), min_size=1))
def test_names_consist_of_words(letter_generator, given_words):
    """Strings are split into words, like names."""
    words = words_of(given_words)
    assert all(consists_of(word, words) for word in given_words if word.strip("'"))
    if not words:
        return
    expected = [text for text in TEXTS if consists_of(text, words) and not repeats(text)]
    assert all_matches(letter_generator, words=given_words) == sorted(expected)


@pytest.mark.parametrize(
    ("letters", "words", "fitting", "others"),
    [
        ("ßsSaA", ["STRASS"[4:]], ["ß", "SS", "ss", "Ss"], ["s", "a", "sß"]),
        ("İiI\u0307", ["i\u0307"], ["İ", "i\u0307", "I\u0307"], ["i", "I"]),
        ("ΣσςΑα", ["ασ"], ["ΑΣ", "ας", "ασ"], ["α", "σα"]),
        ("eé\u0301q", ["É"], ["é", "e\u0301"], ["e", "q", "q\u0301"]),
        ("eé\u0301q", ["q\u0301", "e"], ["q\u0301", "e"], ["é", "e\u0301", "q"]),
        ("日本語", ["日本"], ["日本"], ["日", "日本語", "日本日本"]),
        ("กา ่", ["กา่"], ["กา่", "กา่ "], ["กา", "กา่กา่"]),
        ("가나ᄀ", ["가나"], ["가나"], ["가", "나가"]),
        ("❤ab1", ["ab"], ["❤ab", "ab❤", "1ab"], ["❤", "ba"]),
    ],
)
def test_scripts_and_case(letters, words, fitting, others):
    matches = all_matches(generator_of(letters), words=words)
    assert set(fitting) <= set(matches)
    assert not set(others) & set(matches)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 1), (None, 2), (2, 3), (4, 1000), (2, None)])
def test_number_of_words(letter_generator, low, high):
    """Words are counted as `words_of` splits names."""
    n_words = {"min_words": low, "max_words": high}
    lengths = {"min_length": 1, "max_length": 4}
    expected = [
        text
        for text in TEXTS
        if len(list_words(text)) in range(low or 0, 10 if high is None else high + 1)
    ]
    assert all_matches(letter_generator, **n_words, **lengths) == sorted(expected)
    given_words = ["a", "b", "é"]
    both = [text for text in expected if consists_of(text, given_words) and not repeats(text)]
    assert all_matches(letter_generator, **n_words, words=given_words) == sorted(both)


@pytest.mark.parametrize(
    ("letters", "name", "n"),
    [
        ("a'\u0301b ", "a'\u0301b", 2),
        ("กา่ ", "กา่ กา", 2),
        ("日本 ", "日本", 1),
        ("a’b'", "a’b'", 1),
    ],
)
def test_number_of_words_in_scripts(letters, name, n):
    assert len(list_words(name)) == n
    for count in (n - 1, n, n + 1):
        options = {"pattern": re.escape(name), "min_words": count, "max_words": count}
        options["max_length"] = 6
        assert (all_matches(generator_of(letters), **options) == [name]) == (count == n)


@pytest.mark.parametrize(
    "options",
    [
        {"min_length": 3},
        {"temperature": 0.3},
        full({"temperature": 1.4, "top_k": 4}),
        full({"seed": "ab b"}),
        full({"label": "x", "min_length": 4, "words": ["AB", "b'a", "bb"]}),
        full({"label": {"x": 1, "y": 2}, "pattern": ".* .*"}),
        {"banned": ["bb"], "temperature": 0.7},
        full({"min_words": 2, "max_words": 2, "temperature": 0.8, "words": ["AB", "b'a", "bb"]}),
    ],
    ids=str,
)
def test_names_follow_the_distribution_of_the_model(labelled_generator, options):
    generator, options = labelled_generator, {"max_length": 6, "words": ["AB", "b'a"]} | options
    n_min, n_max = options.get("min_words", 1), options.get("max_words", 9)
    p = {
        name: probability
        for name, probability in conditional(generator, options).items()
        if consists_of(name, words_of(options["words"])) and n_min <= len(list_words(name)) <= n_max
    }
    total = sum(p.values())
    assert total < 0.2
    p = {name: probability for name, probability in p.items() if not repeats(name)}
    drawn = generator.sample(n_samples=2000, random_state=1, **options)
    assert_drawn_from(drawn, list(p), list(p.values()))
    rng, seed = np.random.default_rng(0), options.get("seed", "")
    drawn = [generator.sample(random_state=rng, **options) for _ in range(60)]
    drawn += [seed + "".join(generator.stream(random_state=rng, **options)) for _ in range(30)]
    assert_drawn_from(drawn, list(p), list(p.values()))
    proba, error = constraint_probability(generator, random_state=0, **options)
    assert abs(proba - total) < 4.5 * error + 1e-6


@pytest.fixture(scope="module")
def labelled_generator(make_pipe):
    names = ["ab", "aba b", "bb ab", "a b", "bab a", "b'a", "ba bb", "abab", "bb", "a'b a"] * 4
    options = {"max_epochs": 40, "precision": "float32"} if make_pipe is small_pipeline else {}
    return make_pipe(window_length=3, **options).fit(names, ["x", "y"] * 20)[-1]


def test_several_seeds(make_pipe):
    names = ["ab", "bb ab", "a b", "bab a", "b ab", "abab", "bb"] * 4
    generator = make_pipe(window_length=3).fit(names)[-1]
    seeds, words = ["a", "b a", ""], {"ab", "b"}
    drawn = generator.sample(seeds * 500, max_length=6, words=words, random_state=0)
    for i, seed in enumerate(seeds):
        p = conditional(generator, {"max_length": 6, "seed": seed})
        p = {name: p[name] for name in p if consists_of(name, words) and not repeats(name)}
        assert_drawn_from(drawn[i::3], list(p), list(p.values()))


def test_the_words_of_a_list_suffice_for_its_names():
    names = ["Rock 'n' Roll", "O’Hara-Smith", "Jean'’Luc", "'tis 3 D’or", "Zoe\u0308 No. 5"]
    generator = CharNGramGenerator().fit(names)
    for name in names:
        for words in (names, words_of(names)):
            seed = generator.sample(name, words=words)[: len(name)]
            assert seed == unicodedata.normalize("NFC", name)[: len(seed)]
        best, _ = generator.most_likely(1, name, words=iter(names), max_length=len(name))
        assert len(best) == 1


@pytest.mark.parametrize("name", ["أَحْمَد", "أُمَيْمَة", "á\u0331ba", "há\u0331ta", "q\u0331\u0301"])
def test_marks_in_any_order(name):
    """A composed letter may precede a mark that precedes the letter's own in canonical order."""
    generator = CharNGramGenerator().fit([name, unicodedata.normalize("NFD", name)])
    for spelling in ("NFC", "NFD"):
        for words in ([name], [unicodedata.normalize(spelling, name)], words_of([name])):
            assert generator.sample(n_samples=3, words=words, max_length=9, random_state=0)
            prefix = unicodedata.normalize("NFC", name)
            assert generator.sample(prefix, words=words, random_state=0) == prefix


def test_words_of():
    words = words_of(["The Old Ship", "'Rock’n’Roll' Bar 2", "d''or", "A\u0301B", "-", "ship"])
    assert words == {"the", "old", "ship", "rock'n'roll", "bar", "d", "or", "áb"}
    assert words_of(words) == words
    assert words_of(["-", "1"]) == frozenset()


def test_words_are_repeated_only_if_a_name_of_the_list_repeats_one():
    names, options = ["ab ba", "ba ab", "ab", "ba b"] * 3, {"words": ["ab", "ba"], "max_length": 5}
    one, other = (CharNGramGenerator().fit(fitted) for fitted in (names, [*names, "ab AB"]))
    later = CharNGramGenerator().partial_fit(names)
    assert not any(map(repeats, one.sample("", 1, 200, random_state=0, **options)))
    assert not any(map(repeats, one.most_likely(9, **options)[0]))
    assert any(map(repeats, one.sample("", 1, 200, random_state=0)))
    assert not any(map(repeats, one.sample("", 1, 200, best_of=2, random_state=0)))
    for generator in (other, later.partial_fit(["ba ba"])):
        for copy in (generator, *saved_copies(generator)):
            assert any(map(repeats, copy.sample("", 1, 200, random_state=0, **options)))
            assert any(map(repeats, copy.sample("", 1, 200, best_of=2, random_state=0)))
            assert any(map(repeats, copy.most_likely(9, **options)[0]))
    with pytest.raises(ValueError, match="repeated a word"):
        one.sample("ab ab", **options)
    stags = CharNGramGenerator().fit(["The King's Stag", "Stag and Stag's", "Old Stag"][::2] * 5)
    options = {"words": ["the", "king", "stag", "s"], "pattern": ".*'s.*", "max_length": 12}
    written = stags.sample("", 1.5, 200, random_state=0, **options)
    assert any(name.count("'s") for name in written)
    assert not any(name.lower().count(word) > 1 for name in written for word in ("king", "stag"))
    text = CharSequenceVectorizer(window_length=3, boundary=False).fit_transform([" ".join(names)])
    assert CharNGramGenerator().fit(text).sample("ab ab", words=["ab", "ba", "a", "b"])


def test_words_like_those_of_names():
    english, own = load_words(), words_of(BEERS)
    words = words_like(iter(BEERS))
    n = len(own)
    assert set(words[:n]) == own
    assert not own <= english  # saison
    assert len(words) == len({*words}) == n + 1000
    assert set(words[n:]) <= english
    assert not {"of", "and", "with", "you"} & {*words}
    assert words_like(BEERS, 20) == words[: n + 20]
    assert words_like(BEERS, 0) == sorted(own)
    assert len(words_like(BEERS, 10**6)) > 37_000
    feelings = words_like(["Sorrow and Anger", "Fear", "Quiet Grief", "Bitter Regret"])
    near, far = ["joy", "shame", "despair", "envy", "sadness"], ["tin", "barn", "cider", "pine"]
    assert sum(word in feelings for word in near) > sum(word in words for word in near)
    assert sum(word in words for word in far) > sum(word in feelings for word in far)


def test_words_like_possessives():
    words = words_like(["King's Arms", "Queen’s Head", "Sailor's Rest"], 50)
    assert words[:6] == ["arms", "head", "king's", "queen's", "rest", "sailor's"]
    assert not {"king", "queen", "sailor", "s"} & {*words}
    assert {"captain", "prince", "lady", "crown"} & {*words}


def test_words_like_those_of_a_long_list():
    names = [f"{a} {b}" for a in sorted(load_words())[::9] for b in ("Ale", "Stout")]
    words = words_like(names)
    assert len(words) == len(words_of(names)) + 1000
    assert words_like(names[::-1]) == words


def test_words_in_another_language():
    names = ["Zum Goldenen Hirsch", "Alte Post", "Schwarzer Adler", "Zur Krone"]
    with pytest.warns(UserWarning, match="and less than a third of the words of the names"):
        assert words_like(names) == sorted(words_of(names))


@pytest.mark.parametrize(
    ("names", "n", "error", "message"),
    [
        (["1", "-"], 5, ValueError, "names must contain at least one word"),
        ([], 5, ValueError, "names must be an iterable of str with at least one name"),
        ("Ale", 5, TypeError, "names"),
        (BEERS, -1, ValueError, "n must be"),
    ],
)
def test_words_like_nothing(names, n, error, message):
    with pytest.raises(error, match=message):
        words_like(names, n)


def test_load_words():
    words = load_words()
    assert 39_000 < len(words) < 41_000
    assert {"silver", "colour", "color", "barrels", "café"} <= words
    assert words == words_of(words)
    assert len(words & {name.lower() for name in load_names()}) < 1000
    assert not words & {"bitch", "whore"}


@pytest.mark.full
def test_two_hundred_thousand_words():
    rng = np.random.default_rng(0)
    letters = rng.choice([*"abcdefghijklmnopqrst"], (200_000, 8))
    words = {"".join(row)[number % 5 :] for number, row in enumerate(letters)}
    generator = CharNGramGenerator().fit(load_names("female")[:100])
    names = generator.sample(n_samples=5, words=words, random_state=0)
    assert words_of(names) <= words


def test_words_that_are_too_long():
    generator = CharNGramGenerator().fit(["Old Ale", "Red Ale", "Pale Ale"])
    assert generator.sample(words=["a" * 100_000, "ale"], random_state=0).lower().strip() == "ale"
    for words, max_length in ((["a" * 100_000], None), (["red", "ale"], 2)):
        with pytest.raises(ValueError, match="not longer than max_length"):
            generator.sample(words=words, max_length=max_length)
