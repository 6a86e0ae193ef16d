"""Replacements that a reserve pack can give, by what the chain knows; the contract judges by the same rules."""

from collections.abc import Sequence

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.measures.types import Measure
from client.sdk.pack.on_chain import read_assets, read_report, read_tables
from client.sdk.policy.layout import UNKNOWN_CLASS
from client.sdk.screening import Asset

_FINAL = 3
"""Status of a round whose scores are on the chain."""


def newest_final_round(chain: ChainClient, pack_id: int) -> int:
    """Return the newest round of a pack whose scores count; InvalidInputError when there is none."""
    events = list(chain.events("ScoringRounds", "RoundFinal", filters={"packId": pack_id}))
    for event in reversed(events):
        round_id = int(event.args["roundId"])
        if chain.call("ScoringRounds", "round", round_id).status == _FINAL:
            return round_id
    raise InvalidInputError(f"pack {pack_id}", got="no final scores", expected="some", remedy="`tranchain risk score`")


def choose_incoming(chain: ChainClient, measure: Measure, reserve_pack_id: int, round_id: int) -> tuple[int, ...]:
    """Choose an asset of the reserve for each asset that leaves: the one of the nearest balance class that is as good.

    Raises:
        InvalidInputError: the reserve has none for one of them.
    """
    terms = chain.call("Measures", "terms", measure.pack_id)
    reserve = _read_pack_assets(chain, reserve_pack_id, round_id)
    places = [place_of(chain, measure.pack_id, index) for index in measure.assets]
    outgoing = {pack: _read_pack_assets(chain, pack, None) for pack in {pack for pack, _ in places}}
    free = [
        index
        for index in _usable(chain, measure.pack_id, reserve_pack_id, round_id, reserve)
        if reserve[index].buckets[terms.dpdDimension] == 0
    ]
    chosen = []
    for (pack, at), index in zip(places, measure.assets, strict=True):
        old = outgoing[pack][at]
        least_rate = old.buckets[terms.rateDimension]
        fitting = [each for each in free if least_rate <= reserve[each].buckets[terms.rateDimension] != UNKNOWN_CLASS]
        if not fitting:
            raise InvalidInputError(
                f"reserve pack {reserve_pack_id}", got=f"nothing that could replace asset {index}", expected="an asset"
            )
        best = min(fitting, key=lambda each: (abs(reserve[each].principal_class - old.principal_class), each))
        free.remove(best)
        chosen.append(best)
    return tuple(chosen)


def _usable(
    chain: ChainClient, pool_id: int, reserve_pack_id: int, round_id: int, reserve: Sequence[Asset]
) -> list[int]:
    """Return the assets that are kept, unused, freshly scored, and no riskier than the pool at closing."""
    numerator, denominator = chain.call("ReplacementRules", "meanPd", pool_id)
    tables = read_tables(chain, chain.call("ScoringRounds", "round", round_id).modelId)
    usable = []
    for index, asset in enumerate(reserve):
        score = asset.report_word
        if not 1 <= score <= 100:
            continue
        pd_ppm = min(1_000_000, -(-tables.pd_ppm[score - 1] * tables.margin_ppm[(score - 1) // 10] // 1_000_000))
        if pd_ppm * denominator > numerator:
            continue
        is_kept = chain.call("Screening", "isKept", reserve_pack_id, index)
        if is_kept and not chain.call("Measures", "useOf", reserve_pack_id, index)[0]:
            usable.append(index)
    return usable


def place_of(chain: ChainClient, pool_id: int, index: int) -> tuple[int, int]:
    """Return the pack and the index in which an asset of a pool was first offered."""
    if index < chain.call("AssetPackRegistry", "pack", pool_id).count:
        return pool_id, index
    origin_pack, origin_index = chain.call("Measures", "originOf", pool_id, index)
    return int(origin_pack), int(origin_index)


def _read_pack_assets(chain: ChainClient, pack_id: int, round_id: int | None) -> Sequence[Asset]:
    count = chain.call("AssetPackRegistry", "pack", pack_id).count
    report = bytes(2 * count) if round_id is None else read_report(chain, round_id, count)
    return read_assets(chain, pack_id, report)
