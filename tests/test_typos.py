"""Names that are probably mistyped."""

from collections.abc import Iterator

import numpy as np
import pytest
from conftest import small_generator

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import likely_typos

AB = ["abba", "ab", "bab", "baab", "babab", "abbab", "bbab", "abab", "aba"] * 3


def neighbours(name, letters) -> Iterator[str]:
    """All names that are one edit away, by the definition."""
    for i in range(len(name) + 1):
        yield from (name[:i] + letter + name[i:] for letter in letters)
    for i in range(len(name)):
        yield name[:i] + name[i + 1 :]
        yield from (name[:i] + letter + name[i + 1 :] for letter in letters)
    for i in range(len(name) - 1):
        yield name[:i] + name[i + 1] + name[i] + name[i + 2 :]


@pytest.mark.parametrize("window_length", [2, 10])
@pytest.mark.parametrize("labels", [None, ["x", "y", "y"] * 9])
@pytest.mark.parametrize("make", [CharNGramGenerator, lambda: small_generator(hidden_size=8)])
def test_the_correction_is_the_best_neighbour(make, labels, window_length):
    """Of short names; of longer ones only some letters are tried, those that gain most."""
    vectorizer = CharSequenceVectorizer(window_length=window_length)
    generator = make().fit(vectorizer.fit_transform(AB), labels)
    names = ["aba", "a", "bb", "éab", "baa", "aaa", "babbage", "aabbabb", "b" * 9]

    def score(names):
        y = None if labels is None else ["y"] * len(names)
        return generator.score_samples(vectorizer.transform(names), y)

    vectorizer.fit([*AB, *names])
    y = None if labels is None else ["y"] * len(names)
    corrections = likely_typos(generator, vectorizer.transform(names), y)
    for name, gain, correction, of_name in zip(names, *corrections, score(names), strict=True):
        others = sorted(set(neighbours(name, "ab")) - {name, ""})
        scores = score(others)
        assert scores[others.index(correction)] - of_name == pytest.approx(gain, abs=1e-4)
        if len(name) > 3:
            others = sorted(set(neighbours(name, "")) - {name, ""})
            scores = score(others)
            assert gain >= scores.max() - of_name - 1e-4
        else:
            assert gain == pytest.approx(scores.max() - of_name, abs=1e-4)


def test_typos_among_names():
    names, typos = load_names("female"), {"Marrgaret": "Margaret", "Jessciah": "Jessicah"}
    typos |= {"Victroia": "Victoria", "Barbra7": "Barbra"}
    vectorizer = CharSequenceVectorizer()
    generator = CharNGramGenerator().fit(vectorizer.fit_transform(names[::2]))
    scores, corrections = likely_typos(generator, vectorizer.transform([*typos, *names[1::2]]))
    assert corrections[0] == "Margaret"
    assert corrections[3] == "Barbra"
    assert (scores[: len(typos)] > np.percentile(scores, 95)).all()
    alone = likely_typos(generator, vectorizer.transform(list(typos)))
    np.testing.assert_allclose(alone[0], scores[: len(typos)], atol=1e-4)
    assert alone[1] == corrections[: len(typos)]


def test_what_cannot_be_searched_for_typos(names):
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform(names)
    labelled = CharNGramGenerator().fit(windows, np.arange(len(names)) % 2)
    with pytest.raises(ValueError, match="y must hold the label of each name"):
        likely_typos(labelled, windows)
    text = CharSequenceVectorizer(boundary=False).fit_transform([" ".join(names)])
    with pytest.raises(ValueError, match=r"windows of names \(boundary=True\)"):
        likely_typos(CharNGramGenerator().fit(text), text)


@pytest.mark.parametrize("few", [["A"], [""], ["", "Ann"], ["Éa"], ["Xyz"]])
def test_names_shorter_than_the_window_and_of_unknown_letters(few):
    vectorizer = CharSequenceVectorizer(window_length=6)
    generator = CharNGramGenerator().fit(vectorizer.fit_transform(["A", "Ab", "Anna", "Annabella"]))
    scores, corrections = likely_typos(generator, vectorizer.transform(few))
    assert np.isfinite(scores).all()
    assert len(corrections) == len(few)
    assert not set(few) & set(corrections)
    assert set("".join(corrections)) <= {*"Aabnel\ufffd"}
