"""Tests of parallel calls and of the number of BLAS threads."""

import threading
import time
import weakref
from functools import partial

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sknamegen._parallel import in_threads, one_blas_thread, parallel_map

needs_blas = pytest.mark.skipif(
    all(library["user_api"] != "blas" for library in threadpool_info()),
    reason="needs a BLAS whose number of threads can change, unlike Accelerate",
)


@pytest.fixture(params=[pytest.param(n, marks=needs_blas) for n in (1, 3)])
def n_threads(request):
    with threadpool_limits(request.param, "blas"):
        yield request.param


def test_calls_run_in_parallel_and_results_are_in_order(n_threads):
    barrier, idents = threading.Barrier(n_threads, timeout=30), set()

    def call(number, letter):
        barrier.wait()
        idents.add(threading.get_ident())
        return number, letter

    calls = list(zip(range(n_threads), "abc"[:n_threads], strict=True))
    for map_calls in (parallel_map, partial(in_threads, n_threads=n_threads)):
        idents.clear()
        assert map_calls(call, calls) == calls
        assert len(idents) == n_threads
        assert map_calls(call, []) == []
        with pytest.raises(ZeroDivisionError):  # in the last call, which another thread may run
            map_calls(lambda number, _: barrier.wait() / (number + 1 - n_threads), calls)


def test_no_call_starts_after_an_interrupt(n_threads):
    started = []

    def call(number):
        started.append(number)
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt):
        parallel_map(call, [(number,) for number in range(20)])
    n_started = len(started)
    time.sleep(0.2)
    assert len(started) == n_started <= 2 * n_threads
    assert parallel_map(abs, [(-1,), (-2,)]) == [1, 2]


def test_running_calls_are_stopped_after_an_error():
    """The caller waits until the calls have ended."""
    stopped, ended = threading.Event(), []

    def call(number):
        if number == 0:
            raise ZeroDivisionError
        assert stopped.wait(30)
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(ZeroDivisionError):
        in_threads(call, [(1,), (0,)], 2, stopped)
    assert ended == [1]


def test_threads_release_their_objects(n_threads):
    """Tensors that are freed while Python shuts down abort the process."""
    for _ in range(20):
        resource = threading.Event()
        is_alive = weakref.ref(resource)
        calls = [(number,) for number in range(n_threads)]
        in_threads(lambda number, resource=resource: time.sleep(0.001), calls, n_threads)
        del resource
        assert is_alive() is None


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@needs_blas
def test_number_of_blas_threads_is_restored_after_all_calls():
    """The number is also restored after Ctrl-C, and by the last of several overlapping blocks."""
    started, seen, n_before = threading.Event(), [], []

    def compute(number):
        if threading.get_ident() == threading.main_thread().ident:
            started.wait()
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.1)
        seen.append(blas_threads()[0])

    def hold_block():
        with one_blas_thread() as n_threads:
            n_before.append(n_threads)
            entered.set()
            may_leave.wait()

    entered, may_leave = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold_block)
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with pytest.raises(KeyboardInterrupt):
            parallel_map(compute, [(0,), (1,)])
        assert seen == [1]
        assert blas_threads() == before
        with one_blas_thread() as n_threads:
            assert n_threads == 2
            holder.start()
            entered.wait()
        assert blas_threads()[0] == 1
        assert n_before == [2]
        may_leave.set()
        holder.join()
        assert blas_threads() == before
