"""Keys and proofs of possession."""

from __future__ import annotations

import pytest
from eth_utils import keccak

from tests.contracts.chain import refused
from tests.contracts.suite import Suite

KEY = bytes(range(256)) * 4 + bytes(192)
NONCE = b"\5" * 32
SEALED = b"\6" * 1_200


def announce(suite: Suite, name: str = "risk_control", key: bytes = KEY) -> None:
    suite.send(name, suite.EncryptionKeys.functions.announce(key))


def test_key_is_proven_by_the_nonce_of_a_challenge(suite: Suite) -> None:
    keys = suite.EncryptionKeys.functions
    receipt = suite.send("risk_control", keys.announce(KEY))
    announced = suite.chain.second
    event = suite.event("EncryptionKeys", "KeyAnnounced", receipt)
    assert event == {"account": suite.risk_control, "keyHash": keccak(KEY), "publicKey": KEY}
    receipt = suite.send("registrar", keys.challenge(suite.risk_control, SEALED, keccak(NONCE)))
    event = suite.event("EncryptionKeys", "KeyChallenged", receipt)
    assert (event["challenger"], event["sealedNonce"], event["nonceHash"]) == (suite.registrar, SEALED, keccak(NONCE))
    assert keys.keyOf(suite.risk_control).call() == [keccak(KEY), announced, 0]
    receipt = suite.send("risk_control", keys.prove(NONCE))
    assert suite.event("EncryptionKeys", "KeyProven", receipt)["keyHash"] == keccak(KEY)
    assert keys.keyOf(suite.risk_control).call() == [keccak(KEY), announced, suite.chain.second]


def test_new_key_is_unproven_and_old_challenges_do_not_prove_it(suite: Suite) -> None:
    keys = suite.EncryptionKeys.functions
    announce(suite)
    suite.send("bureau", keys.challenge(suite.risk_control, SEALED, keccak(NONCE)))
    announce(suite, key=KEY + b"\1")
    with refused("EncryptionKeysWrongNonce", suite.risk_control, keccak(NONCE)):
        suite.send("risk_control", keys.prove(NONCE))


def test_prove_with_a_wrong_nonce_is_refused(suite: Suite) -> None:
    announce(suite)
    suite.send("bureau", suite.EncryptionKeys.functions.challenge(suite.risk_control, SEALED, keccak(NONCE)))
    with refused("EncryptionKeysWrongNonce"):
        suite.send("risk_control", suite.EncryptionKeys.functions.prove(b"\7" * 32))
    with refused("EncryptionKeysWrongNonce"):
        suite.send("bureau", suite.EncryptionKeys.functions.prove(NONCE))


def test_announce_by_a_stranger_or_a_suspended_account_is_refused(suite: Suite) -> None:
    with refused("EncryptionKeysNotEnrolled", suite.stranger):
        announce(suite, "stranger")
    suite.govern("Consortium", "setSuspended", suite.trustee, True)
    with refused("EncryptionKeysNotEnrolled", suite.trustee):
        announce(suite, "trustee")


@pytest.mark.parametrize("length", [0, 31, 4097])
def test_length_that_no_key_or_nonce_has_is_refused(suite: Suite, length: int) -> None:
    with refused("EncryptionKeysBadLength", length, 32, 4096):
        announce(suite, key=bytes(length))
    announce(suite)
    with refused("EncryptionKeysBadLength", length, 32, 4096):
        suite.send("bureau", suite.EncryptionKeys.functions.challenge(suite.risk_control, bytes(length), keccak(NONCE)))


@pytest.mark.parametrize("challenger", ["originator", "exchange", "oracle_a", "stranger"])
def test_challenge_without_one_of_the_roles_is_refused(suite: Suite, challenger: str) -> None:
    announce(suite)
    with refused("EncryptionKeysNotChallenger", suite.account[challenger]):
        suite.send(challenger, suite.EncryptionKeys.functions.challenge(suite.risk_control, SEALED, keccak(NONCE)))


def test_challenge_within_an_organisation_is_refused(suite: Suite) -> None:
    announce(suite, "registrar")
    with refused("EncryptionKeysSameOrganisation", 1):
        suite.send("auditor_a", suite.EncryptionKeys.functions.challenge(suite.registrar, SEALED, keccak(NONCE)))


def test_challenge_of_an_account_without_key_is_refused(suite: Suite) -> None:
    with refused("EncryptionKeysNoKey", suite.trustee):
        suite.send("bureau", suite.EncryptionKeys.functions.challenge(suite.trustee, SEALED, keccak(NONCE)))
