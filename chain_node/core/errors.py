"""The error tree of the node. No I/O.

    ChainError(Exception)                expected in normal work
    ├─ InvalidInputError                 someone gave us something wrong: reject it and go on
    │   ├─ DecodeError(offset, expected)
    │   ├─ BadSignatureError(reason)
    │   ├─ InvalidMessageError(reason)
    │   ├─ InvalidBlockError(reason)
    │   │   └─ HeaderMismatchError(field, got, expected)
    │   ├─ InvalidTransactionError(reason)
    │   ├─ RemoteProtocolError(reason, penalty)
    │   └─ InvalidRequestError(reason)
    ├─ UnavailableError(what)            not there now: the caller may retry
    ├─ LocalProtocolError(reason)        our own API was called in a wrong state
    └─ ConfigError(key, reason)          stop at start-up, name the key
    InvariantViolation(BaseException)    our code is wrong: stop the process, keep the evidence

Leaves that belong to one part are defined in that part and derive from these.
"""

from __future__ import annotations


class ChainError(Exception):
    """Root of every error that is expected in normal work."""


class InvalidInputError(ChainError):
    """Someone gave us something wrong: reject it and go on."""


class DecodeError(InvalidInputError):
    """Bytes are not the canonical encoding of what was expected.

    `offset` counts bytes from the start of the buffer given to the decoder.
    """

    def __init__(self, *, offset: int, expected: str) -> None:
        self.offset = offset
        self.expected = expected
        super().__init__(f"byte {offset}: expected {expected}")


class BadSignatureError(InvalidInputError):
    """A secp256k1 signature is malformed or recovers to no key."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"bad signature: {reason}")


class InvalidMessageError(InvalidInputError):
    """A consensus message breaks a rule of the protocol."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class InvalidBlockError(InvalidInputError):
    """A block breaks a rule of validity."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class HeaderMismatchError(InvalidBlockError):
    """One header field is not what the rule demands; `expected` is a value or a short phrase for a range."""

    def __init__(self, field: str, got: object, expected: object) -> None:
        self.field = field
        self.got = got
        self.expected = expected
        super().__init__(f"header {field}: got {describe(got)}, expected {describe(expected)}")


class InvalidTransactionError(InvalidInputError):
    """A transaction can never be executed on this chain, whatever the state."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class RemoteProtocolError(InvalidInputError):
    """A peer broke the network protocol; `penalty` is what it costs the peer, in points."""

    def __init__(self, reason: str, *, penalty: int) -> None:
        self.reason = reason
        self.penalty = penalty
        super().__init__(reason)


class InvalidRequestError(InvalidInputError):
    """A caller of the RPC asked for something that cannot be answered."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnavailableError(ChainError):
    """Something is not there now; the caller may retry."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} is not available now")


class LocalProtocolError(ChainError):
    """We called our own interface in a wrong state."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ConfigError(ChainError):
    """A configuration value cannot be used; `key` is its dotted path in the file."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(f"{key}: {reason}")


class InvariantViolation(BaseException):
    """Our code is wrong. Not an `Exception`, so that no general handler can eat it."""


def invariant(*, holds: bool, fact: str) -> None:
    """Stop the process when a fact of our own code does not hold; unlike `assert` it stays on under -O.

    Raises:
        InvariantViolation: `holds` is false.
    """
    if not holds:
        raise InvariantViolation(fact)


def describe(value: object) -> str:
    """A value as a person reads it in an error: bytes as hex, long ones shortened."""
    if isinstance(value, bytes):
        text = value.hex()
        return f"0x{text}" if len(text) <= 80 else f"0x{text[:64]}… ({len(value)} bytes)"
    return str(value)
