import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
import uvloop

from chain_node.core.errors import ConfigError
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.network.frames import Goodbye, Ping, VaultMessage
from chain_node.network.peer_book import PeerBook
from chain_node.network.tls_identity import TlsFiles
from chain_node.network.traffic import Refusal
from chain_node.network.transport import Transport
from tests.unit.network.authority import Authority, hash_of, new_key, pem_of, write_files, write_key
from tests.unit.network.memory_listener import MemoryListener, Node, running, until


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest):
    return asyncio.run if request.param == "asyncio" else uvloop.run


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    authority = Authority.create()
    async with (
        running(write_files(folder / "a", authority)) as one,
        running(write_files(folder / "b", authority), static=(one.endpoint,)) as other,
    ):
        await until(lambda: one.listener.links and other.listener.links)
        yield one, other


def record_of(key: TlsKeyHash, endpoint: str) -> NodeRecord:
    return NodeRecord(tls_key_hash=key, validator=None, organisation=1, endpoint=endpoint)


def transport_of(files: TlsFiles, port: int = 0) -> Transport:
    book = PeerBook((), random.Random(1))
    return Transport(listener=MemoryListener(), tls=files, listen=("127.0.0.1", port), book=book)


def test_transport_two_nodes_exchange_frames(tmp_path: Path, run) -> None:
    authority = Authority.create()

    async def main() -> None:
        async with running(write_files(tmp_path / "a", authority)) as one:
            async with running(write_files(tmp_path / "b", authority), static=(one.endpoint,)) as other:
                await until(lambda: one.listener.links and other.listener.links)
                assert other.listener.links[0].tls_key_hash == one.transport.tls_key_hash
                assert one.listener.links[0].tls_key_hash == other.transport.tls_key_hash
                big = VaultMessage(bytes(1_000_000))
                one.listener.links[0].send(big)
                one.listener.links[0].send(Ping(7))
                other.listener.links[0].send(Ping(8))
                await until(lambda: len(other.listener.frames) == 2 and one.listener.frames)
                assert one.listener.frames == [Ping(8)]
                assert other.listener.frames == [Ping(7), big]
            await until(lambda: one.listener.downs)
            assert one.listener.downs == ["the peer says: the node stops"]

    run(main())


def test_transport_frames_of_one_turn_leave_in_one_record(tmp_path: Path, run) -> None:
    async def main() -> None:
        async with pair(tmp_path) as (one, other):
            before = one.transport.traffic.wire_bytes_sent
            for number in range(100):
                one.listener.links[0].send(Ping(number % 100 + 1))
            await until(lambda: len(other.listener.frames) == 100)
            plain = one.transport.traffic.bytes_sent["Ping"]
            record_overhead_bytes = 22
            assert one.transport.traffic.wire_bytes_sent - before == plain + record_overhead_bytes
            assert other.transport.traffic.frames_received["Ping"] == 100
            assert other.transport.traffic.bytes_received["Ping"] == plain

    run(main())


def test_transport_votes_overtake_blocks_that_wait(tmp_path: Path, run) -> None:
    async def main() -> None:
        async with pair(tmp_path) as (one, other):
            for _ in range(20):
                one.listener.links[0].send(VaultMessage(bytes(1_000_000)))
            await asyncio.sleep(0)
            one.listener.links[0].send(Ping(1))
            await until(lambda: len(other.listener.frames) == 21)
            assert other.listener.frames.index(Ping(1)) < 20

    run(main())


def test_transport_dialler_that_drops_its_peer_dials_again(tmp_path: Path, run) -> None:
    async def main() -> None:
        async with pair(tmp_path) as (one, other):
            for count in (2, 3):
                one.listener.links[0].close(Goodbye("once more"))
                await until(lambda count=count: other.listener.up_count == one.listener.up_count == count)
            assert other.listener.downs == ["the peer says: once more"] * 2
            assert one.listener.downs == ["once more"] * 2

    run(main())


def test_transport_peer_that_was_away_is_found_again(tmp_path: Path, run) -> None:
    authority = Authority.create()
    files = write_files(tmp_path / "a", authority)

    async def main() -> None:
        async with running(files) as first:
            port = first.transport.bound_port
        assert port is not None
        async with running(write_files(tmp_path / "b", authority), static=(f"127.0.0.1:{port}",)) as other:
            await until(lambda: other.transport.traffic.dial_failures >= 4)
            async with running(files, port=port) as again:
                await until(lambda: other.listener.links and again.listener.links)

    run(main())


def test_transport_finds_itself_and_dials_itself_no_more(tmp_path: Path, run) -> None:
    async def main() -> None:
        async with running(write_files(tmp_path, Authority.create())) as node:
            node.transport.book.learn([record_of(TlsKeyHash(b"?" * 32), node.endpoint)], node.transport.tls_key_hash)
            await until(lambda: node.transport.traffic.refusals[Refusal.OWN])
            await until(lambda: not node.transport._connections)
            assert node.transport.book.due(1e12, ()) == []
            assert node.listener.up_count == 0

    run(main())


def test_transport_learns_endpoints_of_new_members(tmp_path: Path, run) -> None:
    authority = Authority.create()

    async def main() -> None:
        async with (
            running(write_files(tmp_path / "a", authority)) as one,
            running(write_files(tmp_path / "b", authority)) as other,
        ):
            other.transport.refresh([record_of(node.transport.tls_key_hash, node.endpoint) for node in (one, other)])
            await until(lambda: other.listener.links and one.listener.links)
            assert other.transport.link_count == one.transport.link_count == 1
            assert other.listener.links[0].is_outbound
            assert other.listener.links[0].endpoint == one.endpoint

    run(main())


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        "x" * 250,
        ".",
        "*",
        "☃",
        "a%b",
        "-",
        "[::g]",
        "[fe80::1%nothing]",
        "256.1.1.1",
        "1",
        "%",
    ],
)
def test_transport_endpoint_that_a_member_made_up_does_no_harm(tmp_path: Path, run, host: str) -> None:
    async def main() -> None:
        async with running(write_files(tmp_path, Authority.create())) as node:
            node.transport.refresh([record_of(TlsKeyHash(b"?" * 32), f"{host}:9")])
            await until(lambda: node.transport.traffic.dial_failures or node.task.done())
            assert not node.task.done()

    run(main())


def test_transport_uses_a_renewed_certificate_and_a_second_authority_without_restart(tmp_path: Path, run) -> None:
    """The consortium changes its authority: first both are trusted, then certificates change, one after another."""
    old, new = Authority.create("Old"), Authority.create("New")
    both = pem_of(old.certificate) + pem_of(new.certificate)
    key = new_key()
    files, other_files = write_files(tmp_path / "a", old, key=key), write_files(tmp_path / "b", old)
    late_files = write_files(tmp_path / "c", new)

    async def main() -> None:
        async with running(files) as one, running(other_files, static=(one.endpoint,)) as other:
            await until(lambda: one.listener.links)
            async with running(late_files, static=(one.endpoint,)) as late:
                await until(lambda: late.transport.traffic.refusals[Refusal.TLS])
                files.ca.write_bytes(both)
                files.certificate.write_bytes(new.sign(key))
                await until(lambda: late.listener.links)
            assert other.listener.up_count == 1
            other_files.ca.write_bytes(both)
            one.listener.links[0].close(Goodbye("again"))
            await until(lambda: other.listener.up_count == 2)
            files.ca.write_bytes(pem_of(new.certificate))
            one.listener.links[0].close(Goodbye("again"))
            await until(lambda: one.transport.traffic.refusals[Refusal.TLS])

    run(main())


def test_transport_half_replaced_files_leave_the_old_ones_in_use(tmp_path: Path, run) -> None:
    authority = Authority.create()
    files, key = write_files(tmp_path / "a", authority), new_key()

    async def main() -> None:
        async with (
            running(files) as one,
            running(write_files(tmp_path / "b", authority), static=(one.endpoint,)) as other,
        ):
            await until(lambda: one.listener.links and other.listener.links)
            old_hash = one.transport.tls_key_hash
            write_key(files.key, key)
            other.listener.links[0].close(Goodbye("again"))
            await until(lambda: other.listener.up_count == 2)
            assert other.listener.links[0].tls_key_hash == old_hash
            files.certificate.write_bytes(authority.sign(key))
            other.listener.links[0].close(Goodbye("again"))
            await until(lambda: other.listener.up_count == 3)
            assert other.listener.links[0].tls_key_hash == hash_of(key) == one.transport.tls_key_hash

    run(main())


def test_transport_certificate_that_ends_soon_is_named_at_the_start(tmp_path: Path) -> None:
    files = write_files(tmp_path, Authority.create(), days=(-1, 10))
    with structlog.testing.capture_logs() as log:
        transport_of(files).close()
    assert [(e["event"], e["file"]) for e in log] == [("certificate_expires_soon", str(files.certificate))]


def test_transport_port_in_use_stops_the_node(tmp_path: Path) -> None:
    files = write_files(tmp_path, Authority.create())
    first = transport_of(files)
    with pytest.raises(ConfigError, match=r"p2p_listen: cannot listen on 127\.0\.0\.1:"):
        transport_of(files, port=first.bound_port or 0)
    first.close()


def test_transport_without_a_port_only_dials(tmp_path: Path) -> None:
    files = write_files(tmp_path, Authority.create())
    book = PeerBook((), random.Random(1))
    assert Transport(listener=MemoryListener(), tls=files, listen=None, book=book).bound_port is None


def test_transport_bad_files_stop_the_node(tmp_path: Path) -> None:
    files = write_files(tmp_path, Authority.create(), days=(-9, -1))
    with pytest.raises(ConfigError, match="expired at"):
        transport_of(files)
