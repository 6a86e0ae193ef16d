"""The other end of a node's port, byte by byte: strangers, and members' nodes gone wrong."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from chain_node.core.types import Hash32, Height
from chain_node.network.frames import PROTOCOL_VERSION, Frame, Goodbye, Hello, Status, encode_frame
from chain_node.network.framing import NEED_DATA, FrameReader
from chain_node.network.tls_identity import TlsFiles
from tests.e2e.node_kit import NodeProcess
from tests.e2e.put_load import CHAIN_ID

ANSWER_SECONDS = 20


def client_context(files: TlsFiles | None) -> ssl.SSLContext:
    """A stranger's TLS: it believes everybody, and shows the certificate that it has, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


def hello_to(node: NodeProcess) -> Hello:
    """What a node of the same chain would say to this one."""
    genesis, head = (node.call("eth_getBlockByNumber", height, False) for height in ("0x0", "latest"))
    assert isinstance(genesis, dict)
    assert isinstance(head, dict)
    return Hello(
        version=PROTOCOL_VERSION,
        chain_id=CHAIN_ID,
        genesis_hash=Hash32(bytes.fromhex(genesis["hash"][2:])),
        height=Height(0),
        head_hash=Hash32(bytes.fromhex(genesis["hash"][2:])),
        client_version="hostile/v1",
    )


@dataclass
class HostilePeer:
    """One connection."""

    socket: socket.socket
    _frames: FrameReader = field(default_factory=FrameReader)

    def send(self, data: bytes) -> bool:
        """Send until all is gone or the other end has closed; gives whether all went."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def say(self, *frames: Frame) -> bool:
        return self.send(b"".join(encode_frame(frame) for frame in frames))

    def next_frame(self) -> Frame | None:
        """The next frame; None at the end of the stream."""
        while (frame := self._frames.next_frame()) is NEED_DATA:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._frames.receive_data(data)
        return frame

    def goodbye(self) -> str:
        """Read on until the other end says why it closes."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not isinstance(frame := self.next_frame(), Goodbye):
            assert frame is not None, "the connection ended without Goodbye"
            assert time.monotonic() < deadline, "no Goodbye"
        return frame.reason

    def greet(self, hello: Hello) -> None:
        """Say Hello and wait until the other end speaks to this one as to a link."""
        self.say(hello)
        assert isinstance(self.next_frame(), Hello)
        assert isinstance(self.next_frame(), Status)

    def seconds_until_closed(self) -> float:
        """Read to the end; gives how long that took."""
        began = time.monotonic()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self.socket.recv(65536):
                pass
        return time.monotonic() - began


@contextmanager
def connected(endpoint: str, context: ssl.SSLContext | None = None) -> Iterator[HostilePeer]:
    """Connect to HOST:PORT, with TLS if there is a context."""
    host, _, port = endpoint.rpartition(":")
    plain = socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS)
    with contextlib.closing(plain if context is None else context.wrap_socket(plain)) as connection:
        yield HostilePeer(connection)


def ahead(hello: Hello, heights: int) -> Hello:
    """The same by one that pretends to be ahead."""
    return replace(hello, height=Height(hello.height + heights), head_hash=Hash32(b"\x0a" * 32))
