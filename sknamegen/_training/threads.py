"""How torch computes in training: each thing in one thread, as if nobody else had set anything."""

import ctypes
import os
import threading
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from queue import SimpleQueue
from time import sleep
from typing import Any, TypeVar

import torch
from threadpoolctl import ThreadpoolController

from .._threads import share

_Result = TypeVar("_Result")
_here = threading.local()  # .helpers: the threads that `side_by_side` may use, if there are any


class _Helpers:
    """Threads that do what they are given until they are dismissed, and end by themselves."""

    def __init__(self, n_threads: int):
        self.n_threads = n_threads
        self.n_started = 0
        self._ended: list[None] = []
        self._process = os.getpid()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def start(self, job: Callable[[], None]) -> None:
        """Let one of the threads do it, each that was started at most once at a time."""
        if self.n_started < self.n_threads - 1:
            start_new_thread(self._serve, ())
            self.n_started += 1
        self._jobs.put(job)

    def _serve(self):
        _set_threads(1, 1)
        while job := self._jobs.get():
            job()
            del job
        self._ended.append(None)

    def dismiss(self) -> None:
        """Let the threads end when they have done what they do."""
        for _ in range(self.n_started):
            self._jobs.put(None)

    def wait(self) -> None:
        """Wait until the threads have let go of what they did, after `dismiss`.

        Python aborts if it ends while another thread frees tensors.
        """
        while len(self._ended) < self.n_started and self._process == os.getpid():
            sleep(0.0001)


@contextmanager
def own_torch() -> Iterator[None]:
    """Let torch compute as always inside the block, with one thread for one thing.

    More threads gain nothing on networks of this size, lose much beside other busy
    processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process. They may do several things at once, see
    `side_by_side`. The caller's autocast, inference mode, gradients and
    default device have no effect in the block. All is set back at the end: Ctrl-C may
    leave modes on between two lines of torch's own code.
    """
    n_threads, n_mkl_threads = torch.get_num_threads(), 0
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    on_processor: Any = nullcontext()
    if torch.get_default_device().type != "cpu":  # a context that slows down all calls
        on_processor = torch.device("cpu")
    before, helpers = getattr(_here, "helpers", None), _Helpers(n_threads)
    try:
        if n_threads > 1:
            n_mkl_threads = _set_threads(1, 1)
            _here.helpers = helpers
        for kind in autocast:
            torch.set_autocast_enabled(kind, False)
        with torch.inference_mode(False), torch.enable_grad(), on_processor:
            yield
    finally:
        helpers.dismiss()
        _here.helpers = before
        if n_threads > 1:
            _set_threads(n_threads, n_mkl_threads)
        torch.set_grad_enabled(gradients)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
        helpers.wait()  # last, as Ctrl-C may end it


def side_by_side(function: Callable[..., _Result], *args: Iterable[Any]) -> list[_Result]:
    """Call a function like `map`, several calls at once, each in a thread of its own.

    There are as many threads as the caller of `own_torch` let torch use; one call, or calls
    outside of such a block, are made in turn in this thread. The other threads have none of
    torch's modes of this one, so the function sets those it needs. What comes out does not
    depend on the threads, as each call computes in one.
    """
    helpers = getattr(_here, "helpers", None)
    if helpers is None:
        return list(map(function, *args))
    waiting = deque(enumerate(zip(*args, strict=True)))
    return share(function, waiting, min(helpers.n_threads, len(waiting)) - 1, helpers.start)


@cache
def _libraries() -> tuple[list[Any], Callable[[int], int]]:
    """Return what controls OpenMP, which torch computes with, and MKL where torch brings it."""
    set_mkl = getattr(ctypes.CDLL(torch._C.__file__), "MKL_Set_Num_Threads_Local", lambda n: 0)
    return ThreadpoolController().select(user_api="openmp").lib_controllers, set_mkl


def _set_threads(n_threads: int, n_mkl_threads: int) -> int:
    """Let torch compute with so many threads in this thread; return how many MKL had, 0 for all.

    `torch.set_num_threads` would also be what threads get that torch meets from now on.
    """
    torch.get_num_threads()  # the first call in a thread takes over what all have
    openmp, set_mkl_threads = _libraries()
    for library in openmp:
        library.set_num_threads(n_threads)
    return set_mkl_threads(n_mkl_threads)
