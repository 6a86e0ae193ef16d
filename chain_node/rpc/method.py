"""What a method is: a plain function over a call, and how costly it is. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chain_node.rpc.filters import FilterRegistry
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.params import Params
from chain_node.rpc.queries import Backend


class Session(Protocol):
    """A connection that can be told things: only a WebSocket has one."""

    def subscribe(self, params: Params) -> str:
        """Begin a subscription; gives its id."""
        ...

    def unsubscribe(self, subscription_id: str) -> bool:
        """End a subscription; false if there is none with this id."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to a method."""

    backend: Backend
    filters: FilterRegistry
    session: Session | None
    """None over HTTP."""
    params: Params


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the method table."""

    answer: Callable[[Call], JsonValue]
    is_slow: bool | Callable[[Sequence[JsonValue]], bool] = False
    """It may execute code or read many blocks: run it in a worker thread. Others run on the event loop. Where it
    depends on the parameters, a function says so."""
