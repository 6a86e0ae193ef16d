import dataclasses

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from client.sdk import canonical
from client.sdk.consent import ConsentUse, Purpose, check_receipt, make_receipt, parse_receipt, sign_receipt
from client.sdk.errors import DecodeError, InvalidInputError
from client.sdk.role import Role, role_bitmap

ORIGINATOR = Account.from_key(b"\x01" * 32)
HANDLE = b"\x0a" * 32
RECEIPT = make_receipt(
    handle=HANDLE,
    purposes=[Purpose.UNDERWRITING, Purpose.MONITORING],
    recipient_roles=[Role.RISK_CONTROL, Role.AUDITOR],
    granted_day=15_000,
    expires_day=16_000,
    evidence_hash=b"\x0e" * 32,
)


def _check(signed, *, handle=HANDLE, **changes):
    use = ConsentUse(
        originator=ORIGINATOR.address,
        purpose=Purpose.UNDERWRITING,
        recipient_roles=role_bitmap([Role.RISK_CONTROL]),
        day=15_500,
    )
    return check_receipt(signed, handle=handle, use=dataclasses.replace(use, **changes))


def test_receipt_permits_what_it_covers():
    assert _check(sign_receipt(RECEIPT, ORIGINATOR)) == RECEIPT


def test_receipt_bytes_are_those_of_the_protocol():
    body = sign_receipt(RECEIPT, ORIGINATOR)[:-65]
    expected = [1, HANDLE, 0b110, 1 << 3 | 1 << 8, 1, 15_000, 16_000, RECEIPT.nonce, b"\x0e" * 32]
    assert canonical.decode(body) == expected


def test_signature_is_a_personal_signature_that_other_tools_verify():
    signed = sign_receipt(RECEIPT, ORIGINATOR)
    message = encode_defunct(signed[:-65])
    assert Account.recover_message(message, signature=signed[-65:]) == ORIGINATOR.address


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"handle": b"\x0b" * 32}, "another subject"),
        ({"originator": Account.from_key(b"\x02" * 32).address}, "not signed by the pack's originator"),
        ({"purpose": Purpose.DISPUTE}, "purpose dispute"),
        ({"recipient_roles": role_bitmap([Role.RISK_CONTROL, Role.TRUSTEE])}, "every recipient's role"),
        ({"day": 14_999}, "on this day"),
        ({"day": 16_000}, "on this day"),
    ],
)
def test_receipt_does_not_permit_another_use(changes, problem):
    with pytest.raises(InvalidInputError, match=problem):
        _check(sign_receipt(RECEIPT, ORIGINATOR), **changes)


def test_every_changed_byte_of_a_receipt_is_noticed():
    signed = sign_receipt(RECEIPT, ORIGINATOR)
    for position in range(len(signed)):
        changed = signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1 :]
        with pytest.raises(InvalidInputError):
            _check(changed)


def test_receipt_of_another_shape_is_refused():
    for wrong in (b"", b"\x80" + bytes(65), bytes(200)):
        with pytest.raises(DecodeError):
            parse_receipt(wrong)
    short = dataclasses.replace(RECEIPT, nonce=b"short")
    with pytest.raises(DecodeError):
        parse_receipt(sign_receipt(short, ORIGINATOR))


def test_equal_consents_have_different_bytes():
    use = {"handle": HANDLE, "purposes": [Purpose.AUDIT], "recipient_roles": [Role.AUDITOR]}
    days = {"granted_day": 1, "expires_day": 2, "evidence_hash": bytes(32)}
    assert make_receipt(**use, **days).to_bytes() != make_receipt(**use, **days).to_bytes()
