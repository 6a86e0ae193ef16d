"""What strangers and broken peers try, over real sockets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import uvloop
from structlog.typing import EventDict

from chain_node.core.errors import DecodeError, InvariantViolation
from chain_node.core.types import Hash32
from chain_node.network.api import Link
from chain_node.network.frames import Frame, Goodbye, Ping, VaultMessage, encode_frame
from chain_node.network.framing import NEED_DATA, FrameReader
from chain_node.network.link import RATE_BY_PRIORITY, Rate
from chain_node.network.priority import Priority
from chain_node.network.tls_identity import TlsFiles
from chain_node.network.traffic import Refusal
from tests.unit.network.authority import Authority, pem_of, write_files
from tests.unit.network.memory_listener import FAST, FAST_BOOK, HELLO, MemoryListener, Node, running, until

AUTHORITY = Authority.create()
SLOW = Rate(frames_per_second=50, frames_burst=100, bytes_per_second=1e6, bytes_burst=1e6)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest):
    return asyncio.run if request.param == "asyncio" else uvloop.run


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return write_files(tmp_path / "server", AUTHORITY)


def reasons(log: list[EventDict], event: str) -> list[str]:
    return [entry["reason"] for entry in log if entry["event"] == event]


def client_context(files: TlsFiles | None, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A stranger's TLS: it believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


class RawPeer:
    """The other end, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._frames = FrameReader()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def next_frame(self) -> Frame | None:
        """The next frame; None at the end of the stream."""
        while (frame := self._frames.next_frame()) is NEED_DATA:
            data = await asyncio.wait_for(self.reader.read(65536), 5)
            if not data:
                return None
            self._frames.receive_data(data)
        return frame

    async def goodbye(self) -> str:
        """Read until Goodbye and the clean end after it."""
        while not isinstance(frame := await self.next_frame(), Goodbye):
            assert frame is not None, "the connection ended without Goodbye"
        assert await self.next_frame() is None
        return frame.reason

    async def ended(self) -> bool:
        """Read to the end."""
        with contextlib.suppress(OSError):
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        return True


@asynccontextmanager
async def raw_tcp(node: Node) -> AsyncIterator[RawPeer]:
    peer = RawPeer(*await asyncio.open_connection("127.0.0.1", node.transport.bound_port))
    try:
        yield peer
    finally:
        peer.writer.transport.abort()


@asynccontextmanager
async def raw_tls(node: Node, context: ssl.SSLContext, *, hello: bool = False) -> AsyncIterator[RawPeer]:
    peer = RawPeer(*await asyncio.open_connection("127.0.0.1", node.transport.bound_port, ssl=context))
    try:
        if hello:
            peer.send(encode_frame(HELLO))
            assert await peer.next_frame() == HELLO
            await until(lambda: node.listener.links)
        yield peer
    finally:
        peer.writer.transport.abort()


@pytest.fixture
def member(tmp_path: Path) -> ssl.SSLContext:
    return client_context(write_files(tmp_path / "member", AUTHORITY))


# Strangers


def test_stranger_without_certificate_is_refused_by_alert(run, files: TlsFiles, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tls(node, client_context(None)) as peer:
            with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
                await asyncio.wait_for(peer.reader.read(), 5)
            await until(lambda: reasons(log, "peer_refused"))
            assert node.listener.up_count == 0

    run(main())
    assert reasons(log, "peer_refused") == ["peer did not return a certificate"]


@pytest.mark.parametrize(
    ("days", "is_ours", "ours", "theirs"),
    [
        (
            (-1, 90),
            False,
            "its certificate: unable to get local issuer certificate; no authority in our file has issued it",
            "unknown.ca",
        ),
        ((-9, -1), True, "its certificate: certificate has expired", "certificate.expired"),
        ((1, 9), True, "its certificate: certificate is not yet valid", "bad.certificate"),
    ],
)
def test_stranger_with_a_bad_certificate_is_refused_by_alert(
    run, files: TlsFiles, tmp_path: Path, log: list[EventDict], days, is_ours: bool, ours: str, theirs: str
) -> None:
    issuer = AUTHORITY if is_ours else Authority.create("Other")
    stranger = client_context(write_files(tmp_path / "stranger", issuer, days=days))

    async def main() -> None:
        async with running(files) as node, raw_tls(node, stranger) as peer:
            with pytest.raises(ssl.SSLError, match=f"(?i){theirs}"):
                await asyncio.wait_for(peer.reader.read(), 5)
            await until(lambda: reasons(log, "peer_refused"))
            assert node.transport.traffic.refusals.total() == 1

    run(main())
    assert reasons(log, "peer_refused") == [ours]


def test_stranger_with_tls_1_2_is_refused(run, files: TlsFiles, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node:
            with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
                async with raw_tls(node, client_context(files, version=ssl.TLSVersion.TLSv1_2)):
                    pass
            await until(lambda: reasons(log, "peer_refused"))

    run(main())
    assert reasons(log, "peer_refused") == ["unsupported protocol"]


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(5_000), b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000]
)
def test_stranger_with_plain_garbage_is_dropped(run, files: TlsFiles, garbage: bytes) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tcp(node) as peer:
            peer.send(garbage)
            await peer.ended()
            await until(lambda: not node.transport._connections)
            assert node.listener.up_count == 0

    run(main())


def test_stranger_who_dribbles_the_handshake_is_dropped_in_time(run, files: TlsFiles, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tcp(node) as peer:
            began = asyncio.get_running_loop().time()
            ended = asyncio.ensure_future(peer.ended())
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400):
                peer.send(bytes((byte,)))
                await asyncio.sleep(0.02)
                if ended.done():
                    break
            assert await ended
            assert asyncio.get_running_loop().time() - began < 2

    run(main())
    assert reasons(log, "peer_refused") == ["no TLS handshake within 0.6 s"]


def test_strangers_cannot_keep_a_known_node_waiting_for_long(run, files: TlsFiles, tmp_path: Path) -> None:
    """Silent connections fill their address's share and no more; when they time out there is room again."""
    limits = replace(FAST_BOOK, strangers_per_address_max=4, accepts_burst=1e6)

    async def main() -> None:
        async with running(files, book_limits=limits) as node:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(60):
                    await stack.enter_async_context(raw_tcp(node))
                await until(lambda: node.transport.traffic.refusals[Refusal.STRANGERS] == 56)
                assert len(node.transport._connections) == 4
                async with running(write_files(tmp_path / "b", AUTHORITY), static=(node.endpoint,)) as known:
                    await until(lambda: known.listener.links)
            await until(lambda: not node.transport._connections)

    run(main())


def test_stranger_that_connects_too_fast_is_slowed(run, files: TlsFiles) -> None:
    limits = replace(FAST_BOOK, accepts_burst=5, accepts_per_second=1)

    async def main() -> None:
        async with running(files, book_limits=limits) as node:
            for _ in range(12):
                async with raw_tcp(node):
                    pass
            await until(lambda: node.transport.traffic.refusals[Refusal.PACE] >= 6)

    run(main())


# Certificate holders that do not say Hello as they should


def test_peer_that_never_says_hello_is_told_and_dropped(run, files, member, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tls(node, member) as peer:
            assert await peer.goodbye() == "no Hello within 0.6 s"
            assert node.listener.up_count == 0

    run(main())
    assert reasons(log, "peer_refused") == ["no Hello within 0.6 s"]


def test_peer_of_another_chain_learns_why_although_its_tls_succeeded(run, files, member, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tls(node, member) as peer:
            peer.send(encode_frame(replace(HELLO, genesis_hash=Hash32(b"x" * 32))) + bytes(100_000))
            assert await peer.goodbye() == "another genesis"
            assert node.listener.up_count == 0

    run(main())
    assert reasons(log, "peer_refused") == ["another genesis"]


def test_refused_node_logs_the_reason_of_the_other(run, files: TlsFiles, tmp_path: Path, log: list[EventDict]) -> None:
    async def main() -> None:
        stranger = MemoryListener(hello=replace(HELLO, genesis_hash=Hash32(b"x" * 32)))
        async with running(files) as node:
            other = write_files(tmp_path / "b", AUTHORITY)
            async with running(other, static=(node.endpoint,), listener=stranger) as refused:
                await until(lambda: reasons(log, "refused_by_peer"))
                assert refused.transport.traffic.dial_failures >= 1
                assert not node.listener.up_count

    run(main())
    assert set(reasons(log, "refused_by_peer")) == {"it refuses us: another genesis"}
    assert set(reasons(log, "peer_refused")) == {"another genesis"}


def test_node_with_a_foreign_authority_logs_refusal_on_both_sides(run, files, tmp_path, log: list[EventDict]) -> None:
    ours_and_other = pem_of(AUTHORITY.certificate)
    other = Authority.create("Other")
    strange = write_files(tmp_path / "b", other, ca=ours_and_other + pem_of(other.certificate))

    async def main() -> None:
        async with running(files) as node, running(strange, static=(node.endpoint,)):
            await until(lambda: reasons(log, "refused_by_peer") and reasons(log, "peer_refused"))
            assert not node.listener.up_count

    run(main())
    assert set(reasons(log, "refused_by_peer")) == {"it refuses us: unknown ca"}
    assert set(reasons(log, "peer_refused")) == {
        "its certificate: self-signed certificate in certificate chain; no authority in our file has issued it"
    }


# Members' nodes gone wrong


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff\xff\xff\x40", "frame 0x40 of 4294967295 bytes, expected at most 1049600"),
        (b"\x00\x00\x00\x00\x99", "unknown frame type 0x99"),
        (b"\x00\x00\x00\x02\x02\xc1\x00", "byte 0: expected"),
        (encode_frame(HELLO), "frame 0x00, expected one Hello"),
        (bytes(range(7, 90)), "unknown frame type 0x0b"),
    ],
)
def test_peer_that_breaks_the_framing_is_banned_and_told(
    run, files: TlsFiles, member, log: list[EventDict], data: bytes, reason: str
) -> None:
    async def main() -> None:
        async with running(files) as node:
            async with raw_tls(node, member, hello=True) as peer:
                peer.send(data)
                assert (await peer.goodbye()).startswith(f"banned for 120 s: {reason}")
                await until(lambda: node.listener.downs)
            assert node.transport.book.bans.total() == 1
            async with raw_tls(node, member) as again:
                assert await again.goodbye() == "banned for misdeeds, for minutes"

    run(main())
    assert [entry["organisation"] for entry in log if entry["event"] == "peer_banned"] == [1]
    assert reasons(log, "peer_banned")[0].startswith(reason)


def test_peer_that_begins_a_frame_and_dribbles_is_closed(run, files: TlsFiles, member, log: list[EventDict]) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tls(node, member, hello=True) as peer:
            goodbye = asyncio.ensure_future(peer.goodbye())
            for byte in encode_frame(VaultMessage(bytes(100))):
                peer.send(bytes((byte,)))
                await asyncio.sleep(0.02)
                if goodbye.done():
                    break
            assert "a frame not finished" in await goodbye
            assert node.listener.frames == []

    run(main())
    assert reasons(log, "peer_disconnected")[0].startswith("a frame not finished after 0.3")


def test_peer_that_floods_is_held_up_then_banned_and_others_are_not(run, files, member, tmp_path) -> None:
    limits = replace(FAST, rate_by_priority={**RATE_BY_PRIORITY, Priority.CONTROL: SLOW})

    async def main() -> None:
        honest_files = write_files(tmp_path / "b", AUTHORITY)
        async with (
            running(files, limits=limits) as node,
            running(honest_files, static=(node.endpoint,)) as honest,
            raw_tls(node, member) as peer,
        ):
            await until(lambda: honest.listener.links and node.listener.links)
            peer.send(encode_frame(HELLO) + encode_frame(Ping(1)) * 20_000)
            assert await peer.goodbye() == "banned for 120 s: too many control frames"
            honest.listener.links[0].send(Ping(7))
            await until(lambda: Ping(7) in node.listener.frames)
            assert node.listener.frames.count(Ping(1)) < 1_000

    run(main())


def test_peer_whose_frames_break_rules_is_banned_at_the_limit(run, files, member, log: list[EventDict]) -> None:
    def refuse(link: Link, frame: Frame) -> None:
        if isinstance(frame, VaultMessage):
            link.punish("unwanted", 30)
        else:
            raise DecodeError(offset=0, expected="something else")

    async def main() -> None:
        listener = MemoryListener(react=refuse)
        async with running(files, listener=listener) as node, raw_tls(node, member, hello=True) as peer:
            for count in (1, 2, 3):
                peer.send(encode_frame(VaultMessage(b"x")))
                await until(lambda count=count: len(listener.frames) == count)
            assert 88 <= listener.links[0].misdeed_points <= 90
            peer.send(encode_frame(Ping(1)))
            assert await peer.goodbye() == "banned for 120 s: byte 0: expected something else"

    run(main())
    assert reasons(log, "peer_misdeed") == ["unwanted"] * 3 + ["byte 0: expected something else"]


def test_peer_that_never_reads_is_cut_off_when_the_queue_is_full(run, files, member, log: list[EventDict]) -> None:
    limits = replace(FAST, queue_size_bytes_max=3_000_000)

    async def main() -> None:
        async with running(files, limits=limits) as node, raw_tls(node, member, hello=True) as peer:
            peer.writer.transport.pause_reading()
            link = node.listener.links[0]
            for _ in range(40):
                link.send(VaultMessage(bytes(1_000_000)))
                await asyncio.sleep(0)
            await until(lambda: node.listener.downs and not node.transport._connections)
            assert node.transport.traffic.overflows == 1

    run(main())
    assert reasons(log, "peer_disconnected")[0].startswith("it reads too slowly")


def test_peer_that_stops_reading_is_cut_off_although_the_queue_has_room(run, files, member) -> None:
    async def main() -> None:
        async with running(files) as node, raw_tls(node, member, hello=True) as peer:
            peer.writer.transport.pause_reading()
            for _ in range(20):
                node.listener.links[0].send(VaultMessage(bytes(1_000_000)))
            await until(lambda: node.listener.downs and not node.transport._connections)
            assert node.listener.downs == ["it reads nothing for 0.4 s"]

    run(main())


def test_peer_that_says_nothing_is_closed_as_idle(run, files: TlsFiles, member) -> None:
    async def main() -> None:
        limits = replace(FAST, idle_seconds=0.2)
        async with running(files, limits=limits) as node, raw_tls(node, member, hello=True) as peer:
            assert await peer.goodbye() == "nothing came for 0.2 s"

    run(main())


def test_peer_that_vanishes_is_noticed(run, files: TlsFiles, member) -> None:
    async def main() -> None:
        async with running(files) as node:
            async with raw_tls(node, member, hello=True):
                pass
            await until(lambda: node.listener.downs)
            assert node.transport.link_count == 0

    run(main())


def test_fault_of_our_own_code_comes_out_of_run(run, files: TlsFiles, member) -> None:
    def fail(link: Link, frame: Frame) -> None:
        raise InvariantViolation("the pool counts wrong")

    async def main() -> None:
        async with running(files, listener=MemoryListener(react=fail)) as node:
            async with raw_tls(node, member, hello=True) as peer:
                peer.send(encode_frame(Ping(1)))
                await until(lambda: node.task.done())
            error = node.task.exception()
            assert isinstance(error, BaseExceptionGroup)
            assert str(error.exceptions[0]) == "the pool counts wrong"

    run(main())
