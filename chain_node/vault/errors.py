"""What the vault answers when it cannot do what was asked.

VaultError(status, code)         the request is at fault, or cannot be served now
└─ StoreFullError                nothing was stored, what was stored before is intact
CallRevertedError                a contract refused a view call
"""

from __future__ import annotations

from chain_node.core.errors import ChainError, InvalidInputError


class VaultError(InvalidInputError):
    """A request is refused. `status` is the HTTP status, `code` a stable word a client can act on."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class StoreFullError(VaultError):
    """The disk or the map is full."""

    def __init__(self, detail: str) -> None:
        super().__init__(507, "disk_full", f"nothing was stored ({detail}); free space and send the request again")


class CallRevertedError(ChainError):
    """A view call reverted; `data` is the encoded error."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__(f"call reverted with {len(data)} bytes: 0x{data[:68].hex()}")


def bad_request(message: str) -> VaultError:
    """The body is not what the call takes."""
    return VaultError(400, "bad_request", message)
