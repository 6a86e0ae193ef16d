"""Measures as transactions and views. Every failure is one of `client.sdk.errors`. Source: docs/protocol.md, 15."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from client.sdk import merkle
from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.measures.types import Measure, MeasureKind, Representation
from client.sdk.policy.on_chain import layout_of_pack

_RATE_FIELD, _ARREARS_FIELD = "rate_ppm", "days_past_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Losses of a pool so far, in cents, so that what measures took out hides nothing."""

    last_period: int
    gross_cents: int
    """Balances written off."""
    recovered_cents: int
    removed_cents: int
    """Balances that were replaced or repurchased, before they could be written off."""

    @property
    def net_cents(self) -> int:
        """Net loss as the pool bore it."""
        return self.gross_cents - self.recovered_cents

    @property
    def net_without_measures_cents(self) -> int:
        """Net loss had nothing been replaced or repurchased and all of it been lost."""
        return self.net_cents + self.removed_cents


def read_measure(chain: ChainClient, measure_id: int) -> Measure:
    """Return a measure; InvalidInputError when there is none."""
    assets, incoming = chain.call("Measures", "assetsOf", measure_id)
    return Measure.from_chain(measure_id, chain.call("Measures", "measure", measure_id), assets, incoming)


def measures_of(chain: ChainClient, pack_id: int) -> Iterator[Measure]:
    """Yield the measures on a pack, oldest first."""
    for event in chain.events("Measures", "MeasureOrdered", filters={"packId": pack_id}):
        yield read_measure(chain, int(event.args["measureId"]))


def losses_of(chain: ChainClient, pack_id: int) -> Losses:
    """Return a pool's losses up to its newest closed period."""
    last = int(chain.call("Monitoring", "lastPeriod", pack_id))
    period = chain.call("Monitoring", "period", pack_id, last)
    return Losses(
        last_period=last,
        gross_cents=period.cumulativeGrossCents,
        recovered_cents=period.cumulativeRecoveredCents,
        removed_cents=period.cumulativeRemovedCents,
    )


def ensure_terms(chain: ChainClient, identity: Identity, pack_id: int) -> None:
    """Say, once, which bytes of the pack's layout hold the classes of rate and of days past due.

    Raises:
        InvalidInputError: the layout has none; such a pool can have no replacements.
    """
    if chain.call("Measures", "terms", pack_id).set:
        return
    _, layout = layout_of_pack(chain, pack_id)
    fields = [each.field if each.kind == "cuts" else "" for each in layout.dimensions]
    missing = [name for name in (_RATE_FIELD, _ARREARS_FIELD) if name not in fields]
    if missing:
        raise InvalidInputError(
            f"layout of pack {pack_id}", got=f"no cuts of {', '.join(missing)}", expected="both, to judge replacements"
        )
    dimensions = [fields.index(_RATE_FIELD), fields.index(_ARREARS_FIELD)]
    chain.send("Measures", "setTerms", [pack_id, *dimensions], identity.account)


def order_measure(
    chain: ChainClient,
    identity: Identity,
    *,
    pack_id: int,
    kind: MeasureKind,
    assets: Sequence[int],
    deadline: int,
    grounds_hash: bytes,
    breach: Representation | None = None,
) -> int:
    """Order a measure as the pool's risk control; returns its id.

    Args:
        chain: the chain.
        identity: account that started the monitoring.
        pack_id: monitored pack.
        kind: what is to be done.
        assets: indices in the pool, ascending.
        deadline: second after which it cannot be carried out.
        grounds_hash: keccak256 of the document that says why.
        breach: the representation that is breached, of a repurchase alone.
    """
    if kind is MeasureKind.REPLACE:
        ensure_terms(chain, identity, pack_id)
    arguments = [pack_id, int(kind), list(assets), deadline, int(breach or 0), grounds_hash]
    receipt = chain.send("Measures", "order", arguments, identity.account)
    return int(receipt.event("MeasureOrdered").args["measureId"])


def carry_out_collection(chain: ChainClient, identity: Identity, measure_id: int, evidence_hash: bytes) -> Receipt:
    """Say as the servicer that the assets are collected weekly."""
    return chain.send("Measures", "collectMoreOften", [measure_id, evidence_hash], identity.account)


def carry_out_schedule(
    chain: ChainClient, identity: Identity, measure: Measure, consent_hashes: Sequence[bytes], evidence_hash: bytes
) -> Receipt:
    """Say as the servicer that the borrowers agreed to other schedules.

    Args:
        chain: the chain.
        identity: the pool's servicer.
        measure: of the kind CHANGE_SCHEDULE.
        consent_hashes: salted hash of each borrower's consent, in the order of the assets; only their root is sent.
        evidence_hash: keccak256 of the document with the new schedules.
    """
    if len(consent_hashes) != len(measure.assets):
        expected = f"{len(measure.assets)}, one for each asset"
        raise InvalidInputError("consents", got=len(consent_hashes), expected=expected)
    arguments = [measure.measure_id, merkle.compute_root(consent_hashes), evidence_hash]
    return chain.send("Measures", "changeSchedule", arguments, identity.account)


def carry_out_replacement(
    chain: ChainClient,
    identity: Identity,
    *,
    measure: Measure,
    reserve_pack_id: int,
    round_id: int,
    incoming: Sequence[int],
    cash_cents: int,
    evidence_hash: bytes,
) -> Receipt:
    """Offer replacements as the originator; the contract judges them by scores, classes and buckets."""
    offer = {
        "reservePackId": reserve_pack_id,
        "roundId": round_id,
        "incoming": list(incoming),
        "cashCents": cash_cents,
        "evidenceHash": evidence_hash,
    }
    return chain.send("Measures", "replace", [measure.measure_id, offer], identity.account)


def carry_out_repurchase(
    chain: ChainClient, identity: Identity, measure_id: int, cash_cents: int, evidence_hash: bytes
) -> Receipt:
    """Say as the originator that the assets were bought back at par."""
    return chain.send("Measures", "repurchase", [measure_id, cash_cents, evidence_hash], identity.account)


def confirm_measure(chain: ChainClient, identity: Identity, measure_id: int) -> Receipt:
    """Let what was carried out take effect, as the pack's trustee."""
    return chain.send("Measures", "confirm", [measure_id], identity.account)


def reject_measure(chain: ChainClient, identity: Identity, measure_id: int, reason_hash: bytes) -> Receipt:
    """Send a measure back as the pack's trustee."""
    return chain.send("Measures", "reject", [measure_id, reason_hash], identity.account)


def cancel_measure(chain: ChainClient, identity: Identity, measure_id: int, reason_hash: bytes) -> Receipt:
    """Take an order back as the pool's risk control."""
    return chain.send("Measures", "cancel", [measure_id, reason_hash], identity.account)


def escalate_measure(chain: ChainClient, identity: Identity, measure_id: int) -> Receipt:
    """Tell all members that a measure is overdue, as anyone."""
    return chain.send("Measures", "escalate", [measure_id], identity.account)
