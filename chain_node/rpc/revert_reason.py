"""The text in the data of a revert. No I/O.

Source: Solidity documentation, "Error handling": Error(string) and Panic(uint256).
"""

_ERROR_SELECTOR = bytes.fromhex("08c379a0")
_PANIC_SELECTOR = bytes.fromhex("4e487b71")
_REASON_SIZE_BYTES_MAX = 4096

_PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}


def decode_revert_reason(data: bytes) -> str | None:
    """The reason of Error(string) or Panic(uint256); None for custom errors and empty data."""
    selector, body = data[:4], data[4:]
    if selector == _PANIC_SELECTOR and len(body) == 32:
        code = int.from_bytes(body, "big")
        return _PANICS.get(code, f"unknown panic code: {code:#x}")
    if selector != _ERROR_SELECTOR or len(body) < 64:
        return None
    offset = int.from_bytes(body[:32], "big")
    if offset + 32 > len(body):
        return None
    size = int.from_bytes(body[offset : offset + 32], "big")
    text = body[offset + 32 : offset + 32 + size]
    if size > _REASON_SIZE_BYTES_MAX or len(text) != size:
        return None
    return text.decode(errors="replace")
