import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_node.core import rlp
from chain_node.core.errors import DecodeError
from chain_node.core.types import Hash32, Height, Round
from chain_node.network import frames as frames_module
from chain_node.network.frames import Blocks, ConsensusMessage, Frame, Goodbye, Ping, VaultMessage, encode_frame
from chain_node.network.framing import NEED_DATA, FrameEncoder, FrameReader
from chain_node.network.misdeeds import OversizeFrameError, UnexpectedFrameError, UnknownFrameError
from chain_node.network.proposal_frames import CompactProposal, GetProposalTransactions, ProposalTransactions
from tests.unit.network.memory_listener import HELLO

CODES = sorted(frames_module._TYPES)
SPOKEN: list[Frame] = [
    HELLO,
    Ping(1),
    VaultMessage(bytes(3_000)),
    ConsensusMessage(12, b"signed"),
    Blocks(4, (b"block", b"other")),
    CompactProposal(
        height=Height(7), round=Round(2), header=b"h", hashes=b"t" * 64, signature=b"s" * 65, justification=b"j"
    ),
    GetProposalTransactions(number=3, signature=b"s" * 65, indices=(0, 5, 70_000)),
    GetProposalTransactions(number=4, signature=b"s" * 65, indices=()),
    ProposalTransactions(3, (b"one", b"two")),
    frames_module.Status(Height(3), Hash32(bytes(32)), (b"k" * 32,)),
    Goodbye("enough"),
]


def header(code: int, size_bytes: int) -> bytes:
    return size_bytes.to_bytes(4, "big") + bytes((code,))


def read_all(reader: FrameReader) -> list[Frame]:
    frames: list[Frame] = []
    while (frame := reader.next_frame()) is not NEED_DATA:
        frames.append(frame)
    return frames


def greeted() -> FrameReader:
    reader = FrameReader()
    reader.receive_data(encode_frame(HELLO))
    assert reader.next_frame() == HELLO
    return reader


def test_reader_byte_by_byte_gives_every_frame() -> None:
    reader = FrameReader()
    heard: list[Frame] = []
    for byte in b"".join(map(encode_frame, SPOKEN)):
        reader.receive_data(bytes((byte,)))
        heard += read_all(reader)
    assert heard == SPOKEN
    assert not reader.is_partial


@given(st.lists(st.integers(1, 4_000), max_size=30))
def test_reader_any_cuts_give_every_frame(sizes: list[int]) -> None:
    stream = b"".join(map(encode_frame, SPOKEN))
    reader, heard, at = FrameReader(), [], 0
    for size in [*sizes, len(stream)]:
        reader.receive_data(stream[at : at + size])
        at += size
        heard += read_all(reader)
    assert heard == SPOKEN


def test_reader_counts_the_bytes_of_a_frame() -> None:
    reader = greeted()
    reader.receive_data(encode_frame(Ping(300)) + b"\0")
    reader.next_frame()
    assert reader.frame_size_bytes == len(encode_frame(Ping(300)))
    assert reader.next_frame() is NEED_DATA
    assert reader.is_partial


@pytest.mark.parametrize("code", CODES)
def test_reader_length_above_the_types_bound_is_refused_at_the_header(code: int) -> None:
    maximum = frames_module.size_bytes_max(code)
    assert maximum is not None
    reader = FrameReader() if code == HELLO.code else greeted()
    reader.receive_data(header(code, maximum + 1))
    with pytest.raises(OversizeFrameError, match=f"{maximum + 1} bytes, expected at most {maximum}"):
        reader.next_frame()
    within = FrameReader() if code == HELLO.code else greeted()
    within.receive_data(header(code, maximum))
    assert within.next_frame() is NEED_DATA
    assert within.partial_size_bytes == maximum + 5


@pytest.mark.parametrize("code", sorted(set(range(256)) - set(CODES)))
def test_reader_unknown_type_is_refused_at_the_header(code: int) -> None:
    reader = greeted()
    reader.receive_data(header(code, 0))
    with pytest.raises(UnknownFrameError):
        reader.next_frame()


@pytest.mark.parametrize("code", sorted(set(CODES) - {HELLO.code, Goodbye.code}))
def test_reader_stranger_says_nothing_before_hello(code: int) -> None:
    reader = FrameReader()
    reader.receive_data(header(code, 1))
    with pytest.raises(UnexpectedFrameError, match="Hello first"):
        reader.next_frame()


def test_reader_second_hello_is_refused() -> None:
    reader = greeted()
    reader.receive_data(encode_frame(HELLO))
    with pytest.raises(UnexpectedFrameError, match="one Hello"):
        reader.next_frame()


@given(st.sampled_from(CODES), st.binary(max_size=200))
def test_reader_any_payload_reads_canonically_or_is_refused(code: int, payload: bytes) -> None:
    reader = FrameReader() if code == HELLO.code else greeted()
    raw = header(code, len(payload)) + payload
    reader.receive_data(raw)
    try:
        frame = reader.next_frame()
    except (DecodeError, OversizeFrameError):
        return
    assert frame is not NEED_DATA
    assert encode_frame(frame) == raw


def test_encoder_same_frame_again_is_encoded_once() -> None:
    encoder, frame = FrameEncoder(), Ping(5)
    first = encoder.encode(frame)
    assert encoder.encode(frame) is first
    assert encoder.encode(Ping(6)) == encode_frame(Ping(6))
    assert encoder.encode(frame) == first


@pytest.mark.parametrize(
    ("code", "items"),
    [
        pytest.param(0x12, [b"\x01", b"", b"h", b"t" * 33, b"s" * 65, b"j"], id="half a hash"),
        pytest.param(0x12, [b"\x01", b"", b"h", b"t" * 32, b"s" * 64, b"j"], id="short signature"),
        pytest.param(0x13, [b"\x01", b"s" * 65, b"\0" * 3], id="half an index"),
        pytest.param(0x13, [b"\x01", b"s" * 65, b"\0\0\0\2\0\0\0\2"], id="an index twice"),
        pytest.param(0x13, [b"\x01", b"s" * 65, b"\0\0\0\2\0\0\0\1"], id="indices falling"),
        pytest.param(0x14, [b"\x01", b"no list"], id="no list"),
    ],
)
def test_malformed_frame_about_a_proposal_is_refused(code: int, items: list[rlp.Item]) -> None:
    with pytest.raises(DecodeError):
        frames_module.decode_payload(code, rlp.encode(items))
