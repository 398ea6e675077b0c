"""Threads: as many as the caller allows, the same digits for any number, none left behind."""

import ast
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref

import numpy as np
import pytest
import torch
from conftest import ngram_pipeline, small_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen import _threads as numpy_threads
from sknamegen._threads import one_blas_thread
from sknamegen._training import threads
from sknamegen._training.threads import own_torch, side_by_side

SCRIPT = """
import threading
import time

import torch

torch.set_num_threads(2)  # as a user may have done; it also binds the matrix library

from sknamegen._training.threads import own_torch

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


def enter_and_leave():
    while not is_over.is_set():
        with own_torch():
            pass


is_over = threading.Event()
training = threading.Thread(target=enter_and_leave)
training.start()
meanwhile = set()
for _ in range(300):
    in_thread("meanwhile")
    meanwhile.add(seen.pop("meanwhile"))
is_over.set()
training.join()
seen["threads started meanwhile"] = meanwhile

set_autocast = torch.set_autocast_enabled


def interrupt(*args):
    torch.set_autocast_enabled = set_autocast
    raise KeyboardInterrupt


torch.set_autocast_enabled = interrupt
try:
    with own_torch():
        pass
except KeyboardInterrupt:
    look("after Ctrl-C on the way in")
print(seen)

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names


def train():
    threading.main_thread().join()
    windows = CharSequenceVectorizer().fit_transform(load_names("female")[::20])
    generator = CharLSTMGenerator(num_networks=2, hidden_size=8, max_epochs=1, random_state=0)
    print(generator.fit(windows).sample("Ma", random_state=0))


threading.Thread(target=train).start()
"""


@pytest.fixture(scope="module")
def printed():
    """What the script printed, line by line."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_one_thread_here_and_nowhere_else(printed):
    assert ast.literal_eval(printed[0]) == {
        "inside": 1,
        "thread started inside": 2,
        "nested": 1,
        "inside again": 1,
        "after an error": 2,
        "thread started after": 2,
        "threads started meanwhile": {2},
        "after Ctrl-C on the way in": 2,
    }


def test_a_thread_may_outlive_the_main_one(printed):
    """As where a script ends with the start of a thread that trains."""
    assert len(printed) == 2
    assert printed[1].startswith("Ma")


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
        return number, threading.get_ident()

    assert side_by_side(call, [1, 2]) == [(n, threading.get_ident()) for n in (1, 2)]


def test_errors_of_any_thread_are_raised(n_threads):
    def call(number):
        return 1 / number

    with own_torch(), pytest.raises(ZeroDivisionError):
        side_by_side(call, [1, 0])


def n_threads_alive():
    return len(sys._current_frames())  # also of those that `threading` does not know


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_call_is_begun_after_an_interruption(n_threads):
    begun = []

    def call(number):
        begun.append(number)
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)

    with own_torch():
        with pytest.raises(KeyboardInterrupt):
            side_by_side(call, range(20))
        n_begun = len(begun)
        time.sleep(0.3)
        assert len(begun) == n_begun <= 2 * n_threads
        # The threads are still there for what comes next, and in a block within this one.
        with own_torch():
            assert side_by_side(abs, [-1, -2]) == [1, 2]
        assert side_by_side(abs, [-1, -2]) == [1, 2]


def test_what_threads_held_is_free_when_the_block_ends(n_threads):
    """Freed later, perhaps while Python ends, tensors abort the process."""

    class Held:
        pass

    for _ in range(20):
        held = Held()
        is_alive = weakref.ref(held)
        with own_torch():
            side_by_side(lambda number, held=held: time.sleep(0.001), range(n_threads))
            del held
        assert is_alive() is None


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
def test_threads_change_nothing_but_the_time(names, monkeypatch, kind):
    """Not a digit of the weights, the scores or the names, also where many are written at once."""
    names = names[:150]
    windows = CharSequenceVectorizer().fit_transform(names)
    params = {"num_networks": 2, "hidden_size": 24, "max_epochs": 2, "random_state": 0}
    made, seen, before = [], {}, torch.get_num_threads()

    def told(where, share):
        def call(function, *args):
            def noted(*args):
                seen.setdefault(where, set()).add(threading.get_ident())
                return function(*args)

            return share(noted, *args)

        return call

    # Of both halves: what torch does, and what numpy does.
    monkeypatch.setattr(threads, "share", told("torch", threads.share))
    monkeypatch.setattr(numpy_threads, "share", told("numpy", numpy_threads.share))
    for n_threads in (1, 2, 3):
        seen.clear()
        torch.set_num_threads(n_threads)
        try:
            with threadpool_limits(n_threads, "blas"):
                generator = CharLSTMGenerator(**params, **KINDS[kind])
                labels = np.resize(["a", "b"], len(names)) if kind == "labels" else None
                generator.fit(windows, labels)
                drawn = generator.sample(n_samples=600, random_state=0)
                drawn += generator.sample(n_samples=200, pattern=".*x.*", random_state=0)
                scores = generator.score_samples(windows).tolist()
                proba = generator.next_char_proba(["", "Ma"]).tolist()
        finally:
            torch.set_num_threads(before)
        assert len(seen["numpy"]) > 1 if n_threads > 1 else len(seen["numpy"]) == 1
        assert len(seen.get("torch", ())) > 1 if n_threads > 1 else "torch" not in seen
        weights = generator.net_.module_.state_dict().values()
        written = drawn, scores, proba
        made.append((b"".join(w.numpy().tobytes() for w in weights), *written))
    assert made[0] == made[1] == made[2]


def blas_threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_blas_computes_with_one_thread_and_has_its_threads_back():
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with one_blas_thread() as n_threads:
            assert n_threads == 2
            assert blas_threads()[0] == 1
            with one_blas_thread() as n_inside:
                assert n_inside == 2
            assert blas_threads()[0] == 1
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == before


def test_blas_has_its_threads_back_when_nothing_computes_any_more():
    """Also after Ctrl-C, and whichever thread is the last."""
    started, seen = threading.Event(), []

    def compute(number):
        if threading.get_ident() == threading.main_thread().ident:
            started.wait()
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.1)
        seen.append(blas_threads()[0])

    def outlast():
        with one_blas_thread():
            entered.set()
            left.wait()

    entered, left = threading.Event(), threading.Event()
    other = threading.Thread(target=outlast)
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with pytest.raises(KeyboardInterrupt):
            numpy_threads.side_by_side(compute, [(0,), (1,)])
        assert seen == [1]
        assert blas_threads() == before
        with one_blas_thread():
            other.start()
            entered.wait()
        assert blas_threads()[0] == 1
        left.set()
        other.join()
        assert blas_threads() == before


def test_blocks_of_several_threads_overlap():
    """The last of them sets the number back."""
    first, second = one_blas_thread(), one_blas_thread()
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads()[0] == 1
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_a_block_that_was_torn_down_counts_no_more():
    """As where Ctrl-C comes in the lines that end it: the next block sets the number back."""
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        numpy_threads._computing.add(block := numpy_threads._Block())
        numpy_threads._before[:] = [2] * len(numpy_threads._libraries())
        numpy_threads._set_threads([1] * len(numpy_threads._before))
        del block
        with one_blas_thread() as n_threads:
            assert n_threads == 2
        assert blas_threads() == before


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


def test_a_forked_child_may_compute_what_its_parent_does_just_then():
    class Holder:
        def __init__(self, may_go_on):
            self.may_go_on = may_go_on

        @numpy_threads.cached
        def value(self):
            assert self.may_go_on.wait(60)
            return [1]

    slow, quick = Holder(threading.Event()), Holder(threading.Event())
    quick.may_go_on.set()
    parent = threading.Thread(target=lambda: slow.value)
    parent.start()
    assert_a_forked_child_gets(lambda: quick.value, [1])
    slow.may_go_on.set()
    parent.join()
    assert slow.value is slow.value


def test_a_forked_child_may_sample_while_its_parent_changes_threads(generator):
    """That is the moment at which a child would wait for a thread that it does not have."""
    expected = generator.sample(n_samples=150, random_state=0)
    with one_blas_thread(), numpy_threads._changing:
        assert_a_forked_child_gets(
            lambda: generator.sample(n_samples=150, random_state=0), expected
        )
