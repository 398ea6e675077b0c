"""How torch computes here: each thing in one thread, and as if nobody else had set anything."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from threading import Thread
from typing import Any, TypeVar

import torch

_Result = TypeVar("_Result")
_here = threading.local()  # .pool: the threads that `side_by_side` may use, if there are any
_changing = threading.Lock()  # the number of threads that torch takes by default


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
    with _changing:
        n_threads = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    on_processor: Any = nullcontext()
    if torch.get_default_device().type != "cpu":  # a context that slows down all calls
        on_processor = torch.device("cpu")
    before, pool = getattr(_here, "pool", None), None
    try:
        if n_threads > 1:
            _compute_alone(n_threads)
            pool = ThreadPoolExecutor(n_threads, "sknamegen", _compute_alone, (n_threads,))
            _here.pool = pool
        for kind in autocast:
            torch.set_autocast_enabled(kind, False)
        with torch.inference_mode(False), torch.enable_grad(), on_processor:
            yield
    finally:
        _here.pool = before
        if n_threads > 1:
            torch.set_num_threads(n_threads)
        torch.set_grad_enabled(gradients)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
        if pool:
            pool.shutdown()


def side_by_side(function: Callable[..., _Result], *args: Iterable[Any]) -> list[_Result]:
    """Call a function like `map`, several calls at once, each in a thread of its own.

    There are as many threads as the caller of `own_torch` let torch use; one call, or calls
    outside of such a block, are made in turn in this thread. The other threads have none of
    torch's modes of this one, so the function sets those it needs. What comes out does not
    depend on the threads, as each call computes in one.
    """
    pool, calls = getattr(_here, "pool", None), list(zip(*args, strict=True))
    futures: list[Future[_Result]] = []
    with suppress(RuntimeError):  # no thread can be started once the main thread has ended
        futures.extend(pool.submit(function, *call) for call in calls if pool and len(calls) > 1)
    try:
        in_turn = [function(*call) for call in calls[len(futures) :]]
        return [future.result() for future in futures] + in_turn
    finally:  # nothing computes on, not even after Ctrl-C
        for future in futures:
            future.cancel()
        wait(futures)


def _compute_alone(n_threads):
    """Let torch compute with one thread in this thread, of the `n_threads` that it takes."""
    with _changing:
        torch.get_num_threads()  # the first call in a thread sets the default
        torch.set_num_threads(1)
        # That is also what threads get which torch meets from now on. Another thread sets
        # this default back without touching the number of the calling one.
        other = Thread(target=torch.set_num_threads, args=(n_threads,))
        other.start()
        other.join()
