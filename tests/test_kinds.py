"""Kinds of characters, such as capitals, in generated names. `test_ngram.py` tests scores."""

import pickle
import re
from functools import partial

import numpy as np
import pytest
from _formulas import odd_shapes
from conftest import small_generator

from sknamegen import CharNGramGenerator

MAKERS = pytest.mark.parametrize("make", [small_generator, CharNGramGenerator])


def words(n, seed=0, letters="aeinorst", size=5):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), size)).title() for _ in range(n)]


def shape_novelty(names, training_names):
    return len(odd_shapes(names, training_names)) / len(names)


@MAKERS
@pytest.mark.parametrize("change", [str, str.upper, str.swapcase])
def test_samples_keep_the_shape_of_a_uniform_list(make, change):
    names = list(map(change, words(300)))
    sampled = make().fit(names).sample(n_samples=2000, random_state=0)
    assert shape_novelty(sampled, names) < 0.005
    assert len(set(sampled)) > 1000


@MAKERS
def test_partial_fit_learns_new_shapes(make):
    """A pickled copy has learned the same shapes."""
    capital, particle = words(200), [f"t {word}" for word in words(200, 1)]
    generator = make().partial_fit(capital, alphabet=set("aeinorst AEINORST"))
    scores = [generator.score(particle)]
    before = generator.sample(n_samples=500, random_state=0)
    assert np.mean([name.startswith("t ") for name in before]) < 0.05
    for _ in range(3):
        scores.append(generator.partial_fit(particle).score(particle))
    assert scores[1] > scores[0] + 0.5
    sampled = generator.sample(n_samples=500, random_state=0)
    assert shape_novelty(sampled, ["Anna", "t Anna"]) < 0.03
    assert np.mean([name.startswith("t ") for name in sampled]) > 0.15
    copy = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(copy.score_samples(particle), generator.score_samples(particle))
    assert copy.sample(n_samples=500, random_state=0) == sampled


def test_a_fine_tuned_network_has_the_shapes_of_the_new_list():
    names = words(200)
    lower = list(map(str.lower, names))
    base = small_generator().fit(names + lower)
    generator = small_generator(init=base, max_epochs=1).fit(lower)
    for model, low, high in ((base, 0.3, 0.7), (generator, 0.98, 1)):
        sampled = model.sample(n_samples=500, random_state=0)
        assert low <= np.mean(list(map(str.islower, sampled))) <= high


STATIONS = (
    "とうきょう かんだ あきはばら おかちまち うえの うぐいすだに にっぽり にしにっぽり たばた "
    "こまごめ すがも おおつか いけぶくろ めじろ たかだのばば しんおおくぼ しんじゅく よよぎ "
    "はらじゅく しぶや えびす めぐろ ごたんだ おおさき"
)
HINDI = (
    "आदित्य अनिरुद्ध आशीष उमेश ऋषि एकता कमलेश किशोर कृष्णा गायत्री चंद्रेश जगदीश ज्योति दीपिका "
    "धर्मेंद्र नंदिनी निखिल पूजा प्रियंका फ़ातिमा बलराम भूपेंद्र मीनाक्षी मोहिनी राजेश रुक्मिणी लक्ष्मी "
    "विक्रम शकुंतला सिद्धार्थ सुनीता हरीश इंदिरा ओमप्रकाश"
)


def is_kana_word(name):
    """Return whether small kana follow a suitable syllable and the word start is valid."""
    syllable = "(?:[きしちにひみりぎじぢびぴ][ゃゅょ]|[^んっゃゅょ])"
    doubled = "(?:っ(?=[かきくけこさしすせそたちつてとぱぴぷぺぽ]))?"
    return re.fullmatch(f"{syllable}(?:{doubled}{syllable}|ん)*", name) is not None


def is_hindi_word(name):
    """Return whether vowel signs follow consonants, and viramas are between or after them."""
    consonant = "[क-ह]़?"
    syllable = f"(?:(?:{consonant}्)*{consonant}[ा-ौ]?|[अ-औ])[ंःँ]?"
    return re.fullmatch(f"(?:{syllable})+(?:{consonant}्)*", name) is not None


@pytest.mark.parametrize("make", [partial(small_generator, max_epochs=40), CharNGramGenerator])
@pytest.mark.parametrize(
    ("names", "is_word"), [(STATIONS, is_kana_word), (HINDI, is_hindi_word)], ids=["kana", "hindi"]
)
def test_spelling_in_caseless_scripts(make, names, is_word):
    assert all(map(is_word, names.split()))
    sampled = make().fit(names.split()).sample(n_samples=2000, random_state=0)
    assert np.mean([not is_word(name) for name in sampled]) < 0.03
    assert len(set(sampled)) > 500


@pytest.mark.parametrize("make", [lambda: small_generator(max_epochs=8), CharNGramGenerator])
def test_run_lengths_match_the_list(make):
    """A particle has two or three letters, so no name starts with four small letters."""
    roots, rng = words(200, size=6), np.random.default_rng(0)
    names = [f"{rng.choice(['van', 'de', 'van der'])} {word}" for word in roots[:50]] + roots[50:]
    sampled = make().fit(names).sample(n_samples=2000, random_state=0)
    assert np.mean([name[:4].isalpha() and name[:4].islower() for name in sampled]) < 0.05
    assert 0.1 < np.mean([name[:1].islower() for name in sampled]) < 0.4


def test_shape_frequencies_match_the_list():
    """One name in five is like "McLeod", and one in ten like "O'Neill"."""
    ends = ["leod", "nab", "neill", "brien", "hara", "dowd", "gann", "carthy", "rory", "shea"]
    starts = ["Mc", "Mc", "O'", *[""] * 7]
    names = [start + end.title() for start in starts for end in ends + words(40)]
    generator = CharNGramGenerator().fit(names)
    sampled = generator.sample(n_samples=4000, random_state=0)
    assert shape_novelty(sampled, names) < 0.005
    for start, share in (("Mc", 0.2), ("O'", 0.1)):
        actual = np.mean([name.startswith(start) for name in sampled])
        assert actual == pytest.approx(share, abs=0.03)
