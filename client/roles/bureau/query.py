"""A credit query as the chain asks it, and the rules by which a bureau decides. Pure: no I/O.

Source: docs/protocol.md, 5.
"""

import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum

from client.sdk.consent import ConsentUse, Purpose, check_receipt
from client.sdk.credit_bundle import CreditRequest
from client.sdk.errors import InvalidInputError
from client.sdk.handle import handles_tree
from client.sdk.hashing import keccak
from client.sdk.merkle import compute_root
from client.sdk.role import Role, role_bitmap, roles_of

RECIPIENT_ROLES = (Role.RISK_CONTROL, Role.BUREAU, Role.TRUSTEE, Role.AUDITOR)
_DAY_S = 86_400
_CHECKED_TOGETHER = 1_024
"""Receipts that a thread takes at a time."""


class Refusal(IntEnum):
    """Why a whole query is refused. Source: docs/protocol.md, 5."""

    ROLE = 1
    PURPOSE = 2
    CONSENT = 3
    SIZE = 4
    BUDGET = 5
    MALFORMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One CreditRequested event."""

    id: int
    pack_id: int
    requester: str
    purpose: int
    count: int
    recipients: tuple[str, ...]
    handles_root: bytes
    consent_root: bytes
    request_blob: bytes
    expires_at: int
    """Unix second after which nobody answers."""
    second: int
    """Of the block that asked."""
    block_number: int

    @property
    def day(self) -> int:
        """Day of the block that asked."""
        return self.second // _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a bureau permits beyond what the contracts do."""

    purposes: frozenset[Purpose] = frozenset(Purpose)
    subjects_min: int = 100
    """Subjects of a query; the chain may ask for more, never for fewer."""
    found_min: int = 10
    """Fewest people whose records are given, if any are: the other handles may be made up."""
    difference_min: int = 10
    """Two queries of one risk control, or about packs of one originator, name the same subjects, or differ by at least
    this many."""
    queries_per_month: int = 30
    """Times a subject's file is given within 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the chain says of those who take part in a query."""

    requester_roles: int
    """Bitmap of roles in force."""
    recipient_roles: Sequence[int]
    """Likewise, in the order of the recipients."""
    minimum_subjects: int
    """The network's own lower bound."""


def refusal_of(query: Query, standing: Standing, policy: Policy) -> Refusal | None:
    """Return why the query is refused whatever it names, or None."""
    if not standing.requester_roles >> Role.RISK_CONTROL & 1:
        return Refusal.ROLE
    if not query.recipients or any(not _may_receive(roles) for roles in standing.recipient_roles):
        return Refusal.ROLE
    if query.purpose not in policy.purposes:
        return Refusal.PURPOSE
    if query.count < max(policy.subjects_min, standing.minimum_subjects):
        return Refusal.SIZE
    return None


def check_request(query: Query, request: CreditRequest) -> None:
    """Raise InvalidInputError unless the request from the vault is what the chain commits to."""
    if len(request.handles) != query.count:
        raise InvalidInputError("request", got=f"{len(request.handles)} handles", expected=f"{query.count}")
    if handles_tree(request.handles).root != query.handles_root:
        raise InvalidInputError("request", got="handles of another root", expected="those of the query")
    if compute_root([keccak(receipt) for receipt in request.receipts]) != query.consent_root:
        raise InvalidInputError("request", got="receipts of another root", expected="those of the query")


def consents(query: Query, request: CreditRequest, standing: Standing, *, originator: str) -> list[bool | None]:
    """Return for each handle whether its consent is explicit; None unless it permits exactly this use and recipients.

    Most of the time goes into signatures, which threads verify beside one another.
    """
    roles = {role for bitmap in standing.recipient_roles for role in roles_of(bitmap) if role in RECIPIENT_ROLES}
    use = ConsentUse(
        originator=originator,
        purpose=Purpose(query.purpose),
        recipient_roles=role_bitmap(role for role in RECIPIENT_ROLES if role in roles),
        day=query.day,
    )
    parts = [slice(start, start + _CHECKED_TOGETHER) for start in range(0, len(request.handles), _CHECKED_TOGETHER)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
        checked = executor.map(lambda part: _consents_of(request, part, use), parts)
        return [each for some in checked for each in some]


def _consents_of(request: CreditRequest, part: slice, use: ConsentUse) -> list[bool | None]:
    permitted: list[bool | None] = []
    for handle, receipt in zip(request.handles[part], request.receipts[part], strict=True):
        try:
            parsed = check_receipt(receipt, handle=handle, use=use)
        except InvalidInputError:
            permitted.append(None)
        else:
            permitted.append(parsed.is_explicit)
    return permitted


def is_too_near(subjects: AbstractSet[bytes], earlier: Mapping[int, AbstractSet[bytes]], difference_min: int) -> bool:
    """Return whether some earlier query names almost the same subjects, but not the same.

    The difference of two such answers would be about single people.
    """
    return any(0 < len(subjects ^ before) < difference_min for before in earlier.values())


def _may_receive(roles: int) -> bool:
    return any(roles >> role & 1 for role in RECIPIENT_ROLES) and not roles >> Role.ORIGINATOR & 1
