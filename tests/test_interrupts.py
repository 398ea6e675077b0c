"""Ctrl-C and errors in callbacks: completed work is kept, and training can start again."""

import pickle
import signal
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch
from conftest import (
    n_threads_in_a_new_thread,
    posix,
    small_generator,
    small_pipeline,
    torch_threads,
)
from skorch.callbacks import Callback

from sknamegen import CharLSTMGenerator, CharNGramGenerator, NameClassifier, load_names

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
    ("error", "epoch", "moments", "n_epochs"),
    [
        (KeyboardInterrupt, 0, ["initialize"], None),
        (KeyboardInterrupt, 0, ["on_train_begin"], None),
        (KeyboardInterrupt, 1, ["on_batch_end"], 0),
        (KeyboardInterrupt, 1, ["on_batch_end", "on_train_end"], 0),
        (KeyboardInterrupt, 3, ["on_batch_begin"], 2),
        (KeyboardInterrupt, 0, ["on_train_end"], 3),
        (ZeroDivisionError, 0, ["initialize"], None),
        (ZeroDivisionError, 3, ["on_batch_begin"], None),
    ],
)
def test_interrupted_training_keeps_completed_epochs(names, error, epoch, moments, n_epochs):
    """Before the first step, an interrupt changes nothing. Neither does an error."""
    generator = small_generator(dropout=0.5, callbacks=[raising(error, epoch, *moments)])
    before = vars(generator).copy()
    with pytest.raises(error):
        generator.fit(names)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    if n_epochs is None:
        assert vars(generator) == before
        return
    assert generator.n_iter_ == len(generator.loss_curve_) == n_epochs
    assert not generator.nets_[0].module_.training
    generator.nets_[0].module_.train()  # scores and samples disable dropout again
    score = generator.score(names)
    assert score == generator.score(names)
    assert generator.sample(random_state=0) == generator.sample(random_state=0)
    assert n_epochs == 0 or -score < generator.loss_curve_[0]


def ctrl_c():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


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
        (interrupt, 0, KeyboardInterrupt),
        (fail, 0, RuntimeError),
        (fail, 1, RuntimeError),
    ],
)
def test_all_networks_stop(n_threads, action, number, error):
    """After an interrupt, they keep their weights. The next fit gives its usual result."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
    params = {"init": None, "num_networks": 2}
    # In sequential training, the second network fails after the first has finished.
    n_epochs = ENDLESS if n_threads > 1 or number == 0 else 2
    generator = small_generator(callbacks=[Act(action, number)], max_epochs=n_epochs, **params)
    with pytest.raises(error):
        generator.fit(FEW)
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads
    n_batches = Act.n_batches.copy()
    assert max(n_batches) < ENDLESS
    assert n_threads > 1 or len(n_batches) == number + 1  # the other network has not started
    if error is KeyboardInterrupt:
        assert len(generator.nets_) == sum(n > 0 for n in n_batches)
        generator.sample(n_samples=5, random_state=0)
        generator.score(FEW)
    else:
        assert not hasattr(generator, "alphabet_")
    generator.set_params(callbacks=None, max_epochs=1).fit(FEW)
    assert generator.score(FEW) == small_generator(max_epochs=1, **params).fit(FEW).score(FEW)
    assert len(generator.nets_) == 2
    assert Act.n_batches == n_batches, "a network is still training"


def test_networks_that_have_not_begun():
    """A first fit leaves them out. Later fits keep their weights, and the next one continues."""
    params = {"hidden_size": 16, "max_epochs": 1, "ngram_counts": False, "similar": None}
    params["random_state"] = 0
    first, generator = CharLSTMGenerator(**params), CharLSTMGenerator(**params).fit(FEW)
    loaded = pickle.loads(pickle.dumps(generator)).set_params(batch_size=2)
    for interrupted, learn in ((first, first.fit), (loaded, loaded.partial_fit)):
        interrupted.set_params(callbacks=[Act(interrupt)])
        with torch_threads(1), pytest.raises(KeyboardInterrupt):
            learn(FEW)
    assert [net.module_.head.in_features > 16 for net in first.nets_] == [True]  # the base
    assert first.init_share_ == 1
    assert Act.n_batches == [1]
    assert loaded.score(FEW) != generator.score(FEW)
    second, expected = loaded.nets_[1].network.arrays(), generator.nets_[1].network.arrays()
    assert all(np.array_equal(second[name], array) for name, array in expected.items())
    assert loaded.init_share_ == generator.init_share_
    n_steps = loaded.n_steps_
    assert len(loaded.set_params(callbacks=None).partial_fit(FEW).nets_) == 2
    assert loaded.n_steps_ == n_steps + len(FEW) // 2


def test_classifiers_keep_progress_or_the_last_fit(monkeypatch):
    labels = np.resize(["a", "b"], len(FEW))
    callbacks = [raising(KeyboardInterrupt, 0, "on_epoch_end")]
    classifier = NameClassifier(small_pipeline(callbacks=callbacks))
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(FEW, labels)
    assert classifier.predict(FEW[:3]).shape == (3,)
    classifier = NameClassifier(CharNGramGenerator()).fit(FEW, labels)
    expected = classifier.generator_
    monkeypatch.setattr(CharNGramGenerator, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(FEW, labels)
    assert classifier.generator_ is expected
