"""Why a transaction may not wait here. The tree they belong to is drawn in `core/errors.py`.

The wording begins as that of geth, because clients (ethers among them) recognise errors by these words.
"""

from chain_node.core.errors import InvalidTransactionError, UnavailableError
from chain_node.core.types import Address


class TransactionNotAdmittedError(InvalidTransactionError):
    """A transaction breaks a rule of the pool or could not be executed on the present state."""


class SenderNotPermittedError(InvalidTransactionError):
    """The sender may not send this transaction: the sender rule of block validity."""

    def __init__(self, sender: Address, reason: str) -> None:
        self.sender = sender
        super().__init__(f"sender 0x{sender.hex()} is not permitted: {reason}")


class PoolFullError(UnavailableError):
    """The pool holds as much as it may; the sender may try again after a block or two."""

    def __init__(self, limit: int, unit: str) -> None:
        self.limit = limit
        super().__init__(f"txpool is full: it holds at most {limit} {unit}; room in the pool")
