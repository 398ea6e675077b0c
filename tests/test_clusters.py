"""Characters are what people call characters: extended grapheme clusters."""

from itertools import product

import numpy as np
import pytest
from conftest import assert_drawn_from, ngram_pipeline, small_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen._alphabet import NONE, Alphabet
from sknamegen._clusters import Clusters, n_clusters
from sknamegen._models.model import NextCharModel
from sknamegen._sampling.cache import Cache
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.sampler import Sampler

FAMILY, SCOTLAND = "👨‍👩‍👧", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
LENGTHS = {
    "": 0,
    "Anna": 4,
    "e\u0301a": 2,
    "कि": 1,
    "क्षि": 1,  # a conjunct
    "நி": 1,
    "น้ำ": 1,
    "ශ්‍රී": 2,
    "می‌خواهم": 7,
    "🇩🇪🇫🇷": 2,
    "🇩": 1,
    FAMILY: 1,
    SCOTLAND: 1,
    "1️⃣2️⃣": 2,
    "👋🏽a": 2,
    "🤷🏽‍♀️": 1,
    "\u0301a": 2,  # with a mark that stands alone
    "한국": 2,
    "\u1112\u1161\u11ab\u1100": 2,  # the same, decomposed, and cut
}


@pytest.mark.parametrize("text", LENGTHS)
def test_lengths_are_those_of_unicode(text):
    assert n_clusters(text) == LENGTHS[text]
    letters = sorted(set(text + "x"))
    rows = np.array([[letters.index(letter) for letter in text] + [NONE] * 3])
    assert Clusters(letters).lengths(rows).tolist() == [LENGTHS[text]]


def is_whole(text):
    clusters, state = Clusters(letters := sorted(set(text))), 0
    for letter in text:
        state = clusters.after[state, letters.index(letter)]
        if state < 0:
            return False
    return bool(clusters.is_whole[state])


@pytest.mark.parametrize("text", [text for text in LENGTHS if text not in ("🇩", "\u0301a")])
def test_whole_names(text):
    assert is_whole(text)
    assert is_whole(f"A {text}")


@pytest.mark.parametrize(
    "text",
    [
        "\u0301a",  # a mark at the start
        "a \u0301",  # and behind a blank
        "🇩",
        "🇩🇪🇫",
        "🇩a",
        "👨‍",  # a joiner at the end
        "‍👨",
        "👨‍‍👩",
        "👨‍a",
        "क्‍",
        "می‌",
        "⃣",
        "a⃣",  # a keycap without its digit
        SCOTLAND[:-1],
        SCOTLAND[1:],
        "a\U000e0067",
        "ำ",
    ],
)
def test_broken_names(text):
    assert not is_whole(text)


def test_letters_without_such_characters_have_one_state():
    assert Clusters("abcÄж漢😀 -").is_trivial
    assert not Clusters("ab\u0301").is_trivial
    assert Alphabet(np.array(["a", "\u0301"])).clusters.is_trivial  # running text


class Alike(NextCharModel):
    """Predicts all of its characters alike."""

    n_labels = 0

    def __init__(self, n_characters):
        self.n_characters = n_characters

    def start(self, windows, labels):
        return np.zeros(len(windows)), np.zeros((len(windows), self.n_characters))

    def advance(self, state, characters):
        return state, np.zeros((len(state), self.n_characters))

    def select(self, state, rows):
        return state[rows]

    def logits(self, sequences):
        return np.zeros((np.count_nonzero(sequences.has_target), self.n_characters))


@pytest.mark.parametrize(
    "asked",
    [
        (None, (), 0, 3),
        (None, (), 2, 3),
        (None, (), 4, 4),
        ("a.*", (), 3, 4),
        (".*", ("aa",), 3, 3),
    ],
)
def test_names_are_drawn_given_that_they_are_whole(asked):
    """With lengths in characters, however many code points these have."""
    letters = ["\3", "a", "\u0301", "\u200d"]
    alphabet = Alphabet(np.array(letters))
    constraint = Constraint(alphabet, *asked)
    shares = np.array([NONE]), np.ones(1), np.ones((1, 1))
    where = Alike(4), alphabet, 4, 4, [""]
    sampler = Sampler(*where, *shares, Decoding(), constraint, Cache())
    names = sampler.draw(np.zeros(4000, dtype=int), np.random.default_rng(0))
    pattern, banned, least, most = asked

    def fits(name):
        is_asked = (pattern is None or name[:1] == "a") and not any(each in name for each in banned)
        return is_asked and is_whole(name) and least <= name.count("a") <= most

    found = ["".join(each) for n in range(10) for each in product(letters[1:], repeat=n)]
    found = list(filter(fits, found))
    p = np.array([0.25 ** (len(name) + 1) for name in found])
    assert_drawn_from([name for name in names if len(name) < 10], found, p)
    proba, error = sampler.constraint_probability(2000, np.random.default_rng(0))
    assert proba[0] == pytest.approx(p.sum(), abs=4 * error[0] + 0.02 * p.sum())


EMOJI = ["🇩🇪🇫🇷", "🇪🇸", FAMILY, "👩‍🚀👋🏽", "❤️‍🔥", "1️⃣2️⃣", "🤷🏽‍♀️", SCOTLAND, "🇩🇰😀", "👋🏽3️⃣"]
HINDI = ["अंकिता", "अंकुर", "क्षितिज", "लक्ष्मी", "श्री", "विद्या", "सिद्धार्थ", "ईश्वर", "नूतन"]


@pytest.mark.parametrize("make", [small_pipeline, ngram_pipeline])
@pytest.mark.parametrize("names", [EMOJI, HINDI])
def test_generators_write_whole_names(make, names):
    generator = make().fit(names * 3)[-1]
    assert generator.max_length_ == max(map(n_clusters, names))
    for temperature in (0, 0.7, 1.5):
        written = generator.sample(temperature=temperature, n_samples=200, random_state=0)
        assert all(map(is_whole, written))
        assert all(1 <= n_clusters(name) <= generator.max_length_ for name in written)
    written = generator.sample(n_samples=100, min_length=2, max_length=3, random_state=0)
    assert all(map(is_whole, written))
    assert {n_clusters(name) for name in written} <= {2, 3}
    assert all(map(is_whole, generator.most_likely(20)[0]))
    with pytest.raises(ValueError, match="begins with"):
        generator.sample("\u200d" if names is EMOJI else "ि")


def test_a_name_of_marks_only_ends():
    """At temperature 0 a model may go on with marks for ever."""
    names = ["a" + "\u0301\u0302" * 40]
    windows = CharSequenceVectorizer(normalization=None).fit_transform(names)
    generator = CharNGramGenerator().fit(windows)
    with pytest.raises(ValueError, match="No name of"):
        generator.sample(temperature=0)


def test_spellings_of_one_name_are_one():
    composed, decomposed = ["Zoé", "Renée", "André"], ["Zoe\u0301", "Rene\u0301e", "Andre\u0301"]
    vectorizer = CharSequenceVectorizer().fit(decomposed)
    assert vectorizer.transform(decomposed).tolist() == vectorizer.transform(composed).tolist()
    assert "\u0301" not in vectorizer.alphabet_
    generator = CharNGramGenerator().fit(vectorizer.transform(decomposed))
    written = generator.sample("Re\u0301", n_samples=20, novel=True, random_state=0)
    assert all(name.startswith("Ré") for name in written)
    assert not set(written) & set(composed)
    assert generator.next_char_proba("e\u0301").tolist() == generator.next_char_proba("é").tolist()
    free = generator.sample(n_samples=200, banned=["e\u0301"], random_state=0)
    assert not any("é" in name for name in free)
    as_they_are = CharSequenceVectorizer(normalization=None).fit_transform(decomposed)
    other = CharNGramGenerator().fit(as_they_are)
    assert "\u0301" in other.alphabet_
    assert other.sample("Zoe\u0301", temperature=0).startswith("Zoe\u0301")
    free = other.sample(n_samples=200, banned=["é"], random_state=0)
    assert not any("e\u0301" in name for name in free)
    assert other.sample("Zoé", temperature=0).startswith("Zoe\u0301")


def test_seeds_are_composed_where_the_mark_is_known_too():
    """Some names keep a mark, as no letter with it exists: Yoruba ones, for example."""
    names = ["Zoé", "éva", "éa", "ẹ\u0301la", "ela"]
    generator = ngram_pipeline().fit(names * 5)[-1]
    proba = generator.next_char_proba(["e\u0301", "é"])
    np.testing.assert_array_equal(proba[0], proba[1])


def test_unknown_characters_count_whatever_the_alphabet():
    for names in (["Anna", "Bob"], ["Anna", "B\u0323ob"]):
        windows = CharSequenceVectorizer().fit_transform([*names, "Anñaxyz"])
        generator = CharNGramGenerator().partial_fit(windows[:2])
        assert generator.partial_fit(windows[2:]).max_length_ == 7
