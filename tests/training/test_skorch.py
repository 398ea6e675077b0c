"""Tests of skorch callbacks, skorch parameters and training output."""

import re

import pytest
import torch
from conftest import Rates, small_generator
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler

NAMES = ["Anna", "Bert", "Carla", "Dora", "Emil", "Fritz"] * 4
STEPS = {"policy": "StepLR", "step_size": 1, "gamma": 0.5}


def tiny(**params):
    return small_generator(**{"batch_size": 8, "max_epochs": 2, "lr": 0.01} | params)


class Halve(Callback):
    def on_epoch_end(self, net, **kwargs):
        for group in net.optimizer_.param_groups:
            group["lr"] /= 2


@pytest.mark.parametrize(
    ("schedule", "callback"),
    [
        ("one_cycle", ("mine", LRScheduler(**STEPS))),
        ("constant", ("mine", LRScheduler(**STEPS))),
        ("constant", Halve),
    ],
)
def test_callbacks_can_change_the_learning_rate(schedule, callback, rates):
    """A scheduler replaces the schedule."""
    tiny(lr_schedule=schedule, callbacks=[callback, Rates]).fit(NAMES).partial_fit(NAMES)
    assert rates == pytest.approx([0.01] * 3 + [0.005] * 3 + [0.01] * 3)


def test_a_scheduler_class_replaces_the_schedule(rates):
    tiny(callbacks=[LRScheduler, Rates]).fit(NAMES)
    assert rates[:3] == [0.05] * 3  # the default of skorch's WarmRestartLR


def test_a_scheduler_keeps_the_ratio_between_groups(rates):
    base = {"init": "base", "similar": None, "hidden_size": "auto", "embedding_dim": 64}
    net = tiny(**base, callbacks=[LRScheduler(**STEPS), Rates]).fit(NAMES).nets_[0]
    assert rates == pytest.approx([0.01] * 3 + [0.005] * 3)
    final_rates = [group["lr"] for group in net.optimizer_.param_groups]
    assert final_rates == pytest.approx([0.06 / 4, 0.01 / 4])


@pytest.mark.parametrize("on_train", [False, True])
def test_epoch_scoring_with_a_function(on_train):
    def mean_score(net, X, y):
        return net.generator().score(NAMES)

    scoring = EpochScoring(mean_score, lower_is_better=False, on_train=on_train)
    params = {"early_stopping": not on_train, "n_iter_no_change": 9, "ngram_counts": False}
    generator = tiny(callbacks=[scoring], **params).fit(NAMES)
    scores = generator.nets_[0].history[:, "mean_score"]
    assert len(set(scores)) == 2
    assert generator.score(NAMES) == pytest.approx(scores[-1], abs=1e-4)


def test_nets_have_no_predict():
    net = tiny().fit(NAMES).nets_[0]
    assert not hasattr(net, "predict")
    with pytest.raises(AttributeError, match="Use the generator, for example next_char_proba"):
        net.predict_proba(NAMES)


@pytest.mark.parametrize(
    ("callback", "setting"),
    [
        (EarlyStopping, "monitor='train_loss'"),
        (("mine", EarlyStopping()), "monitor='train_loss'"),
        (Checkpoint(), "monitor='train_loss_best'"),
        (EpochScoring(len), "on_train=True"),
        (LRScheduler("ReduceLROnPlateau", monitor="valid_loss"), "monitor='train_loss'"),
    ],
)
def test_callbacks_that_need_held_out_names(callback, setting):
    message = f"requires held-out names. Set early_stopping=True, or pass it {setting} to"
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny(callbacks=[callback]).fit(NAMES)


def test_callbacks_can_stop_the_training(tmp_path):
    """With early stopping, callbacks may monitor held-out names."""
    stop = {"patience": 1, "threshold": 10, "threshold_mode": "abs"}
    callbacks = [EarlyStopping(**stop), Checkpoint(dirname=tmp_path)]
    generator = tiny(callbacks=callbacks, early_stopping=True, max_epochs=5).fit(NAMES)
    assert generator.n_iter_ == 2
    assert (tmp_path / "params.pt").exists()
    callbacks = [("mine", EarlyStopping(monitor="train_loss", **stop))]
    assert tiny(callbacks=callbacks, max_epochs=5).fit(NAMES).n_iter_ == 2


@pytest.mark.parametrize(
    "name",
    [
        *("iterator_train__batch_size", "optimizer__lr", "module__seed", "train_split", "lr"),
        *("callbacks__print_log", "callbacks__record", "criterion", "iterator_train", "batch_size"),
    ],
)
def test_net_params_may_not_contradict_parameters(name):
    with pytest.raises(ValueError, match=f"what CharLSTMGenerator sets. Got '{name}'"):
        tiny(net_params={name: None}).fit(NAMES)


@pytest.mark.usefixtures("n_threads")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_the_epochs_of_each_network(capsys, early_stopping):
    params = {"lr": 0.5, "max_epochs": 5, "early_stopping": early_stopping, "n_iter_no_change": 1}
    generator = tiny(num_networks=3, **params).fit(NAMES)
    assert capsys.readouterr() == ("", "")
    generator.set_params(verbose=1).fit(NAMES)
    printed = capsys.readouterr()
    assert printed.err == ""  # a progress bar needs a terminal
    expected = []
    for epoch in (epoch for net in generator.nets_ for epoch in net.history):
        line = f"Epoch {epoch['epoch']}/5: {epoch['train_loss']:.4f} nats/char"
        line += f", held out {epoch['valid_loss']:.4f}" if early_stopping else ""
        expected.append(f"{line}, {epoch['dur']:.1f} s")
    assert sorted(printed.out.splitlines()) == sorted(expected)


def test_automatic_device():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert tiny(device="auto").fit(NAMES).nets_[0].device == expected
