"""Tests that characters are extended grapheme clusters."""

import re
from itertools import product

import numpy as np
import pytest
from conftest import assert_drawn_from, windows_of

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen.metrics import constraint_probability

LETTERS = ["a", "\u0302", "\u200d"]
WHOLE = re.compile("a\u0302*(\u200d?a\u0302*)*")
FAMILY, SCOTLAND = "👨‍👩‍👧", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
LENGTHS = {"": 0, "Anna": 4, "می‌خواهم": 7}
LENGTHS |= dict.fromkeys(["कि", "क्षि", "நி", "น้ำ", "🇩", "\u06dd\u0600\u0628\u0651"], 1)
LENGTHS |= dict.fromkeys([FAMILY, SCOTLAND, "🤷🏽‍♀️"], 1)
LENGTHS |= dict.fromkeys(["e\u0301a", "ශ්‍රී", "🇩🇪🇫🇷", "1️⃣2️⃣", "👋🏽a", "\u0301a"], 2)
# A Hangul text, the same text decomposed and cut, and a mark before a number.
LENGTHS |= dict.fromkeys(["한국", "\u1112\u1161\u11ab\u1100", "\u0600\u0661\u0662"], 2)


def fitted(*names):
    return CharNGramGenerator().fit(windows_of(names, normalization=None))


@pytest.mark.parametrize("text", LENGTHS)
def test_max_length_counts_grapheme_clusters(text):
    assert fitted(text).max_length_ == LENGTHS[text]
    assert fitted(text, "x" * LENGTHS[text]).max_length_ == LENGTHS[text]


def generate(text):
    """Generate a given text with a generator that has seen its characters."""
    pattern = "".join(map(re.escape, text))
    return fitted(text, "x", "y" * 99).sample(pattern=pattern, random_state=0)


@pytest.mark.parametrize("text", [text for text in LENGTHS if text not in ("", "🇩", "\u0301a")])
def test_complete_clusters_are_generated(text):
    assert generate(text) == text
    assert generate(f"A {text}") == f"A {text}"


INCOMPLETE = [
    *("\u0301a", "a \u0301"),  # a mark at the start or after a space
    *("🇩", "🇩🇪🇫", "🇩a"),
    *("👨‍", "‍👨", "👨‍‍👩", "👨‍a", "क्‍", "می‌"),  # a joiner without a character on both sides
    *("⃣", "a⃣"),  # a keycap without its digit
    *(SCOTLAND[:-1], SCOTLAND[1:], "a\U000e0067"),
    *("ำ", "ำa"),
    *("a\u0600", "\u0600 a", "\u06dd\u0651a"),  # a mark before nothing
]


@pytest.mark.parametrize("text", INCOMPLETE)
def test_incomplete_clusters_are_rejected(text):
    with pytest.raises(ValueError, match="No name of 1 to 99 characters"):
        generate(text)


@pytest.mark.parametrize("name", [FAMILY, "कि"])
def test_generators_sample_complete_clusters(make_pipe, name):
    generator = make_pipe().fit([name, "x"] * 9)[-1]
    with pytest.raises(ValueError, match="begins with"):
        generator.sample(name[1])
    sampled = generator.sample("", 1.5, max_length=1, n_samples=50, random_state=0)
    assert fitted(*sampled).max_length_ == 1
    assert not any(text[-1] in "\u200d\u094d" for text in sampled if text != "x")


def test_running_text_counts_code_points():
    text = "a\u0302\u0303a\u0302b" * 20
    windows = windows_of([text], 2, boundary=False, normalization=None)
    generator = CharNGramGenerator().fit(windows)
    sampled = generator.sample("\u0302", max_length=30, n_samples=20, random_state=0)
    assert {len(text) for text in sampled} == {30}
    assert {text[-1] for text in sampled} == {*"a\u0302\u0303b"}  # a text may end inside a cluster


@pytest.mark.parametrize(
    "options",
    [
        {"max_length": 3},
        {"min_length": 2, "max_length": 3},
        {"min_length": 3, "max_length": 3},
        {"pattern": "[^\u0302].*[^a]", "min_length": 2, "max_length": 3},
        {"pattern": ".*", "banned": ["aa"], "max_length": 2},
    ],
)
def test_names_of_complete_clusters_keep_their_distribution(options):
    """The length limits count grapheme clusters, not code points."""
    generator = fitted("a\u200da", "aa\u0302", "a", "a\u0302\u200da", "aaa")
    names = ["".join(parts) for n in range(1, 9) for parts in product(LETTERS, repeat=n)]

    def fits(name):
        pattern, banned = options.get("pattern", ".*"), options.get("banned", ())
        return (
            re.fullmatch(pattern, name)
            and WHOLE.fullmatch(name)
            and not any(string in name for string in banned)
            and options.get("min_length", 1) <= name.count("a") <= options["max_length"]
        )

    names = list(filter(fits, names))
    p = np.exp(generator.score_samples(names))
    drawn = generator.sample(n_samples=4000, random_state=0, **options)
    assert_drawn_from([name for name in drawn if len(name) < 9], names, p)
    proba, error = constraint_probability(generator, random_state=0, **options)
    assert proba == pytest.approx(p.sum(), abs=4 * error + 0.02 * p.sum())


def test_names_of_combining_marks_end():
    """At temperature 0, the model may append marks without end."""
    sampled = fitted("a" + "\u0301\u0302" * 40).sample(temperature=0)
    assert sampled[0] == "a"
    assert set(sampled[1:]) <= {"\u0301", "\u0302"}


def test_composed_and_decomposed_spellings_are_equal():
    composed, decomposed = ["Zoé", "Renée", "André"], ["Zoe\u0301", "Rene\u0301e", "Andre\u0301"]
    vectorizer = CharSequenceVectorizer().fit(decomposed)
    assert vectorizer.transform(decomposed).tolist() == vectorizer.transform(composed).tolist()
    assert "\u0301" not in vectorizer.alphabet_
    generator = CharNGramGenerator().fit(vectorizer.transform(decomposed))
    sampled = generator.sample("Re\u0301", n_samples=20, novel=True, random_state=0)
    assert all(name.startswith("Ré") for name in sampled)
    assert not set(sampled) & set(composed)
    assert generator.next_char_proba("e\u0301").tolist() == generator.next_char_proba("é").tolist()
    allowed = generator.sample(n_samples=200, banned=["e\u0301"], random_state=0)
    assert not any("é" in name for name in allowed)
    unnormalized = fitted(*decomposed)
    assert "\u0301" in unnormalized.alphabet_
    assert unnormalized.sample("Zoe\u0301", temperature=0).startswith("Zoe\u0301")
    allowed = unnormalized.sample(n_samples=200, banned=["é"], random_state=0)
    assert not any("e\u0301" in name for name in allowed)
    assert unnormalized.sample("Zoé", temperature=0).startswith("Zoe\u0301")


def test_seeds_are_composed_if_the_alphabet_has_the_mark():
    """Some Yoruba names keep a mark after NFC, because no precomposed letter exists."""
    generator = CharNGramGenerator().fit(["Zoé", "éva", "éa", "ẹ\u0301la", "ela"])
    proba = generator.next_char_proba(["e\u0301", "é"])
    np.testing.assert_array_equal(proba[0], proba[1])


@pytest.mark.parametrize("names", [["Anna", "Bob"], ["Anna", "B\u0323ob"]])
def test_unknown_characters_count_towards_max_length(names):
    generator = CharNGramGenerator().partial_fit(names)
    assert generator.partial_fit(["Anñaxyz"]).max_length_ == 7
