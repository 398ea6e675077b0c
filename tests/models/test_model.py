"""What every model of the next character keeps, whatever it is made of."""

import numpy as np
import pytest

from sknamegen._alphabet import NONE, Alphabet
from sknamegen._models.counts import CountsModel
from sknamegen._models.kneser_ney import count
from sknamegen._models.lstm import LSTM, axes
from sknamegen._models.model import (
    Average,
    NextCharModel,
    Part,
    Translated,
    average,
    next_log_proba,
)
from sknamegen._models.shapes import Shaped, Shapes, no_shapes
from sknamegen._sampling.decoding import Decoding
from sknamegen._sampling.soft_counts import Observed
from sknamegen._sequences import name_sequences

ALPHABET = Alphabet(np.array(["\3", *"abcdr"]))
# As if b were a capital and r a blank.
KINDS = np.where(np.isin([*ALPHABET.letters, "", "", ""], ["b", "r"]), 6, ALPHABET.kinds)
KINDS[ALPHABET.index["r"]] = 7
N_LABELS = 2
NAMES = ["", "a", "abba", "cab", "dad", "abracadabra", "bb"]
WINDOW = 4


def lstm(seed=0, embedding_dim=3, num_layers=1, n_labels=N_LABELS):
    rng, n = np.random.default_rng(seed), len(ALPHABET)
    sizes = {"characters": n, "inputs": n + 2 + n_labels, "units": 5, "gates": 20}
    shapes = axes(num_layers, embedding_dim is None).items()
    sizes["vector"] = embedding_dim
    return LSTM({name: rng.normal(size=[sizes[a] for a in each]) for name, each in shapes})


def counts(n_labels=N_LABELS, order=3):
    sequences = name_sequences(ALPHABET, NAMES, WINDOW)
    labels = sequences.name_index % 2 if n_labels else np.full(len(sequences.inputs), NONE)
    sequences = sequences._replace(labels=labels.astype(np.int32))
    return CountsModel(count(sequences, order, ALPHABET.kinds, n_labels))


def translated():
    """A model that knows neither b nor r, in an alphabet that holds both."""
    few = Alphabet(np.array(["\3", *"acd"]))
    rng, n = np.random.default_rng(0), len(few)
    sizes = {"characters": n, "inputs": n + 2 + N_LABELS, "units": 5, "gates": 20, "vector": 3}
    weights = {
        name: rng.normal(size=[sizes[a] for a in each]) for name, each in axes(1, False).items()
    }
    place = np.array([ALPHABET.letters.index(letter) for letter in few.letters])
    return Translated(LSTM(weights), place, KINDS, 0.1)


class Fake(NextCharModel):
    """Predicts by the last character and the label: as short as a model can be."""

    n_characters, n_labels = len(ALPHABET), N_LABELS
    table = np.random.default_rng(1).normal(size=(n_characters + 2, n_characters))

    def start(self, windows, labels):
        return labels, self.table[windows[:, -1]] + labels[:, None] * np.arange(6)

    def advance(self, state, characters):
        return self.start(characters[:, None], state)

    def select(self, state, rows):
        return state[rows]

    def logits(self, sequences):
        has_target = sequences.has_target
        labels = np.repeat(sequences.labels, has_target.sum(1))
        return self.start(sequences.inputs[has_target][:, None], labels)[1]


def shaped(model):
    sequences = name_sequences(ALPHABET, NAMES, WINDOW)
    sequences = sequences._replace(labels=(sequences.name_index % 2).astype(np.int32))
    shapes = no_shapes(KINDS).more(sequences, KINDS)
    return Shaped(model, Shapes(shapes, KINDS, N_LABELS))


MODELS = {
    "fake": Fake(),
    "lstm with shapes": shaped(lstm()),
    "average with shapes": shaped(average([lstm(), lstm(2)])),
    "counts with shapes": shaped(counts()),
    "lstm": lstm(),
    "one-hot lstm": lstm(embedding_dim=None),
    "lstm of two layers": lstm(num_layers=2),
    "counts": counts(),
    "translated": translated(),
    "average of translated ones": Average([Part(translated(), NONE, 1.0), Part(lstm(), NONE, 2.0)]),
    "average": Average([Part(lstm(), NONE, 1.0), Part(lstm(1), 0, 0.5), Part(counts(), NONE, 2.0)]),
    "observed": Observed(lstm(), Decoding(0.7), 3),
    "average of averages": Average(
        [Part(average([lstm(), lstm(2)]), 1, 0.3), Part(Fake(), NONE, 0.7)]
    ),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def log_softmax(logits):
    logits = np.asarray(logits, dtype=np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1)[:, None]


def assert_alike(logits, others):
    np.testing.assert_allclose(log_softmax(logits), log_softmax(others), atol=1e-5)


PREFIXES = ["", "a", "ab", "cab", "dadda", "abracad"]
LABELS = np.array([0, 1, 0, 1, 0, 1])
NEXT = np.array([1, 3, 2, 2, 4, 1])


def begin(model, window_length=WINDOW):
    return model.start(ALPHABET.windows(PREFIXES, window_length), LABELS)


def test_it_has_a_column_for_each_character(model):
    _, logits = begin(model)
    assert logits.shape == (len(PREFIXES), model.n_characters) == (6, 6)
    assert logits.dtype.kind == "f"
    assert np.isfinite(logits).all()
    assert model.n_labels == N_LABELS


def test_to_select_and_advance_is_to_advance_and_select(model):
    state, _ = begin(model)
    rows = np.array([3, 0, 0, 5])
    first, of_first = model.advance(model.select(state, rows), NEXT[rows])
    then, of_then = model.advance(state, NEXT)
    assert_alike(of_first, of_then[rows])
    then = model.select(then, rows)
    more = np.array([1, 2, 3, 4])
    assert_alike(model.advance(first, more)[1], model.advance(then, more)[1])


def test_a_state_is_left_as_it_was(model):
    """So that several continuations can go on from one."""
    state, _ = begin(model)
    _, expected = model.advance(state, NEXT)
    model.advance(state, NEXT[::-1])
    model.select(state, np.array([0, 0]))
    np.testing.assert_array_equal(model.advance(state, NEXT)[1], expected)


def test_rows_do_not_know_each_other(model):
    state, logits = begin(model)
    _, advanced = model.advance(state, NEXT)
    for row in range(len(PREFIXES)):
        windows = ALPHABET.windows([PREFIXES[row]], WINDOW)
        alone, of_alone = model.start(windows, LABELS[row : row + 1])
        assert_alike(of_alone, logits[row : row + 1])
        assert_alike(model.advance(alone, NEXT[row : row + 1])[1], advanced[row : row + 1])


@pytest.mark.parametrize("window_length", [1, 2, WINDOW, 20])
def test_the_logits_of_given_names_are_those_met_in_writing_them(model, window_length):
    labels = np.arange(len(NAMES)) % 2
    sequences = name_sequences(ALPHABET, NAMES, window_length)
    sequences = sequences._replace(labels=labels[sequences.name_index].astype(np.int32))
    read = model.logits(sequences)
    names = np.repeat(sequences.name_index, sequences.has_target.sum(1))
    targets = sequences.targets[sequences.has_target]
    log_proba = model.log_proba(sequences)
    np.testing.assert_allclose(
        log_proba, log_softmax(read)[np.arange(len(targets)), targets], atol=1e-5
    )
    for row, name in enumerate(NAMES):
        state, logits = model.start(ALPHABET.windows([""], window_length), labels[row : row + 1])
        met = [logits]
        for letter in name:
            state, logits = model.advance(state, np.array([ALPHABET.index[letter]]))
            met.append(logits)
        assert targets[names == row].tolist() == ALPHABET.rows([name], ends=True)[0][1:]
        assert_alike(np.concatenate(met), read[names == row])


def test_a_prediction_depends_on_exactly_the_window(model):
    """Whatever stood before it, and however the window came about."""
    long, short = ["dddabc", "bbbabc"], ["abc", "abc"]
    label = np.zeros(2, dtype=int)
    _, expected = model.start(ALPHABET.windows(long, 3), label)
    state, _ = model.start(ALPHABET.windows(["ddd", "bbb"], 3), label)
    for letter in "abc":
        state, logits = model.advance(state, np.full(2, ALPHABET.index[letter]))
    assert_alike(logits, expected)
    assert_alike(logits[:1], logits[1:])
    _, of_start = model.start(ALPHABET.windows(short, 20), label)
    inner = getattr(model, "model", model)
    if not isinstance(inner, (Fake, CountsModel)):  # which look at less than that
        assert np.abs(log_softmax(of_start) - log_softmax(expected)).max() > 1e-3


def test_blocks_of_names_are_read_like_all_at_once(model):
    names = [name * (i % 3) for i, name in enumerate(NAMES * 40)]
    sequences = name_sequences(ALPHABET, names, WINDOW)._replace()
    sequences = sequences._replace(labels=np.zeros(len(sequences.inputs), dtype=np.int32))
    blocks = sequences.blocks(model.n_characters)
    assert len(blocks) == 2
    found = np.concatenate([model.log_proba(block) for block in blocks])
    np.testing.assert_allclose(found, model.log_proba(sequences), atol=1e-5)


def test_an_average_is_the_weighted_geometric_mean():
    each, weights = [lstm(), counts()], [1.0, 3.0]
    mean = Average([Part(m, NONE, w) for m, w in zip(each, weights, strict=True)])
    windows = ALPHABET.windows(PREFIXES, WINDOW)
    parts = [next_log_proba(m, windows, np.array([1]))[:, 0] for m in each]
    expected = log_softmax(0.25 * parts[0] + 0.75 * parts[1])
    np.testing.assert_allclose(next_log_proba(mean, windows, [1])[:, 0], expected, atol=1e-6)


def test_a_part_may_have_a_label_of_its_own():
    model = lstm()
    mean = Average([Part(model, 1, 0.5)])
    windows = ALPHABET.windows(PREFIXES, WINDOW)
    for label in (NONE, 0, 1):
        _, logits = mean.start(windows, np.full(6, label))
        np.testing.assert_array_equal(logits, model.start(windows, np.ones(6, dtype=int))[1])


@pytest.mark.parametrize("weights", [[], [0.0], [-1.0], [np.nan], [np.inf, 1.0]])
def test_weights_of_an_average(weights):
    with pytest.raises(ValueError, match="weights must be finite numbers > 0"):
        Average([Part(Fake(), NONE, weight) for weight in weights])


def test_only_models_of_the_same_characters_are_averaged():
    with pytest.raises(ValueError, match="must have the same characters and labels"):
        average([lstm(), lstm(n_labels=1)])


def test_no_label_adds_nothing():
    labelled, plain = lstm(), lstm(n_labels=0)
    weights = labelled.weights | {
        "embedding.weight": labelled.weights["embedding.weight"][: len(ALPHABET) + 2]
    }
    plain = LSTM(weights)
    windows, none = ALPHABET.windows(PREFIXES, WINDOW), np.full(6, NONE)
    np.testing.assert_array_equal(labelled.start(windows, none)[1], plain.start(windows, none)[1])


SPOILT = {
    "missing": lambda w: w.pop("head.bias"),
    "more": lambda w: w.update(more=w["head.bias"]),
    "no array": lambda w: w.update({"head.bias": [0.0] * 6}),
    "integers": lambda w: w.update({"head.bias": np.zeros(6, dtype=int)}),
    "objects": lambda w: w.update({"head.bias": np.zeros(6, dtype=object)}),
    "nan": lambda w: w.update({"head.bias": np.full(6, np.nan)}),
    "too large for float32": lambda w: w.update({"head.bias": np.full(6, 1e300)}),
    "longer": lambda w: w.update({"head.bias": np.zeros(7)}),
    "flat": lambda w: w.update({"head.weight": w["head.weight"].ravel()}),
    "gates": lambda w: w.update({"layers.0.bias_ih_l0": np.zeros(19)}),
    "nothing": lambda w: w.clear(),
    "empty": lambda w: w.update({"head.weight": np.zeros((0, 5)), "head.bias": np.zeros(0)}),
    "too few inputs": lambda w: w.update({"embedding.weight": np.zeros((7, 3))}),
    "a layer without another": lambda w: w.update({"layers.7.weight_hh_l0": np.zeros((20, 5))}),
}


@pytest.mark.parametrize("how", SPOILT)
def test_weights_that_do_not_fit_each_other(how):
    weights = dict(lstm().weights)
    SPOILT[how](weights)
    with pytest.raises(ValueError, match="The network of a saved model must be weights that fit"):
        LSTM(weights)


def test_sizes_are_those_of_the_arrays():
    assert lstm().sizes == {"hidden_size": 5, "num_layers": 1, "embedding_dim": 3}
    deep = lstm(embedding_dim=None, num_layers=2, n_labels=0)
    assert deep.sizes == {"hidden_size": 5, "num_layers": 2, "embedding_dim": None}
    assert deep.n_labels == 0
