"""A least-recently-used cache with a size limit."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

MAX_BYTES = 64 * 2**20
_Value = TypeVar("_Value")


class Cache:
    """Cache of the most recently used values, up to `max_bytes` in total.

    Any number of threads may use a cache, and two threads may compute the same value. It has no
    lock, because a forked process could inherit a held lock. Values must have `nbytes`.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        self._values: dict[Hashable, Any] = {}

    @property
    def nbytes(self) -> int:
        """Total size of the cached values, in bytes."""
        return sum(value.nbytes for value in list(self._values.values()))

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Return the value for a key, computing it if it is not in the cache."""
        value: Any = self._values.pop(key, None)
        if value is None:
            value = compute()
        if value.nbytes <= self.max_bytes:
            self._values[key] = value  # at the end, because eviction starts at the front
            while self.nbytes > self.max_bytes:
                self._values.pop(next(iter(self._values.copy())), None)
        return value
