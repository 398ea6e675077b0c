"""Threads: as many as the caller allows, the same digits for any number, none left behind."""

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


def test_a_thread_may_outlive_the_main_one():
    """As where a script ends with the start of a thread that trains."""
    done = subprocess.run([sys.executable, "-c", OUTLIVING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Ma")


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def threads_elsewhere():
    """How many threads torch has in a thread that starts now."""
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


# Of the trainings of a test; callbacks are copied for each network.
SEEN = []
BARRIERS = {n: threading.Barrier(n, timeout=60) for n in (1, 2, 3)}


class Look(Callback):
    """Waits for as many networks as may train at a time; notes what torch is set to."""

    def __init__(self, n_at_a_time):
        self.n_at_a_time = n_at_a_time

    def on_train_begin(self, net, **kwargs):
        BARRIERS[self.n_at_a_time].wait()

    def on_batch_end(self, net, **kwargs):
        modes = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        SEEN.append((threading.get_ident(), torch.get_num_threads(), *modes))


def test_networks_are_trained_at_the_same_time_with_one_thread_each(names, n_threads):
    SEEN.clear()
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    generator = small_generator(
        num_networks=n_threads, max_epochs=1, precision="float32", callbacks=[Look(n_threads)]
    )
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        generator.fit(windows)
    assert len({ident for ident, *_ in SEEN}) == n_threads
    assert {tuple(settings) for _, *settings in SEEN} == {(1, True, False)}
    assert torch.get_num_threads() == threads_elsewhere() == n_threads


class Fail(Callback):
    """Fails in all of the networks but the one that comes first, or in all."""

    def __init__(self, spares_first):
        self.spares_first = spares_first

    def on_batch_end(self, net, **kwargs):
        SEEN.append(net.module_)
        if net.module_ is not SEEN[0] or not self.spares_first:
            raise ZeroDivisionError


@pytest.mark.parametrize("n_networks", [1, 3])
def test_errors_of_any_thread_are_raised(names, n_threads, n_networks):
    SEEN.clear()
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    generator = small_generator(num_networks=n_networks, callbacks=[Fail(n_networks > 1)])
    with pytest.raises(ZeroDivisionError):
        generator.fit(windows)
    assert not hasattr(generator, "alphabet_")
    assert torch.get_num_threads() == threads_elsewhere() == n_threads


class FitAnother(Callback):
    """Fits another generator meanwhile."""

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        names = ["Ada", "Eve", "Zoe"]
        small_generator(max_epochs=1).fit(CharSequenceVectorizer().fit_transform(names))
        SEEN.append(torch.get_num_threads())


def test_trainings_in_trainings(names, n_threads):
    SEEN.clear()
    windows = CharSequenceVectorizer().fit_transform(names[:50])
    small_generator(max_epochs=2, callbacks=[FitAnother()]).fit(windows)
    assert SEEN == [1, 1]
    assert torch.get_num_threads() == threads_elsewhere() == n_threads


def n_threads_alive():
    return len(sys._current_frames())  # also of those that `threading` does not know


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_thread_is_left_behind(names):
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
def test_threads_change_nothing_but_the_time(names, kind):
    """Not a digit of the weights, the scores or the names, also where many are written at once."""
    names = names[:150]
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"num_networks": 2, "hidden_size": 24, "max_epochs": 2, "random_state": 0}
    made, before = [], torch.get_num_threads()
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        try:
            with threadpool_limits(n_threads, "blas"):
                generator = CharLSTMGenerator(**params, **KINDS[kind])
                labels = np.resize(["a", "b"], len(names)) if kind == "labels" else None
                generator.fit(windows, labels)
                drawn = generator.sample(n_samples=600, random_state=0)
                if kind in ("plain", "labels"):  # with a lookahead that is learned in threads, too
                    drawn += generator.sample(n_samples=200, pattern=".*x.*", random_state=0)
                scores = generator.score_samples(windows).tolist()
                proba = generator.next_char_proba(["", "Ma"]).tolist()
        finally:
            torch.set_num_threads(before)
        networks = generator.__getstate__()["_networks"]
        weights = [array.tobytes() for network in networks for array in network.values()]
        made.append((weights, drawn, scores, proba))
    assert made[0] == made[1]


def assert_a_forked_child_gets(get, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
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
def test_a_forked_child_may_sample_while_its_parent_does(names, make_pipe):
    generator = make_pipe().fit(names)[-1]
    expected, done = generator.sample(n_samples=150, random_state=0), threading.Event()

    def sample():
        while not done.is_set():
            generator.sample(n_samples=150)

    parent = threading.Thread(target=sample)
    parent.start()
    try:
        for _ in range(6):
            assert_a_forked_child_gets(
                lambda: generator.sample(n_samples=150, random_state=0), expected
            )
    finally:
        done.set()
        parent.join()
