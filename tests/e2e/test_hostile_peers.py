"""Strangers and members' nodes gone wrong, against three validators that work on: the log says why each is refused.

After every test the blocks go on, the honest nodes have lost no link, no log has a traceback, no memory has grown much.
"""

import contextlib
import datetime as dt
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chain_node.consensus.qbft.messages import PreparePayload, SignedPrepare
from chain_node.consensus.qbft.signing import signing_hash
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.types import Hash32, Height, Round
from chain_node.network.frames import Blocks, ConsensusMessage, Frame, GetBlocks, Ping, Transactions, encode_frame
from chain_node.network.tls_identity import TlsFiles
from client.sdk.certificates import create_authority
from client.sdk.chain import ChainClient, ContractCall
from tests.e2e.hostile_peer import HostilePeer, ahead, client_context, connected, hello_to
from tests.e2e.network_kit import NetworkOf, make_network_of, wait_until
from tests.e2e.node_kit import NodeProcess, account_number
from tests.e2e.put_load import sign
from tests.unit.network.authority import Authority, hash_of, new_key, write_files, write_key

REGISTRY = "0x0000000000000000000000000000000000007C03"
_NO_VALIDATOR = "0x" + 40 * "0"
MEMBERS = (
    *("framing", "oversize", "unknown", "hello", "pings"),
    *("questions", "transactions", "author", "signature", "slow"),
)
"""Members' nodes that go wrong, each in a way of its own; each is banned for minutes after it."""

GROWTH_MB_MAX = 80
BAN = "banned for 120 s: "


@dataclass
class Scene:
    """The running network, and papers for those who attack its first node."""

    network: NetworkOf
    papers: dict[str, TlsFiles]
    authority: Authority
    rss_mb: float
    """Of the first node, when it was quiet."""
    offset: int = 0
    """Length of the first node's log when the test began."""

    @property
    def node(self) -> NodeProcess:
        """The one that is attacked."""
        return self.network.nodes[0]

    @property
    def endpoint(self) -> str:
        return self.network.papers[0].endpoint

    def connect(self, name: str) -> contextlib.AbstractContextManager[HostilePeer]:
        return connected(self.endpoint, client_context(self.papers[name]))

    def log(self) -> list[dict[str, Any]]:
        """What the first node has logged since the test began; each line is an object."""
        complete = self.node.log.read_bytes()[self.offset :].decode().rpartition("\n")[0]
        return [json.loads(line) for line in complete.splitlines()]

    def wait_for(self, event: str, words: str) -> dict[str, Any]:
        """The line that says so."""

        def lines() -> list[dict[str, Any]]:
            return [line for line in self.log() if line["event"] == event and words in str(line.get("reason"))]

        wait_until(lambda: bool(lines()), 20, lambda: f"{event} {words!r} in {self.log()}")
        return lines()[0]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("hostile")
    options = ("--block-period-ms", "250", "--empty-block-period-seconds", "0")
    with make_network_of(directory, 3, *options) as network:
        authority = Authority(key=network.authority.key, certificate=network.authority.certificate)
        papers = {name: write_files(directory / name, authority) for name in ("unrecorded", "liar")}
        calls = []
        for number, name in enumerate(MEMBERS):
            key = new_key()
            papers[name] = write_files(directory / name, authority, key=key)
            record = (hash_of(key), _NO_VALIDATOR, f"127.0.0.1:{number + 1}")
            calls.append(ContractCall(contract="Consortium", function="setNode", args=record, gas=400_000))
        chain = ChainClient(network.nodes[0].url, REGISTRY)
        half = len(calls) // 2
        for governor, part in zip(network.governors[:2], (calls[:half], calls[half:]), strict=True):
            list(chain.send_many(part, governor))
        network.wait_for_blocks(2)
        yield Scene(network, papers, authority, rss_mb(network.nodes[0]))
        network.assert_same_blocks()


@pytest.fixture
def scene(running: Scene) -> Iterator[Scene]:
    running.offset = running.node.log.stat().st_size
    yield running
    running.network.wait_for_blocks(2, seconds=20)
    honest = {papers.tls_key_hash for papers in running.network.papers}
    lost = [line for line in running.log() if line["event"] == "peer_gone" and line["tls_key"] in honest]
    assert not lost, lost
    assert all("Traceback" not in node.log.read_text() for node in running.network.nodes)
    assert rss_mb(running.node) < running.rss_mb + GROWTH_MB_MAX


def rss_mb(node: NodeProcess) -> float:
    assert node.process is not None
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


# Without a certificate that counts


def no_certificate(scene: Scene, folder: Path) -> TlsFiles | None:
    return None


def self_signed(scene: Scene, folder: Path) -> TlsFiles | None:
    stranger = create_authority("Stranger", now=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    files = TlsFiles(key=folder / "tls.key", certificate=folder / "tls.pem", ca=folder / "ca.pem")
    write_key(files.key, stranger.key)
    files.certificate.write_text(stranger.certificate_pem())
    return files


def other_authority(scene: Scene, folder: Path) -> TlsFiles | None:
    return write_files(folder, Authority.create("Consortium of somebody else"))


def expired(scene: Scene, folder: Path) -> TlsFiles | None:
    return write_files(folder, scene.authority, days=(-9, -1))


@pytest.mark.parametrize(
    ("make_files", "alert", "reason"),
    [
        (no_certificate, "certificate.required", "peer did not return a certificate"),
        (self_signed, "unknown.ca", "its certificate: self-signed certificate; no authority in our file"),
        (other_authority, "unknown.ca", "its certificate: unable to get local issuer certificate; no authority in our"),
        (expired, "certificate.expired", "its certificate: certificate has expired"),
    ],
)
def test_stranger_is_refused_by_its_certificate(
    scene: Scene, tmp_path: Path, make_files: Callable[[Scene, Path], TlsFiles | None], alert: str, reason: str
) -> None:
    with connected(scene.endpoint, client_context(make_files(scene, tmp_path))) as stranger:
        stranger.say(hello_to(scene.node))
        with pytest.raises(ssl.SSLError, match=f"(?i){alert}"):
            stranger.socket.recv(1)
    scene.wait_for("peer_refused", reason)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x40\x00" + bytes(20_000)])
def test_stranger_without_tls_is_dropped(scene: Scene, garbage: bytes) -> None:
    with connected(scene.endpoint) as stranger:
        stranger.send(garbage)
        assert stranger.seconds_until_closed() < 10
    assert scene.wait_for("peer_refused", "")["level"] == "warning"


# With a certificate of the consortium


def test_node_in_no_record_learns_why_it_is_refused(scene: Scene) -> None:
    with scene.connect("unrecorded") as peer:
        peer.say(hello_to(scene.node))
        assert "is in no member's node record at block" in peer.goodbye()
    scene.wait_for("peer_refused", "is in no member's node record")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"genesis_hash": Hash32(b"\x07" * 32)}, f"wrong genesis: got {'07' * 32}, expected "),
        ({"chain_id": 1}, "wrong chain id: got 1, expected "),
        ({"version": 99}, "wrong protocol version: got 99, expected "),
    ],
)
def test_node_of_another_network_learns_why_it_is_refused(scene: Scene, change: dict[str, Any], reason: str) -> None:
    with scene.connect("unrecorded") as peer:
        peer.say(replace(hello_to(scene.node), **change))
        assert peer.goodbye().startswith(reason)
    scene.wait_for("peer_refused", reason)


def test_liar_about_its_height_is_found_out(scene: Scene) -> None:
    """It may serve blocks, for it may know what is not known here; what it serves is checked."""
    with scene.connect("liar") as peer:
        peer.greet(ahead(hello_to(scene.node), 1_000_000))
        height = scene.network.wait_for_blocks(3)
        while not isinstance(question := peer.next_frame(), GetBlocks):
            assert question is not None
        assert question.first <= height + 1
        peer.say(Blocks(question.number, (b"\xc0",) * question.count))
        assert peer.goodbye().startswith(BAN)
    scene.wait_for("peer_banned", "")


# Members' nodes gone wrong


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("framing", bytes(range(7, 250)) * 40, "unknown frame type 0x0b"),
        ("oversize", b"\xff\xff\xff\xff\x40", "frame 0x40 of 4294967295 bytes, expected at most"),
        ("unknown", b"\x00\x00\x00\x00\x99", "unknown frame type 0x99"),
    ],
)
def test_member_that_breaks_the_framing_is_banned(scene: Scene, name: str, data: bytes, reason: str) -> None:
    with scene.connect(name) as peer:
        peer.greet(hello_to(scene.node))
        peer.send(data)
        assert peer.goodbye().startswith(BAN + reason)
    assert scene.wait_for("peer_banned", reason)["organisation"] in (1, 2, 3)
    with scene.connect(name) as again:
        assert again.goodbye() == "banned for misdeeds, for minutes"


def test_member_that_says_hello_twice_is_banned(scene: Scene) -> None:
    hello = hello_to(scene.node)
    with scene.connect("hello") as peer:
        peer.greet(hello)
        peer.say(hello)
        assert peer.goodbye().startswith(f"{BAN}frame 0x00, expected one Hello")
    scene.wait_for("peer_banned", "expected one Hello")


def unknown_senders(count: int) -> list[Transactions]:
    """Transactions that only the state tells from good ones."""
    strangers = [account_number(6_000_000 + number) for number in range(count)]
    raws = [sign(stranger, nonce=0, gas=21_000, data="0x", to=REGISTRY) for stranger in strangers]
    return [Transactions((bytes.fromhex(raw[2:]),)) for raw in raws]


@pytest.mark.parametrize(
    ("name", "frames", "repeated", "reason"),
    [
        ("pings", [Ping(1)], 40_000, "too many control frames"),
        ("transactions", unknown_senders(500), 60, "too many gossip frames"),
    ],
    ids=["pings", "transactions"],
)
def test_member_that_floods_is_banned(scene: Scene, name: str, frames: list[Frame], repeated: int, reason: str) -> None:
    with scene.connect(name) as peer:
        peer.greet(hello_to(scene.node))
        peer.send(b"".join(map(encode_frame, frames)) * repeated)
        with contextlib.suppress(OSError):
            assert peer.goodbye().startswith(BAN)
    scene.wait_for("peer_banned", reason)


def test_member_that_asks_much_and_reads_nothing_is_closed(scene: Scene) -> None:
    """Each question costs 20 bytes, and its answer kilobytes: what waits for the peer to read has a bound."""
    hello = hello_to(scene.node)
    with scene.connect("questions") as peer:
        peer.greet(hello)
        question = encode_frame(GetBlocks(1, Height(0), 64))
        deadline = time.monotonic() + 30
        while peer.send(question * 500):
            assert time.monotonic() < deadline, "it may ask for ever"
    assert any(
        "reads too slowly" in str(line.get("reason")) or "too many gossip frames" in str(line.get("reason"))
        for line in scene.log()
    ), scene.log()


def prepare(scene: Scene, key: bytes, number: int) -> ConsensusMessage:
    """A Prepare for the height that is being decided, signed with a key."""
    payload = PreparePayload(height=Height(scene.node.height() + 1), round=Round(number), digest=Hash32(b"\x0b" * 32))
    signature = sign_digest(key, signing_hash(payload))
    return ConsensusMessage.of(SignedPrepare(payload=payload, signature=signature, author=address_of(key)))


def test_member_that_passes_on_messages_by_nobody_is_banned(scene: Scene) -> None:
    stranger = b"\x05" * 32
    with scene.connect("author") as peer:
        peer.greet(hello_to(scene.node))
        peer.say(*(prepare(scene, stranger, number) for number in range(40)))
        assert peer.goodbye().startswith(f"{BAN}a message by")
    assert "no validator of a member's node" in scene.wait_for("peer_banned", address_of(stranger).hex())["reason"]


def test_member_that_passes_on_a_message_without_a_signature_is_banned(scene: Scene) -> None:
    good = prepare(scene, b"\x06" * 32, 0)
    forged = [replace(good, encoded=good.encoded[:-65] + bytes((last,)) * 65) for last in (0, 0x80, 0xFE, 0xFF)]
    with scene.connect("signature") as peer:
        peer.greet(hello_to(scene.node))
        peer.say(*forged)
        assert peer.goodbye().startswith(BAN)
    scene.wait_for("peer_banned", "")


# Those who take their time


def test_whoever_dribbles_or_is_silent_is_dropped_in_time(scene: Scene) -> None:
    """All at once: a handshake byte by byte, no Hello, and a frame that never ends."""
    half = encode_frame(Transactions((bytes(1_000),)))[:500]
    with (
        connected(scene.endpoint) as dribbler,
        scene.connect("unrecorded") as silent,
        scene.connect("slow") as slow,
    ):
        slow.greet(hello_to(scene.node))
        began = time.monotonic()
        handshake = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400))
        frame = iter(half)
        while dribbler.send(bytes((next(handshake),))) and time.monotonic() - began < 12:
            slow.send(bytes((next(frame),)))
            time.sleep(0.1)
        assert 4 < time.monotonic() - began < 10
        assert silent.goodbye() == "no Hello within 5 s"
        while slow.send(bytes((next(frame),))) and not any(
            "not finished" in str(line.get("reason")) for line in scene.log()
        ):
            assert time.monotonic() - began < 20
            time.sleep(0.1)
        assert "a frame not finished after" in slow.goodbye()
    scene.wait_for("peer_refused", "no TLS handshake within 5 s")
    scene.wait_for("peer_refused", "no Hello within 5 s")
    scene.wait_for("peer_disconnected", "a frame not finished after")
