import ast
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen._lstm import network
from sknamegen._threads import own_torch, side_by_side

SCRIPT = """
import threading
import time

import torch

torch.set_num_threads(2)  # as a user may have done; it also binds the matrix library

from sknamegen import _threads
from sknamegen._threads import own_torch

seen = {}


def look(name):
    seen[name] = torch.get_num_threads()


def busy_cores():
    a = torch.rand(1500, 1500)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(10):
        a @ a
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def in_thread(name):
    thread = threading.Thread(target=look, args=(name,))
    thread.start()
    thread.join()


try:
    with own_torch():
        look("inside")
        in_thread("thread started inside")
        with own_torch():
            look("nested")
        look("inside again")
        assert busy_cores() < 1.2, "matrix products still use several threads"
        1 / 0
except ZeroDivisionError:
    look("after an error")
in_thread("thread started after")


def interrupt(**kwargs):
    raise KeyboardInterrupt


_threads.Thread = interrupt
try:
    with own_torch():
        pass
except KeyboardInterrupt:
    look("after Ctrl-C on the way in")
print(seen)
"""


def test_one_thread_here_and_nowhere_else():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == {
        "inside": 1,
        "thread started inside": 2,
        "nested": 1,
        "inside again": 1,
        "after an error": 2,
        "thread started after": 2,
        "after Ctrl-C on the way in": 2,
    }


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_calls_side_by_side_are_made_at_once_with_one_thread_each(n_threads):
    barrier = threading.Barrier(n_threads, timeout=30)

    def call(number, letter):
        barrier.wait()
        return number, letter, torch.get_num_threads(), torch.is_grad_enabled()

    with torch.no_grad(), own_torch():
        done = side_by_side(call, range(n_threads), "abc"[:n_threads])
    assert done == [(number, "abc"[number], 1, True) for number in range(n_threads)]
    assert torch.get_num_threads() == n_threads


def test_without_threads_calls_are_made_in_turn():
    def call(number):
        return number, threading.current_thread()

    assert side_by_side(call, [1, 2]) == [(n, threading.current_thread()) for n in (1, 2)]


def test_errors_of_any_thread_are_raised(n_threads):
    def call(number):
        return 1 / number

    with own_torch(), pytest.raises(ZeroDivisionError):
        side_by_side(call, [1, 0])


def test_nothing_computes_on_after_an_interruption(n_threads):
    ended = []

    def call(number):
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.1)
        ended.append(number)

    with own_torch():
        with pytest.raises(KeyboardInterrupt):
            side_by_side(call, range(3))
        n_ended = len(ended)
        time.sleep(0.3)
        assert len(ended) == n_ended
        # The threads are still there for what comes next, and in a block within this one.
        with own_torch():
            assert side_by_side(abs, [-1, -2]) == [1, 2]
        assert side_by_side(abs, [-1, -2]) == [1, 2]


def test_a_thread_may_outlive_the_main_one():
    """As where a script ends with the start of a thread that trains."""
    script = """
import threading, time
import torch
torch.set_num_threads(2)
from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

def train():
    threading.main_thread().join()
    windows = CharSequenceVectorizer().fit_transform(load_names("female")[::20])
    generator = CharLSTMGenerator(num_networks=2, hidden_size=8, max_epochs=1, random_state=0)
    print(generator.fit(windows).sample("Ma", random_state=0))

threading.Thread(target=train).start()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("Ma"), done.stderr


HAS_BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
KINDS = {
    "plain": {"precision": "float32"},
    "labels": {},
    "one-hot": {"embedding_dim": None},
    "two layers": {"num_layers": 2},
    "autocast": {"precision": "bfloat16" if HAS_BFLOAT16 else "auto"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_nothing_but_the_time(names, monkeypatch, kind):
    """Not a digit of the weights, the scores or the names, also where many are written at once."""
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"num_networks": 2, "hidden_size": 24, "max_epochs": 2, "random_state": 0}
    made, threads, before = [], set(), torch.get_num_threads()

    def told(function, *args):
        def call(*args):
            threads.add(threading.current_thread())
            return function(*args)

        return side_by_side(call, *args)

    monkeypatch.setattr(network, "side_by_side", told)
    for n_threads in (1, 2):
        threads.clear()
        torch.set_num_threads(n_threads)
        try:
            generator = CharLSTMGenerator(**params, **KINDS[kind])
            generator.fit(windows, np.resize(["a", "b"], len(names)) if kind == "labels" else None)
            weights = generator.net_.module_.state_dict().values()
            drawn = generator.sample(n_samples=1500, random_state=0)
            scores = generator.score_samples(windows).tolist()
        finally:
            torch.set_num_threads(before)
        assert (threading.current_thread() in threads) == (n_threads == 1)
        assert threads
        made.append((b"".join(w.numpy().tobytes() for w in weights), scores, drawn))
    assert made[0] == made[1]
