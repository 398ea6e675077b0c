"""A least-recently-used cache with a size limit."""

import sys
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

MAX_BYTES = 64 * 2**20
_Value = TypeVar("_Value")


class Cache:
    """Cache of the most recently used values, up to `max_bytes` in total with their keys.

    Any number of threads may use a cache, and two threads may compute the same value. It has no
    lock, because a forked process could inherit a held lock. Values must have `nbytes`.
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
            value: Any = compute()
            entry = value, value.nbytes + _size(key)
        if entry[1] <= self.max_bytes:
            self._entries[key] = entry  # at the end, because eviction starts at the front
            while self.nbytes > self.max_bytes:
                self._entries.pop(next(iter(self._entries.copy())), None)
        return entry[0]


def _size(key: object) -> int:
    """Return the approximate size of a key and its parts, in bytes."""
    inside = getattr(key, "__dict__", {}).values()
    parts: Iterable[object] = key if isinstance(key, (tuple, frozenset)) else inside
    return sys.getsizeof(key) + sum(map(_size, parts))
