"""How torch computes here: in one thread, and as if nobody else had set anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the block, in the calling thread only.

    More threads gain nothing on networks of this size, lose much beside other busy
    processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process. Torch's modes are set back at the end: Ctrl-C may
    leave them on between two lines of torch's own code.
    """
    n_threads = torch.get_num_threads()
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    try:
        if n_threads > 1:
            torch.set_num_threads(1)
            # That is also what threads get which torch meets from now on. Another thread sets
            # this default back without touching the number of the calling one.
            other = Thread(target=torch.set_num_threads, args=(n_threads,))
            other.start()
            other.join()
        yield
    finally:
        if n_threads > 1:
            torch.set_num_threads(n_threads)
        torch.set_grad_enabled(gradients)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)
