"""What is sent: one kind of transaction each, the contract it needs, and what its receipt must show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from client.bench.accounts import Sender
from client.sdk.hashing import address_bytes, keccak

RECORD_STORE, BENCH_TOKEN = "bench/RecordStore", "bench/BenchToken"
TOKENS_EACH = 10**18
HOLDERS_PER_CALL = 100

_PUT = keccak(b"put(uint256,bytes32)")[:4]
_RECORD_PUT = "0x" + keccak(b"RecordPut(uint256,bytes32)").hex()
_TRANSFER = keccak(b"transfer(address,uint256)")[:4]
_TRANSFERRED = "0x" + keccak(b"Transfer(address,address,uint256)").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one transaction does."""

    to: bytes
    value_wei: int
    data: bytes
    topics: tuple[str, ...] = ()
    """Of the log it must leave; none: it must leave no log."""
    log_data: str = "0x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One kind of transaction."""

    name: str
    meaning: str
    gas: int
    """Gas limit of each."""
    artifact: str | None
    """Contract that it calls."""
    make: Callable[[Sender, int, str | None, int], Call]
    """From sender, nonce, the contract's address and the value in wei of a plain transfer."""


def explain_receipt(call: Call, receipt: Mapping[str, Any]) -> str:
    """Return what is wrong with a receipt, "" when it shows what the call must do."""
    if receipt["status"] != "0x1":
        return "failed in its block"
    logs = receipt["logs"]
    if len(logs) != bool(call.topics):
        return f"left {len(logs)} logs, not {len(call.topics) and 1}"
    if call.topics:
        found = (logs[0]["address"].lower(), tuple(logs[0]["topics"]), logs[0]["data"])
        if found != ("0x" + call.to.hex(), call.topics, call.log_data):
            return "left another log"
    return ""


def _make_transfer(sender: Sender, _nonce: int, _contract: str | None, value_wei: int) -> Call:
    """To an address of its own for each sender, which need not exist."""
    recipient = keccak(b"recipient of" + address_bytes(sender.address))[-20:]
    return Call(to=recipient, value_wei=value_wei, data=b"")


def _make_put(sender: Sender, nonce: int, contract: str | None, _value_wei: int) -> Call:
    """Each record under a key of its own, so that each takes a slot of its own."""
    key = keccak(address_bytes(sender.address) + nonce.to_bytes(8))
    value = keccak(key)
    to = address_bytes(str(contract))
    topics = (_RECORD_PUT, "0x" + key.hex())
    return Call(to=to, value_wei=0, data=_PUT + key + value, topics=topics, log_data="0x" + value.hex())


def _make_token_transfer(sender: Sender, _nonce: int, contract: str | None, _value_wei: int) -> Call:
    """One unit to a holder of its own for each sender."""
    own = address_bytes(sender.address)
    holder, amount = keccak(b"holder of" + own)[-20:], (1).to_bytes(32)
    topics = (_TRANSFERRED, _word(own), _word(holder))
    data = _TRANSFER + bytes(12) + holder + amount
    to = address_bytes(str(contract))
    return Call(to=to, value_wei=0, data=data, topics=topics, log_data="0x" + amount.hex())


def _word(address: bytes) -> str:
    return "0x" + (bytes(12) + address).hex()


WORKLOADS: Mapping[str, Workload] = {
    each.name: each
    for each in (
        Workload(
            name="transfer",
            meaning="plain transfers of value (of nothing where the senders own nothing)",
            gas=21_000,
            artifact=None,
            make=_make_transfer,
        ),
        Workload(
            name="put",
            meaning="calls put(uint256 key, bytes32 value): one new slot and one log each",
            gas=60_000,
            artifact=RECORD_STORE,
            make=_make_put,
        ),
        Workload(
            name="erc20",
            meaning="transfers of a token (OpenZeppelin ERC-20): two slots changed and one log each",
            gas=80_000,
            artifact=BENCH_TOKEN,
            make=_make_token_transfer,
        ),
    )
}


def holders_in_calls(addresses: Sequence[str]) -> list[Sequence[str]]:
    """Return addresses in portions that one transaction can give tokens to."""
    return [addresses[start : start + HOLDERS_PER_CALL] for start in range(0, len(addresses), HOLDERS_PER_CALL)]
