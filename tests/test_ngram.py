import re

import numpy as np
import pytest
from _formulas import Penalty, log_likelihood, ngram_logits, targets
from conftest import ngram_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer


def expected_scores(generator, learned, windows, y=(None, None)):
    """Return reference scores after a fit to the windows `learned` with the labels ``y[0]``."""
    seen, has_labels = list(targets(learned, y[0])), y[0] is not None
    alphabet, window_length = generator.alphabet_, generator.window_length_
    order = min(generator.order, window_length + 1)
    logits = ngram_logits(seen, alphabet, order, generator.discount, has_labels)
    penalty = Penalty(seen, alphabet, window_length, has_labels)
    penalised = lambda *context: logits(*context) + penalty.after(*context)  # noqa: E731
    return log_likelihood(windows, generator, penalised, y[1])


LEARNED = ["McLean", "Anne-Marie", "Eva Maria", "X Æ A-12", "Zoe\u0328"]
SCORED = ["", "Al", "Annamaria Marguerita", "McDonald", "Zoë", "JoX-", "anna", "Zoe\u0328\u0328"]


@pytest.mark.parametrize(
    ("window_length", "params"),
    [
        (10, {}),
        (10, {"order": 1}),
        (10, {"order": 3, "discount": 0.5}),
        (10, {"order": 9}),
        (3, {}),
        (2, {"order": 9, "discount": 1}),
        (1, {"order": 4}),
    ],
)
def test_scores_match_the_formulas(names, window_length, params):
    """A short window limits the order."""
    train = [*names[:150], *LEARNED]
    pipe = ngram_pipeline(window_length, **params).fit(train)
    windows = pipe[0].transform(SCORED)
    expected = expected_scores(pipe[-1], pipe[0].transform(train), windows)
    np.testing.assert_allclose(pipe[-1].score_samples(windows), expected, atol=1e-5)
    order = min(pipe[-1].order, window_length + 1)
    assert pipe[-1].counts_.discounts.shape == (order, 3)


@pytest.mark.parametrize("params", [{}, {"order": 1}, {"order": 3, "discount": 0.5}])
def test_scores_with_labels_match_the_formulas(names, params):
    train = [*names[:150], *LEARNED]
    labels = np.arange(len(train)) % 3
    pipe = ngram_pipeline(4, **params).fit(train, labels)
    windows, y = pipe[0].transform(SCORED * 2), np.arange(2 * len(SCORED)) % 3
    expected = expected_scores(pipe[-1], pipe[0].transform(train), windows, (labels, y))
    np.testing.assert_allclose(pipe[-1].score_samples(windows, y), expected, atol=1e-5)


@pytest.mark.parametrize("window_length", [1, 5])
def test_scores_of_running_text_match_the_formulas(names, window_length):
    pipe = ngram_pipeline(window_length, boundary=False).fit([" ".join(names[:150])])
    windows = pipe[0].transform(["Anna Lena-Marie", "axx Éva"])
    learned = pipe[0].transform([" ".join(names[:150])])
    expected = expected_scores(pipe[-1], learned, windows)
    np.testing.assert_allclose(pipe[-1].score_samples(windows), expected, atol=1e-5)


def test_held_out_scores_by_order(names):
    score = {n: ngram_pipeline(order=n).fit(names[100:]).score(names[:100]) for n in (1, 2, 4, 9)}
    assert score[1] < score[2] - 0.3
    assert score[2] < score[4]
    assert score[9] > score[4] - 0.05


def test_partial_fit_in_chunks_equals_fit(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    whole = CharNGramGenerator().fit(windows)
    chunked = CharNGramGenerator()
    for i, chunk in enumerate(np.array_split(windows, 100)):
        chunked.partial_fit(chunk, alphabet=None if i else whole.alphabet_)
    np.testing.assert_array_equal(chunked.score_samples(windows), whole.score_samples(windows))
    with pytest.raises(ValueError, match=r"order must be the same as in the first call, 5. Got 3."):
        chunked.set_params(order=3).partial_fit(windows)


def test_fixed_discount(names):
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


def test_failed_fit_keeps_the_estimator_unchanged(names):
    generator = CharNGramGenerator().fit(CharSequenceVectorizer().fit_transform(names))
    before = dict(vars(generator))
    padding = CharSequenceVectorizer().fit_transform(["Ada", "Adaline"])[:1, 5:]
    with pytest.raises(ValueError, match="at least one character to learn"):
        generator.fit(padding)
    assert vars(generator) == before


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_interruption_keeps_the_estimator_unchanged(names, monkeypatch, method):
    """The interruption comes at each call of ``np.unique`` in turn."""
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    others = CharSequenceVectorizer().fit_transform([name[::-1] for name in names[:50]])
    generator = CharNGramGenerator().fit(windows)
    before, unique, n_calls, is_over = vars(generator).copy(), np.unique, 0, False
    while not is_over:
        n_remaining = n_calls

        def interrupt(*args, **kwargs):
            nonlocal n_remaining
            n_remaining -= 1
            if n_remaining < 0:
                raise KeyboardInterrupt
            return unique(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(np, "unique", interrupt)
            try:
                getattr(generator, method)(others)
                is_over = True
            except KeyboardInterrupt:
                n_calls += 1
                assert vars(generator).keys() == before.keys()
                assert all(vars(generator)[name] is value for name, value in before.items())
    assert n_calls > 5
    assert generator.counts_ is not before["counts_"]
