import ast
import subprocess
import sys
import threading

import pytest
import torch

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
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
        done = list(side_by_side(call, range(n_threads), "abc"))
    assert done == [(number, "abc"[number], 1, True) for number in range(n_threads)]
    assert torch.get_num_threads() == n_threads


def test_without_threads_calls_are_made_in_turn():
    def call(number):
        return number, threading.current_thread()

    assert list(side_by_side(call, [1, 2])) == [(n, threading.current_thread()) for n in (1, 2)]


def test_errors_of_any_thread_are_raised():
    def call(number):
        return 1 / number

    with own_torch(), pytest.raises(ZeroDivisionError):
        list(side_by_side(call, [1, 0]))


def test_threads_change_nothing_but_the_time(names):
    """Not a digit of the weights, the scores or the names, also where many are written at once."""
    made = []
    before = torch.get_num_threads()
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        try:
            windows = CharSequenceVectorizer().fit_transform(names)
            generator = CharLSTMGenerator(
                num_networks=2, hidden_size=24, max_epochs=2, random_state=0
            )
            generator.fit(windows)
            weights = generator.net_.module_.state_dict().values()
            drawn = generator.sample(n_samples=1500, random_state=0)
        finally:
            torch.set_num_threads(before)
        made.append((b"".join(w.numpy().tobytes() for w in weights), drawn, generator.loss_curve_))
    assert made[0] == made[1]
