"""Threads: the limit of the caller, equal results for any number, and no leaks."""

import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from conftest import ngram_pipeline, small_generator, small_pipeline
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer

OUTLIVING = """
import threading

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names


def train():
    threading.main_thread().join()
    windows = CharSequenceVectorizer().fit_transform(load_names("female")[::20])
    generator = CharLSTMGenerator(num_networks=2, hidden_size=8, max_epochs=1, random_state=0)
    print(generator.fit(windows).sample("Ma", random_state=0))


threading.Thread(target=train).start()
"""


def test_a_thread_may_outlive_the_main_thread():
    """A script may end while its thread still trains."""
    done = subprocess.run([sys.executable, "-c", OUTLIVING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Ma")


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def n_threads_in_a_new_thread():
    """Return the number of torch threads in a new thread."""
    counts = []
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return counts[0]


# Observations of the callbacks of a test, shared because each network copies its callbacks.
OBSERVED = []
BARRIERS = {n: threading.Barrier(n, timeout=60) for n in (1, 2, 3)}


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
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    generator = small_generator(
        num_networks=n_threads, max_epochs=1, precision="float32", callbacks=[Observe(n_threads)]
    )
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        generator.fit(windows)
    assert len({ident for ident, *_ in OBSERVED}) == n_threads
    assert {tuple(settings) for _, *settings in OBSERVED} == {(1, True, False)}
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads


class FitAnother(Callback):
    """Callback that fits another generator during training."""

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        names = ["Ada", "Eve", "Zoe"]
        small_generator(max_epochs=1).fit(CharSequenceVectorizer().fit_transform(names))
        OBSERVED.append(torch.get_num_threads())


def test_nested_training(names, n_threads):
    OBSERVED.clear()
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    small_generator(max_epochs=2, callbacks=[FitAnother()]).fit(windows)
    assert OBSERVED == [1, 1]
    assert torch.get_num_threads() == n_threads_in_a_new_thread() == n_threads


def n_threads_alive():
    return len(sys._current_frames())  # includes threads that `threading` does not list


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_threads_leak(names):
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"num_networks": 2, "hidden_size": 8, "max_epochs": 1, "random_state": 0}

    def work():
        generator = CharLSTMGenerator(**params).fit(windows)
        generator.sample(n_samples=1000, random_state=0)
        generator.score(windows)

    work()
    before = n_threads_alive()
    for _ in range(5):
        work()
    wait_for(lambda: n_threads_alive() <= before)


HAS_BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
KINDS = {
    "plain": {"precision": "float32"},
    "labels": {},
    "one-hot": {"embedding_dim": None},
    "two layers": {"num_layers": 2},
    "autocast": {"precision": "bfloat16" if HAS_BFLOAT16 else "auto"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_does_not_affect_results(names, kind):
    """Weights, scores and names are identical, also for large samples."""
    names = names[:150]
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"num_networks": 2, "hidden_size": 24, "max_epochs": 2, "random_state": 0}
    results, before = [], torch.get_num_threads()
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        try:
            with threadpool_limits(n_threads, "blas"):
                generator = CharLSTMGenerator(**params, **KINDS[kind])
                labels = np.resize(["a", "b"], len(names)) if kind == "labels" else None
                generator.fit(windows, labels)
                drawn = generator.sample(n_samples=600, random_state=0)
                if kind in ("plain", "labels"):  # threads learn the lookahead
                    drawn += generator.sample(n_samples=200, pattern=".*x.*", random_state=0)
                scores = generator.score_samples(windows).tolist()
                proba = generator.next_char_proba(["", "Ma"]).tolist()
        finally:
            torch.set_num_threads(before)
        networks = generator.__getstate__()["_networks"]
        weights = [array.tobytes() for network in networks for array in network["lstm"].values()]
        results.append((weights, drawn, scores, proba, generator.loss_curve_))
    assert results[0] == results[1]


def assert_forked_child_gets(get, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads
        child = os.fork()
    if not child:
        os._exit(get() != expected)
    deadline, status = time.monotonic() + 60, (0, 0)
    while status[0] == 0 and time.monotonic() < deadline:
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    if status[0] == 0:
        os.kill(child, 9)
    assert status == (child, 0)


@pytest.mark.parametrize("make_pipe", [small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def test_forked_child_samples_while_its_parent_samples(names, make_pipe):
    generator = make_pipe().fit(names)[-1]
    expected, done = generator.sample(n_samples=150, random_state=0), threading.Event()

    def sample():
        while not done.is_set():
            generator.sample(n_samples=150)

    parent = threading.Thread(target=sample)
    parent.start()
    try:
        for _ in range(6):
            assert_forked_child_gets(
                lambda: generator.sample(n_samples=150, random_state=0), expected
            )
    finally:
        done.set()
        parent.join()
