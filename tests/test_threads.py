"""Threads: the limit of the caller, equal results for any number, and no leaks. Processes."""

import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from conftest import (
    linux,
    n_threads_in_a_new_thread,
    small_generator,
    torch_threads,
    windows_of,
)
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from sknamegen import CharLSTMGenerator

HAS_BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
KINDS = {
    "with the base": {"precision": "float32", "max_epochs": 1},
    "labels": {"init": None, "ngram_counts": True},
    "one-hot": {"init": None, "embedding_dim": None},
    "two layers": {"init": None, "num_layers": 2},
    "autocast": {"init": None, "precision": "bfloat16" if HAS_BFLOAT16 else "auto"},
}
OUTLIVING = """
import sys, threading

from sknamegen import CharLSTMGenerator, load_names


def train():
    threading.main_thread().join()
    generator = CharLSTMGenerator(num_networks=2, hidden_size=8, max_epochs=1, init=None)
    print(generator.fit(load_names("female")[::20]).sample("Ma"))
    print("torch._dynamo" in sys.modules)


threading.Thread(target=train).start()
"""


@pytest.mark.full
def test_a_thread_may_outlive_the_main_thread():
    """It does not import torch's compiler, which takes a second."""
    done = subprocess.run([sys.executable, "-c", OUTLIVING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Ma.*\nFalse\n", done.stdout)  # names may have hyphens


# Observations of the callbacks of a test, shared because each network copies its callbacks.
OBSERVED = []
BARRIERS = {n: threading.Barrier(n, timeout=60) for n in (1, 2)}


class Observe(Callback):
    """Callback that records the settings of torch once n networks train concurrently."""

    def __init__(self, n_concurrent):
        self.n_concurrent = n_concurrent

    def on_train_begin(self, net, **kwargs):
        BARRIERS[self.n_concurrent].wait()

    def on_batch_end(self, net, **kwargs):
        modes = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        OBSERVED.append((threading.get_ident(), torch.get_num_threads(), *modes))


def test_networks_train_concurrently_with_one_thread_each(names, n_threads):
    OBSERVED.clear()
    params = {"num_networks": n_threads, "max_epochs": 1, "precision": "float32"}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        small_generator(callbacks=[Observe(n_threads)], **params).fit(names[:50])
    assert len({ident for ident, *_ in OBSERVED}) == n_threads
    assert {tuple(settings) for _, *settings in OBSERVED} == {(1, True, False)}
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads


class FitAnother(Callback):
    def on_epoch_end(self, net, **kwargs):
        small_generator(max_epochs=1).fit(["Ada", "Eve", "Zoe"])
        OBSERVED.append(torch.get_num_threads())


def test_nested_training(names, n_threads):
    OBSERVED.clear()
    small_generator(max_epochs=2, callbacks=[FitAnother()]).fit(names[:50])
    assert OBSERVED == [1, 1]
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads


def test_no_threads_leak(names):
    n_threads = []
    for _ in range(6):
        generator = small_generator(num_networks=2, max_epochs=1).fit(names)
        generator.sample(n_samples=1000, random_state=0)
        generator.score(names)
        n_threads.append(len(sys._current_frames()))  # includes threads that are not listed
    deadline = time.monotonic() + 30
    while len(sys._current_frames()) > n_threads[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.full
@pytest.mark.parametrize("kind", [*KINDS, "text"])
def test_the_number_of_threads_does_not_affect_results(names, kind):
    """Weights, scores and names are identical, also for large samples."""
    names, results = names[:100], []
    labels = np.resize(["a", "b"], len(names)) if kind == "labels" else None
    params = {"num_networks": 2, "hidden_size": 24, "max_epochs": 2, "random_state": 0}
    params |= KINDS.get(kind, {})
    if kind == "text":
        names = windows_of([" ".join(names[i:]) for i in range(0, 100, 10)], boundary=False)
    for n_threads in (1, 3):
        with torch_threads(n_threads), threadpool_limits(n_threads, "blas"):
            generator = CharLSTMGenerator(**params).fit(names, labels)
            drawn = generator.sample(n_samples=600, random_state=0)
            if kind == "labels":  # threads learn the lookahead
                drawn += generator.sample(n_samples=200, pattern=".*x.*", random_state=0)
            scores = generator.score_samples(names).tolist()
            proba = generator.next_char_proba(["", "Ma"]).tolist()
        model = pickle.dumps(generator.__getstate__()["_fitted"])
        results.append((model, drawn, scores, proba, generator.loss_curve_))
    assert results[0] == results[1]


@pytest.mark.full
@linux
def test_forked_child_samples_while_its_parent_samples(names, make_pipe):
    sample, done = partial(make_pipe().fit(names)[-1].sample, n_samples=150), threading.Event()
    expected = sample(random_state=0)

    def sample_until_done():
        while not done.is_set():
            sample()

    parent = threading.Thread(target=sample_until_done)
    parent.start()
    try:
        for _ in range(6):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads
                child = multiprocessing.get_context("fork").Process(
                    target=lambda: os._exit(sample(random_state=0) != expected)
                )
                child.start()
            child.join(60)
            child.kill()
            assert child.exitcode == 0
    finally:
        done.set()
        parent.join()
