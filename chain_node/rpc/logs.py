"""Which logs a query means, and finding them. No I/O.

Source: Ethereum execution-apis, "Filter"; EIP-234 (blockHash).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chain_node.core.trie import logs_bloom
from chain_node.core.types import Address, Hash32, Height, Log
from chain_node.rpc.block_choice import height_of, need_block
from chain_node.rpc.block_receipts import BlockReceipts
from chain_node.rpc.chain_block import ChainBlock
from chain_node.rpc.errors import LIMIT_EXCEEDED, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.params import BlockChoice, parse_address, parse_block, parse_data, parse_list
from chain_node.rpc.queries import ChainQueries, Limits
from chain_node.rpc.views import log_view

_ALTERNATIVES_MAX = 1_000
"""Addresses, or topics at one position, in one query."""

_TOPICS_MAX = 4
_INDEXED_ADDRESSES_MAX = 16
"""With more contracts than this in a query the index is not asked: full blocks fill the log filter, it does not."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Addresses and topics to look for."""

    addresses: frozenset[Address]
    """Any of these; empty means all."""
    topics: tuple[frozenset[bytes], ...]
    """Per position any of these; an empty set means all. A log with fewer topics does not match."""

    def is_match(self, log: Log) -> bool:
        """Whether a log is meant."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(not wanted or topic in wanted for wanted, topic in zip(self.topics, log.topics, strict=False))

    def bloom_choices(self) -> list[list[int]]:
        """For each condition the filter bits of its alternatives; a bloom must hold one of each."""
        conditions: list[list[bytes]] = [sorted(wanted) for wanted in (self.addresses, *self.topics) if wanted]
        return [
            [logs_bloom([Log(address=Address(word), topics=(), data=b"")]) for word in words] for words in conditions
        ]

    def may_match(self, bloom: int) -> bool:
        """Whether the log filter of a block leaves a match possible."""
        return _holds_one_of_each(bloom, self.bloom_choices())


def read_log_query(fields: JsonObject) -> LogQuery:
    """Addresses and topics of a filter object.

    Raises:
        InvalidParamsError: not of the form of the specification.
    """
    addresses = _alternatives(fields.get("address"), "address")
    topics = [] if fields.get("topics") is None else parse_list(fields["topics"], "topics")
    if len(topics) > _TOPICS_MAX:
        raise InvalidParamsError("topics", f"at most {_TOPICS_MAX} positions, got {len(topics)}")
    return LogQuery(
        addresses=frozenset(parse_address(address, "address") for address in addresses),
        topics=tuple(
            frozenset(parse_data(topic, "topic", size=32) for topic in _alternatives(position, "topics"))
            for position in topics
        ),
    )


def _alternatives(value: JsonValue, name: str) -> list[JsonValue]:
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    if len(value) > _ALTERNATIVES_MAX:
        raise InvalidParamsError(name, f"at most {_ALTERNATIVES_MAX} alternatives, got {len(value)}")
    return [] if None in value else value


def find_logs(chain: ChainQueries, fields: JsonObject, limits: Limits) -> list[JsonObject]:
    """All logs that a filter object of eth_getLogs means.

    Raises:
        InvalidParamsError: malformed, or both a hash and a range.
        RPCError: unknown block, or more blocks or logs than one query may cover.
    """
    query = read_log_query(fields)
    if fields.get("blockHash") is not None:
        if fields.get("fromBlock") is not None or fields.get("toBlock") is not None:
            raise InvalidParamsError("filter", "either blockHash or fromBlock and toBlock")
        block_hash = Hash32(parse_data(fields["blockHash"], "blockHash", size=32))
        return list(logs_of_block(chain, need_block(chain, BlockChoice(hash=block_hash)), query))
    first = height_of(chain, read_bound(fields, "fromBlock"))
    last = height_of(chain, read_bound(fields, "toBlock"))
    return find_logs_between(chain, query, first, last, limits)


def read_bound(fields: JsonObject, name: str) -> BlockChoice:
    """One end of a range; the newest block when missing."""
    value = fields.get(name)
    return BlockChoice(tag="latest") if value is None else parse_block(value, name)


def find_logs_between(
    chain: ChainQueries, query: LogQuery, first: Height, last: Height, limits: Limits
) -> list[JsonObject]:
    """Logs of the blocks from `first` to `last`, both included; blocks above the head have none.

    Raises:
        RPCError: the range or the result is larger than one query may be.
    """
    if first > last:
        raise InvalidParamsError("filter", f"fromBlock <= toBlock, got {first} > {last}")
    last = Height(min(last, chain.head().height))
    if last - first >= limits.log_blocks:
        raise RPCError(LIMIT_EXCEEDED, f"the range covers {last - first + 1} blocks, at most {limits.log_blocks}")
    found: list[JsonObject] = []
    for height in find_heights(chain, query, first, last):
        block = need_block(chain, BlockChoice(height=height))
        found.extend(logs_of_block(chain, block, query))
        if len(found) > limits.log_count:
            raise RPCError(
                LIMIT_EXCEEDED,
                f"query returned more than {limits.log_count} results; the blocks {first} to {height - 1} hold fewer",
            )
    return found


def logs_of_block(chain: ChainQueries, block: ChainBlock, query: LogQuery) -> Iterator[JsonObject]:
    """Matching logs of one block."""
    return view_logs(block, chain.receipts(block), query)


def view_logs(block: ChainBlock, receipts: BlockReceipts, query: LogQuery) -> Iterator[JsonObject]:
    """Matching logs among the receipts of a block."""
    for index, position, log in match_logs(receipts, query):
        yield log_view(log, block, index, receipts.logs_before(index) + position)


def match_logs(receipts: BlockReceipts, query: LogQuery) -> Iterator[tuple[int, int, Log]]:
    """Matching logs with their receipt's index and their position in it; decodes what may have one."""
    choices = query.bloom_choices()
    for index in range(len(receipts)):
        if _holds_one_of_each(receipts.logs_bloom(index), choices):
            for position, log in enumerate(receipts[index].logs):
                if query.is_match(log):
                    yield index, position, log


def find_heights(chain: ChainQueries, query: LogQuery, first: Height, last: Height) -> Iterator[Height]:
    """Heights of a range, both ends included, where the index of contracts and the log filters leave one possible."""
    indexed: set[Height] | None = None
    if 0 < len(query.addresses) <= _INDEXED_ADDRESSES_MAX:
        indexed = {height for one in query.addresses for height in chain.heights_with_logs(one, first, last)}
        if not indexed:
            return
    choices = query.bloom_choices()
    for height, bloom_bytes in chain.logs_blooms(first, last):
        if indexed is not None and height not in indexed:
            continue
        bloom = int.from_bytes(bloom_bytes, "big")
        if _holds_one_of_each(bloom, choices):
            yield height


def _holds_one_of_each(bloom: int, choices: list[list[int]]) -> bool:
    return bloom != 0 and all(any(bloom & bits == bits for bits in condition) for condition in choices)
