"""Running text: each character is read once, from the beginning of its text."""

import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from _formulas import START, Network, log_softmax, ngram_logits
from conftest import ngram_pipeline, small_generator, small_pipeline, windows_of
from sklearn.model_selection import GridSearchCV

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names
from sknamegen._data.rows import Rows
from sknamegen._data.sequences import Sequences
from sknamegen._text.alphabet import Alphabet
from sknamegen._training.batches import TextDataset, TextRows
from sknamegen._training.network import CharLSTM

SCORED = ["Maria\n Anna\n Al", "Annamaria M", "Anna \u0416 Anna"]
BOTH = [small_pipeline, ngram_pipeline]


@pytest.fixture(scope="module")
def learned():
    return " ".join(f"{name}\n" for name in load_names("female")[::40])


def cut(texts, window_length=5, **params):
    return windows_of(texts, window_length, boundary=False, **params)


def predictions(generator, learned):
    """Return a function of the log-probabilities after a whole text, computed by the formulas."""
    alphabet, model = generator.alphabet_.tolist(), generator.__getstate__()["_fitted"]["model"]
    order = getattr(generator, "order", 7)
    seen = [(START + text[:t], text[t], None) for text in learned for t in range(len(text))]
    ngrams = ngram_logits(seen, alphabet, min(order, generator.window_length_ + 1))
    networks = [Network(network["lstm"], alphabet) for network in model["networks"]]

    def log_proba(text):
        p = np.exp(log_softmax(ngrams(START + text)))
        if networks and not generator.has_ngram_counts_:
            p *= 0
        if networks:
            logits = np.mean([network.logits(START + text) for network in networks], axis=0)
            share = 0.4 if generator.has_ngram_counts_ else 0
            p = share * p + (1 - share) * np.exp(log_softmax(logits))
        return dict(zip(alphabet, np.log(p), strict=True))

    return log_proba


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize(
    "generator",
    [
        small_generator(max_epochs=1, num_networks=2),
        small_generator(max_epochs=1, ngram_counts=False, num_layers=2, embedding_dim=None),
        CharNGramGenerator(),
        CharNGramGenerator(order=3),
    ],
    ids=["networks", "layers", "ngram", "trigrams"],
)
def test_scores_match_the_formulas(learned, generator, step):
    """A text is read from its beginning. The characters after the first window count."""
    generator.fit(cut([learned]))
    log_proba, unknown = predictions(generator, [learned]), -np.log(len(learned) - 5 + 1)
    expected = [
        sum(log_proba(text[:t]).get(text[t], unknown) for t in range(5, len(text), step))
        for text in SCORED
    ]
    windows = cut(SCORED, step=step)
    np.testing.assert_allclose(generator.score_samples(windows), expected, atol=2e-5)
    n_characters = sum(len(range(5, len(text), step)) for text in SCORED)
    assert generator.score(windows) == pytest.approx(sum(expected) / n_characters)
    proba = generator.next_char_proba([SCORED[0]])[0]
    np.testing.assert_allclose(np.log(proba), [*log_proba(SCORED[0]).values()], atol=2e-5)


@pytest.mark.parametrize("make", BOTH)
def test_long_texts_of_different_lengths_score_like_each_alone(make, learned):
    """Texts are scored in pieces of 256 characters and in blocks of texts."""
    texts = [(learned * 2)[start : start + 20 + 7 * start] for start in range(150)]
    generator = make(5, boundary=False).fit(texts)[-1]
    scores = generator.score_samples(cut(texts))
    for row in (0, 36, 37, 149):
        single = generator.score_samples(cut(texts[row : row + 1]))
        np.testing.assert_allclose(scores[row], single[0], rtol=1e-5)


def test_characters_before_the_window_matter_only_in_running_text(learned):
    seeds = ["Zoe Anna Maria", "xyl Anna Maria"]
    text = small_pipeline(5, boundary=False).fit([learned])[-1]
    first, second = text.next_char_proba(seeds)
    assert np.abs(first - second).max() > 1e-6
    names = small_pipeline(5).fit([*learned.split(), *seeds])[-1]
    first, second = names.next_char_proba(seeds)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("make", BOTH)
def test_samples_begin_where_a_text_begins(make):
    texts = ["Anna and Bea", "Bea and Anna", "Bea and Cleo"]
    generator = make(3, boundary=False).fit(texts)[-1]
    proba = generator.next_char_proba("")[0]
    expected = [{"A": 1 / 3, "B": 2 / 3}.get(letter, 0) for letter in generator.alphabet_]
    np.testing.assert_allclose(proba, expected, atol=1e-6)
    sampled = generator.sample(n_samples=300, max_length=9, random_state=0)
    assert {len(text) for text in sampled} == {9}
    assert sum(text[0] == "B" for text in sampled) / 300 == pytest.approx(2 / 3, abs=0.1)
    for start in ("", "Be"):
        streamed = "".join(generator.stream(start, max_length=40, random_state=1))
        assert start + streamed == generator.sample(start, max_length=40, random_state=1)
    constrained = generator.sample(5 * [""], pattern="B[^x]*", max_length=20, random_state=0)
    assert {text[0] for text in constrained} == {"B"}
    generator.partial_fit(cut(["Dea and Bea"], 3)) if make is ngram_pipeline else None
    assert pickle.loads(pickle.dumps(generator)).sample(random_state=3) == generator.sample(
        random_state=3
    )


@pytest.mark.parametrize("make", BOTH)
def test_constraints_use_the_same_state(make, learned):
    """Names drawn under a rare pattern have the probabilities of free ones."""
    generator = make(5, boundary=False).fit([learned])[-1]
    options = {"max_length": 9, "n_samples": 400, "random_state": 0}
    texts = generator.sample("Maria ", 0.7, pattern="Maria [abc].z?.*", banned=["q"], **options)
    assert all(text[6] in "abcABC" for text in texts if text[6] in "abc")
    assert {len(text) for text in texts} == {9}
    proba = generator.next_char_proba("Maria ")[0] ** (1 / 0.7)
    proba = {letter: proba[generator.alphabet_ == letter].sum() for letter in "abc"}
    for letter in "abc":
        share = np.mean([text[6] == letter for text in texts])
        assert share == pytest.approx(proba[letter] / sum(proba.values()), abs=0.12)


def test_text_is_recovered_by_the_smallest_step_that_agrees(learned):
    texts = ["abcdefghij", "klmnopqrstuvw"]
    generator = CharNGramGenerator(order=2).fit(cut([learned, *texts]))
    for step in (1, 2, 5):
        windows = cut(texts, step=step)
        copied = windows.copy()
        np.testing.assert_array_equal(
            generator.score_samples(copied), generator.score_samples(windows)
        )
        assert CharNGramGenerator().fit(copied).n_characters_seen_ == (copied[..., -1] > 0).sum()
    for windows in (cut(texts, step=6), cut(texts)[:, [0, 2, 1]], cut(texts, step=7)):
        with pytest.raises(ValueError, match="do not follow each other"):
            CharNGramGenerator().fit(windows)
    changed = cut(texts).copy()
    changed[1, -1, -1] = 0x110000
    with pytest.raises(ValueError, match="Unicode code points"):
        generator.fit(changed)


@pytest.mark.parametrize("make", [CharNGramGenerator, lambda: small_generator(batch_size=64)])
def test_windows_are_not_copied(make, learned):
    windows = cut([learned * 20], 200)
    n_bytes = windows.size * 4
    tracemalloc.start()
    generator = make().fit(windows)
    generator.score(windows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n_bytes / 4


def test_one_repeated_character():
    generator = small_generator().fit(cut(["a" * 60]))
    assert generator.sample("a", max_length=20) == "a" * 20
    assert generator.score(cut(["a" * 30])) > -0.1


def test_wrong_texts_are_rejected(text_generator):
    vectorizer = CharSequenceVectorizer(window_length=5, boundary=False)
    for X, kind, match in (
        ("Some text\nin lines", TypeError, r"\[X\] for one text.*X.splitlines\(\) for a text"),
        ([""], ValueError, "longer than window_length=5. Got 0 characters in row 0"),
        (["Maria", "Maria Anna"], ValueError, "Got 5 characters in row 0"),
        (["Maria\0Anna"], ValueError, r"reserved characters.*U\+0000 in row 0"),
        ([], ValueError, "at least one name"),
    ):
        with pytest.raises(kind, match=match):
            vectorizer.fit_transform(X)
    with pytest.raises(ValueError, match="seed '1' contains '1', outside the model's alphabet"):
        text_generator.sample("1")
    with pytest.raises(ValueError, match="ngram_weight must be 'auto' or 0 for running text"):
        small_generator(ngram_weight=0.5).fit(vectorizer.fit_transform(["Maria Anna Eva " * 9]))


def test_weights_labels_and_later_calls(learned):
    texts = [learned[start : start + 60] for start in range(0, 600, 60)] + ["xyx" * 30] * 5
    windows, labels = cut(texts), ["text"] * 10 + ["x"] * 5
    generator = small_generator(max_epochs=5, lr=0.03, batch_size=4).fit(windows, labels)
    assert "x" in generator.sample("", 0.5, label="x", max_length=30, random_state=0)
    scores = [generator.score_samples(windows, [label] * 15) for label in ("text", "x")]
    assert (scores[0] > scores[1]).tolist() == [True] * 10 + [False] * 5
    heavy, light = (
        small_generator(max_epochs=5, lr=0.03, batch_size=4).fit(
            windows, sample_weight=[1] * 10 + [weight] * 5
        )
        for weight in (50, 0.02)
    )
    assert heavy.score(windows[10:]) > light.score(windows[10:]) + 0.1
    more = small_generator().partial_fit(windows)
    before = more.score(windows)
    assert more.partial_fit(windows).partial_fit(windows).score(windows) > before
    assert more.n_characters_seen_ == 3 * (10 * 55 + 5 * 85)
    again = small_generator(warm_start=True, max_epochs=2).fit(windows)
    assert len(again.fit(windows).loss_curve_) == 4
    stopped = small_generator(early_stopping=True, max_epochs=3).fit(windows)
    assert len(stopped.validation_scores_) <= 3
    plain = CharLSTMGenerator(hidden_size=8, max_epochs=1, random_state=0).fit(windows)
    assert len(plain.nets_) == 1
    assert plain.init_share_ == 0


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_a_row_carries_its_state_on_until_its_text_ends(batch_size):
    """In each epoch, every character is predicted once, from those before it in text and row."""
    texts = ["abcabdacbd" * 9, "dcba" * 8, "bbaacc"]
    alphabet = Alphabet(np.array([*"abcd"]))
    sequences = Sequences.of_rows(Rows.of_windows(cut(texts)).to_learn(), alphabet)
    rows = TextRows(TextDataset(sequences, 10), batch_size, torch.Generator().manual_seed(0))
    network, orders = CharLSTM(4, 6, 2, 3, 0.0, 0).eval(), []
    network_input = {"labels": torch.zeros(1, dtype=torch.int32)}
    for _ in range(2):
        history = [torch.empty(0, dtype=torch.int32)] * batch_size
        predicted, starts = [], []
        for inputs, targets in rows:
            logits = network(**inputs).view(*inputs["inputs"].shape, 4)
            targets = targets["characters"].view(inputs["inputs"].shape)
            for row, piece in enumerate(inputs["inputs"]):
                if inputs["is_first"][row]:
                    history[row] = piece[:0]
                history[row] = torch.cat([history[row], piece])
                whole = network(inputs=history[row][None], **network_input)[-10:]
                torch.testing.assert_close(logits[row], whole)
                predicted += targets[row][targets[row] >= 0].tolist()
                starts.append(int(piece[0]))
        assert sorted(predicted) == sorted("abcd".index(letter) for letter in "".join(texts))
        assert len(rows) == -(-(9 + 4 + 1) // batch_size)
        orders.append(predicted)
    assert orders[0] != orders[1]
    shards = [TextRows(rows.dataset, batch_size, shard=(i, 2)) for i in range(2)]
    assert sum(len(inputs["inputs"]) for shard in shards for inputs, _ in shard) <= 14 + batch_size
    assert shards[0].mean_targets == rows.mean_targets / 2


def test_a_grid_search_over_texts(learned):
    texts = [learned[start : start + 90] for start in range(0, 900, 90)]
    pipe = small_pipeline(5, boundary=False, max_epochs=1)
    grid = {"windows__window_length": [3, 8], "lstm__hidden_size": [2, 8], "lstm__lr": [0.01, 0.1]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(texts)
    assert len(set(search.cv_results_["mean_test_score"])) == 8
    assert search.best_params_["lstm__lr"] == 0.1
