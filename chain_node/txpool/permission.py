"""The sender rule: who may send a transaction, by the members' accounts in the Consortium contract. No I/O.

It is judged on the parent's state against the header's timestamp, for the sender only, by reading storage slots: a
few trie lookups, never an EVM call. The same code serves RPC, pool and block validity. A network whose genesis has
no code at the Consortium's address has no sender rule.

Source: docs/protocol.md, 2 and 3 ("Sender rule of block validity").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Transaction
from chain_node.execution import StateView
from chain_node.txpool.errors import SenderNotPermittedError

CONSORTIUM = Address(bytes.fromhex("7c01".zfill(40)))
"""Address of the Consortium contract on every Tranchain network."""

ROLE_DEPLOYER = 9
"""Bit of an account's role bitmap that allows contract creation."""

STORAGE_NAMESPACE = "tranchain.storage.Consortium"


def namespace_base_slot(namespace: str) -> int:
    """First storage slot of a namespace. Source: ERC-7201."""
    inner = int.from_bytes(keccak(namespace.encode()), "big") - 1
    return int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF


_ACCOUNTS_SLOT = namespace_base_slot(STORAGE_NAMESPACE)
_ORGANISATIONS_SLOT = _ACCOUNTS_SLOT + 1


def account_slot(account: Address) -> int:
    """Slot of `accounts[account]`."""
    return int.from_bytes(keccak(bytes(12) + account + _ACCOUNTS_SLOT.to_bytes(32, "big")), "big")


def organisation_slot(organisation: int) -> int:
    """First slot of `organisations[organisation]`."""
    return int.from_bytes(keccak(organisation.to_bytes(32, "big") + _ORGANISATIONS_SLOT.to_bytes(32, "big")), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledAccount:
    """What the Consortium says of one account."""

    organisation: int
    """Id of the organisation the account belongs to."""
    valid_from: int
    """First second in which it may send."""
    valid_until: int
    """First second in which it may not any more."""
    roles: int
    """Bitmap; bit = role id."""
    is_suspended: bool
    is_organisation_suspended: bool


def unpack_account(slot_value: int, *, is_organisation_suspended: bool) -> EnrolledAccount:
    """Split the packed slot, fields from the low bits up: organisation, validFrom, validUntil, roles, suspended."""
    return EnrolledAccount(
        organisation=slot_value & 0xFFFFFFFF,
        valid_from=slot_value >> 32 & 0xFFFFFFFFFF,
        valid_until=slot_value >> 72 & 0xFFFFFFFFFF,
        roles=slot_value >> 112 & 0xFFFFFFFFFFFFFFFF,
        is_suspended=bool(slot_value >> 176 & 1),
        is_organisation_suspended=is_organisation_suspended,
    )


class SenderRule:
    """The sender rule on one state. Remembers what it read; a rule and its memory belong to one storage root."""

    def __init__(self, read_slot: Callable[[int], int] | None) -> None:
        """Take a reader of the Consortium's storage slots; None where there is no Consortium."""
        self._read_slot = read_slot
        self._account_by_address: dict[Address, EnrolledAccount | None] = {}
        self._permitted_at = -1
        """The timestamp that was judged by last."""
        self._permitted: set[tuple[Address, Address | None]] = set()
        """Senders with their targets that were found permitted at that time."""

    @property
    def is_in_force(self) -> bool:
        """Whether this network has a Consortium."""
        return self._read_slot is not None

    def validate(self, transaction: Transaction, timestamp: int) -> None:
        """Check the sender of a transaction against the timestamp of the header it is, or would be, in.

        Raises:
            SenderNotPermittedError: with the reason.
        """
        self.validate_sender(transaction.sender, transaction.to, timestamp)

    def validate_sender(self, sender: Address, to: Address | None, timestamp: int) -> None:
        """As `validate`, for a sender and a target (None: contract creation).

        Raises:
            SenderNotPermittedError: with the reason.
        """
        if self._read_slot is None:
            return
        if timestamp != self._permitted_at:
            self._permitted_at = timestamp
            self._permitted.clear()
        if (sender, to) in self._permitted:
            return
        if sender not in self._account_by_address:
            self._account_by_address[sender] = self._read_account(sender, self._read_slot)
        reason = refusal_reason(self._account_by_address[sender], to, timestamp)
        if reason is not None:
            raise SenderNotPermittedError(sender, reason)
        self._permitted.add((sender, to))

    @staticmethod
    def _read_account(sender: Address, read_slot: Callable[[int], int]) -> EnrolledAccount | None:
        value = read_slot(account_slot(sender))
        if value == 0:
            return None
        organisation = read_slot(organisation_slot(value & 0xFFFFFFFF))
        return unpack_account(value, is_organisation_suspended=bool(organisation & 1))


def refusal_reason(account: EnrolledAccount | None, to: Address | None, timestamp: int) -> str | None:
    """Why this account may not send to this target at this time; None if it may. `to` None creates a contract.

    Calls to the Consortium itself are exempt from the validity dates, so that expired members can still govern, but
    not from suspension.
    """
    if account is None:
        return "unknown account (it is not enrolled in the Consortium)"
    if account.is_suspended:
        return "the account is suspended"
    if account.is_organisation_suspended:
        return f"organisation {account.organisation} is suspended"
    if to != CONSORTIUM:
        if timestamp < account.valid_from:
            return f"the account is not yet valid (from {_date(account.valid_from)})"
        if timestamp >= account.valid_until:
            return f"the account expired on {_date(account.valid_until)}"
    if to is None and not account.roles >> ROLE_DEPLOYER & 1:
        return "creating a contract needs the role DEPLOYER"
    return None


class PermissionCache:
    """Keeps the sender rule of the last storage root of the Consortium, which changes with governance only."""

    def __init__(self) -> None:
        self._last: tuple[Hash32, SenderRule] | None = None

    def rule_on(self, state: StateView) -> SenderRule:
        """The rule on this state, with what was read before under the same storage root."""
        account = state.account(CONSORTIUM)
        if account is None or not state.code(CONSORTIUM):
            return SenderRule(None)
        last = self._last
        if last is not None and last[0] == account.storage_root:
            return last[1]
        rule = SenderRule(lambda slot: state.storage(CONSORTIUM, slot))
        self._last = (account.storage_root, rule)
        return rule


def _date(second: int) -> str:
    """A Unix second as a person reads it; far seconds that no calendar holds stay numbers."""
    try:
        return datetime.fromtimestamp(second, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {second}"
