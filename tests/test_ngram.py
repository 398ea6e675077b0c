import re

import numpy as np
import pytest
from conftest import ngram_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen._alphabet import Alphabet
from sknamegen._models.counts import CountsModel
from sknamegen._models.kneser_ney import KneserNey


def test_scores_are_those_of_the_counts(names):
    pipe = ngram_pipeline(order=4).fit(names)
    index = {c: i for i, c in enumerate([*pipe[-1].alphabet_, "\2"])}
    codes = [[index[c] for c in f"\2{name}\3"] for name in names]
    contexts = [[*reversed(c[:i]), -1, -1, -1][:3] for c in codes for i in range(1, len(c))]
    characters = [i for c in codes for i in c[1:]]
    counts = KneserNey(np.array(contexts), np.array(characters), Alphabet(pipe[-1].alphabet_).kinds)
    proba = counts.proba(counts.find(np.array(contexts)))
    log_proba = np.log(proba[np.arange(len(characters)), characters])
    pipe[-1]._model = pipe[-1]._model.model  # without what the shapes of names tell
    assert pipe.score(names) == pytest.approx(log_proba.mean())
    rows = np.repeat(np.arange(len(names)), [len(c) - 1 for c in codes])
    np.testing.assert_allclose(pipe.score_samples(names), np.bincount(rows, log_proba))


def test_held_out_names_need_neither_short_nor_long_contexts(names):
    score = {n: ngram_pipeline(order=n).fit(names[100:]).score(names[:100]) for n in (1, 2, 4, 9)}
    assert score[1] < score[2] - 0.3
    assert score[2] < score[4]
    assert score[9] > score[4] - 0.05


def test_a_short_window_limits_the_order(names):
    narrow = ngram_pipeline(window_length=2, order=9).fit(names)
    wide = ngram_pipeline(order=3).fit(names)
    for pipe in (narrow, wide):  # without what shapes tell of the whole window
        pipe[-1]._model = CountsModel(pipe[-1].counts_)
    np.testing.assert_allclose(narrow.score_samples(names), wide.score_samples(names), rtol=1e-12)
    assert narrow[-1].counts_.discounts.shape == (3, 3)
    assert narrow[-1].sample(n_samples=20, random_state=0) == wide[-1].sample(
        n_samples=20, random_state=0
    )


def test_counting_in_chunks_is_counting_at_once(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    whole = CharNGramGenerator().fit(windows)
    chunked = CharNGramGenerator()
    for i, chunk in enumerate(np.array_split(windows, 100)):
        chunked.partial_fit(chunk, alphabet=None if i else whole.alphabet_)
    np.testing.assert_array_equal(chunked.score_samples(windows), whole.score_samples(windows))
    with pytest.raises(ValueError, match=r"order must be that of the first call, 5. Got 3."):
        chunked.set_params(order=3).partial_fit(windows)


def test_a_fixed_discount(names):
    generator = ngram_pipeline(discount=0.5).fit(names)[-1]
    assert (generator.counts_.discounts == 0.5).all()


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"order": 0}, ValueError, "order must be an int >= 1 and <= 100. Got 0."),
        ({"order": 2.0}, TypeError, "order must be an int >= 1 and <= 100. Got 2.0."),
        ({"discount": 0}, ValueError, "discount must be None or in (0, 1]. Got 0."),
        ({"discount": 1.5}, ValueError, "discount must be None or in (0, 1]. Got 1.5."),
        ({"discount": "auto"}, TypeError, "discount must be None or in (0, 1]. Got 'auto'."),
    ],
)
def test_bad_parameters(params, error, match):
    with pytest.raises(error, match=re.escape(match)):
        ngram_pipeline(**params).fit(["Ada"])


def test_a_fit_that_fails_changes_nothing(names):
    generator = CharNGramGenerator().fit(CharSequenceVectorizer().fit_transform(names))
    before = dict(vars(generator))
    padding = CharSequenceVectorizer().fit_transform(["Ada", "Adaline"])[:1, 5:]
    with pytest.raises(ValueError, match="at least one character to learn"):
        generator.fit(padding)
    assert vars(generator) == before


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_interruption_changes_nothing(names, monkeypatch, method):
    windows = CharSequenceVectorizer().fit_transform(names)
    others = CharSequenceVectorizer().fit_transform([name.upper() for name in names])
    generator = CharNGramGenerator().fit(windows)
    before = vars(generator).copy()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("sknamegen.ngram.count", interrupt)
    with pytest.raises(KeyboardInterrupt):
        getattr(generator, method)(others)
    assert vars(generator) == before
    monkeypatch.undo()
    assert generator.score(windows) == CharNGramGenerator().fit(windows).score(windows)
    assert isinstance(generator.sample(), str)
