"""Recomputing a product's every figure from chain and vault, and saying where each came from.

The verifier trusts what its node says of the chain, and its own model files, and nobody else: rows are checked against
the pack's root, credit records against their batches' roots, scores and screening are computed again. Who does not
trust the node either runs one, or checks the exported blocks with `tranchain-node verify`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.model.manifest import ModelPackage
from client.roles.exchange.issuance import Product, kept_cents, read_product, term_sheet
from client.sdk.chain import ChainClient
from client.sdk.errors import TranchainError
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.asset_row import principal_class
from client.sdk.pack.on_chain import (
    brought_down_before,
    read_assets,
    read_policy,
    read_reasons,
    read_report,
    read_tables,
)
from client.sdk.pack.reader import PackFile, read_pack
from client.sdk.pack.recompute import read_inputs
from client.sdk.pack.report import NO_RECORD, report_hash, report_of, words_of
from client.sdk.policy.on_chain import layout_of_pack
from client.sdk.screening import Asset, Reason, ScreeningResult, bring_down, decode_assets, screen
from client.sdk.vault_client import VaultClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure: what the chain says, what comes out when it is computed again, and from what."""

    figure: str
    on_chain: str
    recomputed: str
    source: str

    @property
    def is_equal(self) -> bool:
        """Whether both say the same."""
        return self.on_chain == self.recomputed


def verify_product(
    chain: ChainClient, vault: VaultClient, identity: Identity, package: ModelPackage, name: str
) -> tuple[Product, list[Check]]:
    """Recompute a product; every difference is a check that is not equal.

    Raises:
        RefusedError: no such product, or rows and records are not sealed to this account.
        TamperedError: rows or records are not those that were committed to.
    """
    product = read_product(chain, name)
    run = chain.call("Screening", "run", product.run_id)
    model_id = chain.call("ScoringRounds", "round", run.roundId).modelId
    pack = read_pack(chain, vault, identity, product.pack_id)
    report = read_report(chain, run.roundId, len(pack.rows))
    assets = read_assets(chain, product.pack_id, report)
    checks = [
        *_pack_checks(chain, pack, assets, product),
        *_model_checks(chain, package, model_id),
        *_score_checks(chain, vault, identity, package, pack, report, run.roundId),
        *_screening_checks(chain, product, assets, pack),
        _document_check(vault, product),
    ]
    return product, checks


def _pack_checks(chain: ChainClient, pack: PackFile, assets: Sequence[Asset], product: Product) -> list[Check]:
    registered = chain.call("AssetPackRegistry", "pack", product.pack_id)
    _, layout = layout_of_pack(chain, product.pack_id)
    buckets = layout.bucketing(pack.rows, pack.row_key)
    balances = [row.known("balance_cents") for row in pack.rows]
    from_rows = decode_assets(
        classes=b"".join(principal_class(cents, pack.class_unit).to_bytes(2, "big") for cents in balances),
        buckets=b"".join(map(buckets.bytes_of, pack.rows)),
        report=report_of(asset.report_word for asset in assets),
    )
    differing = sum(left != right for left, right in zip(from_rows, assets, strict=True))
    return [
        _check("assets in the pack", registered.count, len(pack.rows), "rows in the vault, checked against the root"),
        _check("principal offered, cents", registered.totalPrincipalCents, sum(balances), "rows in the vault"),
        _check("assets whose class or buckets differ", 0, differing, "rows in the vault, calldata of addAssets"),
    ]


def _model_checks(chain: ChainClient, package: ModelPackage, model_id: int) -> list[Check]:
    model = chain.call("RiskModelRegistry", "model", model_id)
    tables = read_tables(chain, model_id)
    at_least = [max(pair) for pair in zip(package.margin_ppm, tables.margin_ppm, strict=True)]
    return [
        _check("model.onnx", bytes(model.modelHash).hex()[:16], package.model_hash.hex()[:16], "local model file"),
        _check("manifest", bytes(model.manifestHash).hex()[:16], package.manifest_hash.hex()[:16], "local model file"),
        _check("sum of the pd table, ppm", sum(tables.pd_ppm), sum(package.pd_ppm), "local model file"),
        _check("margins, ppm", list(tables.margin_ppm), at_least, "local model file; the ledger may raise them"),
    ]


def _score_checks(
    chain: ChainClient,
    vault: VaultClient,
    identity: Identity,
    package: ModelPackage,
    pack: PackFile,
    report: bytes,
    round_id: int,
) -> list[Check]:
    """Score again; what was erased since cannot be read any more, so those words are taken from the chain."""
    inputs = read_inputs(chain, vault, identity, round_id)
    scores, own = words_of(report), words_of(inputs.report(package))
    gone = [row.handle in inputs.records.erased_handles for row in pack.rows]
    again = [theirs if is_gone else ours for theirs, ours, is_gone in zip(scores, own, gone, strict=True)]
    differing = sum(left != right for left, right in zip(again, scores, strict=True))
    found = sum(1 for each in scores if each != NO_RECORD)
    scored = sum(1 for each in again if each != NO_RECORD)
    agreed = bytes(chain.call("ScoringRounds", "round", round_id).reportHash)
    source = "rows and credit records in the vault, through the model"
    if any(gone):
        source += f"; {sum(gone)} as the chain has them, their records erased since"
    return [
        _check("assets with a usable record", found, scored, source),
        _check("scores that differ", 0, differing, source),
        _check("report of the oracles", agreed.hex()[:16], report_hash(report_of(again)).hex()[:16], source),
    ]


def _screening_checks(chain: ChainClient, product: Product, assets: Sequence[Asset], pack: PackFile) -> list[Check]:
    run = chain.call("Screening", "run", product.run_id)
    reasons = read_reasons(chain, product.run_id, len(assets))
    result = _screened_again(chain, product.run_id, assets)
    source = "integer reference, from the scores on chain"
    kept = sum(1 for reason in reasons if reason == Reason.KEPT)
    differing = sum(left != right for left, right in zip(reasons, result.reasons, strict=True))
    offered = {"balance": (run.beforeBalancePpm, result.before.bad_rate_by_balance_ppm)}
    offered["count"] = (run.beforeCountPpm, result.before.bad_rate_by_count_ppm)
    issued = {"balance": (run.afterBalancePpm, result.after.bad_rate_by_balance_ppm)}
    issued["count"] = (run.afterCountPpm, result.after.bad_rate_by_count_ppm)
    return [
        _check("assets kept", kept, result.after.tally.count, source),
        _check("assets whose reason differs", 0, differing, source),
        *(_check(f"bad rate before, by {basis}, ppm", *pair, source) for basis, pair in offered.items()),
        *(_check(f"bad rate issued, by {basis}, ppm", *pair, source) for basis, pair in issued.items()),
        _check(
            "levels of the product",
            [tally.count for tally in product.level_tallies],
            [tally.count for tally in result.after.level_tallies],
            source,
        ),
        _check(
            "principal classes by level",
            [tally.class_sum for tally in product.level_tallies],
            [tally.class_sum for tally in result.after.level_tallies],
            source,
        ),
        _check("total of the product, cents", product.total_cents, kept_cents(pack, reasons), "rows in the vault"),
    ]


def _screened_again(chain: ChainClient, run_id: int, assets: Sequence[Asset]) -> ScreeningResult:
    """Screen again; what was brought down since is taken from the chain's events, never from its result."""
    run = chain.call("Screening", "run", run_id)
    tables, policy = read_tables(chain, run.modelId), read_policy(chain, run.policyId)
    excluded = brought_down_before(chain, run_id, len(assets))
    result = screen(assets, policy, tables.pd_ppm, tables.margin_ppm, brought_down=excluded)
    reported = chain.events("Screening", "AssetsBroughtDown", filters={"runId": run_id})
    indices = [int(index) for event in reported for index in event.args["indices"]]
    return bring_down(assets, policy, tables.pd_ppm, tables.margin_ppm, result, indices)


def _document_check(vault: VaultClient, product: Product) -> Check:
    made = term_sheet(product.name, product.pack_id, product.run_id, product.total_cents, product.level_tallies)
    on_chain = product.document_hash.hex()[:16]
    if keccak(made) == product.document_hash:
        return _check("document", on_chain, keccak(made).hex()[:16], "term sheet made again from the chain")
    try:
        found = keccak(vault.get(product.document_hash)).hex()[:16]
    except TranchainError as error:
        found = f"not to be had: {error}"
    return _check("document", on_chain, found, "offering document in the vault")


def _check(figure: str, on_chain: object, recomputed: object, source: str) -> Check:
    return Check(figure=figure, on_chain=str(on_chain), recomputed=str(recomputed), source=source)
