"""One thread for the arithmetic of small networks."""

from contextlib import contextmanager
from threading import Thread

import torch


@contextmanager
def one_thread():
    """Let torch compute with one thread inside the block, in the calling thread only.

    More threads gain nothing on networks of this size, lose much beside other busy
    processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        yield
        return
    try:
        torch.set_num_threads(1)
        # That is also what threads get which torch meets from now on. Another thread sets this
        # default back without touching the number of the calling one.
        other = Thread(target=torch.set_num_threads, args=(n_threads,))
        other.start()
        other.join()
        yield
    finally:
        torch.set_num_threads(n_threads)
