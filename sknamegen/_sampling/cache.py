"""A least-recently-used cache with a size limit."""

import sys
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from scipy.sparse import issparse

MAX_BYTES = 64 * 2**20
_Value = TypeVar("_Value")


class Cache:
    """Cache of the most recently used values, up to `max_bytes` in total with their keys.

    Any number of threads may use a cache, and two threads may compute the same value. It has no
    lock, because a forked process could inherit a held lock.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        self._entries: dict[Hashable, tuple[Any, int]] = {}

    @property
    def nbytes(self) -> int:
        """Total size of the cached values and their keys, in bytes."""
        return sum(size for _, size in list(self._entries.values()))

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Return the value for a key, computing it if it is not in the cache."""
        if (entry := self._entries.pop(key, None)) is None:
            value = compute()
            entry = value, _size(key, value)
        if entry[1] <= self.max_bytes:
            self._entries[key] = entry  # at the end, because eviction starts at the front
            while self.nbytes > self.max_bytes:
                self._entries.pop(next(iter(self._entries.copy())), None)
        return entry[0]


def _size(*values: Any) -> int:
    """Return the approximate size of values and their parts, in bytes.

    Parts are counted if they are arrays, or in tuples, lists, sets and keys of dicts. All others
    belong to the generator.
    """
    left, sizes = list(values), dict[int, int]()  # by id, since a part may occur twice
    while left:
        part = left.pop()
        if isinstance(part, str):  # most parts, such as words
            sizes[id(part)] = sys.getsizeof(part)
        elif id(part) not in sizes:
            if issparse(part):
                left += part.data, part.indices, part.indptr
            elif isinstance(part, (tuple, list, frozenset, dict)):
                left += part
            sizes[id(part)] = getattr(part, "nbytes", sys.getsizeof(part))
    return sum(sizes.values())
