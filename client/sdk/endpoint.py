"""One node's JSON-RPC over HTTP, without any judgement of what it says."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from client.sdk.errors import ConfigError

CONNECT_TIMEOUT_S = 3.0
LOOK_TIMEOUT_S = 5.0
"""For the questions of `look`, which a healthy node answers at once and a busy one in a second or two."""
_HEADERS = {"Content-Type": "application/json"}
_GATEWAY_FAILURES = (429, 502, 503, 504)


class EndpointError(Exception):
    """A node gave no usable answer; the message says why, without the URL, which may hold secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a node says of its chain."""

    chain_id: int
    genesis_hash: str
    head: int

    @property
    def chain(self) -> tuple[int, str]:
        """What two nodes of one chain have in common."""
        return self.chain_id, self.genesis_hash


class Endpoint:
    """The JSON-RPC of one node. Thread-safe: every thread has connections of its own."""

    def __init__(self, url: str):
        """Nothing is sent yet; ConfigError unless `url` is one of HTTP."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError("RPC URL", got=url, expected="a port up to 65535") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError("RPC URL", got=url, expected="http:// or https://")
        self._url = url
        self.place = f"{host}:{port}" if port else host
        """Host and port."""
        self._connections = threading.local()

    def post(self, body: bytes, *, timeout_s: float) -> dict[str, Any]:
        """Send one JSON-RPC request and return the answer, which may be an error of the node's.

        A connection that broke is made anew once: the node may have closed it while it was idle.

        Raises:
            EndpointError: no answer, or none of JSON-RPC.
            requests.HTTPError: the node refuses the request as such, for instance as too large.
        """
        return _checked(self._answer(body, timeout_s))

    def post_many(self, bodies: Sequence[bytes], *, timeout_s: float) -> list[dict[str, Any]]:
        """Send JSON-RPC requests with the ids 0, 1, 2, … as one batch and return the answers in that order; as `post`.

        A node may refuse a batch as a whole: its one answer is then that of each request.
        """
        found = self._answer(b"[" + b",".join(bodies) + b"]", timeout_s)
        if isinstance(found, dict):
            return [_checked(found)] * len(bodies)
        answers = {each.get("id"): each for each in found if isinstance(each, dict)} if isinstance(found, list) else {}
        return [_checked(answers.get(number)) for number in range(len(bodies))]

    def _answer(self, body: bytes, timeout_s: float) -> Any:
        try:
            response = self._sent(body, timeout_s)
        except requests.Timeout as error:
            raise EndpointError("no answer in time") from error
        except requests.RequestException as error:
            raise EndpointError("no connection") from error
        if response.status_code in _GATEWAY_FAILURES:
            raise EndpointError(f"HTTP {response.status_code}")
        response.raise_for_status()
        try:
            return json.loads(response.content)
        except ValueError as error:
            raise EndpointError("it answered with something else than JSON") from error

    def ask(self, method: str, *params: object, timeout_s: float = LOOK_TIMEOUT_S) -> Any:
        """Return the result of one method; EndpointError where there is none."""
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).encode()
        try:
            answer = self.post(body, timeout_s=timeout_s)
        except requests.HTTPError as error:
            raise EndpointError("it refuses the request") from error
        if "error" in answer:
            raise EndpointError(f"{method}: {answer['error']}")
        return answer["result"]

    def head(self) -> int:
        """Return the number of its latest block; EndpointError where it gives none."""
        return _number(self.ask("eth_blockNumber"))

    def look(self) -> Sight:
        """Return what the node says of its chain; EndpointError where it says nothing usable."""
        chain_id, head = _number(self.ask("eth_chainId")), self.head()
        genesis = self.ask("eth_getBlockByNumber", "0x0", False)
        if not isinstance(genesis, dict) or not isinstance(genesis.get("hash"), str):
            raise EndpointError("it has no block 0")
        return Sight(chain_id=chain_id, genesis_hash=genesis["hash"].lower(), head=head)

    def _sent(self, body: bytes, timeout_s: float) -> requests.Response:
        timeout = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        try:
            return self._session().post(self._url, data=body, headers=_HEADERS, timeout=timeout)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            del self._connections.session
            return self._session().post(self._url, data=body, headers=_HEADERS, timeout=timeout)

    def _session(self) -> requests.Session:
        session = getattr(self._connections, "session", None)
        if session is None:
            session = self._connections.session = requests.Session()
            # what the environment says of proxies and certificates is read once, and not for every request
            found = session.merge_environment_settings(self._url, {}, None, None, None)
            session.proxies, session.verify, session.cert = found["proxies"], found["verify"], found["cert"]
            session.auth = requests.utils.get_netrc_auth(self._url)
            session.trust_env = False
        return session


def _checked(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
        raise EndpointError("it answered with something else than JSON-RPC")
    return answer


def _number(value: object) -> int:
    try:
        return int(str(value), 16)
    except ValueError:
        raise EndpointError("it answered with something else than a number") from None
