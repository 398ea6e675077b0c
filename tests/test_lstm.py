import copy
import math
import pickle
import re
import sys

import numpy as np
import pytest
import torch
from _formulas import (
    END,
    START,
    Network,
    Penalty,
    interpolated_logits,
    log_likelihood,
    log_softmax,
    targets,
)
from conftest import small_generator, small_pipeline
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer


def network_logits(generator):
    """Return a function of the mean logits in a context, from the saved weights."""
    state, alphabet = generator.__getstate__(), generator.alphabet_
    networks = [Network(network["lstm"], alphabet) for network in state["_networks"]]
    weights = np.array([network["weight"] for network in state["_networks"]])
    weights /= weights.sum()
    return lambda *context: weights @ [network.logits(*context) for network in networks]


def expected_scores(generator, learned, windows, y=(None, None)):
    """Return reference scores after a fit to the windows `learned` with the labels ``y[0]``."""
    seen, has_labels = list(targets(learned, y[0])), y[0] is not None
    alphabet, window_length = generator.alphabet_.tolist(), generator.window_length_
    penalty = Penalty(seen, alphabet, window_length, has_labels)
    counted = seen, alphabet, min(6, window_length + 1), generator.ngram_strength_, has_labels
    logits = interpolated_logits(network_logits(generator), *counted)
    penalised = lambda *context: logits(*context) + penalty.after(*context)  # noqa: E731
    return log_likelihood(windows, generator, penalised, y[1])


# Training and scores


KINDS = [
    {},
    {"ngram_counts": False, "embedding_dim": None},
    {"ngram_counts": True, "num_layers": 2},
    {"ngram_counts": True, "num_networks": 2},
]
SCORED = [
    "",
    "Al",
    "Maria",
    "Marguerite",
    "Annamaria Marguerita",
    "McDonald",
    "Zoë",
    "JoX-",
    "anna",
]


@pytest.mark.parametrize("window_length", [1, 3, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_match_the_formulas(names, window_length, kind):
    """A score depends on exactly the window. Unseen sequences of kinds are penalised."""
    pipe = small_pipeline(window_length, max_epochs=1, **kind).fit([*names, "McLean", "Anne-Marie"])
    learned = pipe[0].transform([*names, "McLean", "Anne-Marie"])
    windows = pipe[0].transform(SCORED)
    expected = expected_scores(pipe[-1], learned, windows)
    np.testing.assert_allclose(pipe[-1].score_samples(windows), expected, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_with_labels_match_the_formulas(names, kind):
    """The penalty depends on the label: one list contains no blank, the other no hyphen."""
    train = [*names[:50], "Anna Lena", "Eva Maria", *names[50:100], "Anna-Lena", "Eva-Maria"]
    labels = np.repeat([0, 1], 52)
    pipe = small_pipeline(4, max_epochs=1, **kind).fit(train, labels)
    windows = pipe[0].transform(["Eva Lena", "Eva-Lena", "Maria"] * 2)
    y = np.repeat([0, 1], 3)
    expected = expected_scores(pipe[-1], pipe[0].transform(train), windows, (labels, y))
    np.testing.assert_allclose(pipe[-1].score_samples(windows, y), expected, atol=2e-5)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_scores_of_running_text(names, text_generator, step):
    vectorizer = CharSequenceVectorizer(window_length=5, boundary=False)
    learned = vectorizer.fit_transform([" ".join(f"{name}\n" for name in names[:100])])
    windows = vectorizer.set_params(step=step).fit_transform(
        ["Maria\n Anna\n Al", "Annamaria Marguerita"]
    )
    expected = expected_scores(text_generator, learned, windows)
    np.testing.assert_allclose(text_generator.score_samples(windows), expected, atol=2e-5)


def test_training_reduces_the_loss(names):
    pipe = small_pipeline(hidden_size=64, max_epochs=8, lr=0.02).fit(names)
    held_out = ["Marianna", "Joella", "Kathleen", "Bettina"]
    uniform_loss = math.log(len(pipe[-1].alphabet_))
    assert -pipe.score(held_out) < uniform_loss - 1
    assert -pipe.score(names) < uniform_loss - 1.5


def test_a_single_name_is_memorised():
    pipe = small_pipeline(
        hidden_size=32, max_epochs=150, dropout=0, batch_size=1, ngram_weight=0
    ).fit(["Ottilie"])
    assert pipe[-1].sample(temperature=0) == "Ottilie"
    assert pipe.score(["Ottilie"]) > -0.05


def test_fitted_attributes(names):
    pipe = small_pipeline(window_length=4).fit(names)
    generator = pipe[-1]
    assert generator.alphabet_.tolist() == sorted({END, *"".join(names)})
    assert generator.window_length_ == 4
    assert generator.max_length_ == max(map(len, names))
    assert generator.n_iter_ == 3
    assert len(generator.loss_curve_) == 3
    assert generator.loss_curve_ == sorted(generator.loss_curve_, reverse=True)
    assert generator.validation_scores_ is None


def test_loss_is_the_mean_over_characters(names):
    # With a negligible learning rate, the loss of an epoch is that of the final network.
    params = {"lr": 1e-12, "weight_decay": 0, "dropout": 0, "max_epochs": 1}
    pipe = small_pipeline(20, **params, batch_size=30, precision="float32").fit(names[:80])
    windows = pipe[0].transform(names[:80])
    total = log_likelihood(windows, pipe[-1], network_logits(pipe[-1])).sum()
    n_characters = sum(len(name) + 1 for name in names[:80])
    assert pipe[-1].loss_curve_[0] == pytest.approx(-total / n_characters, abs=1e-5)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_verbose_prints_one_line_per_epoch(names, capsys, is_terminal, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    generator = small_pipeline(verbose=1, early_stopping=True).fit(names)[-1]
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line.startswith("Epoch")]
    for i, line in enumerate(lines):
        loss, valid = generator.loss_curve_[i], -generator.validation_scores_[i]
        assert line.startswith(f"Epoch {i + 1}/3: {loss:.4f} nats/char, held out {valid:.4f}, ")
    assert len(lines) == 3
    assert ("batch" in printed.err) == is_terminal  # a progress bar


def test_silent_by_default(names, capsys):
    small_pipeline(max_epochs=1).fit(names)
    assert capsys.readouterr() == ("", "")


def test_early_stopping_restores_the_best_epoch(names):
    class Spy(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            self.n_train_ = len(X)

        def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
            self.n_valid_ = len(dataset_valid)
            Spy.seen = self

    pipe = small_pipeline(
        window_length=20,  # one sequence per name
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=2,
        hidden_size=64,
        lr=0.05,
        dropout=0,
        max_epochs=50,
        ngram_counts=False,
        callbacks=[Spy()],
    ).fit(names)
    generator = pipe[-1]
    assert (Spy.seen.n_train_, Spy.seen.n_valid_) == (300, 100)
    assert generator.n_iter_ == len(generator.validation_scores_) < 50
    best = int(np.argmax(generator.validation_scores_))
    assert best == generator.n_iter_ - 3
    # The weights of the best epoch score worse on the training names than later weights.
    assert pipe.score(names) < -generator.loss_curve_[-1]


def test_early_stopping_needs_two_names():
    with pytest.raises(ValueError, match="at least one training name"):
        small_pipeline(early_stopping=True).fit(["Ada"])


def test_skorch_callbacks_can_stop_the_training(names):
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=10)
    generator = small_pipeline(callbacks=[("mine", stopping)], max_epochs=20).fit(names)[-1]
    assert generator.n_iter_ == 2


def test_net_params_reach_skorch(names):
    generator = small_pipeline(optimizer="RMSprop", net_params={"optimizer__alpha": 0.9}).fit(
        names
    )[-1]
    assert isinstance(generator.net_.optimizer_, torch.optim.RMSprop)
    assert generator.net_.optimizer_.param_groups[0]["alpha"] == 0.9


def test_one_cycle_schedule(names):
    rates = []

    class Spy(Callback):
        def on_batch_end(self, net, training, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    small_pipeline(lr=0.02, callbacks=[Spy()], batch_size=20, max_epochs=4).fit(names)
    peak = int(np.argmax(rates))
    assert peak / len(rates) == pytest.approx(0.3, abs=0.05)
    assert rates[peak] == pytest.approx(0.02, rel=0.01)
    assert rates == sorted(rates[:peak]) + sorted(rates[peak:], reverse=True)
    assert max(rates[0], rates[-1]) < 0.001
    rates.clear()
    small_pipeline(lr=0.02, lr_schedule="constant", callbacks=[Spy()]).fit(names)
    assert set(rates) == {0.02}


def test_ngram_targets_reduce_overfitting(names):
    def fit(ngram_weight):
        params = {"hidden_size": 128, "max_epochs": 40, "ngram_weight": ngram_weight}
        return small_pipeline(**params).fit(names[:300])

    plain, softened = fit(0), fit(0.6)
    assert softened.score(names[:300]) < plain.score(names[:300]) - 0.1
    assert softened.score(names[300:]) > plain.score(names[300:]) + 0.1
    # The loss curve excludes the n-gram targets, so losses are comparable.
    assert softened[-1].loss_curve_[-1] == pytest.approx(-softened.score(names[:300]), abs=0.3)


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

    small_pipeline(
        20,
        num_networks=2,
        ngram_weight=ngram_weight,
        dropout=0,
        lr=1e-9,  # so that a step does not change the network
        precision="float32",
        callbacks=[Note()],
    ).fit(names[:64])
    assert len(losses) == 2 * 3 * 2  # networks * epochs * batches
    measured, expected = np.transpose(losses)
    mean_targets = sum(len(name) + 1 for name in names[:64]) / 2
    np.testing.assert_allclose(measured, expected / mean_targets, rtol=1e-4)


LONG_AND_SHORT = ["Al", "Bo", "Cy", "Di", "Ed"] * 7 + ["Alexandrina", "Wilhelmina-Anne"] * 5


@pytest.mark.parametrize("case", ["plain", "weights", "labels", "stopping", "windows", "one pass"])
def test_all_characters_have_equal_weight(case):
    """The loss of an epoch is the mean over its characters, not over batch means."""
    window_length = 3 if case == "windows" else 20
    windows = CharSequenceVectorizer(window_length=window_length).fit_transform(LONG_AND_SHORT)
    labels = ["a", "b", "b"] * 15 if case == "labels" else None
    weights = None
    if case == "weights":  # short names twice as often
        weights = [0.5 if len(name) < 5 else 0.25 for name in LONG_AND_SHORT]
    sums, n_targets = [], []

    class Note(Callback):
        def on_batch_end(self, net, batch=None, training=False, loss=None, **kwargs):
            if training:
                sums.append(loss.item() * net.criterion_.n_targets)
                n_targets.append(int((batch[1]["characters"] >= 0).sum()))
                logits = net.network.eval()(**batch[0])
                net.network.train()
                expected = torch.nn.functional.cross_entropy(
                    logits, batch[1]["characters"], ignore_index=-1, reduction="sum"
                )
                assert sums[-1] == pytest.approx(expected.item(), rel=1e-3)

    generator = small_generator(
        batch_size=8,
        max_epochs=1 if case == "one pass" else 20,
        dropout=0,
        ngram_weight=0,
        lr=1e-9,  # so that all batches see the same network
        precision="float32",
        early_stopping=case == "stopping",
        callbacks=[Note()],
    )
    if case == "one pass":
        generator.partial_fit(windows)
    else:
        generator.fit(windows, labels, sample_weight=weights)
    mean_targets = generator.net_.criterion_.n_targets
    tolerance = 0.06 if case in ("weights", "stopping") else 1e-9  # random draws
    assert mean_targets == pytest.approx(sum(n_targets) / len(n_targets), rel=tolerance)
    assert max(n_targets) > 2 * min(n_targets)


def test_automatic_settings():
    """Few names are distilled from n-grams, unless a network is pretrained."""
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve"] * 40)
    for init, expected in ((None, 0.9), ("auto", 0.5)):
        generator = CharLSTMGenerator(init=init, hidden_size=4, random_state=0).fit(windows)
        net = generator.nets_[1]
        assert (generator.n_iter_, net.max_epochs, net.batch_size) == (10, 10, 16)
        assert generator.n_steps_ == n_optimizer_steps(generator) == 50
        assert net.plan.ngram_weight == expected


def n_optimizer_steps(generator):
    return generator.nets_[0].optimizer_.state_dict()["state"][0]["step"].item()


def test_warm_start_keeps_the_alphabet_and_the_maximum_length():
    generator = small_generator(warm_start=True, max_epochs=1)
    for names in (["Ada"], ["Evelyn", "dad"], ["Ada"]):
        generator.fit(CharSequenceVectorizer().fit_transform(names))
    assert generator.alphabet_.tolist() == [END, "A", "a", "d"]
    assert generator.max_length_ == 6
    assert generator.n_characters_seen_ == 4 + 7 + 4 + 4
    with pytest.raises(ValueError, match="hidden_size must be 16, as in the networks of init"):
        generator.set_params(hidden_size=5).fit(CharSequenceVectorizer().fit_transform(["Ada"]))
    with pytest.raises(ValueError, match="window_length seen in fit, 10"):
        generator.fit(CharSequenceVectorizer(window_length=3).fit_transform(["Ada"]))


def test_partial_fit_scores_like_fit(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"hidden_size": 64, "dropout": 0.2, "lr": 0.02, "max_epochs": 8, "ngram_counts": False}
    whole = small_generator(**params).fit(windows[:300])
    chunked = small_generator(**params)
    for _ in range(8):
        for chunk in np.array_split(windows[:300], 15):
            chunked.partial_fit(chunk, alphabet=whole.alphabet_)
    assert chunked.n_iter_ == len(chunked.loss_curve_) == 120
    assert chunked.n_steps_ == n_optimizer_steps(chunked) == 120
    assert chunked.score(windows[300:]) > 1.02 * whole.score(windows[300:])


def test_partial_fit_continues_the_schedule(names):
    rates = []

    class Spy(Callback):
        def on_batch_end(self, net, training, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(lr=0.02, batch_size=2, callbacks=[Spy()])
    generator.partial_fit(windows[:40])
    n_steps = generator.n_steps_
    loaded = pickle.loads(pickle.dumps(generator.set_params(callbacks=None)))
    for resumed in (generator, loaded):
        del rates[n_steps:]
        resumed.set_params(callbacks=[Spy()])
        resumed.partial_fit(windows[:100]).partial_fit(windows[:100])
        steps = np.arange(1, len(rates) + 1)
        assert resumed.n_steps_ == len(rates) > 100
        expected = 0.02 * np.minimum(steps / 50, np.sqrt(50 / steps))
        np.testing.assert_allclose(rates, expected)
    rates.clear()
    small_generator(lr=0.01, lr_schedule="constant", callbacks=[Spy()]).partial_fit(windows)
    assert set(rates) == {0.01}


def test_partial_fit_rejects_early_stopping(names):
    with pytest.raises(ValueError, match="partial_fit requires early_stopping=False"):
        small_generator(early_stopping=True).partial_fit(
            CharSequenceVectorizer().fit_transform(names)
        )


def test_refit_replaces_all_fitted_attributes(names):
    windows = CharSequenceVectorizer(window_length=4).fit_transform(["Al", "Bo"])
    refitted = small_pipeline(early_stopping=True).fit(names)[-1]
    refitted.set_params(early_stopping=False).fit(windows)
    fresh = clone(refitted).fit(windows)
    assert vars(refitted).keys() == vars(fresh).keys()
    for name in ("alphabet_", "window_length_", "max_length_", "n_iter_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(refitted, name), getattr(fresh, name))
    assert refitted.validation_scores_ is None
    np.testing.assert_array_equal(refitted.score_samples(windows), fresh.score_samples(windows))


# Errors and interruptions


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be 'auto' or an int >= 1 and <= 10,000"),
        ({"hidden_size": 2.5}, TypeError, "hidden_size must be 'auto' or an int >= 1 and"),
        ({"hidden_size": 10_001}, ValueError, "and <= 10,000. Got 10001."),
        ({"num_layers": 0}, ValueError, "num_layers must be an int >= 1 and <= 100"),
        ({"embedding_dim": 0}, ValueError, "embedding_dim must be an int >= 1"),
        ({"embedding_dim": 10**400}, ValueError, "an int >= 1 and <= 10,000. Got 1"),
        ({"dropout": 1}, ValueError, "dropout must be 'auto' or in [0, 1). Got 1."),
        ({"dropout": math.nan}, ValueError, "Got nan"),
        ({"ngram_counts": "yes"}, ValueError, "ngram_counts must be one of 'auto', True, False."),
        ({"optimizer": "Adm"}, ValueError, "optimizer must be a class from torch.optim"),
        ({"optimizer": "Tensor"}, ValueError, "Got 'Tensor'"),
        ({"lr": 0}, ValueError, "lr must be 'auto' or a finite number > 0. Got 0."),
        ({"lr": "fast"}, TypeError, "a finite number > 0. Got 'fast'."),
        ({"lr": math.inf}, ValueError, "Got inf"),
        ({"lr_schedule": "cosine"}, ValueError, "lr_schedule must be one of 'one_cycle'"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be 'auto' or a finite number >= 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be 'auto' or an int >= 1"),
        ({"batch_size": "large"}, TypeError, "batch_size must be 'auto' or an int >= 1"),
        ({"max_epochs": 0}, ValueError, "max_epochs must be 'auto' or an int >= 1. Got 0."),
        ({"ngram_weight": 1.1}, ValueError, "ngram_weight must be 'auto' or in [0, 1]. Got 1.1."),
        ({"early_stopping": "yes"}, ValueError, "early_stopping must be one of True, False"),
        ({"validation_fraction": 1}, ValueError, "validation_fraction must be in (0, 1)"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be an int >= 1"),
        ({"net_params": [1]}, TypeError, "net_params must be a dict or None"),
        ({"net_params": {"batch_size": 7}}, ValueError, "does not set itself. Got 'batch_size'."),
        ({"net_params": {1: 2}}, ValueError, "Got 1."),
        ({"optimizer": "Optimizer"}, ValueError, "Got 'Optimizer'"),
        ({"lr": 10**400}, ValueError, "lr must be 'auto' or a finite number > 0"),
        ({"device": None}, ValueError, "device must be a device that torch can use"),
        ({"device": "meta"}, ValueError, "device must be a device that torch can use"),
        ({"device": "abacus"}, ValueError, "device must be a device that torch can use"),
        ({"verbose": "loud"}, TypeError, "verbose must be an int >= 0. Got 'loud'."),
        ({"num_layers": 10_000}, ValueError, "num_layers must be an int >= 1 and <= 100"),
        ({"net_params": {"callbacks__record": None}}, ValueError, "Got 'callbacks__record'."),
        ({"net_params": {"speed": 3}}, ValueError, "of skorch.NeuralNet or its components"),
        ({"device": "hpu"}, ValueError, "device must be a device that torch can use"),
        ({"random_state": -1}, ValueError, "random_state must be an int >= 0. Got -1."),
        ({"random_state": "x"}, TypeError, "random_state"),
    ],
)
def test_bad_parameters(params, error, match):
    pipe = small_pipeline(**params)
    with pytest.raises(error, match=re.escape(match)):
        pipe.fit(["Ada"])
    assert not hasattr(pipe[-1], "alphabet_")


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"optimizer": "SparseAdam"}, "dense gradients"),
        ({"optimizer": "Muon"}, "Muon|optimizer must be"),
        ({"net_params": {"optimizer__speed": 3}}, "speed|options of net_params"),
    ],
)
def test_torch_errors_are_raised(params, match):
    generator = small_generator(**params)
    with pytest.raises((RuntimeError, TypeError, ValueError), match=match):
        generator.fit(CharSequenceVectorizer().fit_transform(["Ada"]))
    assert not hasattr(generator, "alphabet_")


@pytest.mark.parametrize(("lr", "params"), [(1e30, {}), (1e6, {"optimizer": "SGD"}), (1e4, {})])
def test_divergence_raises_and_keeps_the_last_fit(names, lr, params):
    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(max_epochs=2).fit(windows)
    before, score = vars(generator).copy(), generator.score(windows)
    with pytest.raises(ValueError, match=rf"diverged: .* in epoch \d with lr={re.escape(str(lr))}"):
        generator.set_params(lr=lr, **params).fit(windows)
    assert vars(generator) == before | {"lr": lr} | params
    assert generator.score(windows) == score


@pytest.mark.parametrize("lr", [1e-6, 0.1, 10])
@pytest.mark.parametrize(
    "names", [["Ada"], ["Ada"] * 20, ["A", "B"], ["xyz" * 1700], [""], ["Ada", "x" * 50]]
)
def test_unusual_lists_of_names(names, lr):
    pipe = small_pipeline(hidden_size=1, max_epochs=2, lr=lr, batch_size=5000)
    message = ""
    try:
        pipe.fit(names)
    except ValueError as error:
        message = str(error)
    if message:
        assert lr == 10
        assert re.match(r"Training diverged: .* Lower lr", message)
        return
    assert np.isfinite(pipe.score_samples(names)).all()
    if "".join(names):
        assert set(pipe[-1].sample(max_length=60, random_state=0)) <= set("".join(names))


def test_interruption_keeps_completed_epochs(names):
    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    windows = CharSequenceVectorizer().fit_transform(names)
    generator = small_generator(max_epochs=9, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        generator.fit(windows)
    assert generator.n_iter_ == len(generator.loss_curve_) == 2
    assert -generator.score(windows) < generator.loss_curve_[0]
    assert isinstance(generator.sample(), str)


def test_interruption_restores_torch_modes(names):
    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            torch.set_grad_enabled(False)  # as if interrupted inside torch
            torch.set_autocast_enabled("cpu", True)
            raise KeyboardInterrupt

    windows = CharSequenceVectorizer().fit_transform(names)
    with pytest.raises(KeyboardInterrupt):
        small_generator(callbacks=[Interrupt()]).fit(windows)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("callbacks", [[3], ["x"], [("a", 3)], [int], 3, [("a", Callback(), 1)]])
def test_bad_callbacks(names, callbacks):
    windows = CharSequenceVectorizer().fit_transform(names)
    with pytest.raises(TypeError, match="callbacks must be a list of skorch callbacks or None"):
        small_generator(callbacks=callbacks).fit(windows)


def test_weights_are_float32_for_any_default_dtype(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    expected = small_generator().fit(windows)
    default = torch.get_default_dtype()
    try:
        for dtype in (torch.float64, torch.float16):
            torch.set_default_dtype(dtype)
            generator = small_generator().fit(windows)
            assert generator.loss_curve_ == expected.loss_curve_
            assert generator.sample(random_state=0) == expected.sample(random_state=0)
            assert pickle.loads(pickle.dumps(expected)).score(windows) == expected.score(windows)
    finally:
        torch.set_default_dtype(default)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("moment", ["initialize", "on_train_begin"])
def test_interruption_before_training_keeps_the_estimator_unchanged(names, moment, error):
    def interrupt(self, *args, **kwargs):
        raise error

    callback = type("Interrupting", (Callback,), {moment: interrupt})()
    generator = small_generator(callbacks=[callback])
    before = vars(generator).copy()
    with pytest.raises(error):
        generator.fit(CharSequenceVectorizer().fit_transform(names))
    assert vars(generator) == before


def test_the_estimator_is_unchanged_during_training(names):
    """Callbacks receive a separate generator."""
    windows = CharSequenceVectorizer().fit_transform(names)
    snapshots = []

    class Spy(Callback):
        def on_epoch_end(self, net, **kwargs):
            current = net.generator()
            assert type(current) is CharLSTMGenerator
            snapshots.append((vars(generator).copy(), current, current.score(windows)))

    generator = small_generator(callbacks=[Spy()], warm_start=True, ngram_counts=False)
    unfitted = vars(generator).copy()
    generator.fit(windows)
    assert [before for before, _, _ in snapshots] == [unfitted] * 3
    assert [current.n_iter_ for _, current, _ in snapshots] == [1, 2, 3]
    scores = [score for _, _, score in snapshots]
    assert scores[0] < scores[-1] == generator.score(windows)
    assert generator.net_.learned is None
    loaded = pickle.loads(pickle.dumps(snapshots[0][1].set_params(callbacks=None)))
    assert loaded.score(windows) == scores[0]
    fitted = vars(generator).copy()
    generator.fit(windows)
    assert snapshots[3][0] == fitted
    assert generator.n_iter_ == 6


def test_divergence_in_the_last_step():
    windows = CharSequenceVectorizer().fit_transform(["Ada", "Eve"])  # one batch, one step
    for lr in (10, 1e30):
        with pytest.raises(ValueError, match=r"Training diverged: a loss of .* .worse than guess"):
            small_generator(max_epochs=1, lr=lr).fit(windows)


def test_divergence_is_checked_with_the_best_weights(names):
    generator = small_pipeline(
        lr=3, lr_schedule="constant", max_epochs=10, early_stopping=True, optimizer="SGD"
    ).fit(names)[-1]
    assert max(generator.validation_scores_) > -math.log(len(generator.alphabet_))


def test_numpy_scalars_are_accepted(names):
    generator = small_pipeline(
        hidden_size=np.int64(4),
        num_layers=np.int8(1),
        embedding_dim=np.int32(3),
        batch_size=np.uint8(50),
        max_epochs=np.int64(1),
        lr=np.float32(0.01),
        dropout=np.float64(0.1),
        verbose=np.False_,
        random_state=np.int64(0),
    ).fit(names)[-1]
    sampled = generator.sample(
        "Ma",
        np.float32(0.5),
        np.int8(3),
        min_length=np.uint8(4),
        max_length=np.uint8(9),
        top_k=np.int16(5),
        top_p=np.float16(0.9),
        random_state=np.uint8(1),
    )
    assert all(4 <= len(name) <= 9 for name in sampled)
    assert generator.sample(np.array(["Ma", "Jo"]), random_state=0)[1].startswith("Jo")


# Pickles


def test_pickle_after_set_params(pipe, names):
    changed = copy.deepcopy(pipe).set_params(lstm__hidden_size=3, lstm__embedding_dim=None)
    loaded = pickle.loads(pickle.dumps(changed))
    np.testing.assert_array_equal(loaded.score_samples(names), pipe.score_samples(names))
    assert loaded[-1].hidden_size == 3


def test_pickle_is_barely_larger_than_the_weights(names):
    generator = small_pipeline(hidden_size=128, max_epochs=1).fit(names)[-1]
    weights = sum(w.numel() * w.element_size() for w in generator.net_.module_.parameters())
    assert weights < len(pickle.dumps(generator)) < 1.3 * weights


# Precision

PRECISIONS = ["float32", *["bfloat16"] * torch.ops.mkldnn._is_mkldnn_bf16_supported()]


def test_validation_scores_use_float32(names):
    """Validation scores are those of the network alone, on the held-out names."""
    held_out = []

    class Spy(Callback):
        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            held_out.append(dataset_valid)

    generator = small_pipeline(
        precision=PRECISIONS[-1], early_stopping=True, max_epochs=1, callbacks=[Spy()]
    ).fit(names)[-1]
    alphabet, logits, log_proba = [*generator.alphabet_, START], network_logits(generator), []
    for read, expected in zip(held_out[0].inputs, held_out[0].targets, strict=True):
        for step in np.flatnonzero(expected >= 0):
            context = "".join(alphabet[i] for i in read[: step + 1])
            log_proba.append(log_softmax(logits(context))[expected[step]])
    assert len(log_proba) > 200
    assert generator.validation_scores_[0] == pytest.approx(np.mean(log_proba), abs=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", [{}, {"embedding_dim": None}, {"num_layers": 2}])
def test_training_precision(names, precision, kind):
    generator = small_pipeline(precision=precision, max_epochs=4, **kind).fit(names)[-1]
    assert generator.loss_curve_[-1] < generator.loss_curve_[0] - 0.3
    weights = list(generator.net_.module_.parameters())
    assert {weight.dtype for weight in weights} == {torch.float32}
    # bfloat16 has 8 bits of precision, so its weights differ slightly.
    reference = small_pipeline(precision="float32", max_epochs=4, **kind).fit(names)
    difference = generator.score(reference[0].transform(names)) - reference.score(names)
    assert (difference == 0) == (precision == "float32")
    assert abs(difference) < 0.05


def test_unsupported_precisions_are_rejected(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match="'auto' or 'float32' on this cpu, which does not"):
        small_pipeline(precision="bfloat16").fit(["Ada"])
    with pytest.raises(ValueError, match="precision must be one of 'auto', 'float32'"):
        small_pipeline(precision="half").fit(["Ada"])
