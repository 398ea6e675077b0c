"""One thread for the arithmetic of small networks."""

from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController  # scikit-learn requires it


@contextmanager
def one_thread():
    """Compute with one thread inside the block, in the calling thread only.

    More threads gain nothing on networks of this size, lose much beside other busy
    processes, and change the last digits of the sums, so that the same seed would
    give another model in a worker process. `torch.set_num_threads` is no
    alternative: what it sets also holds for threads that start meanwhile.
    """
    torch.get_num_threads()  # torch sets up each thread on first use, which undoes the limit
    with _controller().limit(limits=1, user_api="openmp"):
        yield


@cache
def _controller():
    return ThreadpoolController()
