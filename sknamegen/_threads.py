"""How torch computes here: in one thread, and as if nobody else had set anything."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Thread
from typing import Any

import torch


@contextmanager
def own_torch() -> Iterator[None]:
    """Let torch compute as always inside the block, with one thread, in the calling thread only.

    More threads gain nothing on networks of this size, lose much beside other busy
    processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process. The caller's autocast, inference mode, gradients and
    default device have no effect in the block. All is set back at the end: Ctrl-C may
    leave modes on between two lines of torch's own code.
    """
    n_threads = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    on_processor: Any = nullcontext()
    if torch.get_default_device().type != "cpu":  # a context that slows down all calls
        on_processor = torch.device("cpu")
    try:
        if n_threads > 1:
            torch.set_num_threads(1)
            # That is also what threads get which torch meets from now on. Another thread sets
            # this default back without touching the number of the calling one.
            other = Thread(target=torch.set_num_threads, args=(n_threads,))
            other.start()
            other.join()
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
