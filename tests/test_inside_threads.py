"""Tests of parallel calls and of the number of BLAS threads."""

import threading
import time
import weakref

import pytest
from test_threads import assert_forked_child_gets
from threadpoolctl import threadpool_info, threadpool_limits

from sknamegen import _parallel
from sknamegen._parallel import cached, in_threads, one_blas_thread, parallel_map


@pytest.fixture(params=[1, 2, 3])
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
    assert parallel_map(call, calls) == calls
    assert len(idents) == n_threads
    assert threading.get_ident() in idents
    idents.clear()
    assert in_threads(call, calls, n_threads) == calls
    assert len(idents) == n_threads
    assert threading.get_ident() not in idents
    assert parallel_map(call, []) == in_threads(call, []) == []


@pytest.mark.parametrize("map_calls", [parallel_map, lambda *args: in_threads(*args, n_threads=2)])
def test_errors_of_any_thread_are_raised(n_threads, map_calls):
    def call(number):
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        map_calls(call, [(1,), (0,)])


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

    class Resource:
        pass

    for _ in range(20):
        resource = Resource()
        is_alive = weakref.ref(resource)
        calls = [(number,) for number in range(n_threads)]
        in_threads(lambda number, resource=resource: time.sleep(0.001), calls, n_threads)
        del resource
        assert is_alive() is None


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_one_blas_thread_restores_the_number_of_threads():
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


def test_number_of_blas_threads_is_restored_after_all_calls():
    """The number is also restored after Ctrl-C, and by the last of several overlapping blocks."""
    started, seen = threading.Event(), []

    def compute(number):
        if threading.get_ident() == threading.main_thread().ident:
            started.wait()
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.1)
        seen.append(blas_threads()[0])

    def hold_block():
        with one_blas_thread():
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
        with one_blas_thread():
            holder.start()
            entered.wait()
        assert blas_threads()[0] == 1
        may_leave.set()
        holder.join()
        assert blas_threads() == before


def test_interrupted_blocks_are_ignored():
    """If Ctrl-C interrupts the end of a block, the next block restores the number of threads."""
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        block = one_blas_thread()
        block.__enter__()
        _parallel._blas._blocks.clear()
        assert blas_threads()[0] == 1
        with one_blas_thread() as n_threads:
            assert n_threads == 2
        assert blas_threads() == before
        block.__exit__(None, None, None)
        assert blas_threads() == before


def test_forked_child_computes_while_the_parent_computes():
    class Holder:
        def __init__(self, may_continue):
            self.may_continue = may_continue

        @cached
        def value(self):
            assert self.may_continue.wait(60)
            return [1]

    slow, quick = Holder(threading.Event()), Holder(threading.Event())
    quick.may_continue.set()
    parent = threading.Thread(target=lambda: slow.value)
    parent.start()
    assert_forked_child_gets(lambda: quick.value, [1])
    slow.may_continue.set()
    parent.join()
    assert slow.value is slow.value


def test_forked_child_samples_while_the_parent_changes_threads(generator):
    """A child must not wait for a lock that only a thread of its parent can release."""
    expected = generator.sample(n_samples=150, random_state=0)
    with one_blas_thread(), _parallel._blas._lock:
        assert_forked_child_gets(lambda: generator.sample(n_samples=150, random_state=0), expected)
