"""Committing what a pack is expected to do, before anybody knows what it does. Source: docs/protocol.md, 12."""

from collections.abc import Sequence

from client.sdk.chain import ChainClient
from client.sdk.errors import RefusedError
from client.sdk.keystore import Identity
from client.sdk.monitoring.promise import PPM, PromiseTerms, encode_curve, expected_curve, promise_of
from client.sdk.pack.on_chain import read_policy, read_reasons, read_report, read_tables
from client.sdk.pack.reader import PackFile
from client.sdk.pack.report import words_of
from client.sdk.screening import Reason, RiskTable


def make_promise(
    chain: ChainClient,
    identity: Identity,
    pack: PackFile,
    terms: PromiseTerms,
    *,
    timing_ppm: Sequence[int] = (),
) -> None:
    """Commit the promise of a pack: its kept loans' probabilities of default with margin, spread over months.

    Args:
        chain: where the pack was screened.
        identity: the pack's risk control.
        pack: its rows, for the months that each loan has left.
        terms: of the test.
        timing_ppm: as of `expected_curve`.

    Raises:
        RefusedError: the pack was not screened.
    """
    run_id = int(chain.call("Screening", "runOf", pack.pack_id))
    if not run_id:
        raise RefusedError("PromiseLedger", f"pack {pack.pack_id} was not screened", "see `tranchain pack show`")
    run = chain.call("Screening", "run", run_id)
    policy, tables = read_policy(chain, run.policyId), read_tables(chain, run.modelId)
    words = words_of(read_report(chain, run.roundId, run.assetCount))
    reasons = read_reasons(chain, run_id, run.assetCount)
    kept = [index for index, reason in enumerate(reasons) if reason == Reason.KEPT]
    with_margin = _pds(words, kept, RiskTable.build(policy, tables.pd_ppm, tables.margin_ppm))
    without = _pds(words, kept, RiskTable.build(policy, tables.pd_ppm, (PPM,) * len(tables.margin_ppm)))
    months_left = [_months_left(pack, index) for index in kept]
    points = promise_of(expected_curve(zip(with_margin, months_left, strict=True), timing_ppm), terms)
    struct = {
        "oddsPpm": terms.odds_ppm,
        "shape": terms.shape,
        "alphaPpm": terms.alpha_ppm,
        "marginPpm": -(-sum(with_margin) * PPM // sum(without)),
    }
    chain.send("PromiseLedger", "commitPromise", [pack.pack_id, struct, encode_curve(points)], identity.account)


def _pds(words: Sequence[int], kept: Sequence[int], table: RiskTable) -> list[int]:
    return [table.pd_ppm_by_slot[table.slot_of(words[index])] for index in kept]


def _months_left(pack: PackFile, index: int) -> int:
    row = pack.rows[index]
    return max(row.known("term_months") - (row.value("months_on_book") or 0), 1)
