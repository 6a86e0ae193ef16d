"""Monitored packs with made-up loans, and months of their lives that the integer reference follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eth_tester.exceptions import TransactionFailed
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from client.sdk.chain import ChainClient
from client.sdk.monitoring import Asset, Entry, Pool, PoolPeriod, State, Terms, Totals
from client.sdk.monitoring.entries import ASSETS_PER_CHUNK, decode_entries, encode_entries
from client.sdk.monitoring.months import month_of_day
from client.sdk.monitoring.tallies import Tallies, unpack
from client.sdk.pack.report import words_of
from client.sdk.screening import Tally
from tests.contracts import journey
from tests.contracts.chain import load_artifact
from tests.contracts.suite import ROLES, Suite

UNIT_CENTS = 100_000
FIRST_MONTH = month_of_day(19_000)
TERMS = Terms(first_month=FIRST_MONTH, arrears_limit_ppm=60_000, loss_curve_ppm=(2_000, 5_000, 9_000, 14_000))
KEY_BLOB = journey.make_hash("key blob")
TAPE_BLOB = journey.make_hash("tape blob")


def make_assets(count: int, name: str = "pack") -> journey.Assets:
    """Loans whose classes fit into the principal that `journey.make_header` announces."""
    made = journey.make_assets(count, name)
    return replace(made, classes=tuple(1 + index % 17 for index in range(count)))


@dataclass
class Scene:
    """A pack, its contracts, and the reference."""

    suite: Suite
    pack_id: int
    product_id: bytes
    pool: Pool
    closing_scores: tuple[int, ...]

    @property
    def monitoring(self) -> Any:
        """Functions of the contract."""
        return self.suite.Monitoring.functions

    def open(self, totals: Totals, period: int | None = None) -> Any:
        """Open a period as the servicer."""
        number = len(self.pool.periods) if period is None else period
        call = self.monitoring.openPeriod(self.pack_id, number, totals.to_struct(), KEY_BLOB)
        return self.suite.send("servicer", call)

    def report(self, entries: Sequence[Entry], period: int | None = None) -> list[Any]:
        """Report all chunks of the open period; the receipts."""
        number = len(self.pool.periods) if period is None else period
        receipts = []
        for chunk, start in enumerate(range(0, len(entries), ASSETS_PER_CHUNK)):
            data = encode_entries(entries[start : start + ASSETS_PER_CHUNK], with_default=False)
            call = self.monitoring.reportAssets(self.pack_id, number, chunk, data, TAPE_BLOB)
            receipts.append(self.suite.send("servicer", call))
        return receipts

    def close(self, period: int | None = None) -> Any:
        """Close the open period as the servicer."""
        number = len(self.pool.periods) if period is None else period
        return self.suite.send("servicer", self.monitoring.closePeriod(self.pack_id, number))

    def run(
        self, entries: Sequence[Entry], totals: Totals, marks: dict[int, State] | None = None
    ) -> tuple[PoolPeriod, Any]:
        """Report and close a period, on chain and in the reference; the receipt of the closing."""
        self.open(totals)
        self.report(entries)
        receipt = self.close()
        return self.pool.close_period(totals, entries, self.closing_scores, marks), receipt

    def month(self, changes: dict[int, Entry], **cents: int) -> tuple[list[Entry], Totals]:
        """Entries of the period before with some of them changed, and totals that fit."""
        before = self.pool.periods[-1]
        admitted = self.pool.assets[len(before.entries) :]
        old = [*before.entries, *(Entry(State.CURRENT, 0, asset.balance_class) for asset in admitted)]
        entries = [changes.get(index, entry) for index, entry in enumerate(old)]
        return entries, fitting_totals(before.totals.ending_cents, old, entries, len(before.entries), **cents)

    def live(self) -> list[int]:
        """Indices of live assets."""
        return [index for index, entry in enumerate(self.pool.periods[-1].entries) if entry.state.is_live]


def fitting_totals(
    beginning_cents: int, old: Sequence[Entry], new: Sequence[Entry], known: int, **changes: int
) -> Totals:
    """Totals in whole units that the entries allow."""
    sums = dict.fromkeys(("defaulted", "repurchased", "substituted_out", "substituted_in", "capitalised", "paid"), 0)
    by_state = {State.DEFAULTED: "defaulted", State.REPURCHASED: "repurchased", State.SUBSTITUTED: "substituted_out"}
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        if index >= known:
            sums["substituted_in"] += before.balance_class
        if not before.state.is_live:
            continue
        if after.state.is_live:
            change = after.balance_class - before.balance_class
            sums["capitalised" if change > 0 else "paid"] += abs(change)
        else:
            name = by_state.get(after.state)
            gone = after.balance_class if name == "defaulted" else before.balance_class if name else 0
            if name:
                sums[name] += gone
            sums["paid"] += before.balance_class - gone
    cents = {name: value * UNIT_CENTS for name, value in sums.items()}
    prepaid = cents.pop("paid")
    ending = beginning_cents + cents["substituted_in"] + cents["capitalised"] - prepaid
    ending -= cents["defaulted"] + cents["repurchased"] + cents["substituted_out"]
    named = {f"{name}_cents": value for name, value in cents.items()}
    return Totals(
        **{"beginning_cents": beginning_cents, "prepaid_cents": prepaid, **named, "ending_cents": ending} | changes
    )


def screen(suite: Suite, pack: int, round_id: int) -> int:
    """Screen by a policy of the pack's layout; the run's id."""
    screening = suite.Screening.functions
    policy = journey.define_policy(suite, layoutId=named(suite, "AssetPackRegistry", "pack", pack)["layoutId"])
    suite.send("risk_control", screening.start(pack, round_id, policy))
    run = screening.runCount().call()
    while suite.AssetPackRegistry.functions.statusOf(pack).call() == 5:
        suite.send("risk_control", screening.step(run))
    return run


def issue_pack(suite: Suite, assets: journey.Assets, name: str = "product") -> tuple[int, int, bytes, int]:
    """From invitation to issuance; ids of pack and run, product, its total in cents."""
    pack, round_id = journey.score_pack(suite, assets)
    run = screen(suite, pack, round_id)
    journey.transfer_pack(suite, pack, run)
    counts, classes = suite.Screening.functions.levels(run, True).call()
    product, total_cents = journey.make_hash(name), sum(classes) * UNIT_CENTS
    issuance = (product, pack, run, total_cents, counts, classes, journey.HASH)
    suite.send("exchange", suite.Exchange.functions.issue(issuance))
    return pack, run, product, total_cents


def start(suite: Suite, pack: int, product: bytes, terms: Terms = TERMS, **changes: Any) -> Any:
    """Set the terms as risk control; the receipt."""
    struct = terms.to_struct(product_id=product, servicer=suite.account["servicer"]) | changes
    return suite.send("risk_control", suite.Monitoring.functions.start(pack, struct))


def load(suite: Suite, pack: int, gas: int = 4_000_000) -> list[int]:
    """Load the pool; gas of each call."""
    used = []
    while suite.AssetPackRegistry.functions.statusOf(pack).call() != 10:
        used.append(suite.send("risk_control", suite.Monitoring.functions.load(pack), gas=gas)["gasUsed"])
    return used


def monitor_pack(suite: Suite, assets: journey.Assets, terms: Terms = TERMS, name: str = "product") -> Scene:
    """From invitation to a monitored pack."""
    return start_monitoring(suite, assets, *issue_pack(suite, assets, name), terms=terms)


def start_monitoring(
    suite: Suite, assets: journey.Assets, pack: int, run: int, product: bytes, total_cents: int, terms: Terms = TERMS
) -> Scene:
    """From an issued pack, as `issue_pack` gives it, to a monitored one."""
    start(suite, pack, product, terms)
    load(suite, pack)
    count = len(assets.leaves)
    chunks = range(-(-count // journey.CHUNK))
    reasons = b"".join(suite.Screening.functions.reasons(run, chunk).call() for chunk in chunks)
    scores = tuple(word & 0x7F for word in words_of(journey.make_scores(count)))
    pool = Pool(
        terms=terms,
        cut_off_balance_cents=total_cents,
        class_unit=1_000,
        assets=[
            Asset(score, balance_class, reason == 0)
            for score, balance_class, reason in zip(scores, assets.classes, reasons, strict=True)
        ],
    )
    return Scene(suite, pack, product, pool, scores)


def grant_system(suite: Suite, account: str) -> None:
    """Let an account stand in for the contract that keeps the measures."""
    manager = suite.AccessManager
    arguments = [ROLES["SYSTEM"], suite.account[account], 0]
    suite.vote((manager.address, manager.encode_abi("grantRole", arguments)))


def named(suite: Suite, contract: str, function: str, *arguments: Any) -> dict[str, Any]:
    """A struct of a view by the names of its fields."""
    entry = next(each for each in load_artifact(contract)["abi"] if each.get("name") == function)
    names = [part["name"] for part in entry["outputs"][0]["components"]]
    return dict(zip(names, suite.contracts[contract].functions[function](*arguments).call(), strict=True))


def code_at(suite: Suite, pointer: str) -> bytes:
    """Bytes that ChunkStore keeps at an address."""
    return bytes(suite.chain.w3.eth.get_code(pointer))[1:]


def tallies_of(scene: Scene, period: int) -> Tallies:
    """Tallies of a period from the chain."""
    return unpack(code_at(scene.suite, scene.monitoring.talliesPointer(scene.pack_id, period).call()))


def entries_of(scene: Scene, period: int) -> tuple[Entry, ...]:
    """Stored entries of a period from the chain."""
    count = named(scene.suite, "Monitoring", "period", scene.pack_id, period)["reportedCount"]
    chunks = range(-(-count // ASSETS_PER_CHUNK))
    pointers = [scene.monitoring.entriesPointer(scene.pack_id, period, chunk).call() for chunk in chunks]
    return tuple(entry for pointer in pointers for entry in decode_entries(code_at(scene.suite, pointer)))


def defaults_of(scene: Scene, period: int) -> tuple[Tally, ...]:
    """New defaults of a period by score, from the chain."""
    words = scene.monitoring.newDefaults(scene.pack_id, period).call()
    halves = [half for word in words for half in (word & (1 << 128) - 1, word >> 128)]
    return tuple(Tally(half >> 64, half & (1 << 64) - 1) for half in halves)


def assert_equal(scene: Scene, period: int) -> None:
    """Compare a closed period on chain with the reference, in every figure."""
    expected = scene.pool.periods[period]
    actual = named(scene.suite, "Monitoring", "period", scene.pack_id, period)
    assert asdict(tallies_of(scene, period)) == asdict(expected.tallies)
    assert actual["totals"][-1] == expected.totals.ending_cents
    assert (actual["cumulativeDefaultCount"], actual["cumulativeDefaultClasses"]) == (
        expected.cumulative_defaults.count,
        expected.cumulative_defaults.class_sum,
    )
    assert actual["cumulativeGrossCents"] == expected.cumulative_gross_cents
    assert actual["cumulativeRecoveredCents"] == expected.cumulative_recovered_cents
    assert actual["cumulativeRemovedCents"] == expected.cumulative_removed_cents
    if period == 0:
        return
    assert actual["totals"] == expected.totals.to_struct()
    assert entries_of(scene, period) == expected.entries
    assert defaults_of(scene, period) == expected.defaults_by_score
    triggers = scene.monitoring.triggers(scene.pack_id, period).call()
    assert triggers == [(t.value_ppm, t.limit_ppm, t.cushion_ppm, t.is_fired) for t in expected.triggers]
    assert (actual["firedTriggers"], actual["isAlert"], actual["clearPeriods"]) == (
        expected.fired,
        expected.is_alert,
        expected.clear_periods,
    )


def client_of(suite: Suite) -> ChainClient:
    """A client of the suite's chain."""
    client = ChainClient("http://127.0.0.1:1", suite.ContractRegistry.address)
    client.web3 = suite.chain.w3
    client.nodes = SuiteNodes(suite.chain.w3)  # type: ignore[assignment]  # no node, a chain in this process
    return client


class SuiteNodes:
    """Many questions at once to the chain of a suite."""

    def __init__(self, w3: Web3) -> None:
        self._w3 = w3

    def ask_many(self, method: str, params: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        return [self._ask(method, each) for each in params]

    def _ask(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        try:
            answer = self._w3.manager.request_blocking(RPCEndpoint(method), list(params))
            return {"result": HexBytes(answer).to_0x_hex()}
        except (Web3Exception, TransactionFailed) as error:
            return {"error": {"message": str(error)}}
