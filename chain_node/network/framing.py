"""Cuts a stream of bytes into frames. No I/O.

A reader holds at most one unfinished frame, whose length was checked against its type before a byte of the payload
was kept, and what came with it in one read. It begins as a stranger's: only Hello and Goodbye are let through.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, Literal

from chain_node.network.frames import Frame, Goodbye, Hello, decode_payload, encode_frame, size_bytes_max
from chain_node.network.misdeeds import OversizeFrameError, UnexpectedFrameError, UnknownFrameError

HEADER_SIZE_BYTES = 5
"""Length (4) and type (1)."""


class NeedData(Enum):
    """No frame is complete."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA


class FrameReader:
    """The frames of one direction of a link; after an error the stream cannot be read on."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed_bytes = HEADER_SIZE_BYTES
        """Bytes that must be there before it is worth looking again."""
        self._has_hello = False
        self.frame_size_bytes = 0
        """Of the last frame, header included."""

    def receive_data(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    @property
    def is_partial(self) -> bool:
        """Whether a frame was begun; asked when `next_frame` has nothing more."""
        return bool(self._buffer)

    @property
    def partial_size_bytes(self) -> int:
        """Whole size of the frame that was begun, as far as it is known."""
        return self._needed_bytes

    def next_frame(self) -> Frame | Literal[NeedData.NEED_DATA]:
        """The next complete frame.

        Raises:
            RemoteProtocolError: unknown type, too long for its type, or out of place.
            DecodeError: the payload is not the canonical encoding of such a frame.
        """
        if len(self._buffer) < self._needed_bytes:
            return NEED_DATA
        code = self._buffer[4]
        size_bytes = HEADER_SIZE_BYTES + self._check_header(int.from_bytes(self._buffer[:4], "big"), code)
        if len(self._buffer) < size_bytes:
            self._needed_bytes = size_bytes
            return NEED_DATA
        payload = bytes(memoryview(self._buffer)[HEADER_SIZE_BYTES:size_bytes])
        del self._buffer[:size_bytes]
        self._needed_bytes = HEADER_SIZE_BYTES
        self.frame_size_bytes = size_bytes
        frame = decode_payload(code, payload)
        self._has_hello = True
        return frame

    def _check_header(self, payload_size_bytes: int, code: int) -> int:
        maximum = size_bytes_max(code)
        if maximum is None:
            raise UnknownFrameError(code)
        if not self._has_hello and code not in (Hello.code, Goodbye.code):
            raise UnexpectedFrameError(code, "Hello first")
        if self._has_hello and code == Hello.code:
            raise UnexpectedFrameError(code, "one Hello")
        if payload_size_bytes > maximum:
            raise OversizeFrameError(code=code, got=payload_size_bytes, expected_max=maximum)
        return payload_size_bytes


class FrameEncoder:
    """Encodes frames; one that goes to several links in a row is encoded once."""

    def __init__(self) -> None:
        self._last: tuple[Frame, bytes] | None = None

    def encode(self, frame: Frame) -> bytes:
        """Length, type and payload."""
        if self._last is None or self._last[0] is not frame:
            self._last = (frame, encode_frame(frame))
        return self._last[1]
