"""The sender rule: every reason, its exemptions, and the slots it reads. Source: docs/protocol.md, 3."""

from dataclasses import dataclass

import pytest

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.execution.account import Account
from chain_node.execution.types import AccountProof
from chain_node.txpool import CONSORTIUM, PermissionCache, SenderNotPermittedError, SenderRule
from chain_node.txpool.permission import account_slot, namespace_base_slot, organisation_slot
from tests.unit.txpool.transactions import make_transaction, sender_address

NOW = 1_800_000_000
SOMEWHERE = Address(b"\x42" * 20)


def pack(
    *,
    organisation: int = 3,
    valid_from: int = NOW - 10,
    valid_until: int = NOW + 10,
    roles: int = 1 << 3,
    is_suspended: bool = False,
) -> int:
    return organisation | valid_from << 32 | valid_until << 72 | roles << 112 | int(is_suspended) << 176


def rule_with(account: int, organisation: int = 0) -> SenderRule:
    slots = {account_slot(sender_address(1)): account, organisation_slot(3): organisation}
    return SenderRule(lambda slot: slots.get(slot, 0))


def test_base_slot_is_that_of_erc_7201() -> None:
    # The value that Solidity tools give for this namespace: keccak(keccak("…") - 1) with the last byte cleared.
    inner = int.from_bytes(keccak(b"tranchain.storage.Consortium"), "big") - 1
    expected = int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") // 256 * 256
    assert namespace_base_slot("tranchain.storage.Consortium") == expected
    # Known answer of ERC-7201 for "example.main".
    assert namespace_base_slot("example.main") == 0x183A6125C38840424C4A85FA12BAB2AB606C4B6D0E7CC73C0C06BA5300EAB500


@pytest.mark.parametrize(
    ("account", "organisation", "to", "timestamp", "reason"),
    [
        (pack(), 0, SOMEWHERE, NOW, None),
        (0, 0, SOMEWHERE, NOW, "unknown account"),
        (0, 0, CONSORTIUM, NOW, "unknown account"),
        (pack(is_suspended=True), 0, SOMEWHERE, NOW, "the account is suspended"),
        (pack(is_suspended=True), 0, CONSORTIUM, NOW, "the account is suspended"),
        (pack(), 1, SOMEWHERE, NOW, "organisation 3 is suspended"),
        (pack(), 1, CONSORTIUM, NOW, "organisation 3 is suspended"),
        (pack(), 2, SOMEWHERE, NOW, None),
        (pack(), 0, SOMEWHERE, NOW - 10, None),
        (pack(), 0, SOMEWHERE, NOW - 11, r"not yet valid \(from 2027-01-15 07:59:50 UTC\)"),
        (pack(), 0, CONSORTIUM, NOW - 11, None),
        (pack(), 0, SOMEWHERE, NOW + 9, None),
        (pack(), 0, SOMEWHERE, NOW + 10, "expired on 2027-01-15 08:00:10 UTC"),
        (pack(), 0, CONSORTIUM, NOW + 10, None),
        (pack(), 0, None, NOW, "needs the role DEPLOYER"),
        (pack(roles=1 << 9), 0, None, NOW, None),
        (pack(roles=1 << 9), 0, None, NOW + 10, "expired"),
    ],
)
def test_sender_rule_names_the_reason(
    account: int, organisation: int, to: Address | None, timestamp: int, reason: str | None
) -> None:
    rule = rule_with(account, organisation)
    transaction = make_transaction(to=to)
    if reason is None:
        rule.validate(transaction, timestamp)
    else:
        with pytest.raises(SenderNotPermittedError, match=f"0x{sender_address(1).hex()} is not permitted: .*{reason}"):
            rule.validate(transaction, timestamp)


def test_sender_rule_far_dates_stay_numbers() -> None:
    with pytest.raises(SenderNotPermittedError, match="not yet valid"):
        rule_with(pack(valid_from=2**40 - 2, valid_until=2**40 - 1)).validate(make_transaction(), NOW)


def test_sender_rule_without_consortium_permits_everybody() -> None:
    rule = SenderRule(None)
    assert not rule.is_in_force
    rule.validate(make_transaction(to=None), NOW)


@dataclass
class State:
    """A state with nothing in it but the Consortium."""

    root: Hash32
    storage_root: Hash32
    slots: dict[int, int]
    has_code: bool = True
    reads: int = 0

    def account(self, address: Address) -> Account | None:
        return Account(storage_root=self.storage_root) if address == CONSORTIUM else None

    def code(self, address: Address) -> bytes:
        return b"\x60" if self.has_code else b""

    def storage(self, address: Address, slot: int) -> int:
        self.reads += 1
        return self.slots.get(slot, 0)

    def prove(self, address: Address, slots: object) -> AccountProof:
        raise NotImplementedError


def test_cache_reads_a_sender_once_per_storage_root() -> None:
    slots = {account_slot(sender_address(1)): pack()}
    first = State(Hash32(b"a" * 32), Hash32(b"s" * 32), slots)
    second = State(Hash32(b"b" * 32), Hash32(b"s" * 32), slots)
    third = State(Hash32(b"c" * 32), Hash32(b"t" * 32), {})
    cache = PermissionCache()
    cache.rule_on(first).validate(make_transaction(), NOW)
    cache.rule_on(second).validate(make_transaction(), NOW)
    assert (first.reads, second.reads) == (2, 0)
    with pytest.raises(SenderNotPermittedError, match="unknown account"):
        cache.rule_on(third).validate(make_transaction(), NOW)


def test_cache_has_no_rule_where_the_consortium_has_no_code() -> None:
    state = State(Hash32(b"a" * 32), Hash32(b"s" * 32), {}, has_code=False)
    assert not PermissionCache().rule_on(state).is_in_force
