"""How work is shared among threads."""

import threading
import time
import weakref

import pytest
from test_threads import assert_a_forked_child_gets
from threadpoolctl import threadpool_info, threadpool_limits

from sknamegen import _parallel
from sknamegen._parallel import cached, in_threads, one_blas_thread, parallel_map


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    with threadpool_limits(request.param, "blas"):
        yield request.param


def test_calls_are_made_at_the_same_time_and_their_results_are_in_order(n_threads):
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


@pytest.mark.parametrize("share", [parallel_map, lambda *args: in_threads(*args, n_threads=2)])
def test_errors_of_any_thread_are_raised(n_threads, share):
    def call(number):
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        share(call, [(1,), (0,)])


def test_no_call_is_begun_after_an_interruption(n_threads):
    begun = []

    def call(number):
        begun.append(number)
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt):
        parallel_map(call, [(number,) for number in range(20)])
    n_begun = len(begun)
    time.sleep(0.2)
    assert len(begun) == n_begun <= 2 * n_threads
    assert parallel_map(abs, [(-1,), (-2,)]) == [1, 2]


def test_calls_are_asked_to_end_after_an_error():
    """And are waited for."""
    stopped, ended = threading.Event(), []

    def call(number):
        if number == 0:
            raise ZeroDivisionError
        assert stopped.wait(30)
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(ZeroDivisionError):
        in_threads(call, [(1,), (0,)], 2, stopped.set)
    assert ended == [1]


def test_what_threads_held_is_free_afterwards(n_threads):
    """Freed later, perhaps while Python ends, tensors abort the process."""

    class Held:
        pass

    for _ in range(20):
        held = Held()
        is_alive = weakref.ref(held)
        calls = [(number,) for number in range(n_threads)]
        in_threads(lambda number, held=held: time.sleep(0.001), calls, n_threads)
        del held
        assert is_alive() is None


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
            parallel_map(compute, [(0,), (1,)])
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
        block = one_blas_thread()
        block.__enter__()
        for setting in list(_parallel.Setting._all):
            setting._blocks.clear()
        assert blas_threads()[0] == 1
        with one_blas_thread() as n_threads:
            assert n_threads == 2
        assert blas_threads() == before
        block.__exit__(None, None, None)
        assert blas_threads() == before


def test_a_forked_child_may_compute_what_its_parent_does_just_then():
    class Holder:
        def __init__(self, may_go_on):
            self.may_go_on = may_go_on

        @cached
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
    with one_blas_thread(), _parallel._blas._lock:
        assert_a_forked_child_gets(
            lambda: generator.sample(n_samples=150, random_state=0), expected
        )
