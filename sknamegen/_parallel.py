"""Work in several threads: the same digits for any number of them.

Blocks of numpy's work compute with one BLAS thread each, whoever else computes: more would gain
nothing on products of this size, lose much where other processes are busy, and change the last
digits of sums. So do trainings with torch's threads.
"""

import os
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise
from queue import Empty, SimpleQueue
from time import sleep
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

_Result = TypeVar("_Result")


class cached(Generic[_Result]):
    """`functools.cached_property` without the lock that it has in Python 3.11.

    A fork might leave that taken. Here two threads may compute the same value.
    """

    def __init__(self, compute: Callable[[Any], _Result]):
        self._compute = compute

    def __get__(self, instance: Any, owner: Any) -> _Result:
        value = vars(instance)[self._compute.__name__] = self._compute(instance)
        return value


class Setting:
    """A setting of the process that blocks of code change.

    The last of these blocks to end, in whichever thread, sets it back.

    Parameters
    ----------
    read, write : callable
        Return and set the value.
    """

    _all: ClassVar[WeakSet["Setting"]] = WeakSet()

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], None]):
        self._read, self._write = read, write
        self._lock = threading.Lock()
        # Kept weakly: a block that Ctrl-C tears down half-way counts no more at the next call.
        self._blocks: WeakSet[threading.Event] = WeakSet()
        self._before: list[Any] = []  # the value when the first block began
        self._all.add(self)

    @contextmanager
    def changed(self, change: Callable[[Any], Any]) -> Iterator[Any]:
        """Change the value inside the block; yield the value before all blocks."""
        block = threading.Event()  # any object that can be kept weakly
        try:
            with self._lock:
                if not self._blocks:  # elsewhere it is set, and must not be while others compute
                    self._before[:] = self._before or [self._read()]
                    self._write(change(self._before[0]))
                self._blocks.add(block)
                before = self._before[0]
            yield before
        finally:
            with self._lock:
                self._blocks.discard(block)
                if not self._blocks:
                    self._restore()

    def _restore(self):
        for value in self._before:
            self._write(value)
        self._before.clear()

    @classmethod
    def after_fork(cls) -> None:
        """Set all back in a child, which has none of its parent's other threads."""
        for setting in cls._all:
            setting._lock = threading.Lock()
            setting._blocks.clear()
            setting._restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Setting.after_fork)


@cache
def _libraries() -> list[Any]:
    """Return what controls the BLAS that numpy uses; finding it takes a millisecond."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_blas_threads(numbers: list[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        if library.get_num_threads() != number:
            # From version 3.8 on only one thread may set it, as long as it lives, unless let go.
            getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
            library.set_num_threads(number)


_blas = Setting(lambda: [each.get_num_threads() for each in _libraries()], _set_blas_threads)


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Let BLAS compute with one thread inside the block; yield how many the caller allows."""
    with _blas.changed(lambda numbers: [1] * len(numbers)) as numbers:
        yield max(numbers, default=os.cpu_count() or 1)


# Numbers that are computed at a time, and that are kept at a time: 256 MB.
BLOCK_CELLS, MAX_CELLS = 2**21, 2**25
_SHARED_ROWS = 128  # from which two threads can share them


def blocks(n_rows: int, row_cells: int) -> list[slice]:
    """Cut rows of so many numbers into blocks, of 1,024 rows at most, by their number alone."""
    size = max(1, BLOCK_CELLS // max(row_cells, 2**11))
    n_blocks = min(n_rows, max(2 if n_rows >= _SHARED_ROWS else 1, -(-n_rows // size)))
    ends = [n_rows * number // n_blocks for number in range(n_blocks + 1)] if n_rows else []
    return [slice(*pair) for pair in pairwise(ends)]


def parallel_map(
    function: Callable[..., _Result], calls: Iterable[tuple[Any, ...]]
) -> list[_Result]:
    """Call a function like `itertools.starmap`, as many calls at a time as BLAS may use threads."""
    waiting = deque(enumerate(calls))
    with one_blas_thread() as n_threads:
        return _share(function, waiting, min(n_threads, len(waiting)) - 1, works=True)


def in_threads(
    function: Callable[..., _Result],
    calls: Iterable[tuple[Any, ...]],
    n_threads: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> list[_Result]:
    """Call a function like `itertools.starmap`, in other threads while this one waits.

    So Ctrl-C, which only reaches the main thread, interrupts none of the calls. After it, or after
    an error, ``stop()`` asks them to end, and they are waited for.
    """
    waiting = deque(enumerate(calls))
    return _share(function, waiting, min(n_threads, len(waiting)), works=False, stop=stop)


def _share(function, waiting, n_helpers, works, stop=lambda: None):
    """Make numbered calls with the help of other threads; return their results in order.

    After an error or Ctrl-C no further call is begun, and those that were are waited for: BLAS must
    not get its threads back under them, and Python aborts if it ends while another thread frees
    tensors.
    """
    results: dict[int, Any] = {}
    errors: list[BaseException] = []
    # Of helpers: those that have begun, and that have ended. When it is over, none begins.
    begun: list[None] = []
    ended: list[None] = []
    over: list[None] = []
    news: SimpleQueue[None] = SimpleQueue()
    n_calls = len(waiting)

    def work():
        while waiting:
            try:
                number, arguments = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            results[number] = function(*arguments)

    def help_out():
        begun.append(None)
        try:
            if not over:
                work()
        except BaseException as error:
            errors.append(error)
        finally:
            ended.append(None)
            news.put(None)

    try:
        try:
            for _ in range(n_helpers):
                start_new_thread(help_out, ())
        except RuntimeError:  # no thread can be started once the main one has ended
            works = True
        if works:
            work()
        while len(results) < n_calls and not errors:
            # Libraries such as polars let the system call go on after Ctrl-C.
            with suppress(Empty):
                news.get(timeout=0.1)
    finally:
        over.append(None)
        waiting.clear()
        stop()
        while len(ended) < len(begun):  # what Ctrl-C may tear from `news` is not missed
            sleep(0.001)
        function = stop = None  # which the threads still refer to
    if errors:
        raise errors[0]
    return [results.pop(number) for number in sorted(results)]
