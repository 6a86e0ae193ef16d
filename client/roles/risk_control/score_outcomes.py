"""What became of the scores of monitored packs, from the chain, for `client.model.monitoring`.

The score is that at closing (or when an asset was taken in), the outcome that of the newest closed period: an asset has
defaulted when it was ever 91 days past due or written off, and is open while it is live. Source: docs/protocol.md, 12.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from client.model.calibration import SCORE_COUNT
from client.model.monitoring import ScoreCounts
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.monitoring.entries import ASSETS_PER_CHUNK, Entry, State, decode_entries
from client.sdk.pack.on_chain import read_report
from client.sdk.pack.report import score_of, words_of


def read_outcomes(chain: ChainClient, pack_id: int, *, manifest_hash: bytes) -> tuple[str, ScoreCounts]:
    """Return the month of a pack's cut-off (YYYY-MM) and its outcomes by score.

    Raises:
        InvalidInputError: no period of the pack's monitoring is closed.
        TamperedError: the pack was scored by another model than the one with this manifest.
    """
    pool = chain.call("Monitoring", "pool", pack_id)
    if not pool.lastPeriod:
        raise InvalidInputError(f"pack {pack_id}", got="no closed period", expected="a pack that is monitored")
    model_id = chain.call("ScoringRounds", "round", pool.closingRoundId).modelId
    found = bytes(chain.call("RiskModelRegistry", "model", model_id).manifestHash)
    if found != manifest_hash:
        got = f"scores of model {model_id}, manifest {found.hex()[:16]}"
        raise TamperedError(f"pack {pack_id}", got=got, expected=f"manifest {manifest_hash.hex()[:16]}")
    scores = [score_of(word) for word in words_of(read_report(chain, pool.closingRoundId, pool.assetCount))]
    scores += _admitted(chain, pack_id)
    cut_off = chain.call("AssetPackRegistry", "pack", pack_id).cutOff
    month = (dt.date(1970, 1, 1) + dt.timedelta(days=cut_off)).strftime("%Y-%m")
    return month, counts_of(zip(scores, _entries(chain, pack_id, pool), strict=False))


def counts_of(assets: Iterable[tuple[int, Entry]]) -> ScoreCounts:
    """Count assets by score and outcome; those that are not in the pool do not count."""
    totals, defaults, still_open = ([0] * SCORE_COUNT for _ in range(3))
    for score, entry in assets:
        if entry.state is State.NOT_IN_POOL or not score:
            continue
        totals[score - 1] += 1
        if entry.has_defaulted:
            defaults[score - 1] += 1
        elif entry.state.is_live:
            still_open[score - 1] += 1
    return ScoreCounts(totals=tuple(totals), defaults=tuple(defaults), open=tuple(still_open))


def _admitted(chain: ChainClient, pack_id: int) -> list[int]:
    """Return the scores of the assets that measures took in, in their order."""
    events = chain.events("Monitoring", "AssetsAdmitted", filters={"packId": pack_id})
    admitted = sorted((event.args["firstIndex"], event.args["assets"]) for event in events)
    return [asset >> 24 for _, assets in admitted for asset in assets]


def _entries(chain: ChainClient, pack_id: int, pool: Any) -> Iterator[Entry]:
    count = chain.call("Monitoring", "period", pack_id, pool.lastPeriod).entryCount
    for chunk in range(-(-count // ASSETS_PER_CHUNK)):
        pointer = chain.call("Monitoring", "entriesPointer", pack_id, pool.lastPeriod, chunk)
        yield from decode_entries(chain.code(pointer)[1:])
