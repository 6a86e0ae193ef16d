import asyncio
from pathlib import Path

import pytest
import uvloop

from chain_node.network.frames import Ping, VaultMessage
from tests.unit.network.authority import Authority, write_files
from tests.unit.network.memory_listener import running, until


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest):
    return asyncio.run if request.param == "asyncio" else uvloop.run


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
