"""Processes that are killed, misled or in each other's way: nothing is lost, nothing is doubled."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cbor2
import httpx
import orjson
import pytest
from eth_abi.abi import encode as abi_encode

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.roles.oracle.service import OracleService
from client.roles.oracle.store import ReportStore
from client.sdk.database import open_engine
from client.sdk.errors import ContractRefusedError
from client.sdk.hashing import keccak
from client.sdk.pack.status import PackStatus
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, assert_one_line, free_port
from tests.e2e.main_job import PRODUCT, MainJob, invite, submit_line, submit_pack
from tests.e2e.pack_files import example_loans, write_pack

FIRST_CHUNK = 256


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def added(consortium: Consortium, pack: int) -> int:
    return int(consortium.chain().call("AssetPackRegistry", "assetCount", pack))


def test_submission_killed_between_two_chunks_continues_and_doubles_nothing(
    consortium: Consortium, tmp_path: Path
) -> None:
    port = free_port()
    slow = [*consortium.registrar_command(port), "--rows-per-hour", "299"]
    loans = _fresh_loans("A", 730, 300)
    pack, files = invite(consortium), write_pack(tmp_path, "killed", loans)
    consortium.daemons["slow_registrar"] = consortium.spawn("slow_registrar", "registrar", *slow)
    try:
        consortium.wait_until_listening("slow_registrar", port)
        line = submit_line(consortium, pack, files)
        misled = consortium.spawn("killed", ORIGINATOR, *line, "--registrar", f"http://127.0.0.1:{port}")
        wait_until(lambda: added(consortium, pack) == FIRST_CHUNK or misled.poll() is not None)
        assert misled.poll() is None
        misled.kill()
        misled.wait(20)
    finally:
        consortium.stop_daemon("slow_registrar")
    assert added(consortium, pack) == FIRST_CHUNK
    other = write_pack(tmp_path, "other", _fresh_loans("A", 731, 300))
    assert_one_line(
        consortium.cli(ORIGINATOR, *submit_line(consortium, pack, other)), "another tape", "submit the same file"
    )
    said = consortium.ask(ORIGINATOR, *line)
    assert said["assets_count"] == 300
    events = list(consortium.chain().events("AssetPackRegistry", "AssetsAdded", filters={"packId": pack}))
    assert [event.args["count"] for event in events] == [FIRST_CHUNK, 44]
    sent = consortium.chain().transaction_count(consortium.address(ORIGINATOR))
    again = consortium.cli(ORIGINATOR, *line)
    assert again.code == 0
    assert "was submitted before" in again.error
    assert consortium.chain().transaction_count(consortium.address(ORIGINATOR)) == sent


def test_node_killed_during_a_submission_loses_nothing(consortium: Consortium, tmp_path: Path) -> None:
    pack, files = invite(consortium), write_pack(tmp_path, "node_killed", _fresh_loans("K", 0, 600))
    line = submit_line(consortium, pack, files)
    submitting = consortium.spawn("node_killed", ORIGINATOR, *line, "--json")
    wait_until(lambda: added(consortium, pack) >= FIRST_CHUNK or submitting.poll() is not None)
    consortium.node.kill()
    consortium.node.start()
    if submitting.wait(150) != 0:
        assert consortium.cli(ORIGINATOR, *line).code == 0
    assert added(consortium, pack) == 600
    events = list(consortium.chain().events("AssetPackRegistry", "AssetsAdded", filters={"packId": pack}))
    assert [event.args["firstIndex"] for event in events] == [0, 256, 512]
    assert "Traceback" not in (consortium.directory / "node_killed.log").read_text()
    assert consortium.ask(None, "pack", "show", str(pack))["status"] == PackStatus.SUBMITTED.word
    for name, daemon in consortium.daemons.items():
        assert daemon.poll() is None, f"{name} did not survive the node"


MALFORMED_ROUND = 2
"""Why a round is void: what was agreed is no report."""


def test_oracle_that_reports_a_wrong_length_stops_nobody(consortium: Consortium) -> None:
    job = submit_pack(consortium, "misreported", _fresh_loans("M", 430, 100))
    consortium.ask("risk-control", "risk", "query", str(job.pack))
    chain, oracle = consortium.chain(), consortium.identity("oracle-c").account
    line = ("risk", "score", str(job.pack), "--timeout")
    consortium.stop_daemon("oracle-c")
    try:
        assert_one_line(
            consortium.cli("risk-control", *line, "1"), "risk-control silent", "run the same command", code=3
        )
        round_id = int(chain.call("ScoringRounds", "roundCount"))
        report, salt = b"\x05" * 99, b"\x07" * 32
        hashes = [keccak(report)]
        values = [round_id, oracle.address, salt, keccak(b"".join(hashes))]
        commitment = keccak(abi_encode(["uint256", "address", "bytes32", "bytes32"], values))
        chain.send("ScoringRounds", "commitReport", [round_id, commitment], oracle)
        for other in (hashes * 2, [keccak(b"other")]):
            with pytest.raises(ContractRefusedError, match="ScoringWrongReveal"):
                chain.send("ScoringRounds", "revealReport", [round_id, salt, other], oracle)
        chain.send("ScoringRounds", "revealReport", [round_id, salt, hashes], oracle)
        early = consortium.cli("risk-control", *line, "1", "--new-round")
        assert_one_line(early, "refused by ScoringRounds", "ScoringRoundRunning", str(round_id))
        receipt = chain.send("ScoringRounds", "publishScores", [round_id, 0, report], oracle)
        assert receipt.event("RoundVoided").args["reason"] == MALFORMED_ROUND
        assert receipt.event("OracleNamed").args["oracle"] == oracle.address
    finally:
        consortium.start_oracle()
    said = consortium.ask("risk-control", *line, "60")
    assert said["round"] == round_id + 1
    assert consortium.ask(None, "pack", "show", str(job.pack))["status"] == PackStatus.SCORED.word


def test_unknown_model_is_refused(consortium: Consortium, tmp_path: Path) -> None:
    job = submit_pack(consortium, "unknown_model", _fresh_loans("U", 540, 100))
    consortium.ask("risk-control", "risk", "query", str(job.pack))
    chain = consortium.chain()
    before = chain.call("ScoringRounds", "roundCount")
    score = ("risk", "score", str(job.pack))
    done = consortium.cli("risk-control", *score, "--model", "99")
    assert_one_line(done, "refused by ScoringRounds", "ScoringModelNotUsable", "99")
    assert chain.call("ScoringRounds", "roundCount") == before
    consortium.stop_daemon("oracle-c")
    try:
        consortium.cli("risk-control", *score, "--timeout", "1")
        service = _oracle_with(consortium, _changed_model(tmp_path), tmp_path)
        (step,) = [step for step in service.advance() if step.round_id == before + 1]
        assert step.is_problem
        assert step.did.startswith("manifest.json of model 1: got ")
        assert "as voted" in step.did
        assert chain.call("ScoringRounds", "round", before + 1).commitCount == 0
    finally:
        consortium.start_oracle()
    assert consortium.ask("risk-control", *score, "--timeout", "60")["round"] == before + 1


def test_verification_with_another_model_names_what_differs(
    consortium: Consortium, main_job: MainJob, tmp_path: Path
) -> None:
    assert main_job.documents["verify"]["all_equal"]
    _changed_model(tmp_path)
    done = consortium.cli("trustee", "exchange", "verify", PRODUCT, "--model", tmp_path / "model", "--json")
    assert done.code == 1
    assert [check["figure"] for check in done.document["checks"] if not check["equal"]] == ["manifest"]
    assert "other manifest" in done.error


def test_blob_tampered_on_its_way_is_found(consortium: Consortium, main_job: MainJob) -> None:
    assert main_job.documents["issue"]["product"] == PRODUCT
    with tampering_vault(consortium.node.url) as url:
        done = consortium.cli("trustee", "exchange", "verify", PRODUCT, "--vault", url)
    assert_one_line(done, "blob", "other bytes")
    assert consortium.ask("trustee", "exchange", "verify", PRODUCT)["product"] == PRODUCT


def test_registrar_on_a_taken_port_says_so_and_ends(consortium: Consortium) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = consortium.spawn("second_registrar", "registrar", *consortium.registrar_command(port))
        assert second.wait(60) == 1
    log = (consortium.directory / "second_registrar.log").read_text()
    assert str(port) in log.strip().splitlines()[-1]
    assert "Traceback" not in log


def _fresh_loans(prefix: str, first: int, count: int) -> list[dict[str, str]]:
    """Further loans to borrowers of the example, which nobody pledged yet."""
    month = {"A": "2011-11-29", "K": "2011-11-28", "M": "2011-11-27", "U": "2011-11-26"}[prefix]
    loans = example_loans(first, count)
    return [{**loan, "loan_id": f"{prefix}{place}", "issue_date": month} for place, loan in enumerate(loans)]


def _changed_model(directory: Path) -> ModelPackage:
    """The model package with another name in its manifest."""
    shutil.copytree(DEFAULT_MODEL, directory / "model")
    path = directory / "model" / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    manifest["name"] = "another"
    path.write_bytes(orjson.dumps(manifest))
    return ModelPackage.load(directory / "model")


def _oracle_with(consortium: Consortium, package: ModelPackage, directory: Path) -> OracleService:
    chain, auditor = consortium.chain(), consortium.identity("auditor-c")
    engine = open_engine(str(directory / "oracle.db"))
    return OracleService(
        chain,
        consortium.vault("auditor-c"),
        oracle=consortium.identity("oracle-c").account,
        auditor=auditor,
        packages=[package],
        store=ReportStore(engine, chain_id=chain.chain_id, registry=chain.registry),
    )


@contextmanager
def tampering_vault(upstream: str) -> Iterator[str]:
    """Serve the vault at `upstream` with the last byte of every blob changed; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(httpx.get(upstream + self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {
                name: text for name, text in self.headers.items() if name.lower().startswith(("x-", "content-t"))
            }
            self._answer(httpx.post(upstream + self.path, content=body, headers=headers))

        def _answer(self, answer: httpx.Response) -> None:
            content = answer.content
            if answer.headers.get("content-type", "").startswith("application/cbor"):
                fields = cbor2.loads(content)
                fields["blobs"] = [blob and blob[:-1] + bytes([blob[-1] ^ 1]) for blob in fields.get("blobs", [])]
                content = cbor2.dumps(fields)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
