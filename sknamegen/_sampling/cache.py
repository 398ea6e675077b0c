"""What is kept for further calls, bounded in bytes."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

MAX_BYTES = 64 * 2**20
_Value = TypeVar("_Value")


class Cache:
    """Keeps the values that were used last, up to `max_bytes` in all.

    Any number of threads may use it: a value may then be made twice. There is no lock, which a
    forked process could inherit. Values have `nbytes`.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        self._kept: dict[Hashable, Any] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return sum(value.nbytes for value in list(self._kept.values()))

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return the value of a key, made now if it is not kept."""
        value: Any = self._kept.pop(key, None)
        if value is None:
            value = make()
        if value.nbytes <= self.max_bytes:
            self._kept[key] = value  # after the others: the first one goes first
            while self.nbytes > self.max_bytes:
                self._kept.pop(next(iter(self._kept.copy())), None)
        return value
