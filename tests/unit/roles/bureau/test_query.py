"""Which queries a bureau refuses, and whom in them."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account

from client.roles.bureau.query import (
    Policy,
    Query,
    Refusal,
    Standing,
    check_request,
    consents,
    is_too_near,
    refusal_of,
)
from client.sdk.consent import Purpose, make_receipt, sign_receipt
from client.sdk.credit_bundle import CreditRequest
from client.sdk.errors import InvalidInputError
from client.sdk.handle import handle, handles_tree
from client.sdk.hashing import keccak
from client.sdk.merkle import compute_root
from client.sdk.role import Role, role_bitmap

ORIGINATOR, OTHER = Account.from_key(b"\x31" * 32), Account.from_key(b"\x32" * 32)
DAY = 20_000
HANDLES = tuple(sorted(handle(b"k" * 32, f"subject {i}") for i in range(100)))
STANDING = Standing(
    requester_roles=role_bitmap([Role.RISK_CONTROL]),
    recipient_roles=[role_bitmap([Role.RISK_CONTROL]), role_bitmap([Role.AUDITOR, Role.GOVERNOR])],
    minimum_subjects=100,
)


def receipt(of: bytes, **changes: object) -> bytes:
    signer = changes.pop("signer", ORIGINATOR)
    fields = {
        "handle": of,
        "purposes": [Purpose.UNDERWRITING],
        "recipient_roles": [Role.RISK_CONTROL, Role.AUDITOR],
        "granted_day": DAY - 10,
        "expires_day": DAY + 10,
        "evidence_hash": b"e" * 32,
        **changes,
    }
    return sign_receipt(make_receipt(**fields), signer)


@pytest.fixture(scope="module")
def request_() -> CreditRequest:
    return CreditRequest(handles=HANDLES, receipts=tuple(receipt(each) for each in HANDLES))


def query(request: CreditRequest, **changes: object) -> Query:
    fields = {
        "id": 1,
        "pack_id": 2,
        "requester": "0x" + "11" * 20,
        "purpose": 1,
        "count": len(request.handles),
        "recipients": ("0x" + "11" * 20, "0x" + "12" * 20),
        "handles_root": handles_tree(request.handles).root,
        "consent_root": compute_root([keccak(each) for each in request.receipts]),
        "request_blob": b"b" * 32,
        "expires_at": DAY * 86_400 + 500,
        "second": DAY * 86_400 + 100,
        "block_number": 3,
        **changes,
    }
    return Query(**fields)


def test_query_in_order_is_not_refused(request_: CreditRequest):
    assert refusal_of(query(request_), STANDING, Policy()) is None
    check_request(query(request_), request_)
    assert all(consents(query(request_), request_, STANDING, originator=ORIGINATOR.address))


@pytest.mark.parametrize(
    ("changes", "standing", "policy", "expected"),
    [
        ({}, {"requester_roles": role_bitmap([Role.AUDITOR])}, {}, Refusal.ROLE),
        ({}, {"requester_roles": 0}, {}, Refusal.ROLE),
        ({}, {"recipient_roles": [role_bitmap([Role.EXCHANGE])]}, {}, Refusal.ROLE),
        ({}, {"recipient_roles": [role_bitmap([Role.RISK_CONTROL, Role.ORIGINATOR])]}, {}, Refusal.ROLE),
        ({}, {"recipient_roles": [role_bitmap([Role.AUDITOR]), 0]}, {}, Refusal.ROLE),
        ({"recipients": ()}, {"recipient_roles": []}, {}, Refusal.ROLE),
        ({"purpose": 9}, {}, {}, Refusal.PURPOSE),
        ({"purpose": 2}, {}, {"purposes": frozenset([Purpose.UNDERWRITING])}, Refusal.PURPOSE),
        ({"count": 99}, {}, {}, Refusal.SIZE),
        ({}, {"minimum_subjects": 101}, {}, Refusal.SIZE),
        ({}, {}, {"subjects_min": 101}, Refusal.SIZE),
    ],
)
def test_query_out_of_order_is_refused_with_its_reason(request_, changes, standing, policy, expected):
    asked = query(request_, **changes)
    assert refusal_of(asked, dataclasses.replace(STANDING, **standing), Policy(**policy)) is expected


@pytest.mark.parametrize("field", ["handles_root", "consent_root"])
def test_request_of_another_root_is_refused(request_: CreditRequest, field: str):
    with pytest.raises(InvalidInputError, match="another root"):
        check_request(query(request_, **{field: b"\x00" * 32}), request_)


def test_request_with_other_count_or_unsorted_handles_is_refused(request_: CreditRequest):
    with pytest.raises(InvalidInputError, match="handles"):
        check_request(query(request_, count=101), request_)
    unsorted = CreditRequest(handles=HANDLES[::-1], receipts=request_.receipts)
    with pytest.raises(InvalidInputError, match="ascending"):
        check_request(query(request_), unsorted)


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": OTHER},
        {"handle": b"\x01" * 32},
        {"purposes": [Purpose.MONITORING]},
        {"recipient_roles": [Role.RISK_CONTROL]},
        {"granted_day": DAY + 1},
        {"expires_day": DAY},
    ],
)
def test_receipt_that_does_not_cover_the_use_counts_as_no_consent(request_: CreditRequest, changes):
    bad = receipt(HANDLES[4], **changes)
    changed = CreditRequest(handles=HANDLES, receipts=(*request_.receipts[:4], bad, *request_.receipts[5:]))
    permitted = consents(query(changed), changed, STANDING, originator=ORIGINATOR.address)
    assert [at for at, consent in enumerate(permitted) if consent is None] == [4]


def test_receipt_that_is_no_receipt_counts_as_no_consent(request_: CreditRequest):
    changed = CreditRequest(handles=HANDLES, receipts=(b"", *request_.receipts[1:]))
    permitted = consents(query(changed), changed, STANDING, originator=ORIGINATOR.address)
    assert [each is not None for each in permitted[:2]] == [False, True]


def test_queries_that_differ_by_few_subjects_are_too_near():
    before = {7: {bytes([i]) for i in range(100)}}
    assert not is_too_near({bytes([i]) for i in range(100)}, before, 10)
    assert is_too_near({bytes([i]) for i in range(99)}, before, 10)
    assert is_too_near({bytes([i]) for i in range(4, 105)}, before, 10)
    assert not is_too_near({bytes([i]) for i in range(5, 105)}, before, 10)
    assert not is_too_near(set(), {}, 10)
