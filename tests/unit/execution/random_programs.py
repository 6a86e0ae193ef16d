"""Random contracts for differential tests: mostly valid code that loops, stores, calls, creates and fails."""

from random import Random

CONTRACTS = tuple(bytes(18) + bytes((0xAA, index)) for index in range(4))
_WORDS = (0, 1, 2, 3, 5, 31, 32, 33, 255, 256, 2**128, 2**160 - 1, 2**255 - 1, 2**255, 2**256 - 1)
_UNARY = (0x15, 0x19)
_BINARY = (
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x07,
    0x0A,
    0x0B,
    *range(0x10, 0x15),
    *range(0x16, 0x19),
    *range(0x1A, 0x1E),
)
_TERNARY = (0x08, 0x09)
_SOURCES = (0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3A, 0x3D, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x58, 0x59, 0x5A)


def push(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes((0x5F + size,)) + value.to_bytes(size, "big")


def random_program(random: Random) -> bytes:
    """A loop of 1 to 40 turns around random statements that leave the stack as it was, then a random end."""
    body = b"".join(_statement(random) for _ in range(random.randint(1, 8)))
    turns = random.choice((1, 3, 20, 40))
    start = push(turns)
    loop = b"\x5b" + body + push(1) + b"\x90\x03\x80" + push(len(start)) + b"\x57"
    return (
        start + loop + random.choice((b"\x00", b"", push(32) + push(0) + b"\xf3", push(4) + push(0) + b"\xfd", b"\xfe"))
    )


def _statement(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.35:
        return _expression(random, 3) + push(random.choice((0, 1, 32, 64, 100))) + random.choice((b"\x52", b"\x53"))
    if kind < 0.55:
        return _expression(random, 2) + push(random.randint(0, 5)) + b"\x55"
    if kind < 0.65:
        return _log(random)
    if kind < 0.8:
        return _call(random)
    if kind < 0.85:
        return push(random.choice((0, 1, 40))) + push(random.randint(0, 40)) + push(random.randint(0, 64)) + b"\x37"
    if kind < 0.9:
        return _create(random)
    if kind < 0.93:
        return push(random.choice((0, 1, 4))) + push(0) + push(0) + random.choice((b"\x39", b"\x3e"))
    if kind < 0.95:
        return _expression(random, 1) + b"\x50" + bytes((random.randrange(256),)) * (random.random() < 0.3)
    return _branch(random)


def _expression(random: Random, depth: int) -> bytes:
    kind = random.random()
    if depth == 0 or kind < 0.2:
        return push(random.choice((*_WORDS, random.getrandbits(256), random.getrandbits(8))))
    if kind < 0.3:
        return bytes((random.choice(_SOURCES),))
    if kind < 0.4:
        return push(random.randint(0, 70)) + random.choice((b"\x35", b"\x51", b"\x54"))
    if kind < 0.45:
        return push(random.choice((0, 1, 33, 64))) + push(random.randint(0, 40)) + b"\x20"
    if kind < 0.55:
        return _expression(random, depth - 1) + bytes((random.choice(_UNARY),))
    if kind < 0.6:
        return b"".join(_expression(random, depth - 1) for _ in range(3)) + bytes((random.choice(_TERNARY),))
    if kind < 0.65:
        return _expression(random, depth - 1) + random.choice((b"\x80\x01", b"\x80\x80\x02\x90\x50", b"\x80\x90\x03"))
    if kind < 0.7:
        return push(int.from_bytes(random.choice(CONTRACTS), "big")) + random.choice((b"\x31", b"\x3b", b"\x3f"))
    if kind < 0.72:
        return push(random.randint(0, 10)) + b"\x40"
    return _expression(random, depth - 1) + _expression(random, depth - 1) + bytes((random.choice(_BINARY),))


def _log(random: Random) -> bytes:
    topics = random.randint(0, 4)
    return (
        b"".join(push(random.getrandbits(16)) for _ in range(topics))
        + push(random.choice((0, 5, 32)))
        + push(random.randint(0, 40))
        + bytes((0xA0 + topics,))
    )


def _call(random: Random) -> bytes:
    kind = random.choice((0xF1, 0xF2, 0xF4, 0xFA))
    targets = (*(int.from_bytes(contract, "big") for contract in CONTRACTS), 2, 4, 0xDEAD)
    value = push(random.choice((0, 0, 1))) if kind in (0xF1, 0xF2) else b""
    gas = random.choice((push(20_000), push(500), b"\x5a"))
    memory = push(32) + push(0) + push(random.choice((0, 32))) + push(0)
    return memory + value + push(random.choice(targets)) + gas + bytes((kind, 0x50))


def _create(random: Random) -> bytes:
    # Creation code that returns three bytes, or fails: PUSH32 of it, MSTORE, CREATE or CREATE2.
    code = random.choice((bytes.fromhex("6003600cf3"), bytes.fromhex("60036000fd"), bytes.fromhex("33ff"), b"\xfe"))
    store = b"\x7f" + code.ljust(32, b"\0") + push(0) + b"\x52"
    if random.random() < 0.5:
        return store + push(len(code)) + push(0) + push(random.choice((0, 1))) + b"\xf0\x50"
    return store + push(random.randint(0, 2)) + push(len(code)) + push(0) + push(0) + b"\xf5\x50"


def _branch(random: Random) -> bytes:
    """A dynamic jump over a byte: PC-relative, so that it works anywhere."""
    # PC, PUSH1 7, ADD, condition (1 byte), SWAP1, JUMPI, byte, JUMPDEST
    condition = random.choice((0x30, 0x36, 0x3D))
    return bytes((0x58, 0x60, 0x08, 0x01, condition, 0x90, 0x57, 0x5B, 0x5B))
