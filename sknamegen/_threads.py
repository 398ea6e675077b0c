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
from typing import Any, TypeVar
from weakref import WeakSet

from threadpoolctl import ThreadpoolController

_Result = TypeVar("_Result")


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
        library.set_num_threads(number)


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Let BLAS compute with one thread inside the block; yield how many the caller allows."""
    block = _Block()
    try:
        with _changing:
            if not _computing:
                _before[:] = _before or [each.get_num_threads() for each in _libraries()]
            _computing.add(block)
            if any(number > 1 for number in _before):
                _set_threads([1] * len(_before))
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
        return share(function, waiting, n_helpers)


def share(
    function: Callable[..., _Result],
    waiting: deque[tuple[int, tuple[Any, ...]]],
    n_helpers: int = 0,
    start: Callable[[Callable[[], None]], object] = lambda help_out: start_new_thread(help_out, ()),
) -> list[_Result]:
    """Make numbered calls with the help of other threads; return their results in order.

    ``start(help_out)`` lets one more thread help out. This thread makes calls too; the others
    end by themselves when none is left, and nothing waits for them but for results. After an
    error or Ctrl-C no further call is begun.
    """
    results: dict[int, _Result] = {}
    finished: SimpleQueue[BaseException | None] = SimpleQueue()

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
            finished.put(error)
        else:
            finished.put(None)

    n_started = 0
    try:
        with suppress(RuntimeError):  # no thread can be started once the main one has ended
            for _ in range(n_helpers):
                start(help_out)
                n_started += 1
        work()
        for _ in range(n_started):
            if error := finished.get():
                raise error
    finally:
        waiting.clear()
    return [results[number] for number in sorted(results)]
