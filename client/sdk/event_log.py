"""Reading events: ranges of blocks, decoded logs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from web3 import Web3
from web3.types import LogReceipt

from client.sdk import artifacts
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text
from client.sdk.rpc import NodeRefusedError, translated

SPAN_BLOCKS = 5_000
"""Blocks asked for at once; halved as often as the node finds the answer too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One decoded log."""

    name: str
    args: Mapping[str, Any]
    """By parameter name; hashes and byte strings as bytes, addresses as checksummed text."""
    address: str
    """The contract that emitted it."""
    block_number: int
    transaction_hash: str
    log_index: int


def decode_log(log: LogReceipt) -> Event | None:
    """Decode a log of any of the project's contracts; None for a log that none of them declares."""
    topics = [bytes(topic) for topic in log["topics"]]
    decoder = _decoder(topics[0], len(topics)) if topics else None
    return _event(decoder.process_log(log)) if decoder else None


def scan(
    web3: Web3,
    *,
    address: str,
    abi: artifacts.ABI,
    name: str,
    first_block: int,
    last_block: int,
    filters: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Yield the events `name` of a contract in a closed range of blocks, oldest first.

    `filters` are values (or lists of values) of indexed parameters by name.
    """
    entry = next((each for each in abi if each["type"] == "event" and each["name"] == name), None)
    if entry is None:
        raise InvalidInputError("event", got=name, expected="one of the contract's")
    event = web3.eth.contract(address=address_text(address), abi=[entry]).events[name]()
    span = SPAN_BLOCKS
    while first_block <= last_block:
        upto = min(first_block + span - 1, last_block)
        try:
            with translated():
                found = event.get_logs(
                    from_block=first_block, to_block=upto, argument_filters=dict(filters) if filters else None
                )
        except NodeRefusedError:
            if span == 1:
                raise
            span //= 2
            continue
        yield from (_event(each) for each in found)
        first_block = upto + 1


@cache
def _decoder(topic: bytes, topic_count: int) -> Any:
    """Return what decodes the logs of one event, without any connection; None for an event of none of ours."""
    entry = artifacts.events_by_topic().get((topic, topic_count))
    return Web3().eth.contract(abi=[entry]).events[entry["name"]]() if entry else None


def _event(data: Any) -> Event:
    return Event(
        name=data["event"],
        args={key: bytes(value) if isinstance(value, bytes) else value for key, value in data["args"].items()},
        address=address_text(data["address"]),
        block_number=data["blockNumber"],
        transaction_hash="0x" + bytes(data["transactionHash"]).hex(),
        log_index=data["logIndex"],
    )
