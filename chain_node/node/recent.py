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

    def __init__(self, count_max: int, weigh: Callable[[_Value], int] = lambda _: 0, weight_max: int = 0) -> None:
        """Keep so many values, whose weights together are bounded; the newest stays, whatever it weighs."""
        self._count_max = count_max
        self._weigh = weigh
        self._weight_max = weight_max
        self._weight = 0
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
        """Keep a value; those unused for longest may have to go."""
        with self._lock:
            replaced = self._value_by_key.pop(key, None)
            if replaced is not None:
                self._weight -= self._weigh(replaced)
            self._value_by_key[key] = value
            self._weight += self._weigh(value)
            while len(self._value_by_key) > 1 and self._is_too_much():
                _, oldest = self._value_by_key.popitem(last=False)
                self._weight -= self._weigh(oldest)

    def _is_too_much(self) -> bool:
        return len(self._value_by_key) > self._count_max or self._weight > self._weight_max
