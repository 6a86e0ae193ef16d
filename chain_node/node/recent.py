"""A small memory of what was used last, shared by threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """Keeps the values used last; like `functools.lru_cache`, but values can also be put in."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._value_by_key: OrderedDict[_Key, _Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: _Key, load: Callable[[_Key], _Value]) -> _Value:
        """The value of a key; loaded, outside the lock, when it is not here."""
        with self._lock:
            if key in self._value_by_key:
                self._value_by_key.move_to_end(key)
                return self._value_by_key[key]
        value = load(key)
        self.put(key, value)
        return value

    def put(self, key: _Key, value: _Value) -> None:
        """Keep a value; the one unused for longest may have to go."""
        with self._lock:
            self._value_by_key[key] = value
            self._value_by_key.move_to_end(key)
            if len(self._value_by_key) > self._count_max:
                self._value_by_key.popitem(last=False)
