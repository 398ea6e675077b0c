"""Blocks of work on several cores: the same digits for any number of threads.

Each block computes with one BLAS thread, whoever else computes: more would gain nothing on
products of this size, lose much beside other busy processes, and change the last digits of sums.
"""

import os
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from queue import SimpleQueue
from time import sleep
from typing import Any, Generic, TypeVar
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


class _Block:
    """Stands for a block of code that computes with one BLAS thread, as long as it does."""


# Kept weakly: what Ctrl-C tears down half-way counts no more at the next call.
_computing: WeakSet[_Block] = WeakSet()
_before: list[int] = []  # the threads that BLAS had when the first of them began
_changing = threading.Lock()


@cache
def _libraries() -> list[Any]:
    """Return what controls the BLAS that numpy uses; finding it takes a millisecond."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_threads(numbers: Iterable[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        # From version 3.8 on only one thread may set it, as long as it lives, unless it is let go.
        getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
        library.set_num_threads(number)


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Let BLAS compute with one thread inside the block; yield how many the caller allows."""
    block = _Block()
    try:
        with _changing:
            if not _computing:  # elsewhere it is set, and must not be while others compute
                _before[:] = _before or [each.get_num_threads() for each in _libraries()]
                if any(number > 1 for number in _before):
                    _set_threads([1] * len(_before))
            _computing.add(block)
            n_threads = max(_before, default=os.cpu_count() or 1)
        yield n_threads
    finally:
        with _changing:
            _computing.discard(block)
            if not _computing:
                _restore()


def _restore():
    if any(number > 1 for number in _before):
        _set_threads(_before)
    _before.clear()


def _after_fork():
    """Begin anew in a child, which has none of its parent's other threads."""
    global _changing
    _changing = threading.Lock()
    _computing.clear()
    _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def side_by_side(
    function: Callable[..., _Result], calls: Iterable[tuple[Any, ...]]
) -> list[_Result]:
    """Call a function like `itertools.starmap`, as many calls at once as BLAS may use threads."""
    waiting = deque(enumerate(calls))
    with one_blas_thread() as n_threads:
        n_helpers = min(n_threads, len(waiting)) - 1
        return share(function, waiting, n_helpers, lambda help_out: start_new_thread(help_out, ()))


def share(
    function: Callable[..., _Result],
    waiting: deque[tuple[int, tuple[Any, ...]]],
    n_helpers: int,
    start: Callable[[Callable[[], None]], object],
) -> list[_Result]:
    """Make numbered calls with the help of other threads; return their results in order.

    ``start(help_out)`` lets one more thread help out. This thread makes calls too; the others
    end by themselves when none is left. After an error or Ctrl-C no further call is begun, and
    those that were are waited for, as BLAS must not get its threads back under them.
    """
    results: dict[int, _Result] = {}
    errors: list[BaseException] = []
    ended: list[None] = []  # of each helper
    news: SimpleQueue[None] = SimpleQueue()

    def work() -> None:
        while waiting:
            try:
                number, arguments = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            results[number] = function(*arguments)

    def help_out() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            ended.append(None)
            news.put(None)

    n_started = 0
    try:
        with suppress(RuntimeError):  # no thread can be started once the main one has ended
            for _ in range(n_helpers):
                start(help_out)
                n_started += 1
        work()
        while len(ended) < n_started and not errors:
            news.get()
    finally:
        waiting.clear()
        while len(ended) < n_started:  # what Ctrl-C may tear from `news` is not missed
            sleep(0.001)
    if errors:
        raise errors[0]
    return [results[number] for number in sorted(results)]
