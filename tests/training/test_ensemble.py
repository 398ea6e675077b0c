"""Ensembles: initial weights, training and early stopping."""

import gc
import pickle
import sys
import time
import weakref
from typing import ClassVar

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import classifier_of, small_generator, torch_threads, windows_of
from skorch.callbacks import Callback

from sknamegen import CharLSTMGenerator, load_names

# Sizes of the base and of networks with random weights.
BASE, AUTO = 384, 240
BASE_SIZES = {"hidden_size": BASE, "num_layers": 1, "embedding_dim": 64}
FEMALE = load_names("female")
FEW = FEMALE[::120]  # 42 names
SEEDS = ["", "A", "Mar"]
HIRAGANA = "さくら はるか ゆい あおい ひなた みさき めい りん ことね かえで こはる いちか".split()  # noqa: SIM905
CHEROKEE = ["ᏣᎳᎩ", "ᏎᏉᏯ", "ᎠᏰᎵ", "ᎣᏏᏲA"]  # with a capital letter of the base
RANDOM_CODES = ["".join(row) for row in np.random.default_rng(0).choice(list("ACGT"), (60, 8))]
ONE_STEP = {"batch_size": 10_000, "max_epochs": 1, "similar": None}


def base_share(n_names):
    return 1 / (1 + (n_names / 5000) ** 0.6)


def tiny(**params):
    """Return an ensemble of two tiny networks with random initial weights."""
    return small_generator(**{"init": None, "num_networks": 2, "max_epochs": 2} | params)


def mixed(**params):
    """Return an ensemble of the base and a tiny network that learn only the list."""
    defaults = {"hidden_size": 16, "max_epochs": 1, "ngram_counts": False, "random_state": 0}
    return CharLSTMGenerator(**defaults | {"similar": None} | params)


def sizes_of(generator):
    return [net.module_.head.in_features for net in generator.nets_]


@pytest.mark.full
@pytest.mark.parametrize(("more", "is_base"), [(-1, True), (1, False)])
def test_a_single_network_has_the_kind_with_the_larger_share(more, is_base):
    windows = windows_of(np.resize([name for name in FEMALE if len(name) <= 3], 5000 + more), 4)
    generator = CharLSTMGenerator(num_networks=1, random_state=0, **ONE_STEP).fit(windows)
    assert generator.init_share_ == is_base
    assert (sizes_of(generator) == [BASE]) == is_base


@pytest.mark.parametrize(
    ("params", "sizes", "share"),
    [
        ({}, [BASE], 1),
        ({"num_networks": 2}, [BASE, AUTO], base_share(42)),
        ({"num_networks": 3, "hidden_size": 16}, [BASE, 16, 16], base_share(42)),
        ({"num_layers": 2, "hidden_size": 16}, [BASE, 16], base_share(42)),
        ({"num_networks": 1, **BASE_SIZES}, [BASE], 1),
        ({"hidden_size": BASE}, [BASE, BASE], base_share(42)),
        ({"num_networks": 1, "hidden_size": 16}, [16], 0),
        ({"num_networks": 1, "num_layers": 2}, [AUTO], 0),
        ({"num_networks": 1, "embedding_dim": None}, [AUTO], 0),
        ({"init": None, "num_networks": 3, "hidden_size": 16}, [16, 16, 16], 0),
        ({"init": "base", "num_networks": 2}, [BASE, BASE], 1),
    ],
)
def test_sizes_and_initial_weights(params, sizes, share):
    generator = CharLSTMGenerator(random_state=0, **ONE_STEP | params).fit(FEW)
    assert sizes_of(generator) == sizes
    assert generator.init_share_ == pytest.approx(share)
    for net in generator.nets_:
        is_base = net.module_.head.in_features == BASE
        n_layers = 1 if is_base else params.get("num_layers", 1)
        assert len(net.module_.layers) == n_layers
        embedding_dim = BASE_SIZES["embedding_dim"] if is_base else params.get("embedding_dim", 64)
        n_inputs = len(generator.alphabet_) + 2 if embedding_dim is None else embedding_dim
        assert net.module_.layers[0].input_size == n_inputs


@pytest.mark.parametrize(
    "X", [RANDOM_CODES, HIRAGANA, CHEROKEE], ids=["codes", "hiragana", "cherokee"]
)
def test_the_base_is_ignored_for_unsuitable_input(X):
    generator, scratch = (mixed(init=init).fit(X) for init in ("auto", None))
    assert generator.init_share_ == 0
    assert sizes_of(generator) == [16, 16]
    assert generator.alphabet_.tolist() == scratch.alphabet_.tolist()
    assert generator.score(X) == scratch.score(X)


@pytest.mark.parametrize("names", [["Анна", "Мария", "Ольга"], ["LONDON", "PARIS"], FEW])
def test_the_base_has_a_share_for_real_names(names):
    assert mixed().fit(names).init_share_ == base_share(len(names))


class Proba(Callback):
    """Callback that stores the predictions of its network at the end of training."""

    def on_train_end(self, net, **kwargs):
        generator = net.generator()
        assert generator.nets_ == [net]
        self.proba_ = generator.next_char_proba(SEEDS)


@pytest.mark.parametrize(
    ("params", "shares"),
    [
        ({}, [base_share(42), 1 - base_share(42)]),
        ({"num_networks": 3}, [base_share(42)] + [(1 - base_share(42)) / 2] * 2),
        ({"init": None, "num_networks": 3}, [1 / 3] * 3),
        ({"init": "base", "hidden_size": "auto", "num_networks": 2}, [1 / 2] * 2),
    ],
)
def test_logits_are_averaged_by_share(params, shares):
    generator = mixed(callbacks=[Proba], **params).fit(FEW)
    probas = [dict(net.callbacks_)["Proba"].proba_ for net in generator.nets_]
    assert len(probas) == len(shares)
    assert np.abs(probas[0] - probas[-1]).max() > 1e-3
    mean = np.exp(sum(share * np.log(p) for share, p in zip(shares, probas, strict=True)))
    expected = mean / mean.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(generator.next_char_proba(SEEDS), expected, rtol=1e-3, atol=1e-8)


@pytest.mark.full
def test_explicit_sizes_score_like_automatic_sizes():
    train, test = FEMALE[::160], FEMALE[7::60]
    params = {}, {"hidden_size": 16}, {"hidden_size": 16, "init": None}
    *scores, from_scratch = (
        CharLSTMGenerator(random_state=0, **p).fit(train).score(test) for p in params
    )
    assert max(scores) - min(scores) < 0.05
    assert min(scores) > from_scratch + 0.1


def test_networks_train_independently():
    """The first network equals that of init="base", and all others equal those of init=None."""
    both = mixed().fit(FEW)
    base = CharLSTMGenerator(init="base", similar=None, max_epochs=1, random_state=0).fit(FEW)
    scratch = mixed(init=None, ngram_weight=0.5).fit(FEW)
    for net, other in zip(both.nets_, (base.nets_[0], scratch.nets_[1]), strict=True):
        weights, expected = net.network.arrays(), other.network.arrays()
        assert weights.keys() == expected.keys()
        assert all(np.array_equal(weights[name], expected[name]) for name in weights)
    assert both.nets_[0].lr < both.nets_[1].lr


def test_explicit_settings_reach_all_networks():
    params = {"lr": 0.0123, "batch_size": 7, "max_epochs": 2}
    others = {"weight_decay": 0.25, "dropout": 0.125, "ngram_weight": 0.375}
    generator = mixed(**params, **others).fit(FEW)
    assert generator.init_share_ == base_share(42)
    for net in generator.nets_:
        settings = net.get_params()
        assert {name: settings[name] for name in params} == params
        assert settings["optimizer__weight_decay"] == 0.25
        assert settings["module__dropout"] == 0.125
        assert net.plan.ngram_weight == 0.375


def test_nets_are_not_saved():
    ensemble, single = (tiny(num_networks=n).fit(FEW) for n in (2, 1))
    assert len(ensemble.nets_) == 2
    assert len(single.nets_) == 1
    assert not hasattr(tiny(), "nets_")
    assert not hasattr(pickle.loads(pickle.dumps(single)), "nets_")


@pytest.mark.parametrize("window_length", [3, 12])
def test_batch_size_is_a_number_of_names(window_length):
    windows = windows_of(FEW, window_length)
    generator = tiny(batch_size=8, max_epochs=3).fit(windows)
    assert generator.n_steps_ == 3 * -(-len(FEW) // 8)
    stopping = tiny(batch_size=8, max_epochs=1, early_stopping=True, validation_fraction=0.25)
    assert stopping.fit(windows).n_steps_ == -(-(len(FEW) - round(0.25 * len(FEW))) // 8)


class Validation(Callback):
    """Callback that stores the validation characters of its network."""

    def on_train_begin(self, net, **kwargs):
        self.characters_ = set()

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if not training:
            self.characters_.add(tuple(batch[1]["characters"].tolist()))


def mean_curve(curves):
    """Return the mean at each step over the curves that reach it."""
    return [np.mean([c[i] for c in curves if len(c) > i]) for i in range(max(map(len, curves)))]


def test_early_stopping_is_separate_for_each_network():
    patience, params = 2, {"max_epochs": 40, "early_stopping": True, "n_iter_no_change": 2}
    generator = mixed(callbacks=[Validation], lr=0.02, **params).fit(FEW)
    for net in generator.nets_:
        losses = net.history[:, "valid_loss"]
        misses = [min(losses[:i]) <= loss for i, loss in enumerate(losses) if i]
        is_over = [all(misses[i : i + patience]) for i in range(len(misses) - patience + 1)]
        assert is_over == [False] * (len(is_over) - 1) + [True]
    seen = [dict(net.callbacks_)["Validation"].characters_ for net in generator.nets_]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 1
    n_epochs = [len(net.history) for net in generator.nets_]
    assert len(set(n_epochs)) == 2, "both networks stopped together, so the means below test little"
    assert generator.n_iter_ == max(n_epochs)
    train, valid, n_batches = (
        [[epoch[name] for epoch in net.history] for net in generator.nets_]
        for name in ("train_loss", "valid_loss", "train_batch_count")
    )
    np.testing.assert_allclose(generator.loss_curve_, mean_curve(train))
    np.testing.assert_allclose(generator.validation_scores_, np.negative(mean_curve(valid)))
    assert generator.n_steps_ == max(map(sum, n_batches))


def test_each_network_has_a_copy_of_the_callbacks():
    callbacks = [("mine", Proba())]
    generator = tiny(callbacks=callbacks).fit(FEW)
    copies = [dict(net.callbacks_)["mine"] for net in generator.nets_]
    assert all(hasattr(copy, "proba_") for copy in copies)
    assert not hasattr(callbacks[0][1], "proba_")
    assert copies[0] is not copies[1]
    assert generator.callbacks is callbacks


def test_networks_share_one_progress_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    generator = tiny(verbose=1, batch_size=8).fit(FEW)
    captured = capsys.readouterr()
    n_steps = 2 * generator.n_steps_
    assert f" {n_steps}/{n_steps} " in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out.count("nats/char") == 2 * generator.n_iter_


def n_optimizer_steps(net):
    return [int(state["step"]) for state in net.optimizer_.state_dict()["state"].values()]


@pytest.mark.full
@pytest.mark.parametrize(("make", "one_pass"), [(tiny, False), (tiny, True), (mixed, True)])
def test_warm_start_and_partial_fit_continue(make, one_pass):
    """They keep the losses and the optimizers."""
    losses = []
    generator = make(warm_start=True, batch_size=8, max_epochs=1)
    learn = generator.partial_fit if one_pass else generator.fit
    n_steps = -(-len(FEW) // 8)
    for number in (1, 2, 3):
        learn(FEW)
        assert generator.n_iter_ == number
        assert generator.loss_curve_[:-1] == losses
        assert generator.loss_curve_[-1] < min(losses, default=10)
        losses = generator.loss_curve_
        assert len(generator.nets_) == 2
        assert generator.n_steps_ == number * n_steps
        for net in generator.nets_:
            assert set(n_optimizer_steps(net)) == {number * n_steps}
            for weight, state in net.optimizer_.state.items():
                assert state["exp_avg"].shape == weight.shape
    # A loaded generator has weights but no optimizers.
    loaded = pickle.loads(pickle.dumps(generator))
    assert loaded.score(FEW) == generator.score(FEW)
    assert loaded.init_share_ == generator.init_share_
    loaded.fit(FEW)
    assert loaded.n_iter_ == 4
    assert loaded.loss_curve_[:-1] == losses
    assert loaded.loss_curve_[-1] < losses[0]
    assert {n for net in loaded.nets_ for n in n_optimizer_steps(net)} == {n_steps}


def test_earlier_nets_are_freed():
    """Otherwise, memory would grow with each call of `partial_fit`."""
    generator, nets = tiny(callbacks=[Proba]), []
    for _ in range(3):
        nets.append(weakref.ref(generator.partial_fit(FEW).nets_[0]))
    gc.collect()
    assert [net() is None for net in nets] == [True, True, False]


def test_sizes_and_shares_must_not_change_between_calls():
    generator = mixed(num_networks=2).partial_fit(FEW)
    with pytest.raises(ValueError, match="hidden_size must be 16"):
        generator.set_params(hidden_size=32).partial_fit(FEW)
    with pytest.raises(ValueError, match="num_networks must be 2"):
        generator.set_params(hidden_size=16, num_networks=3).partial_fit(FEW)
    generator.set_params(num_networks=2).partial_fit(FEMALE[1::40])
    assert generator.n_iter_ == 2
    assert generator.init_share_ == base_share(len(FEW))
    alone = CharLSTMGenerator(warm_start=True, random_state=0, **ONE_STEP).fit(FEW)
    with pytest.raises(ValueError, match=r"hidden_size must be 384.* Got 8\."):
        alone.set_params(hidden_size=8).fit(FEW)
    alone.set_params(hidden_size="auto").partial_fit(FEW)


@pytest.mark.parametrize("optimizer", ["LBFGS", "SGD", "Adafactor", torch.optim.NAdam])
def test_optimizers(optimizer):
    options = {"max_iter": 2} if optimizer == "LBFGS" else {"weight_decay": 0.125}
    net_params = {f"optimizer__{name}": value for name, value in options.items()}
    kind = getattr(torch.optim, str(optimizer), optimizer)
    generator = mixed(optimizer=optimizer, lr=0.01, net_params=net_params).fit(FEW)
    assert generator.init_share_ == base_share(42)
    for net in generator.nets_:
        assert isinstance(net.optimizer_, kind)
        assert options.items() <= net.optimizer_.param_groups[0].items()
    assert np.isfinite(generator.score(FEW))


@pytest.mark.full
def test_fine_tuning_learns_labels_from_few_names():
    """The base has no labels."""
    names, labels = load_names(return_X_y=True)
    test, y_test = names[13::40], labels[13::40]
    generator = CharLSTMGenerator(init="base", random_state=0).fit(names[::20], labels[::20])
    female_share = (y_test == "female").mean()
    accuracy = classifier_of(generator).score(test, y_test)
    assert accuracy > max(female_share, 1 - female_share) + 0.06
    assert generator.score(test, y_test) > generator.score(test) + 0.008


class Log(Callback):
    """Callback that records the start and end of training."""

    events: ClassVar = []  # shared by all copies

    def on_train_begin(self, net, **kwargs):
        self.events.append("begin")
        time.sleep(0.1)  # lets a concurrent network start

    def on_train_end(self, net, **kwargs):
        self.events.append("end")


def test_networks_with_an_accelerator_train_in_turn_and_score_the_same():
    Log.events.clear()
    with torch_threads(2):
        generator = mixed(accelerator=Accelerator(cpu=True), callbacks=[Log]).fit(FEW)
    assert Log.events == ["begin", "end"] * 2
    plain = mixed().fit(FEW)
    assert generator.init_share_ == plain.init_share_
    assert generator.score(FEW) == pytest.approx(plain.score(FEW), abs=1e-3)


def test_failed_fits_leave_nothing_in_memory():
    """Otherwise, a search with failing candidates would fill the memory."""
    generator = tiny(lr=1e30)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(ValueError, match="diverged"):
                generator.fit(FEW)
        assert "SequenceDataset" not in {type(item).__name__ for item in gc.get_objects()}
    finally:
        gc.enable()
