"""How torch computes here: each thing in one thread, and as if nobody else had set anything."""

import threading
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Thread
from typing import Any, TypeVar

import torch

_Result = TypeVar("_Result")
_here = threading.local()  # .pool: the threads that `side_by_side` may use, None: only this one


@contextmanager
def own_torch() -> Iterator[None]:
    """Let torch compute as always inside the block, with one thread, in the calling thread only.

    More threads for one product gain nothing on networks of this size, lose much beside other
    busy processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process; see `side_by_side` for what they are good for. The
    caller's autocast, inference mode, gradients and default device have no effect in the block.
    All is set back at the end: Ctrl-C may leave modes on between two lines of torch's own code.
    """
    n_threads = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    on_processor: Any = nullcontext()
    if torch.get_default_device().type != "cpu":  # a context that slows down all calls
        on_processor = torch.device("cpu")
    pool = None
    try:
        if n_threads > 1:
            _compute_alone(n_threads)
            pool = _here.pool = ThreadPoolExecutor(
                n_threads, "sknamegen", _compute_alone, (n_threads,)
            )
        for kind in autocast:
            torch.set_autocast_enabled(kind, False)
        with torch.inference_mode(False), torch.enable_grad(), on_processor:
            yield
    finally:
        if n_threads > 1:
            torch.set_num_threads(n_threads)
        torch.set_grad_enabled(gradients)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
        if pool:
            _here.pool = None
            pool.shutdown()


def side_by_side(function: Callable[..., _Result], *args: Sized) -> Iterator[_Result]:
    """Call a function like `map`, each call in another thread, all at once.

    There are as many threads as the caller of `own_torch` let torch use. What comes out does not
    depend on them, as each call computes with one.
    """
    pool = getattr(_here, "pool", None)
    in_turn: Any = pool.map if pool and len(args[0]) > 1 else map
    return in_turn(function, *args)


def _compute_alone(n_threads):
    """Let torch compute with one thread in this thread."""
    torch.get_num_threads()  # the first call in a thread sets the default
    torch.set_num_threads(1)
    # That is also what threads get which torch meets from now on. Another thread sets
    # this default back without touching the number of the calling one.
    other = Thread(target=torch.set_num_threads, args=(n_threads,))
    other.start()
    other.join()
