"""What is kept for further calls, bounded in bytes."""

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

MAX_BYTES = 64 * 2**20


class Sized(Protocol):
    """What tells how much memory it takes."""

    nbytes: int


_Value = TypeVar("_Value", bound=Sized)


class Cache:
    """Keeps what was used last, up to so many bytes in all; more is not kept.

    Any number of threads may use it at once: a value may then be made twice. There is no lock,
    which a forked process could inherit.
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
        value: _Value | None = self._kept.pop(key, None)
        if value is None:
            value = make()
        if value.nbytes <= self.max_bytes:
            self._kept[key] = value  # behind the others: the first one goes first
            while self.nbytes > self.max_bytes:
                self._kept.pop(next(iter(self._kept.copy())), None)
        return value
