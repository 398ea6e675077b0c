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
        entry: Any = self._entries.pop(key, None)
        if entry is None:
            value, seen = compute(), set[int]()
            entry = value, _size(key, seen) + _size(value, seen)
        if entry[1] <= self.max_bytes:
            self._entries[key] = entry  # at the end, because eviction starts at the front
            while self.nbytes > self.max_bytes:
                self._entries.pop(next(iter(self._entries.copy())), None)
        return entry[0]


def _size(value: Any, seen: set[int]) -> int:
    """Return the approximate size of a value and its parts, in bytes.

    `seen` contains the ids of objects that are counted already. Parts are counted if they are
    arrays, or in tuples, lists, sets and keys of dicts. All others belong to the generator.
    """
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if issparse(value):
        value = value.data, value.indices, value.indptr
    parts = value if isinstance(value, (tuple, list, frozenset, dict)) else ()
    return getattr(value, "nbytes", sys.getsizeof(value)) + sum(_size(part, seen) for part in parts)
