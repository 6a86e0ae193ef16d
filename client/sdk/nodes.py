"""Several nodes of one chain as one JSON-RPC connection: when the node in use dies, the next goes on.

A node is taken into use only when it is on the same chain (id and genesis block) and not behind what this client has
seen of it. A request may reach two nodes this way. That doubles nothing: what changes the chain are signed bytes, and
the same bytes are the same transaction everywhere.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from client.sdk.endpoint import Endpoint, EndpointError, Sight
from client.sdk.errors import UnavailableError

QUICK_TIMEOUT_S = 5.0
"""For requests that a healthy node answers at once, where there is another node to ask."""
BEHIND_PATIENCE_S = 10.0
"""How long a node that answers and is behind may take to come up to what was seen."""
LAG_BLOCKS_MAX = 2
"""At first contact a node this far behind another is taken all the same: its blocks are on their way."""
LOOK_AROUND_S = 5.0
"""Between two looks whether the node in use stands still while another goes on."""

_PASSES = 3
_PAUSE_S = 0.1
_QUICK_METHODS = frozenset(
    (
        "eth_blockNumber",
        "eth_chainId",
        "eth_gasPrice",
        "eth_getBlockByNumber",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_sendRawTransaction",
        "tranchain_getFinality",
    )
)
_BLOCK_NAMED_BY = {"eth_blockNumber": "", "eth_getBlockByNumber": "number", "eth_getTransactionReceipt": "blockNumber"}
"""Field of an answer that names a block; "" where the answer is the number."""
_log = logging.getLogger(__name__)


Answer = TypeVar("Answer")


class NodePool(JSONBaseProvider):
    """The nodes a client may use, one of them in use; a provider for web3. Thread-safe."""

    def __init__(self, urls: str, *, timeout_s: float, warn: Callable[[str], None] = _log.warning):
        """Use the nodes at `urls`, separated by commas, in this order; nothing is sent yet.

        `timeout_s` bounds one request; `warn` gets one line whenever the node in use changes.
        """
        super().__init__()
        self.endpoints = tuple(Endpoint(url) for url in dict.fromkeys(each.strip() for each in urls.split(",")))
        self._timeout_s, self._warn = timeout_s, warn
        self._lock = threading.RLock()
        self._in_use: Endpoint | None = None
        self._left: tuple[Endpoint, str] | None = None
        """The node that was in use last, and why no more."""
        self._chain: tuple[int, str] | None = None
        self._seen = 0
        """Highest block that this client was told of, or should have been."""
        self._looked_at, self._look_count = time.monotonic(), 0
        self._suspected_at: int | None = None
        """Head of the node in use at a look that found another ahead of it."""
        self.generation = 0
        """Grows whenever a node is taken into use: what only the one before knew, its pool, may be lost then."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask the node in use, and the next ones where it fails.

        Raises:
            UnavailableError: no node can be used, with the reason of each.
        """
        body = self.encode_rpc_request(method, params)
        is_quick = len(self.endpoints) > 1 and method in _QUICK_METHODS
        timeout_s = min(QUICK_TIMEOUT_S, self._timeout_s) if is_quick else self._timeout_s
        answer = self._asked(lambda endpoint: endpoint.post(body, timeout_s=timeout_s))
        self._note(method, answer.get("result"))
        return answer  # type: ignore[return-value]  # JSON-RPC, as far as `post` looked

    def ask_many(self, method: str, params: Sequence[Sequence[object]]) -> list[dict[str, Any]]:
        """Ask one method with each of these parameters in one request; returns an answer each, as `make_request`."""
        bodies = [
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": each}).encode()
            for number, each in enumerate(params)
        ]
        return self._asked(lambda endpoint: endpoint.post_many(bodies, timeout_s=self._timeout_s))

    def _asked(self, ask: Callable[[Endpoint], Answer]) -> Answer:
        self._look_around()
        why = ""
        for _ in range(_PASSES + len(self.endpoints)):
            endpoint = self._node_in_use()
            try:
                return ask(endpoint)
            except EndpointError as error:
                why = f"{error} ({endpoint.place})"
                self._leave(endpoint, str(error))
        raise UnavailableError(self._service, why)

    @property
    def _service(self) -> str:
        return "the node" if len(self.endpoints) == 1 else "the chain"

    def _node_in_use(self) -> Endpoint:
        with self._lock:
            if self._in_use is None:
                self._in_use = self._choose()
                self.generation += 1
                if self._left is not None:
                    left, why = self._left
                    then = "it answers again" if self._in_use is left else f"going on with {self._in_use.place}"
                    self._warn(f"node {left.place}: {why}; {then}")
                    self._left = None
            return self._in_use

    def _leave(self, endpoint: Endpoint, why: str) -> None:
        """Have the next request choose anew, unless another thread has left the node meanwhile."""
        with self._lock:
            if self._in_use is endpoint:
                self._in_use, self._left, self._suspected_at = None, (endpoint, why), None

    def _choose(self) -> Endpoint:
        """Return the first fit node, the one that was left coming last; wait a little for those that are behind."""
        started, passes = time.monotonic(), 0
        while True:
            sights = self._look_at(self._in_order())
            if self._chain is None:
                self._meet(sights)
            unfit = {endpoint: self._why_unfit(sight) for endpoint, sight in sights.items()}
            chosen = next((endpoint for endpoint, why in unfit.items() if not why), None)
            if chosen is not None:
                self._warn_of_skipped(unfit, chosen)
                return chosen
            passes += 1
            can_catch_up = any(isinstance(each, Sight) and each.chain == self._chain for each in sights.values())
            if time.monotonic() - started > BEHIND_PATIENCE_S if can_catch_up else passes == _PASSES:
                reasons = "; ".join(f"{why} ({endpoint.place})" for endpoint, why in unfit.items())
                raise UnavailableError(self._service, reasons)
            time.sleep(_PAUSE_S * min(2**passes, 8))

    def _in_order(self) -> Sequence[Endpoint]:
        start = self.endpoints.index(self._left[0]) + 1 if self._left else 0
        return self.endpoints[start:] + self.endpoints[:start]

    def _look_at(self, endpoints: Sequence[Endpoint]) -> dict[Endpoint, Sight | str]:
        """Return what each node says, or why nothing; looks no further than needed once the chain is known."""
        sights: dict[Endpoint, Sight | str] = {}
        for endpoint in endpoints:
            try:
                sight = sights[endpoint] = endpoint.look()
            except EndpointError as error:
                sights[endpoint] = str(error)
                continue
            if self._chain is not None and not self._why_unfit(sight):
                break
        return sights

    def _meet(self, sights: dict[Endpoint, Sight | str]) -> None:
        """Take the chain from the first node that answers, and what is behind from those of the same chain."""
        first = next((each for each in sights.values() if isinstance(each, Sight)), None)
        if first is None:
            return
        self._chain = first.chain
        heads = [each.head for each in sights.values() if isinstance(each, Sight) and each.chain == first.chain]
        self._seen = max(0, max(heads) - LAG_BLOCKS_MAX)

    def _why_unfit(self, sight: Sight | str) -> str:
        """Return why a node cannot be used, "" when it can."""
        if isinstance(sight, str):
            return sight
        if self._chain is not None and sight.chain != self._chain:
            expected = f"chain {self._chain[0]} from block {self._chain[1][:12]}…"
            return f"chain {sight.chain_id} from block {sight.genesis_hash[:12]}…, expected {expected}"
        if sight.head < self._seen:
            return f"behind: its head is block {sight.head}, {self._seen} was seen"
        return ""

    def _warn_of_skipped(self, unfit: dict[Endpoint, str], chosen: Endpoint) -> None:
        """Say which nodes in front of the chosen one cannot be used; the one that was left is spoken of already."""
        left = self._left[0] if self._left else None
        for endpoint, why in unfit.items():
            if endpoint is chosen:
                return
            if endpoint is not left:
                self._warn(f"node {endpoint.place}: {why}; skipped")

    def _note(self, method: str, result: Any) -> None:
        """Remember the highest block that an answer names: the head, a block, or that of a receipt."""
        field = _BLOCK_NAMED_BY.get(method)
        number = result.get(field) if field and isinstance(result, dict) else result
        if field is not None and isinstance(number, str):
            with suppress(ValueError):
                self._seen = max(self._seen, int(number, 16))

    def _look_around(self) -> None:
        """Leave a node that stands still while another, on the same chain, goes on: it is cut off.

        One node is asked at a look, so that a dead one costs little; two looks must agree.
        """
        with self._lock:
            endpoint = self._in_use
            if len(self.endpoints) == 1 or endpoint is None or time.monotonic() - self._looked_at < LOOK_AROUND_S:
                return
            self._looked_at, self._look_count = time.monotonic(), self._look_count + 1
            others = [each for each in self.endpoints if each is not endpoint]
            other = others[self._look_count % len(others)]
            try:
                own, sight = endpoint.head(), other.look()
            except EndpointError:
                return  # whoever is dead is noticed when it is needed
            if sight.chain != self._chain or sight.head <= own:
                self._suspected_at = None
            elif self._suspected_at == own:
                self._seen = max(self._seen, sight.head)
                self._leave(endpoint, f"it stands still at block {own} while {other.place} is at {sight.head}")
            else:
                self._suspected_at = own
