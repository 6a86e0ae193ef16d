"""An EVM network that is not ours: eth-tester with py-evm behind a plain JSON-RPC server over HTTP."""

import ast
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed, ValidationError
from eth_utils import ValidationError as EthValidationError
from hexbytes import HexBytes
from web3 import EthereumTesterProvider, Web3
from web3.exceptions import Web3Exception


def _error_of(failure: TransactionFailed) -> dict[str, Any]:
    """Say a revert the way nodes do: code 3 with the data; py-evm's text is the repr of the bytes."""
    text = str(failure.args[0]).removeprefix("execution reverted: ")
    if text.startswith(("b'", 'b"')):
        return {"code": 3, "message": "execution reverted", "data": "0x" + ast.literal_eval(text).hex()}
    return {"code": 3, "message": f"execution reverted: {text}", "data": "0x"}


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes | HexBytes):
        return "0x" + bytes(value).hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    if isinstance(value, Mapping):
        return {key: _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    return value


class BareNetwork:
    """Answers JSON-RPC requests of one chain; remembers the methods it was asked for."""

    def __init__(self) -> None:
        self.backend = PyEVMBackend()
        self.tester = EthereumTester(backend=self.backend)
        provider = EthereumTesterProvider(self.tester)
        web3 = Web3(provider, middleware=[])
        self._ask = provider.request_func(web3, web3.middleware_onion)
        self.methods: list[str] = []
        self.lost_after_sending = 0
        """Answers to eth_sendRawTransaction that are dropped after the node took the transaction."""
        self._lock = threading.Lock()

    def funded_key(self, index: int = 0) -> bytes:
        return self.backend.account_keys[index].to_bytes()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.methods.append(request["method"])
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        with self._lock:
            try:
                response = self._ask(request["method"], request["params"])
            except TransactionFailed as failure:
                return {**reply, "error": _error_of(failure)}
            except NotImplementedError:
                return {**reply, "error": {"code": -32601, "message": "the method does not exist"}}
            except (Web3Exception, ValidationError, EthValidationError, ValueError, TypeError) as failure:
                return {**reply, "error": {"code": -32000, "message": str(failure)}}
        if "error" in response:
            error = response["error"]
            code = -32601 if "not" in str(error).lower() and "support" in str(error).lower() else -32000
            return {**reply, "error": error if isinstance(error, dict) else {"code": code, "message": str(error)}}
        return {**reply, "result": _jsonable(response["result"])}


@contextmanager
def serve() -> Iterator[tuple[str, BareNetwork]]:
    network = BareNetwork()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(body)
            is_batch = isinstance(request, list)  # whose answers may come in any order
            answer = [network.answer(each) for each in reversed(request)] if is_batch else network.answer(request)
            reply = json.dumps(answer).encode()
            if not is_batch and request["method"] == "eth_sendRawTransaction" and network.lost_after_sending:
                network.lost_after_sending -= 1
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", network
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
