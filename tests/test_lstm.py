import math
import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch
from _formulas import END, START, Network, interpolated_logits, log_likelihood, log_softmax
from conftest import Rates, assert_scores_match, small_generator, small_pipeline, windows_of
from sklearn.base import clone
from skorch.callbacks import Callback

from sknamegen import CharLSTMGenerator, load_names


def network_logits(generator):
    """Return a function of the mean logits in a context, from the saved weights."""
    state, alphabet = generator.__getstate__()["_fitted"]["model"], generator.alphabet_
    networks = [Network(network["lstm"], alphabet) for network in state["networks"]]
    weights = np.array([network["weight"] for network in state["networks"]])
    weights /= weights.sum()
    return lambda *context: weights @ [network.logits(*context) for network in networks]


def assert_scores_match_the_formulas(generator, learned, windows, labels=None, y=None):
    logits = network_logits(generator)
    model = partial(interpolated_logits, logits)
    if not generator.has_ngram_counts_:
        model = lambda *_, **options: logits  # noqa: E731
    assert_scores_match(generator, model, learned, windows, (labels, y), atol=2e-5)


KINDS = [
    {},
    {"ngram_counts": False, "embedding_dim": None},
    {"ngram_counts": True, "num_layers": 2},
    {"ngram_counts": True, "num_networks": 2},
]
SCORED = ["", "Al", "Marguerite", "Annamaria Marguerita", "McDonald", "Zoë", "JoX-", "anna"]
HAS_BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize("window_length", [1, 3, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_match_the_formulas(names, window_length, kind):
    """A score depends on exactly the window. Unseen sequences of kinds are penalised."""
    train = [*names, "McLean", "Anne-Marie"]
    learned, windows = windows_of(train, window_length), windows_of(SCORED, window_length)
    generator = small_generator(max_epochs=1, **kind).fit(learned)
    # Without starts, windows of one character look like running text.
    later = windows[:, 1:] if window_length > 1 else windows
    for part in (windows, windows[::2], windows[:, :2], later):
        assert_scores_match_the_formulas(generator, learned, part)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_with_labels_match_the_formulas(names, kind):
    """The penalty depends on the label: one list contains no blank, the other no hyphen."""
    train = [*names[:50], "Anna Lena", "Eva Maria", *names[50:100], "Anna-Lena", "Eva-Maria"]
    learned, labels = windows_of(train, 4), np.repeat([0, 1], 52)
    generator = small_generator(max_epochs=1, **kind).fit(learned, labels)
    windows, y = windows_of(["Eva Lena", "Eva-Lena", "Maria"] * 2, 4), np.repeat([0, 1], 3)
    assert_scores_match_the_formulas(generator, learned, windows, labels, y)


def test_a_single_name_is_memorised():
    params = {"hidden_size": 32, "max_epochs": 150, "dropout": 0, "batch_size": 1}
    generator = small_generator(ngram_weight=0, **params).fit(["Ottilie"])
    assert generator.sample(temperature=0) == "Ottilie"
    assert generator.score(["Ottilie"]) > -0.05


@pytest.mark.parametrize("labels", [None, [0, 1, 1, 2] * 20])
@pytest.mark.parametrize(
    ("window_length", "method", "kind"),
    [
        (3, "fit", {"num_layers": 3}),
        (20, "fit", {"embedding_dim": None}),
        (3, "partial_fit", {"embedding_dim": None, "num_layers": 2}),
        (20, "partial_fit", {}),
    ],
)
def test_loss_is_the_mean_over_characters(names, window_length, labels, method, kind):
    """All characters have equal weight, although batches of short names have fewer characters."""
    windows = windows_of(names[:80], window_length)
    # With a negligible learning rate, the loss of an epoch is that of the final network.
    params = {"lr": 1e-12, "weight_decay": 0, "dropout": 0, "max_epochs": 1, "batch_size": 30}
    generator = small_generator(**params, **kind, ngram_weight=0.3, precision="float32")
    getattr(generator, method)(windows, labels)
    total = log_likelihood(windows, generator, network_logits(generator), labels).sum()
    n_characters = sum(len(name) + 1 for name in names[:80])
    assert generator.loss_curve_[0] == pytest.approx(-total / n_characters, abs=1e-5)


def test_early_stopping_restores_the_best_epoch(names):
    class Spy(Callback):
        def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            Spy.sizes = len(dataset_train), len(dataset_valid)

    params = {"early_stopping": True, "validation_fraction": 0.25, "n_iter_no_change": 2}
    params |= {"hidden_size": 64, "lr": 0.05, "dropout": 0, "max_epochs": 50}
    # A window of 20 characters contains each name.
    pipe = small_pipeline(20, ngram_counts=False, callbacks=[Spy()], **params).fit(names)
    generator = pipe[-1]
    assert Spy.sizes == (300, 100)
    assert generator.n_iter_ == len(generator.validation_scores_) < 50
    best = int(np.argmax(generator.validation_scores_))
    assert best == generator.n_iter_ - 3
    # The weights of the best epoch score worse on the training names than later weights.
    assert pipe.score(names) < -generator.loss_curve_[-1]


def test_one_cycle_schedule(names, rates):
    small_generator(lr=0.02, callbacks=[Rates()], batch_size=20, max_epochs=4).fit(names)
    peak = int(np.argmax(rates))
    assert peak / len(rates) == pytest.approx(0.3, abs=0.05)
    assert rates[peak] == pytest.approx(0.02, rel=0.01)
    assert rates == sorted(rates[:peak]) + sorted(rates[peak:], reverse=True)
    assert max(rates[0], rates[-1]) < 0.001


@pytest.mark.parametrize("ngram_weight", [0.25, 1])
def test_loss_mixes_hard_and_ngram_targets(names, ngram_weight):
    """The loss is the weighted mean of a hard and a soft cross-entropy."""
    losses = []

    class Note(Callback):
        def on_batch_end(self, net, batch=None, loss=None, **kwargs):
            with torch.no_grad():
                logits = net.module_(**batch[0])
            log_proba = logits.double().log_softmax(1).numpy()
            characters, proba = batch[1]["characters"], batch[1]["proba"].double().numpy()
            np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
            rows = np.flatnonzero(characters >= 0)
            hard = log_proba[rows, characters[rows]].sum()
            soft = (proba[rows] * log_proba[rows]).sum()
            losses.append((loss.item(), -(1 - ngram_weight) * hard - ngram_weight * soft))

    # With this learning rate, a step does not change the network.
    params = {"dropout": 0, "lr": 1e-9, "precision": "float32", "callbacks": [Note()]}
    small_pipeline(20, num_networks=2, ngram_weight=ngram_weight, **params).fit(names[:64])
    assert len(losses) == 2 * 3 * 2  # networks * epochs * batches
    measured, expected = np.transpose(losses)
    mean_targets = sum(len(name) + 1 for name in names[:64]) / 2
    np.testing.assert_allclose(measured, expected / mean_targets, rtol=1e-4)


@pytest.mark.parametrize(("n_names", "batch_size"), [(1, 1), (200, 16), (300, 32), (5000, 64)])
def test_the_batch_size_adapts_to_the_number_of_names(n_names, batch_size):
    sizes = {"hidden_size": 4, "embedding_dim": 2, "batch_size": "auto", "max_epochs": 1}
    net = small_generator(**sizes, ngram_weight=0).fit(load_names("female")[:n_names]).nets_[0]
    assert net.get_params()["batch_size"] == batch_size


def test_warm_start_keeps_the_alphabet_and_the_maximum_length():
    generator = small_generator(warm_start=True, max_epochs=1)
    for names in (["Ada"], ["Evelyn", "dad"], ["Ada"]):
        generator.fit(names)
    assert generator.alphabet_.tolist() == [END, "A", "a", "d"]
    assert generator.max_length_ == 6
    assert generator.n_characters_seen_ == 4 + 7 + 4 + 4
    with pytest.raises(ValueError, match="window_length seen in fit, 32"):
        generator.fit(windows_of(["Ada"], 3))
    with pytest.raises(ValueError, match="partial_fit requires early_stopping=False"):
        generator.set_params(early_stopping=True).partial_fit(["Ada"])


@pytest.mark.full
def test_partial_fit_scores_like_fit(names):
    params = {"hidden_size": 32, "dropout": 0.2, "lr": 0.02, "max_epochs": 8, "ngram_counts": False}
    whole, chunked = small_generator(**params).fit(names[:300]), small_generator(**params)
    for _ in range(8):
        for start in range(0, 300, 20):
            chunked.partial_fit(names[start : start + 20], alphabet=whole.alphabet_)
    assert chunked.n_iter_ == len(chunked.loss_curve_) == 120
    assert chunked.n_steps_ == 120
    assert chunked.score(names[300:]) > 1.02 * whole.score(names[300:])


def test_partial_fit_continues_the_schedule(names, rates):
    params = {"batch_size": 2, "callbacks": [Rates()]}
    generator = small_generator(lr=0.02, **params).partial_fit(names[:40])
    n_steps, loaded = generator.n_steps_, pickle.loads(pickle.dumps(generator))
    for resumed in (generator, loaded):
        del rates[n_steps:]
        resumed.partial_fit(names[:100]).partial_fit(names[:100])
        steps = np.arange(1, len(rates) + 1)
        assert resumed.n_steps_ == len(rates) > 100
        expected = 0.02 * np.minimum(steps / 50, np.sqrt(50 / steps))
        np.testing.assert_allclose(rates, expected)
    rates.clear()
    small_generator(lr=0.01, lr_schedule="constant", **params).partial_fit(names)
    assert set(rates) == {0.01}


def test_refit_replaces_all_fitted_attributes(names):
    windows = windows_of(["Al", "Bo"], 4)
    refitted = small_generator(early_stopping=True).fit(names)
    refitted.set_params(early_stopping=False).fit(windows)
    fresh = clone(refitted).fit(windows)
    assert vars(refitted).keys() == vars(fresh).keys()
    for name in ("alphabet_", "window_length_", "max_length_", "n_iter_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(refitted, name), getattr(fresh, name))
    assert refitted.validation_scores_ is None
    np.testing.assert_array_equal(refitted.score_samples(windows), fresh.score_samples(windows))


@pytest.mark.parametrize(("lr", "params"), [(1e30, {}), (1e6, {"optimizer": "SGD"})])
def test_divergence_raises_and_keeps_the_last_fit(names, lr, params):
    generator = small_generator(max_epochs=2).fit(names)
    before, score = vars(generator).copy(), generator.score(names)
    with pytest.raises(ValueError, match=rf"diverged: .* in epoch \d with lr={re.escape(str(lr))}"):
        generator.set_params(lr=lr, **params).fit(names)
    assert vars(generator) == before | {"lr": lr} | params
    assert generator.score(names) == score
    with pytest.raises(ValueError, match=r"Training diverged: a loss of .* .worse than guess"):
        generator.set_params(max_epochs=1).fit(["Ada", "Eve"])  # a single step


def test_the_estimator_is_unchanged_during_training(names):
    """Callbacks receive a separate generator."""
    snapshots = []

    class Spy(Callback):
        def on_epoch_end(self, net, **kwargs):
            current = net.generator()
            assert type(current) is CharLSTMGenerator
            snapshots.append((vars(generator).copy(), current, current.score(names)))

    generator = small_generator(callbacks=[Spy()], warm_start=True, ngram_counts=False)
    unfitted = vars(generator).copy()
    generator.fit(names)
    assert [before for before, _, _ in snapshots] == [unfitted] * 3
    assert [current.n_iter_ for _, current, _ in snapshots] == [1, 2, 3]
    scores = [score for _, _, score in snapshots]
    assert scores[0] < scores[-1] == generator.score(names)
    assert generator.nets_[0].generator() is None
    loaded = pickle.loads(pickle.dumps(snapshots[0][1].set_params(callbacks=None)))
    assert loaded.score(names) == scores[0]
    fitted = vars(generator).copy()
    generator.fit(names)
    assert snapshots[3][0] == fitted
    assert generator.n_iter_ == 6


def test_divergence_is_checked_with_the_best_weights(names):
    params = {"lr": 3, "lr_schedule": "constant", "max_epochs": 10, "optimizer": "SGD"}
    generator = small_generator(early_stopping=True, **params).fit(names)
    assert max(generator.validation_scores_) > -math.log(len(generator.alphabet_))


def test_numpy_scalars_are_accepted(names):
    integers = {"hidden_size": np.int64(4), "num_layers": np.int8(1), "embedding_dim": np.int32(3)}
    integers |= {"batch_size": np.uint8(50), "max_epochs": np.int64(1), "random_state": np.int64(0)}
    others = {"lr": np.float32(0.01), "dropout": np.float64(0.1), "verbose": np.False_}
    generator = small_generator(**integers, **others).fit(names)
    integers = {"min_length": np.uint8(4), "max_length": np.uint8(9), "top_k": np.int16(5)}
    options = integers | {"top_p": np.float16(0.9), "random_state": np.uint8(1)}
    sampled = generator.sample("Ma", np.float32(0.5), np.int8(3), **options)
    assert all(4 <= len(name) <= 9 for name in sampled)
    assert generator.sample(np.array(["Ma", "Jo"]), random_state=0)[1].startswith("Jo")


def test_pickle_is_barely_larger_than_the_weights(names):
    generator = small_generator(hidden_size=128, max_epochs=1).fit(names)
    weights = sum(w.numel() * w.element_size() for w in generator.nets_[0].module_.parameters())
    assert weights < len(pickle.dumps(generator)) < 1.3 * weights


def test_validation_scores_use_float32(names):
    """Validation scores are those of the network alone, on the held-out names."""
    held_out = []

    class Spy(Callback):
        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            held_out.append(dataset_valid)

    params = {"early_stopping": True, "max_epochs": 1, "callbacks": [Spy()]}
    params["precision"] = "bfloat16" if HAS_BFLOAT16 else "float32"
    generator = small_generator(**params).fit(names)
    alphabet, logits, log_proba = [*generator.alphabet_, START], network_logits(generator), []
    for read, expected in zip(held_out[0].inputs, held_out[0].targets, strict=True):
        for step in np.flatnonzero(expected >= 0):
            context = "".join(alphabet[i] for i in read[: step + 1])
            log_proba.append(log_softmax(logits(context))[expected[step]])
    assert len(log_proba) > 200
    assert generator.validation_scores_[0] == pytest.approx(np.mean(log_proba), abs=1e-5)


@pytest.mark.parametrize("precision", ["float32", *["bfloat16"] * HAS_BFLOAT16])
@pytest.mark.parametrize("kind", [{}, {"embedding_dim": None}, {"num_layers": 2}])
def test_training_precision(names, precision, kind):
    generator, reference = (
        small_generator(precision=number, max_epochs=4, **kind).fit(names)
        for number in (precision, "float32")
    )
    assert generator.loss_curve_[-1] < generator.loss_curve_[0] - 0.3
    assert {w.dtype for w in generator.nets_[0].module_.parameters()} == {torch.float32}
    # bfloat16 has 8 bits of precision, so its weights differ slightly.
    difference = generator.score(names) - reference.score(names)
    assert (difference == 0) == (precision == "float32")
    assert abs(difference) < 0.05


def test_unsupported_precisions_are_rejected(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match=r"'auto' or 'float32' on this cpu. Got"):
        small_generator(precision="bfloat16").fit(["Ada"])


@pytest.mark.full
def test_ngram_targets_reduce_overfitting(names):
    plain, softened = (
        small_generator(hidden_size=96, max_epochs=30, ngram_weight=weight).fit(names[:300])
        for weight in (0, 0.6)
    )
    assert softened.score(names[:300]) < plain.score(names[:300]) - 0.1
    assert softened.score(names[300:]) > plain.score(names[300:]) + 0.1
    # The loss curve excludes the n-gram targets, so losses are comparable.
    assert softened.loss_curve_[-1] == pytest.approx(-softened.score(names[:300]), abs=0.3)


def test_counts_of_some_of_the_names_are_not_used(names):
    """A fit without counts does not keep them, so later calls would know the last names only."""
    generator = CharLSTMGenerator(hidden_size=4, ngram_counts=False, random_state=0)
    generator.fit(names[:40]).set_params(ngram_counts=True).partial_fit(names[40:50])
    assert not generator.has_ngram_counts_
    assert not generator.partial_fit(names[50:60]).has_ngram_counts_
    whole = clone(generator).partial_fit(names[:40])
    assert whole.partial_fit(names[40:50]).has_ngram_counts_


def test_partial_fit_stops_counting_at_the_limit(names, monkeypatch):
    """The n-gram probabilities are final once the model has counted enough characters."""
    monkeypatch.setattr("sknamegen._training.run._MAX_COUNTED", 1500)
    probas = []

    class RecordProba(Callback):
        def on_batch_end(self, net, batch=None, **kwargs):
            probas.append(batch[1]["proba"][0].tolist())  # after the start of a name

    generator = small_generator(ngram_weight=0.5, batch_size=1000, callbacks=[RecordProba()])
    for part in np.array_split(names, 4):
        generator.partial_fit(part, alphabet=None if probas else set("".join(names)))
    sizes = [sum(len(name) + 1 for name in names[:n]) for n in (100, 200, 300)]
    assert sizes[1] < 1500 < sizes[2]
    assert len(probas) == 4
    assert probas[0] != probas[1] != probas[2] == probas[3]
