"""Notices of bureaus that a query is out of date. Source: docs/protocol.md, 5."""

from dataclasses import dataclass

from client.sdk.chain import ChainClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A bureau says: something that this query brought has changed, query again."""

    query_id: int
    pack_id: int
    organisation: int
    """Of the bureau."""
    second: int
    """Unix second of the notice's block."""
    is_queried_again: bool
    """Whether the pack was queried after the notice."""


def notices_of(chain: ChainClient, account: str, *, pack_id: int | None = None) -> list[Notice]:
    """Return the notices to an account of risk control, oldest first; of one pack only where it is named."""
    pack = {} if pack_id is None else {"packId": pack_id}
    events = list(chain.events("CreditFileRegistry", "QueryAgain", filters={"riskControl": account, **pack}))
    queried: dict[int, int] = {}
    for event in chain.events("CreditFileRegistry", "CreditRequested", filters={"requester": account, **pack}):
        queried[event.args["packId"]] = event.block_number
    return [
        Notice(
            query_id=event.args["queryId"],
            pack_id=event.args["packId"],
            organisation=event.args["organisation"],
            second=chain.block_second(event.block_number),
            is_queried_again=queried[event.args["packId"]] > event.block_number,
        )
        for event in events
    ]
