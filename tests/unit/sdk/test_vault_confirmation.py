"""Receipts of vaults and whose node a vault is at: verified by the client, made here with other tools."""

import dataclasses
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from client.sdk.errors import DecodeError, TamperedError
from client.sdk.vault_confirmation import (
    Binding,
    VaultConfirmation,
    VaultDomain,
    check_binding,
    check_deletion,
    check_purge,
    decode_confirmations,
)
from tests.unit.sdk.vault_server import CHAIN_ID, REGISTRY

DOMAIN = VaultDomain(chain_id=CHAIN_ID, registry=REGISTRY)
VAULT, OTHER = Account.from_key(b"\x07" * 32), Account.from_key(b"\x08" * 32)
NODE, OTHER_NODE = ec.derive_private_key(77, ec.SECP256R1()), ec.derive_private_key(78, ec.SECP256R1())
ROOT = b"\x11" * 32


def signed(account, primary, fields, message):
    types = {primary: [{"name": name, "type": kind} for name, kind in fields]}
    domain = {"name": "Tranchain Vault", "version": "1", "chainId": CHAIN_ID, "verifyingContract": REGISTRY}
    signable = encode_typed_data(domain, types, message)
    digest = bytes(signable_hash(signable))
    return bytes(account.sign_message(signable).signature), digest


def signable_hash(signable):
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def der(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def confirmation(vault=VAULT, node=NODE):
    node_hash = hashlib.sha256(der(node)).digest()
    fields = [("node", "bytes32"), ("vault", "address")]
    by_vault, digest = signed(vault, "VaultNode", fields, {"node": node_hash, "vault": vault.address})
    return VaultConfirmation(
        node=node_hash,
        organisation=3,
        endpoint="node-c:1",
        vault=vault.address,
        binding=Binding(
            node_key=der(node), node_signature=node.sign(digest, ec.ECDSA(SHA256())), vault_signature=by_vault
        ),
        receipts=[],
    )


def test_binding_signed_by_both_keys_holds():
    check_binding(DOMAIN, confirmation())


@pytest.mark.parametrize(
    "change",
    [
        {"vault": OTHER.address},
        {"node": hashlib.sha256(der(OTHER_NODE)).digest()},
        {"binding": None},
        {"binding": confirmation(vault=OTHER).binding},
        {"binding": confirmation(node=OTHER_NODE).binding},
        {"binding": dataclasses.replace(confirmation().binding, node_key=b"no key")},
        {"binding": dataclasses.replace(confirmation().binding, vault_signature=bytes(65))},
    ],
)
def test_vault_passed_off_as_that_of_another_node_is_noticed(change):
    with pytest.raises(TamperedError, match="no proof that the vault is this node's"):
        check_binding(DOMAIN, dataclasses.replace(confirmation(), **change))


def test_receipt_for_a_record_counts_for_its_signer_record_and_network_alone():
    fields = [("batchRoot", "bytes32"), ("index", "uint32"), ("blobHash", "bytes32"), ("deletedAt", "uint256")]
    message = {"batchRoot": ROOT, "index": 4, "blobHash": b"\x22" * 32, "deletedAt": 1_700_000_000}
    signature, _ = signed(VAULT, "DeletionReceipt", fields, message)
    receipt = {"blob_hash": b"\x22" * 32, "deleted_at": 1_700_000_000, "signature": signature}
    check_deletion(DOMAIN, VAULT.address, ROOT, 4, receipt)
    for domain, vault, index, changed in (
        (DOMAIN, OTHER.address, 4, receipt),
        (DOMAIN, VAULT.address, 5, receipt),
        (DOMAIN, VAULT.address, 4, {**receipt, "deleted_at": 1}),
        (dataclasses.replace(DOMAIN, chain_id=8), VAULT.address, 4, receipt),
    ):
        with pytest.raises(TamperedError, match="another signer"):
            check_deletion(domain, vault, ROOT, index, changed)


def test_receipt_for_a_pack_counts_for_its_signer_and_pack_alone():
    fields = [("pack", "uint256"), ("count", "uint256"), ("purgedAt", "uint256")]
    signature, _ = signed(VAULT, "PurgeReceipt", fields, {"pack": 9, "count": 3, "purgedAt": 5})
    receipt = {"count": 3, "purged_at": 5, "signature": signature}
    check_purge(DOMAIN, VAULT.address, 9, receipt)
    for vault, pack in ((OTHER.address, 9), (VAULT.address, 8)):
        with pytest.raises(TamperedError, match="another signer"):
            check_purge(DOMAIN, vault, pack, receipt)


@pytest.mark.parametrize(
    "change",
    [
        {"node": "text"},
        {"vault": 5},
        {"organisation": "3"},
        {"receipts": [None, None]},
        {"receipts": [{"blob_hash": b"short", "deleted_at": 1, "signature": b""}]},
        {"receipts": [{"deleted_at": 1}]},
        {"binding": {"node_key": b""}},
    ],
)
def test_answer_of_another_shape_is_a_decode_error(change):
    fields = {
        "node": b"\x01" * 32,
        "organisation": 3,
        "endpoint": "",
        "vault": None,
        "binding": None,
        "receipts": [None],
    }
    assert decode_confirmations({"vaults": [fields]}, count=1)[0].receipts == [None]
    with pytest.raises(DecodeError):
        decode_confirmations({"vaults": [{**fields, **change}]}, count=1)
    with pytest.raises(DecodeError):
        decode_confirmations({}, count=1)


def test_vault_is_named_by_organisation_and_node():
    assert confirmation().name.startswith("organisation 3, node ")
    assert "announced no vault" in dataclasses.replace(confirmation(), vault=None).name
