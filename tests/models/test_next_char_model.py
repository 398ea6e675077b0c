"""The contract of every implementation of `NextCharModel`."""

import numpy as np
import pytest

from sknamegen._data.corpus import Corpus
from sknamegen._data.rows import Rows, encode_rows
from sknamegen._data.sequences import Sequences
from sknamegen._models.counts import NGramCounts
from sknamegen._models.lstm import LSTM, axes
from sknamegen._models.mixture import Mixture
from sknamegen._models.model import CharModel, Network, learn_penalties
from sknamegen._models.next_char_model import NextCharModel, select
from sknamegen._models.ngrams import NGrams
from sknamegen._text.alphabet import NONE, Alphabet

ALPHABET = Alphabet(np.array(["\3", *"abcdr"]))
# b has the kind of a capital, and r the kind of a blank.
KINDS = np.where(np.isin([*ALPHABET.characters, "", "", ""], ["b", "r"]), 6, ALPHABET.kinds)
KINDS[ALPHABET.index["r"]] = 7
N_LABELS = 2
NAMES = ["", "a", "abba", "cab", "dad", "abracadabra", "bb"]
WINDOW = 4
PREFIXES = ["", "a", "ab", "cab", "dadda", "abracad"]
LABELS = np.array([0, 1, 0, 1, 0, 1])
NEXT = np.array([1, 3, 2, 2, 4, 1])


def lstm(seed=0, embedding_dim=3, num_layers=1, n_labels=N_LABELS):
    rng = np.random.default_rng(seed)
    sizes = {"characters": len(ALPHABET), "inputs": len(ALPHABET) + 2 + n_labels}
    sizes |= {"units": 5, "gates": 20, "vector": embedding_dim}
    shapes = axes(num_layers, embedding_dim is None).items()
    return LSTM({name: rng.normal(size=[sizes[axis] for axis in of]) for name, of in shapes})


def labelled_sequences(names=NAMES, window_length=WINDOW):
    """Return the sequences of names, labelled 0 and 1 in turn."""
    sequences = Sequences.of_rows(Rows(encode_rows(names), window_length), ALPHABET)
    return sequences._replace(labels=(sequences.name_index % N_LABELS).astype(np.int32))


def ngrams(n_labels=N_LABELS, order=3):
    return NGrams(NGramCounts.of(labelled_sequences(), order), ALPHABET.kinds, n_labels)


def make(*lstms, counts=None, counts_weight=None, n_labels=N_LABELS):
    """Return a model with all penalties, and with networks, counts or both."""
    hashes, labels = np.empty(0, np.uint64), np.arange(n_labels) if n_labels else None
    shares = np.ones(n_labels) if n_labels else None
    corpus = Corpus(np.array(ALPHABET.characters), WINDOW, 1, 9, hashes, 1.0, labels, shares)
    corpus.alphabet.kinds = KINDS
    corpus.alphabet.caseless = np.arange(KINDS.max() + 1) == KINDS[ALPHABET.index["r"]]
    sequences = labelled_sequences()
    labels = sequences.labels if n_labels else np.full_like(sequences.labels, NONE)
    penalties = learn_penalties(corpus, sequences._replace(labels=labels), None)
    networks = [Network(lstm, weight, False) for weight, lstm in enumerate(lstms, 1)]
    return CharModel(*penalties, networks, counts, counts_weight)


class Fake(NextCharModel):
    """A minimal model that predicts from the last character and the label."""

    n_characters = len(ALPHABET)
    table = np.random.default_rng(1).normal(size=(n_characters + 2, n_characters))

    def start(self, windows, labels):
        return labels, self.table[windows[:, -1]] + labels[:, None] * np.arange(6)

    def advance(self, state, characters):
        return self.start(characters[:, None], state)

    def logits(self, sequences):
        has_target = sequences.has_target
        labels = np.repeat(sequences.labels, has_target.sum(1))
        return self.start(sequences.inputs[has_target][:, None], labels)[1]


MODELS = {
    "fake": Fake(),
    "lstm": make(lstm()),
    "one-hot lstm": make(lstm(embedding_dim=None)),
    "lstm of two layers": make(lstm(num_layers=2)),
    "two lstms": make(lstm(), lstm(2)),
    "lstm without labels": make(lstm(n_labels=0), n_labels=0),
    "n-grams with labels": make(counts=ngrams()),
    "n-grams without labels": make(counts=ngrams(n_labels=0), n_labels=0),
    "unigrams": make(counts=ngrams(order=1)),
    "lstm with counts": make(lstm(), counts=ngrams(), counts_weight=20.0),
    "lstms with counts": make(lstm(), lstm(2), counts=ngrams(order=4), counts_weight=20.0),
    "lstm with counts for later": make(lstm(), counts=ngrams()),
    "blend of a fake": Mixture(Fake(), [0.5, 2.0], [0, 1]),
    "blend of a network": Mixture(make(lstm()), [1.0, 3.0], [1, 0]),
    "blend of networks with counts": Mixture(
        make(lstm(), lstm(2), counts=ngrams(), counts_weight=20.0), [1.0, 0.7], [0, 1]
    ),
}
UNLABELLED = [MODELS["lstm without labels"], MODELS["n-grams without labels"]]


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def log_softmax(logits):
    logits = np.asarray(logits, dtype=np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1)[:, None]


def assert_alike(logits, others):
    np.testing.assert_allclose(log_softmax(logits), log_softmax(others), atol=1e-5)


def labels_for(model):
    return np.full_like(LABELS, NONE) if model in UNLABELLED else LABELS


def sequences_for(model, *args, **options):
    sequences = labelled_sequences(*args, **options)
    labels = np.full_like(sequences.labels, NONE) if model in UNLABELLED else sequences.labels
    return sequences._replace(labels=labels)


def begin(model, window_length=WINDOW):
    return model.start(ALPHABET.windows(PREFIXES, window_length), labels_for(model))


def test_sizes_of_a_model(model):
    _, logits = begin(model)
    assert logits.shape == (len(PREFIXES), model.n_characters) == (len(PREFIXES), len(ALPHABET))
    assert logits.dtype.kind == "f"
    assert np.isfinite(logits).all()


def test_select_and_advance_commute(model):
    state, _ = begin(model)
    rows = np.array([3, 0, 0, 5])
    selected, selected_logits = model.advance(select(state, rows), NEXT[rows])
    advanced, advanced_logits = model.advance(state, NEXT)
    assert_alike(selected_logits, advanced_logits[rows])
    advanced = select(advanced, rows)
    codes = np.array([1, 2, 3, 4])
    assert_alike(model.advance(selected, codes)[1], model.advance(advanced, codes)[1])


def test_states_are_immutable(model):
    """Several continuations can start from one state."""
    state, _ = begin(model)
    _, logits = model.advance(state, NEXT)
    expected = logits.copy()
    logits[:] = np.nan  # the caller may overwrite them
    model.advance(state, NEXT[::-1])
    select(state, np.array([0, 0]))
    np.testing.assert_array_equal(model.advance(state, NEXT)[1], expected)


def test_rows_are_independent(model):
    state, logits = begin(model)
    _, advanced = model.advance(state, NEXT)
    for row in range(len(PREFIXES)):
        windows = ALPHABET.windows([PREFIXES[row]], WINDOW)
        single, single_logits = model.start(windows, labels_for(model)[row : row + 1])
        assert_alike(single_logits, logits[row : row + 1])
        assert_alike(model.advance(single, NEXT[row : row + 1])[1], advanced[row : row + 1])


@pytest.mark.parametrize("window_length", [1, WINDOW, 20])
def test_scoring_names_agrees_with_generating_them(model, window_length):
    sequences = sequences_for(model, window_length=window_length)
    labels = np.where(model in UNLABELLED, NONE, np.arange(len(NAMES)) % N_LABELS)
    read_logits = model.logits(sequences)
    owners = np.repeat(sequences.name_index, sequences.has_target.sum(1))
    targets = sequences.targets[sequences.has_target]
    expected = log_softmax(read_logits)[np.arange(len(targets)), targets]
    np.testing.assert_allclose(model.log_proba(sequences), expected, atol=1e-5)
    for row, name in enumerate(NAMES):
        state, logits = model.start(ALPHABET.windows([""], window_length), labels[row : row + 1])
        step_logits = [logits]
        for letter in name:
            state, logits = model.advance(state, np.array([ALPHABET.index[letter]]))
            step_logits.append(logits)
        assert targets[owners == row].tolist() == [*map(ALPHABET.index.get, name), ALPHABET.end]
        assert_alike(np.concatenate(step_logits), read_logits[owners == row])


def test_blocks_of_names_score_like_the_whole_list(model):
    names = [name * (i % 3) for i, name in enumerate(NAMES * 40)]
    sequences = sequences_for(model, names)
    blocks = sequences.blocks(len(ALPHABET))
    assert len(blocks) == 2
    log_proba = np.concatenate([model.log_proba(block) for block in blocks])
    np.testing.assert_allclose(log_proba, model.log_proba(sequences), atol=1e-5)


def test_no_label_equals_an_unlabelled_model():
    labelled = lstm()
    embedding = labelled.weights["embedding.weight"][: len(ALPHABET) + 2]
    plain = LSTM(labelled.weights | {"embedding.weight": embedding})
    windows, y = ALPHABET.windows(PREFIXES, WINDOW), np.full(6, NONE)
    np.testing.assert_array_equal(labelled.start(windows, y)[1], plain.start(windows, y)[1])


def test_counts_for_later_do_not_change_predictions():
    plain, later = MODELS["lstm"], MODELS["lstm with counts for later"]
    np.testing.assert_array_equal(begin(plain)[1], begin(later)[1])
