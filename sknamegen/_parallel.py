"""Run work in several threads, with results that do not depend on the number of threads.

Each block of numpy work uses one BLAS thread. More BLAS threads are no faster on products of this
size, are much slower if other processes are busy, and change the last digits of sums. Each network
trains on one torch thread for the same reasons.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise
from threading import Event, Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

_Result = TypeVar("_Result")
_Value = TypeVar("_Value")
_Calls = Iterable[tuple[object, ...]]


class Setting(Generic[_Value]):
    """Process-wide setting that blocks of code change temporarily.

    The last of these blocks to end, in any thread, restores the value.

    Parameters
    ----------
    read, write : callable
        Functions that return and set the value.
    """

    def __init__(self, read: Callable[[], _Value], write: Callable[[_Value], None]):
        self._read, self._write = read, write
        self._lock = Lock()
        # Weak references, so that a block interrupted by Ctrl-C does not stay registered.
        self._blocks: WeakSet[Event] = WeakSet()
        self._before: list[_Value] = []  # value before the first block
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @contextmanager
    def changed(self, value: _Value) -> Iterator[_Value]:
        """Set the value inside the block and yield the value from before all blocks."""
        block = Event()  # any object that supports weak references
        try:
            with self._lock:
                if not self._blocks:  # The value must not change while other blocks run.
                    self._before[:] = self._before or [self._read()]
                    self._write(value)
                self._blocks.add(block)
                before = self._before[0]
            yield before
        finally:
            try:
                self._leave(block)
            except KeyboardInterrupt:  # The value must not stay changed.
                self._leave(block)
                raise

    def _leave(self, block: Event) -> None:
        """End a block, and restore the value if it is the last one."""
        with self._lock:
            self._blocks.discard(block)
            if not self._blocks:
                for value in self._before:
                    self._write(value)
                self._before.clear()

    def _after_fork(self) -> None:
        """Restore the setting in a child process, which runs only one of its parent's threads."""
        self._lock = Lock()
        self._blocks.clear()
        self._leave(Event())


@cache
def _libraries() -> list[Any]:
    """Return the controllers of numpy's BLAS libraries. Finding them takes a millisecond."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_blas_threads(numbers: list[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        if library.get_num_threads() != number:
            # Since threadpoolctl 3.8, a live thread that sets the number controls it until cleared.
            getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
            library.set_num_threads(number)


_blas = Setting(lambda: [library.get_num_threads() for library in _libraries()], _set_blas_threads)


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Restrict BLAS to one thread inside the block and yield the previous number."""
    with _blas.changed([1] * len(_libraries())) as numbers:
        yield max(numbers, default=os.cpu_count() or 1)


# Maximum number of values to compute at a time, and to keep in memory (256 MB).
BLOCK_CELLS, MAX_CELLS = 2**21, 2**25
# Minimum number of rows to split between two threads.
_MIN_SPLIT_ROWS = 128


def blocks(n_rows: int, row_cells: int) -> list[slice]:
    """Split rows of `row_cells` numbers into blocks of at most 1,024 rows.

    The blocks must not depend on the number of threads, because rounding depends on the blocks.
    """
    size = max(1, BLOCK_CELLS // max(row_cells, 2**11))
    n_blocks = min(n_rows, max(2 if n_rows >= _MIN_SPLIT_ROWS else 1, -(-n_rows // size)))
    ends = [n_rows * number // n_blocks for number in range(n_blocks + 1)] if n_rows else []
    return [slice(*pair) for pair in pairwise(ends)]


def parallel_map(function: Callable[..., _Result], calls: _Calls) -> list[_Result]:
    """Call a function like `itertools.starmap`, on as many threads as BLAS may use.

    After an error or Ctrl-C, no further calls start, and this function waits for running calls.
    Otherwise the number of BLAS threads could change during a call.
    """
    calls = list(calls)
    tasks = enumerate(calls)
    results = dict[int, _Result]()
    helpers = list[Future[None]]()

    def work() -> None:
        try:
            for index, arguments in tasks:  # Each thread takes the next call.
                results[index] = function(*arguments)
        finally:
            deque(tasks, maxlen=0)  # No further calls start.

    with one_blas_thread() as n_threads:
        n_helpers = min(n_threads, len(calls)) - 1
        with ThreadPoolExecutor(max(1, n_helpers)) as pool:
            with suppress(RuntimeError):  # No thread can start after the main thread has ended.
                helpers += [pool.submit(work) for _ in range(n_helpers)]
            work()
            _results(helpers)
    return [results[index] for index in range(len(calls))]


def in_threads(
    function: Callable[..., _Result],
    calls: _Calls,
    n_threads: int = 1,
    stopped: Event | None = None,
) -> list[_Result]:
    """Call a function like `itertools.starmap`, in other threads while this thread waits.

    `stopped` asks all calls to end soon. An error sets it, and so does Ctrl-C, which reaches only
    the main thread. This function waits for all calls, and raises the error.
    """
    calls = list(calls)
    stopped = stopped or Event()

    def run(call: tuple[object, ...]) -> _Result:
        try:
            return function(*call)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            futures = [pool.submit(run, call) for call in calls]
            # With libraries such as polars, Ctrl-C does not interrupt a wait without a timeout.
            while wait(futures, 0.1).not_done:
                pass
        except RuntimeError:  # No thread can start after the main thread has ended.
            return [function(*call) for call in calls]
        except KeyboardInterrupt:
            stopped.set()
            raise
    return _results(futures)


def _results(futures: list[Future[_Result]]) -> list[_Result]:
    """Return the results of calls, or raise an error without keeping its frames in memory."""
    try:
        return list(map(Future.result, futures))
    finally:
        futures.clear()
