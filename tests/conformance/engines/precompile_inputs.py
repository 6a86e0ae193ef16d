"""Call data for the precompiled contracts, good and bad. Source: EIP-196, EIP-197, EIP-198, EIP-152."""

from random import Random

from chain_node.core.crypto import sign_digest
from chain_node.core.hashing import keccak
from tests.unit.execution.node_table import key_of

FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Of the curve alt_bn128; its generator is (1, 2)."""
GENERATOR = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
_NEGATED = (1).to_bytes(32, "big") + (FIELD - 2).to_bytes(32, "big")
_TWIST_GENERATOR = b"".join(
    number.to_bytes(32, "big")
    for number in (
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
    )
)
PAIRING = GENERATOR + _TWIST_GENERATOR + _NEGATED + _TWIST_GENERATOR
"""Two pairs whose product is one. py-evm takes a second for it."""
_SIGNED = keccak(b"signed")
_SIGNATURE = sign_digest(key_of("signer"), _SIGNED)
_BLAKE_STATE = bytes(range(1, 65)) + bytes(128) + (64).to_bytes(8, "little") + bytes(8)


def precompile_input(random: Random) -> tuple[int, bytes]:
    """A precompile's number (10 is none) and its input, without pairings that need time."""
    number = random.randint(1, 10)
    makers = {1: _recover, 5: _power, 6: _add, 7: _multiply, 8: _pair, 9: _compress}
    if number not in makers:
        return number, random.randbytes(random.choice((0, 1, 31, 32, 33, 55, 64, 119, 200)))
    data = makers[number](random)
    return number, data[: random.randrange(len(data) + 1)] if random.random() < 0.1 else data


def _recover(random: Random) -> bytes:
    v = random.choice((27, 28, 27 + _SIGNATURE[64], 27 + _SIGNATURE[64], 0, 29, 2**200))
    r = random.choice((_SIGNATURE[:32], _SIGNATURE[:32], bytes(32), b"\xff" * 32))
    return _SIGNED + v.to_bytes(32, "big") + r + _SIGNATURE[32:64] + random.choice((b"", b"more"))


def _power(random: Random) -> bytes:
    lengths = [random.choice((0, 0, 1, 2, 31, 32, 33, 70)) for _ in range(3)]
    data = b"".join(length.to_bytes(32, "big") for length in lengths)
    if random.random() < 0.1:
        return data[:64] + (2 ** random.choice((31, 64, 255))).to_bytes(32, "big")
    return data + random.randbytes(sum(lengths) - random.choice((0, 0, min(lengths))))


def _point(random: Random) -> bytes:
    off = (1).to_bytes(32, "big") + (3).to_bytes(32, "big")
    outside = (FIELD + 1).to_bytes(32, "big") + (2).to_bytes(32, "big")
    return random.choice((GENERATOR, GENERATOR, _NEGATED, bytes(64), off, outside))


def _add(random: Random) -> bytes:
    return _point(random) + _point(random) + random.choice((b"", b"more"))


def _multiply(random: Random) -> bytes:
    return _point(random) + random.choice((0, 1, 9, FIELD, 2**256 - 1, random.getrandbits(256))).to_bytes(32, "big")


def _pair(random: Random) -> bytes:
    return random.choice((b"", bytes(192), bytes(191), _point(random) + bytes(128), bytes(64) + b"\x01" * 128))


def _compress(random: Random) -> bytes:
    rounds = random.choice((0, 1, 12, 12, 200, 2**32 - 1))
    last = random.choice((0, 1, 1, 2))
    return rounds.to_bytes(4, "big") + _BLAKE_STATE[:208] + bytes((last,)) + random.choice((b"", b"", b"x"))
