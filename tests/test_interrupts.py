"""Ctrl-C and errors in callbacks change nothing, and training can start again."""

import signal
import threading
from typing import ClassVar

import pytest
import torch
from conftest import (
    n_threads_in_a_new_thread,
    posix,
    small_generator,
)
from skorch.callbacks import Callback

from sknamegen import load_names

FEW = load_names("female")[::120]
# Epochs of a training that ends early.
ENDLESS = 1000


def raising(error, epoch, *moments):
    """Return a callback that raises an error at moments of the training, from an epoch on."""

    def act(self, net=None, **kwargs):
        if net is None or len(net.history) >= epoch:
            torch.set_grad_enabled(False)  # as if interrupted inside torch
            torch.set_autocast_enabled("cpu", True)
            raise error

    return type("Raising", (Callback,), dict.fromkeys(moments, act))()


@pytest.mark.parametrize(
    ("epoch", "moments", "n_epochs"),
    [(0, ["on_train_begin"], 0), (1, ["on_batch_end"], 0), (3, ["on_batch_begin"], 2)],
)
def test_a_callback_that_ends_training_keeps_the_weights(names, epoch, moments, n_epochs):
    generator = small_generator(
        dropout=0.5, callbacks=[raising(KeyboardInterrupt, epoch, *moments)]
    ).fit(names)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    assert generator.n_iter_ == len(generator.loss_curve_) == n_epochs
    assert not generator.nets_[0].module_.training
    assert generator.score(names) == generator.score(names)
    assert n_epochs == 0 or -generator.score(names) < generator.loss_curve_[0]


@pytest.mark.parametrize(
    ("error", "moment"), [(KeyboardInterrupt, "initialize"), (ZeroDivisionError, "on_batch_begin")]
)
def test_an_error_changes_nothing(names, error, moment):
    generator = small_generator(callbacks=[raising(error, 1, moment)])
    before = vars(generator).copy()
    with pytest.raises(error):
        generator.fit(names)
    assert torch.is_grad_enabled()
    assert vars(generator) == before


def ctrl_c():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def fail():
    raise RuntimeError("from a callback")


class Act(Callback):
    """Callback that acts once, after the first batch of one network, and counts batches.

    The networks are numbered in the order in which training starts.
    """

    n_batches: ClassVar = []  # one count per network, shared by all copies

    def __init__(self, action, number=0):
        self.action, self.number = action, number
        self.n_batches.clear()

    def on_train_begin(self, net, **kwargs):
        self.number_ = len(self.n_batches)
        self.n_batches.append(0)

    def on_batch_end(self, net, **kwargs):
        self.n_batches[self.number_] += 1
        if (self.number_, self.n_batches[self.number_]) == (self.number, 1):
            self.action()


@pytest.mark.parametrize(
    ("action", "number", "error"),
    [
        pytest.param(ctrl_c, 0, KeyboardInterrupt, marks=posix),
        (fail, 0, RuntimeError),
        (fail, 1, RuntimeError),
    ],
)
def test_all_networks_stop(n_threads, action, number, error):
    """The estimator is as before the call. The next fit gives its usual result."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
    params = {"init": None, "num_networks": 2}
    # In sequential training, the second network fails after the first has finished.
    n_epochs = ENDLESS if n_threads > 1 or number == 0 else 2
    generator = small_generator(callbacks=[Act(action, number)], max_epochs=n_epochs, **params)
    before = vars(generator).copy()
    with pytest.raises(error):
        generator.fit(FEW)
    assert vars(generator) == before
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads
    n_batches = Act.n_batches.copy()
    assert max(n_batches) < ENDLESS
    assert n_threads > 1 or len(n_batches) == number + 1  # the other network has not started
    generator.set_params(callbacks=None, max_epochs=1).fit(FEW)
    assert generator.score(FEW) == small_generator(max_epochs=1, **params).fit(FEW).score(FEW)
    assert len(generator.nets_) == 2
    assert Act.n_batches == n_batches, "a network is still training"


@posix
def test_ctrl_c_keeps_the_last_fit():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    generator = small_generator().fit(FEW)
    score = generator.score(FEW)
    for learn in (generator.fit, generator.partial_fit):
        generator.set_params(callbacks=[Act(ctrl_c)], max_epochs=ENDLESS)
        with pytest.raises(KeyboardInterrupt):
            learn(FEW * 20)
    assert generator.score(FEW) == score
