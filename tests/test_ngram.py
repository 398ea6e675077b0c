import numpy as np
import pytest
from _formulas import ngram_logits
from conftest import assert_scores_match, ngram_pipeline

from sknamegen import CharNGramGenerator

LEARNED = ["McLean", "Anne-Marie", "Eva Maria", "X Æ A-12", "Zoe\u0328", "O'Neill", "van Dyk"]
CASELESS = ["आरती", "फ़िरोज़ शाह", "अद्वैत", "しんじゅく", "ニッポン ハム", "ヴィー", "שרה כהן ىة ئ"]
# Names with all shapes and unknown characters.
SCORED = ["", "Al", "Annamaria Marguerita", "McO'Neill", "Zoë", "JoX-", "anna", "Zoe\u0328\u0328"]
SCORED += ["ANNA", "vanDyk-", "Jean Luc van Lea", "आती फिरी", "ふしんじょう", "ンニーッハ", "שר אה"]


def assert_scores_match_the_formulas(pipe, train, scored, labels=None, y=None):
    generator, windows = pipe.fit(train, labels)[-1], pipe[0].transform(scored)
    learned = pipe[0].transform(train)
    assert_scores_match(generator, ngram_logits, learned, windows, (labels, y))


@pytest.fixture(params=["real", "caseless", "both"])
def train(request, names):
    real = [*names[:150], *LEARNED]
    return {"real": real, "caseless": CASELESS, "both": real + CASELESS}[request.param]


@pytest.mark.parametrize(
    ("window_length", "params"),
    [
        (20, {}),
        (10, {"order": 1}),
        (10, {"order": 3}),
        (10, {"order": 9}),
        (2, {"order": 9}),
        (1, {"order": 4}),
    ],
)
def test_scores_match_the_formulas(train, window_length, params):
    """A short window limits the order."""
    pipe = ngram_pipeline(window_length, **params)
    assert_scores_match_the_formulas(pipe, train, [*SCORED, *train[-9:]])
    discounts = pipe[-1].counts_.discounts
    assert discounts.shape == (min(pipe[-1].order, window_length + 1), 3)


@pytest.mark.parametrize("params", [{}, {"order": 1}, {"order": 3}])
def test_scores_with_labels_match_the_formulas(train, params):
    labels, y = np.arange(len(train)) % 3, np.arange(2 * len(SCORED)) % 3
    assert_scores_match_the_formulas(ngram_pipeline(4, **params), train, SCORED * 2, labels, y)


def test_held_out_scores_by_order(names):
    train, test = names[100:], names[:100]
    score = {n: CharNGramGenerator(order=n).fit(train).score(test) for n in (1, 2, 4, 9)}
    assert score[1] < score[2] - 0.3
    assert score[2] < score[4]
    assert score[9] > score[4] - 0.05


def test_partial_fit_in_chunks_equals_fit(names):
    """The kinds of characters are counted in the same way."""
    names = [*names, *LEARNED]
    whole, chunked = CharNGramGenerator().fit(names), CharNGramGenerator()
    for i in range(0, len(names), 5):
        chunked.partial_fit(names[i : i + 5], alphabet=None if i else whole.alphabet_)
    for X in (names, SCORED):
        np.testing.assert_array_equal(chunked.score_samples(X), whole.score_samples(X))
    with pytest.raises(ValueError, match=r"order must be 5, as in the first call. Got 3."):
        chunked.set_params(order=3).partial_fit(names)


def test_partial_fit_does_not_count_unknown_characters():
    text = ngram_pipeline(window_length=3, boundary=False).fit(["abcabcabc abc"])
    windows = text[0].transform(["abcabcabc abc", "xyzxyz"])
    generator = CharNGramGenerator().partial_fit(windows[:1])
    expected = generator.next_char_proba("ab")
    generator.partial_fit(windows[1:])
    np.testing.assert_array_equal(generator.next_char_proba("ab"), expected)
