"""A vault for tests of the client: the calls of the protocol over HTTP, blobs in memory, requests verified."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cbor2

from client.sdk.errors import RequestRefusedError
from client.sdk.hashing import keccak
from client.sdk.signed_request import RequestScope, RequestVerifier

VAULT_ID = b"\x05" * 32
CHAIN_ID = 7
REGISTRY = "0x" + "7c" * 20


class MemoryVault:
    """What the server holds and was asked."""

    def __init__(self) -> None:
        self.blobs: dict[bytes, bytes] = {}
        self.requests: list[tuple[str, int, int]] = []
        """Call, bytes of the body, items in it."""
        self.busy_answers = 0
        """Requests that are answered with 503 before it works again."""
        self.info_changes: dict[str, Any] = {}
        self.verifier = RequestVerifier(RequestScope(chain_id=CHAIN_ID, registry=REGISTRY, service=VAULT_ID))

    def info(self) -> dict[str, Any]:
        info = {"vault_id": "0x" + VAULT_ID.hex(), "chain_id": CHAIN_ID, "registry": REGISTRY}
        return {**info, "address": "0x" + "01" * 20, "version": "1", **self.info_changes}

    def put(self, request: dict[str, Any]) -> dict[str, Any]:
        new = {keccak(item["blob"]): item["blob"] for item in request["items"]}
        present = len([each for each in request["items"] if keccak(each["blob"]) in self.blobs])
        self.blobs |= new
        return {"stored": len(request["items"]) - present, "present": present}

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        blobs = [self.blobs.get(each) for each in request["hashes"]]
        return {"blobs": blobs, "reasons": [None if blob is not None else "unknown" for blob in blobs]}

    def purge(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["pack"] == 13:
            raise RequestRefusedError("the vault", "the pack is live", status=403, code="live")
        purged = len(self.blobs)
        self.blobs.clear()
        return {"purged": purged}

    def confirmations(self, request: dict[str, Any]) -> dict[str, Any]:
        receipts = [None for _ in request["indices"]]
        own = {"node": None, "organisation": 0, "endpoint": "", "vault": b"\x01" * 20, "binding": None}
        return {"vaults": [{**own, "receipts": receipts}]}


@contextmanager
def serve_vault() -> Iterator[tuple[str, MemoryVault]]:
    vault = MemoryVault()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, json.dumps(vault.info()).encode(), "application/json")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if vault.busy_answers:
                vault.busy_answers -= 1
                self._answer(503, b"busy", "text/plain")
                return
            request, call = cbor2.loads(body), self.path.rsplit("/", 1)[1]
            vault.requests.append((call, len(body), len(next(iter(request.values()))) if call in ("put", "get") else 1))
            try:
                vault.verifier.verify(dict(self.headers), path=self.path, body=body, now=int(time.time()))
                answer = getattr(vault, call)(request)
            except RequestRefusedError as refused:
                error = {"error": {"code": refused.code, "message": refused.why}}
                self._answer(refused.status, json.dumps(error).encode(), "application/json")
                return
            self._answer(200, cbor2.dumps(answer), "application/cbor")

        def _answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
