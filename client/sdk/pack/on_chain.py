"""What the chain itself holds of a pack's scoring and screening, as the integer reference takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import RecordRules
from client.sdk.pack.report import REPORT_CHUNK_SIZE, WORD_SIZE
from client.sdk.pack.sources import read_sources
from client.sdk.screening import Asset, EligibilityRule, Limit, Mode, Policy, Reason, Tally, decode_assets

ASSETS_PER_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTables:
    """What a screening needs of a model, from the chain."""

    model_id: int
    pd_ppm: tuple[int, ...]
    """Probability of default of scores 1 to 100."""
    margin_ppm: tuple[int, ...]
    """Margin of levels 1 to 10."""


def round_block(chain: ChainClient, round_id: int) -> int:
    """Return the block in which a scoring round was opened; it decides which credit records count."""
    opened = next(chain.events("ScoringRounds", "RoundOpened", filters={"roundId": round_id}), None)
    if opened is None:
        raise InvalidInputError(f"round {round_id}", got="no such round", expected="an opened one")
    return opened.block_number


def read_report(chain: ChainClient, round_id: int, asset_count: int) -> bytes:
    """Return the agreed report of a final round, one word an asset."""
    chunk_count = -(-asset_count * WORD_SIZE // REPORT_CHUNK_SIZE)
    return b"".join(chain.call_many("ScoringRounds", "scoreChunk", [(round_id, at) for at in range(chunk_count)]))


def read_assets(chain: ChainClient, pack_id: int, report: bytes) -> Sequence[Asset]:
    """Return the assets of a pack as the Screening contract sees them."""
    classes, buckets = [], []
    chunk_count = -(-len(report) // (WORD_SIZE * ASSETS_PER_CHUNK))
    for chunk in chain.call_many("AssetPackRegistry", "chunk", [(pack_id, index) for index in range(chunk_count)]):
        classes.append(chunk.classes)
        buckets.append(chunk.buckets)
    return decode_assets(classes=b"".join(classes), buckets=b"".join(buckets), report=report)


def read_tables(chain: ChainClient, model_id: int) -> ModelTables:
    """Return the tables of a model; InvalidInputError when the chain's are not of 100 scores."""
    table = bytes(chain.call("RiskModelRegistry", "pdTable", model_id))
    if len(table) != 400:
        raise InvalidInputError(f"pd table of model {model_id}", got=f"{len(table)} bytes", expected="400")
    model = chain.call("RiskModelRegistry", "model", model_id)
    return ModelTables(
        model_id=model_id,
        pd_ppm=tuple(int.from_bytes(table[at : at + 4], "big") for at in range(0, 400, 4)),
        margin_ppm=tuple(model.marginPpm),
    )


def read_reasons(chain: ChainClient, run_id: int, asset_count: int) -> bytes:
    """Return why each asset left in a run, one `Reason` byte an asset."""
    chunk_count = -(-asset_count // ASSETS_PER_CHUNK)
    reasons = b"".join(chain.call_many("Screening", "reasons", [(run_id, index) for index in range(chunk_count)]))
    if len(reasons) != asset_count:
        raise InvalidInputError(f"reasons of run {run_id}", got=f"{len(reasons)} bytes", expected=str(asset_count))
    return reasons


def read_levels(chain: ChainClient, run_id: int, *, after: bool) -> tuple[Tally, ...]:
    """Return the assets of levels 1 to 10, before or after a run."""
    counts, class_sums = chain.call("Screening", "levels", run_id, after)
    return tuple(Tally(*pair) for pair in zip(counts, class_sums, strict=True))


def brought_down_before(chain: ChainClient, run_id: int, asset_count: int) -> tuple[int, ...]:
    """Return the assets that take no part in a run, because a bring-down after the run before it took them out."""
    previous = chain.call("Screening", "run", run_id).previousRunId
    if not previous:
        return ()
    reasons = read_reasons(chain, previous, asset_count)
    return tuple(index for index, reason in enumerate(reasons) if reason == Reason.BROUGHT_DOWN)


def read_policy(chain: ChainClient, policy_id: int) -> Policy:
    """Return a policy from the chain."""
    return policy_from_chain(chain.call("Screening", "policy", policy_id))


def policy_from_chain(struct: Any) -> Policy:
    """Return the policy that a `Policy` struct of the contract says."""
    return Policy(
        expected_bad_rate_ppm=struct.expectedBadRatePpm,
        mode=Mode(struct.mode),
        by_count=struct.byCount,
        profile_ppm=tuple(struct.profile),
        emphasis=tuple(struct.emphasis),
        fresh_days=struct.freshDays,
        age_days_max=struct.maxAgeDays,
        layout_id=struct.layoutId,
        sources_id=struct.sourcesId,
        age_factor_ppm=tuple(struct.ageFactorPpm),
        relation_factor_ppm=struct.relationFactorPpm,
        eligible=tuple(EligibilityRule(rule.dimension, rule.classes) for rule in struct.eligible),
        limits=tuple(
            Limit(dimension=limit.dimension, limit_ppm=limit.limitPpm, exempts_zero=limit.exemptsZero)
            for limit in struct.limits
        ),
    )


def record_rules(chain: ChainClient, policy: Policy, *, cut_off_day: int) -> RecordRules:
    """Return which credit records count under a policy, for a pack of this cut-off."""
    return RecordRules(
        sources=read_sources(chain, policy.sources_id),
        oldest_day=cut_off_day - policy.age_days_max,
        takes_relations=policy.relation_factor_ppm > 0,
    )


def policy_struct(policy: Policy) -> dict[str, Any]:
    """Return the `Policy` struct of the contract."""
    return {
        "expectedBadRatePpm": policy.expected_bad_rate_ppm,
        "mode": int(policy.mode),
        "byCount": policy.by_count,
        "profile": list(policy.profile_ppm),
        "emphasis": list(policy.emphasis),
        "freshDays": policy.fresh_days,
        "maxAgeDays": policy.age_days_max,
        "layoutId": policy.layout_id,
        "sourcesId": policy.sources_id,
        "ageFactorPpm": list(policy.age_factor_ppm),
        "relationFactorPpm": policy.relation_factor_ppm,
        "eligible": [{"dimension": rule.dimension, "classes": rule.classes} for rule in policy.eligible],
        "limits": [
            {"dimension": limit.dimension, "limitPpm": limit.limit_ppm, "exemptsZero": limit.exempts_zero}
            for limit in policy.limits
        ],
    }
