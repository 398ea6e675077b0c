"""Detection of names that are probably mistyped."""

from collections.abc import Iterator

import numpy as np
import pytest
from conftest import small_generator

from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import likely_typos

AB = ["abba", "ab", "bab", "baab", "babab", "abbab", "bbab", "abab", "aba"] * 3


def neighbours(name, letters) -> Iterator[str]:
    """Yield all names at edit distance one, by the definition."""
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
    """For longer names, only the most promising letters are candidates."""
    vectorizer = CharSequenceVectorizer(window_length=window_length)
    generator = make().fit(vectorizer.fit_transform(AB), labels)
    names = ["aba", "a", "bb", "éab", "baa", "aaa", "babbage", "aabbabb", "b" * 9]

    def score(names):
        y = None if labels is None else ["y"] * len(names)
        return generator.score_samples(vectorizer.transform(names), y)

    vectorizer.fit([*AB, *names])
    y = None if labels is None else ["y"] * len(names)
    corrections = likely_typos(generator, vectorizer.transform(names), y)
    for name, gain, correction, name_score in zip(names, *corrections, score(names), strict=True):
        candidates = sorted(set(neighbours(name, "ab")) - {name, ""})
        scores = score(candidates)
        assert scores[candidates.index(correction)] - name_score == pytest.approx(gain, abs=1e-4)
        if len(name) > 3:
            candidates = sorted(set(neighbours(name, "")) - {name, ""})
            scores = score(candidates)
            assert gain >= scores.max() - name_score - 1e-4
        else:
            assert gain == pytest.approx(scores.max() - name_score, abs=1e-4)


def test_typos_among_names():
    names, typos = load_names("female"), {"Marrgaret": "Margaret", "Jessciah": "Jessicah"}
    typos |= {"Victroia": "Victoria", "Barbra7": "Barbra"}
    vectorizer = CharSequenceVectorizer()
    generator = CharNGramGenerator().fit(vectorizer.fit_transform(names[::2]))
    scores, corrections = likely_typos(generator, vectorizer.transform([*typos, *names[1::2]]))
    assert corrections[0] == "Margaret"
    assert corrections[3] == "Barbra"
    assert (scores[: len(typos)] > np.percentile(scores, 95)).all()
    typos_only = likely_typos(generator, vectorizer.transform(list(typos)))
    np.testing.assert_allclose(typos_only[0], scores[: len(typos)], atol=1e-4)
    assert typos_only[1] == corrections[: len(typos)]


def test_invalid_input_for_typos_is_rejected(names):
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform(names)
    labelled = CharNGramGenerator().fit(windows, np.arange(len(names)) % 2)
    with pytest.raises(ValueError, match="y must contain the label of each name"):
        likely_typos(labelled, windows)
    text = CharSequenceVectorizer(boundary=False).fit_transform([" ".join(names)])
    with pytest.raises(ValueError, match=r"windows of names \(boundary=True\)"):
        likely_typos(CharNGramGenerator().fit(text), text)


@pytest.mark.parametrize("names", [["A"], [""], ["", "Ann"], ["Éa"], ["Xyz"]])
def test_short_names_and_unknown_letters(names):
    vectorizer = CharSequenceVectorizer(window_length=6)
    generator = CharNGramGenerator().fit(vectorizer.fit_transform(["A", "Ab", "Anna", "Annabella"]))
    scores, corrections = likely_typos(generator, vectorizer.transform(names))
    assert np.isfinite(scores).all()
    assert len(corrections) == len(names)
    assert not set(names) & set(corrections)
    assert set("".join(corrections)) <= {*"Aabnel\ufffd"}
