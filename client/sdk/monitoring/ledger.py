"""Reading the promise ledger and the shadow pool from the chain, and checking what can be computed again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.monitoring.promise import PromisePoint, PromiseTerms, decode_curve, promise_of
from client.sdk.monitoring.shadow import Comparison

STATUS_TEXTS = {1: "running", 2: "kept", 3: "broken"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A pack's promise as the chain has it, its limits computed again."""

    pack_id: int
    model_id: int
    originator: str
    status: str
    """running, kept or broken."""
    kept_count: int
    last_period: int
    """Last month observed, 0 before the first."""
    defaults: int
    broken_period: int
    """0 unless it is broken."""
    margin_ppm: int
    terms: PromiseTerms
    points: tuple[PromisePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How promises of a model version, or of an originator, went."""

    running_count: int
    kept_count: int
    broken_count: int
    worst_ratio_ppm: int
    """Largest ratio of observed to expected defaults, before margin; 0 while no promise broke or ended."""


def has_promise(chain: ChainClient, pack_id: int) -> bool:
    """Return whether a pack has its promise."""
    return bool(chain.call("PromiseLedger", "promiseOf", pack_id).status)


def read_promise(chain: ChainClient, pack_id: int) -> Promise:
    """Return the promise of a pack.

    Raises:
        InvalidInputError: it has none.
        TamperedError: its limits are not those that follow from its expected defaults and terms.
    """
    made = chain.call("PromiseLedger", "promiseOf", pack_id)
    if not made.status:
        raise InvalidInputError(
            f"pack {pack_id}", got="no promise", expected="one", remedy="`tranchain risk promise make`"
        )
    terms = PromiseTerms(odds_ppm=made.terms.oddsPpm, shape=made.terms.shape, alpha_ppm=made.terms.alphaPpm)
    points = decode_curve(bytes(chain.call("PromiseLedger", "curve", pack_id)))
    again = promise_of([each.expected_milli for each in points], terms)
    if again != points:
        month = next(month for month, pair in enumerate(zip(points, again, strict=True), 1) if pair[0] != pair[1])
        raise TamperedError(
            f"promise of pack {pack_id}, month {month}",
            got=f"limit {points[month - 1].limit}",
            expected=f"{again[month - 1].limit}, as its terms say",
        )
    return Promise(
        pack_id=pack_id,
        model_id=made.modelId,
        originator=made.originator,
        status=STATUS_TEXTS[made.status],
        kept_count=made.keptCount,
        last_period=made.lastPeriod,
        defaults=made.defaults,
        broken_period=made.brokenPeriod,
        margin_ppm=made.terms.marginPpm,
        terms=terms,
        points=points,
    )


def record_of_model(chain: ChainClient, model_id: int) -> Record:
    """Return how the promises that rest on a model version went."""
    return _record(chain.call("PromiseLedger", "recordOfModel", model_id))


def record_of_originator(chain: ChainClient, originator: str) -> Record:
    """Return how the promises of an originator's packs went."""
    return _record(chain.call("PromiseLedger", "recordOfOriginator", originator))


def worst_ratio_ppm(chain: ChainClient, model_ids: Sequence[int]) -> int:
    """Return the worst ratio of observed to expected defaults of all promises that rest on these versions."""
    return max((record_of_model(chain, model_id).worst_ratio_ppm for model_id in model_ids), default=0)


def compare_with_removed(chain: ChainClient, pack_id: int, *, kept_count: int, kept_defaults: int) -> Comparison:
    """Return default rates of the loans that screening kept and, as their originator last reported, removed.

    Args:
        chain: where the shadow pool was reported.
        pack_id: of the pack.
        kept_count: loans of the closing.
        kept_defaults: how many of them have defaulted (Monitoring's cumulative count).
    """
    shadow = chain.call("PromiseLedger", "shadowOf", pack_id)
    return Comparison(
        kept_count=kept_count,
        kept_defaults=kept_defaults,
        removed_count=sum(shadow.reported),
        removed_defaults=sum(shadow.defaulted),
    )


def _record(found: Any) -> Record:
    return Record(
        running_count=found.runningCount,
        kept_count=found.keptCount,
        broken_count=found.brokenCount,
        worst_ratio_ppm=found.worstRatioPpm,
    )
