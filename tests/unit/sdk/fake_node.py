"""A node as a client sees it, that can die, hang, lag, forget or be of another chain.

Several of them before one `BareNetwork` are nodes of one chain.
"""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_utils import keccak

from tests.unit.sdk.bare_network import BareNetwork


class FakeNode:
    """One HTTP server before a network; start it again after `kill` and it has the same port."""

    def __init__(self, network: BareNetwork) -> None:
        self.network = network
        self.answers: dict[str, Any] = {}
        """Results by method that the network is not asked for; a function gives them each time anew."""
        self.keeps = False
        """Whether transactions stay in this node's own pool, so that they die with it."""
        self.pool: list[str] = []
        self.lag_blocks = 0
        self.hang_s = 0.0
        self.dies_at: str | None = None
        """Method whose next request kills the node: it is carried out and never answered."""
        self.asked: list[str] = []
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._open: set[Any] = set()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def start(self) -> None:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                node._open.add(self.connection)

            def finish(self) -> None:
                node._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reply = json.dumps(node.answer(request)).encode()
                if node._server is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                return  # a client that was cut off

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def kill(self) -> None:
        """Close everything at once; what only this node had is lost."""
        server, self._server = self._server, None
        if server is None:
            return
        self.pool.clear()
        for connection in list(self._open):
            _cut(connection)
        threading.Thread(target=server.shutdown, daemon=True).start()
        server.socket.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, reply = request["method"], {"jsonrpc": "2.0", "id": request["id"]}
        self.asked.append(method)
        time.sleep(self.hang_s)
        if method in self.answers:
            given = self.answers[method]
            answer = {**reply, "result": given() if callable(given) else given}
        elif method == "eth_sendRawTransaction" and self.keeps:
            raw = request["params"][0]
            self.pool.append(raw)
            answer = {**reply, "result": "0x" + keccak(bytes.fromhex(raw[2:])).hex()}
        else:
            answer = self._lagging(method, self.network.answer(request))
        if self.dies_at == method:
            self.dies_at = None
            self.kill()
        return answer

    def _lagging(self, method: str, answer: dict[str, Any]) -> dict[str, Any]:
        if method == "eth_blockNumber" and self.lag_blocks:
            return {**answer, "result": hex(max(0, int(answer["result"], 16) - self.lag_blocks))}
        return answer


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
