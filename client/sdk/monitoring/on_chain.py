"""A pool as the chain has it: read, and rebuilt by the reference, which must give the same in every figure.

Start with `replay`. Source: docs/protocol.md, 12.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.event_log import Event
from client.sdk.monitoring.entries import ASSETS_PER_CHUNK, NOT_IN_POOL, Entry, State, decode_entries
from client.sdk.monitoring.pool import Asset, Pool, PoolPeriod
from client.sdk.monitoring.tallies import Tallies, unpack
from client.sdk.monitoring.terms import Terms, terms_from_chain
from client.sdk.monitoring.totals import totals_from_chain
from client.sdk.pack.on_chain import ASSETS_PER_CHUNK as PACK_CHUNK
from client.sdk.pack.on_chain import read_reasons, read_report
from client.sdk.pack.report import score_of, words_of
from client.sdk.screening import Reason, Tally

_CONTRACT = "Monitoring"
_HALF = (1 << 128) - 1


def is_monitored(chain: ChainClient, pack_id: int) -> bool:
    """Return whether the monitoring of a pack has begun."""
    return bool(chain.call(_CONTRACT, "isMonitored", pack_id))


def read_terms(chain: ChainClient, pack_id: int) -> Terms:
    """Return the terms of a pack; InvalidInputError when it has none."""
    pointer = chain.call(_CONTRACT, "termsPointer", pack_id)
    if not chain.has_code(pointer):
        raise InvalidInputError(
            f"pack {pack_id}", got="no terms of monitoring", expected="some", remedy="`tranchain risk monitor-start`"
        )
    return terms_from_chain(chain.call("MonitoringEngine", "terms", pointer))


def read_entries(chain: ChainClient, pack_id: int, period: int) -> list[Entry]:
    """Return the stored entries of a period, of as many assets as were reported."""
    count = chain.call(_CONTRACT, "period", pack_id, period).reportedCount
    entries: list[Entry] = []
    for chunk in range(-(-count // ASSETS_PER_CHUNK)):
        entries += decode_entries(_code(chain, chain.call(_CONTRACT, "entriesPointer", pack_id, period, chunk)))
    return entries


def read_last_entries(chain: ChainClient, pack_id: int) -> list[Entry]:
    """Return what the next report follows: entries of the last closed period, and of what was taken in since.

    InvalidInputError when the pack is not monitored.
    """
    if not is_monitored(chain, pack_id):
        raise InvalidInputError(f"pack {pack_id}", got="no monitoring", expected="a monitored pack")
    pool = chain.call(_CONTRACT, "pool", pack_id)
    if pool.lastPeriod:
        entries = read_entries(chain, pack_id, pool.lastPeriod)
    else:
        entries = []
        for chunk in range(-(-pool.assetCount // PACK_CHUNK)):
            bitmap = chain.call(_CONTRACT, "kept", pack_id, chunk)
            classes = bytes(chain.call("AssetPackRegistry", "chunk", pack_id, chunk).classes)
            for place in range(len(classes) // 2):
                balance_class = int.from_bytes(classes[2 * place : 2 * place + 2], "big")
                is_kept = bitmap >> place & 1
                entries.append(Entry(State.CURRENT, 0, balance_class) if is_kept else NOT_IN_POOL)
    admitted = read_admitted(chain, pack_id)[len(entries) - pool.assetCount :]
    return [*entries, *(Entry(State.CURRENT, 0, balance_class) for _, balance_class in admitted)]


def read_admitted(chain: ChainClient, pack_id: int) -> list[tuple[int, int]]:
    """Return score and balance class of every asset that measures took in, in the order of their indices."""
    events = chain.events(_CONTRACT, "AssetsAdmitted", filters={"packId": pack_id})
    return [(asset >> 24, asset & 0xFFFFFF) for event in events for asset in event.args["assets"]]


def read_marks(chain: ChainClient, pack_id: int) -> dict[int, State]:
    """Return the state that measures want assets to have, by index."""
    events = chain.events(_CONTRACT, "AssetsMarked", filters={"packId": pack_id})
    return {index: State(event.args["state"]) for event in events for index in event.args["indices"]}


def read_tallies(chain: ChainClient, pack_id: int, period: int) -> Tallies:
    """Return the sums of a period as the contract keeps them."""
    return unpack(_code(chain, chain.call(_CONTRACT, "talliesPointer", pack_id, period)))


def read_defaults(chain: ChainClient, pack_id: int, period: int) -> tuple[Tally, ...]:
    """Return the new defaults of a period by score at closing, score 1 first."""
    words = chain.call(_CONTRACT, "newDefaults", pack_id, period)
    halves = [half for word in words for half in (word & _HALF, word >> 128)]
    return tuple(Tally(half >> 64, half & (1 << 64) - 1) for half in halves)


def read_scores(chain: ChainClient, round_id: int, asset_count: int) -> list[int]:
    """Return the scores of a final round, 0 where there is no usable record."""
    return [score_of(word) for word in words_of(read_report(chain, round_id, asset_count))]


def replay(
    chain: ChainClient, pack_id: int, *, periods: int | None = None, report: Callable[[int], None] = lambda _: None
) -> Pool:
    """Rebuild a pool from what was reported, up to `periods` (None: all closed), and compare every figure.

    `report` gets the number of periods done since the last call.

    Raises:
        InvalidInputError: the pack is not monitored.
        TamperedError: the contract has another figure than the reference; the message says which.
    """
    pool = read_closing(chain, pack_id)
    reader = _Reader(chain, pack_id, pool)
    last = chain.call(_CONTRACT, "lastPeriod", pack_id)
    for number in range(1, (last if periods is None else min(periods, last)) + 1):
        reader.add(number)
        report(1)
    return pool


def read_closing(chain: ChainClient, pack_id: int) -> Pool:
    """Return the pool at closing: what the screening kept, with its scores; TamperedError when the contract differs."""
    if not is_monitored(chain, pack_id):
        raise InvalidInputError(f"pack {pack_id}", got="no monitoring", expected="a monitored pack")
    stored = chain.call(_CONTRACT, "pool", pack_id)
    count = stored.assetCount
    reasons = read_reasons(chain, stored.closingRunId, count)
    classes = b"".join(
        bytes(chain.call("AssetPackRegistry", "chunk", pack_id, chunk).classes)
        for chunk in range(-(-count // PACK_CHUNK))
    )
    pool = Pool(
        terms=read_terms(chain, pack_id),
        cut_off_balance_cents=stored.cutOffBalanceCents,
        class_unit=stored.classUnit,
        assets=[
            Asset(score, int.from_bytes(classes[2 * index : 2 * index + 2], "big"), reason == Reason.KEPT)
            for index, (score, reason) in enumerate(
                zip(read_scores(chain, stored.closingRoundId, count), reasons, strict=True)
            )
        ],
    )
    for chunk in range(-(-count // PACK_CHUNK)):
        part = range(chunk * PACK_CHUNK, min((chunk + 1) * PACK_CHUNK, count))
        bitmap = sum(pool.assets[index].is_kept << place for place, index in enumerate(part))
        _compare(pack_id, 0, f"kept assets from {part.start}", chain.call(_CONTRACT, "kept", pack_id, chunk), bitmap)
    _compare(pack_id, 0, "tallies", asdict(read_tallies(chain, pack_id, 0)), asdict(pool.periods[0].tallies))
    return pool


class _Reader:
    """Adds the closed periods of a pack to a pool, one after the other."""

    def __init__(self, chain: ChainClient, pack_id: int, pool: Pool):
        self._chain, self._pack_id, self._pool = chain, pack_id, pool
        filters = {"packId": pack_id}
        self._marks = list(chain.events(_CONTRACT, "AssetsMarked", filters=filters))
        self._reports = list(chain.events(_CONTRACT, "AssetsReported", filters=filters))
        self._admitted = read_admitted(chain, pack_id)
        self._pack_count = len(pool.assets)
        self._scores: tuple[int, list[int]] = (0, [])

    def add(self, number: int) -> None:
        stored = self._chain.call(_CONTRACT, "period", self._pack_id, number)
        known = len(self._pool.assets) - self._pack_count
        for score, balance_class in self._admitted[known : stored.entryCount - self._pack_count]:
            self._pool.admit(score, balance_class)
        entries = read_entries(self._chain, self._pack_id, number)
        reported = [Entry(entry.state, entry.band, entry.balance_class) for entry in entries]
        if self._scores[0] != stored.roundId:
            self._scores = (stored.roundId, read_scores(self._chain, stored.roundId, self._pack_count))
        totals = totals_from_chain(stored.totals)
        period = self._pool.close_period(totals, reported, self._scores[1], self._marks_of(number))
        self._check(number, stored, entries, period)

    def _check(self, number: int, stored: Any, entries: Sequence[Entry], period: PoolPeriod) -> None:
        triggers = self._chain.call(_CONTRACT, "triggers", self._pack_id, number)
        figures = {
            "entries": (tuple(entries), period.entries),
            "tallies": (asdict(read_tallies(self._chain, self._pack_id, number)), asdict(period.tallies)),
            "defaults by score": (read_defaults(self._chain, self._pack_id, number), period.defaults_by_score),
            "cumulative figures": (_cumulative_on_chain(stored), _cumulative(period)),
            "triggers": (
                [(each.valuePpm, each.limitPpm, each.cushionPpm, each.isFired) for each in triggers],
                [(each.value_ppm, each.limit_ppm, each.cushion_ppm, each.is_fired) for each in period.triggers],
            ),
            "alert": (
                (stored.firedTriggers, stored.isAlert, stored.clearPeriods),
                (period.fired, period.is_alert, period.clear_periods),
            ),
        }
        for what, (got, expected) in figures.items():
            _compare(self._pack_id, number, what, got, expected)

    def _marks_of(self, number: int) -> dict[int, State]:
        """Return what measures had said of each asset when its entry was reported, for the last time."""
        reported_at = {e.args["chunkIndex"]: _place(e) for e in self._reports if e.args["period"] == number}
        marks = {}
        for event in self._marks:
            for index in event.args["indices"]:
                if _place(event) < reported_at[index // ASSETS_PER_CHUNK]:
                    marks[index] = State(event.args["state"])
        return marks


def _cumulative_on_chain(stored: Any) -> tuple[int, ...]:
    counts = (stored.cumulativeDefaultCount, stored.cumulativeDefaultClasses)
    return (*counts, stored.cumulativeGrossCents, stored.cumulativeRecoveredCents, stored.cumulativeRemovedCents)


def _cumulative(period: PoolPeriod) -> tuple[int, ...]:
    counts = (period.cumulative_defaults.count, period.cumulative_defaults.class_sum)
    cents = (period.cumulative_gross_cents, period.cumulative_recovered_cents, period.cumulative_removed_cents)
    return (*counts, *cents)


def _compare(pack_id: int, period: int, what: str, got: object, expected: object) -> None:
    if got != expected:
        raise TamperedError(
            f"pack {pack_id}, period {period}: {what}",
            got="other figures on chain",
            expected="those that its entries give",
        )


def _place(event: Event) -> tuple[int, int]:
    return event.block_number, event.log_index


def _code(chain: ChainClient, pointer: str) -> bytes:
    """Return the bytes that are kept as code behind a STOP byte."""
    return chain.code(pointer)[1:]
