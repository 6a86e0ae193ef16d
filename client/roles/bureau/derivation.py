"""A record for a borrower without data, made from the records of related people. Pure: no I/O.

Unlawful for credit decisions in many places; whether a policy takes such records is risk control's choice, off by
default. Source: docs/protocol.md, 5; docs/adr/0022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from client.model.schema import CREDIT_FIELDS, Field
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import CreditValues, observed_day

DISTANCE_MAX = 10
_WEIGHT = 2_520
"""A multiple of every distance from 1 to 10, so that weights of 1 / distance are whole numbers."""


class Kind(IntEnum):
    """How a person is related to a borrower."""

    GUARANTOR = 1
    SPOUSE = 2
    HOUSEHOLD = 3
    CONTACT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedRecord:
    """The record of a related person."""

    kind: Kind
    distance: int
    """Social distance from the borrower, 1 to 10."""
    values: CreditValues


def derive(related: Sequence[RelatedRecord]) -> CreditValues:
    """Return the record that stands in for the borrower's own.

    Guarantors alone count where there are any. Adverse fields are the worst of all; others the average, weighted by
    1 / distance and rounded half up; what needs explicit consent is nobody's but the person's own. It is as old as its
    oldest part, and its distance is the least.
    """
    if not related:
        raise InvalidInputError("related records", got="none", expected="at least one")
    guarantors = [one for one in related if one.kind is Kind.GUARANTOR]
    counting = guarantors or list(related)
    return tuple(_value(index, spec, counting) for index, spec in enumerate(CREDIT_FIELDS))


def _value(index: int, spec: Field, related: Sequence[RelatedRecord]) -> int | None:
    if spec.name == "observed_day":
        return min(observed_day(one.values) for one in related)
    if spec.name == "relation_distance":
        return min(one.distance for one in related)
    known = [(value, one.distance) for one in related if (value := one.values[index]) is not None]
    if spec.needs_explicit_consent or not known:
        return None
    if spec.adverse is not None:
        worst = max if spec.adverse == "high" else min
        return worst(value for value, _ in known)
    total = sum(value * (_WEIGHT // distance) for value, distance in known)
    weight = sum(_WEIGHT // distance for _, distance in known)
    return (2 * total + weight) // (2 * weight)
