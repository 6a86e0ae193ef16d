"""Packs and the pledges of their assets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils import keccak

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import CHUNK, HASH, add_chunk, attest, make_assets, make_hash, make_header, open_pack
from tests.contracts.suite import ROLES, Suite

COUNT = 100


def status_of(suite: Suite, pack: int) -> int:
    return suite.AssetPackRegistry.functions.statusOf(pack).call()


def add_with(suite: Suite, pack: int, sender: str = "originator", **changes: Any) -> Any:
    """Add the first chunk of 100 assets with changed arguments."""
    assets = make_assets(COUNT)
    leaves, nullifiers, classes, buckets = assets.chunk(0)
    values = {
        "pack": pack,
        "first": 0,
        "leaves": leaves,
        "nullifiers": nullifiers,
        "classes": classes,
        "buckets": buckets,
        "rows": HASH,
        "attestation": attest(suite, pack, 0, nullifiers, leaves),
    } | changes
    return suite.send(sender, suite.AssetPackRegistry.functions.addAssets(*values.values()))


def make_system(suite: Suite, name: str = "newcomer") -> None:
    """Let an account do what other contracts do."""
    manager = suite.AccessManager
    suite.vote((manager.address, manager.encode_abi("grantRole", [ROLES["SYSTEM"], suite.account[name], 0])))


def advance_to(suite: Suite, pack: int, status: int) -> None:
    """As the other contracts would: what they check is not the matter here."""
    make_system(suite)
    packs = suite.AssetPackRegistry.functions
    for step in range(status_of(suite, pack) + 1, status + 1):
        if step == 8:
            suite.send("originator", packs.assign(pack, HASH))
            suite.send("trustee", packs.acceptTransfer(pack))
        else:
            suite.send("newcomer", packs.advance(pack, step))


def test_pack_from_invitation_to_submission(suite: Suite) -> None:
    packs, assets = suite.AssetPackRegistry.functions, make_assets(COUNT)
    layout = journey.layout_of(suite)
    receipt = suite.send("risk_control", packs.invite(suite.originator, make_hash("K"), make_hash("blob"), layout))
    event = suite.event("AssetPackRegistry", "PackInvited", receipt)
    pack = event["packId"]
    assert (event["riskControl"], event["originator"]) == (suite.risk_control, suite.originator)
    assert event["layoutId"] == layout
    assert (status_of(suite, pack), packs.isLive(pack).call()) == (1, False)
    receipt = suite.send("originator", packs.open(pack, make_header(COUNT)))
    header = suite.event("AssetPackRegistry", "PackOpened", receipt)["header"]
    assert (header["count"], header["rowKeyBlob"]) == (COUNT, HASH)
    assert (status_of(suite, pack), packs.isLive(pack).call()) == (2, True)
    root = journey.merkle_root(assets.leaves)
    event = suite.event("AssetPackRegistry", "AssetsAdded", add_chunk(suite, pack, assets, 0))
    assert (event["firstIndex"], event["count"], event["root"]) == (0, COUNT, root)
    assert packs.assetCount(pack).call() == COUNT
    classes, buckets = assets.chunk(0)[2:]
    assert packs.chunk(pack, 0).call() == [root, classes, buckets, make_hash("rows", 0)]
    code = suite.chain.w3.eth.get_code(packs.chunkPointer(pack, 0).call())
    assert bytes(code) == b"\0" + classes + buckets
    receipt = suite.send("originator", packs.submit(pack))
    event = suite.event("AssetPackRegistry", "PackSubmitted", receipt)
    assert event == {"packId": pack, "root": root, "count": COUNT, "totalPrincipalCents": COUNT * 1_000_000}
    stored = packs.pack(pack).call()
    assert (stored[1], stored[10], stored[11], stored[15]) == (3, layout, make_hash("K"), root)
    for index in (0, COUNT - 1):
        assert suite.PledgeRegistry.functions.pledgeOf(assets.nullifiers[index]).call() == [pack, index, True]


@pytest.mark.parametrize("count", [256, 257, 512, 700])
def test_root_over_chunks_is_the_root_over_all_leaves(suite: Suite, count: int) -> None:
    assets = make_assets(count)
    pack = journey.submit_pack(suite, assets)
    assert suite.AssetPackRegistry.functions.pack(pack).call()[15] == journey.merkle_root(assets.leaves)
    assert suite.PledgeRegistry.functions.pledgeOf(assets.nullifiers[-1]).call() == [pack, count - 1, True]


def test_invite_someone_who_is_no_originator_is_refused(suite: Suite) -> None:
    call = suite.AssetPackRegistry.functions.invite(suite.exchange, HASH, HASH, journey.layout_of(suite))
    with refused("AssetPackNotOriginator", suite.exchange):
        suite.send("risk_control", call)


@pytest.mark.parametrize(("hashes", "field"), [((bytes(32), HASH), "keyCommitment"), ((HASH, bytes(32)), "keyBlob")])
def test_invite_without_hash_is_refused(suite: Suite, hashes: tuple[bytes, bytes], field: str) -> None:
    with refused("AssetPackHashMissing", field):
        call = suite.AssetPackRegistry.functions.invite(suite.originator, *hashes, journey.layout_of(suite))
        suite.send("risk_control", call)


def test_invite_with_an_unknown_layout_is_refused(suite: Suite) -> None:
    for layout in (0, journey.layout_of(suite) + 1):
        with refused("AssetPackUnknownLayout", layout):
            suite.send("risk_control", suite.AssetPackRegistry.functions.invite(suite.originator, HASH, HASH, layout))


@pytest.mark.parametrize(("dimension_count", "document"), [(0, b"document"), (17, b"document"), (4, b"")])
def test_define_layout_without_or_with_too_many_dimensions_is_refused(
    suite: Suite, dimension_count: int, document: bytes
) -> None:
    with refused("AssetPackBadLayout", dimension_count, len(document)):
        suite.send("risk_control", suite.AssetPackRegistry.functions.defineLayout(dimension_count, document))


@pytest.mark.parametrize("dimension_count", [1, 16])
def test_pack_keeps_as_many_bucket_bytes_as_its_layout_has_dimensions(suite: Suite, dimension_count: int) -> None:
    packs = suite.AssetPackRegistry.functions
    receipt = suite.send("risk_control", packs.defineLayout(dimension_count, b"a document"))
    event = suite.event("AssetPackRegistry", "LayoutDefined", receipt)
    assert (event["author"], event["document"]) == (suite.risk_control, b"a document")
    assert packs.layout(event["layoutId"]).call() == [dimension_count, keccak(b"a document")]
    assert event["layoutId"] == packs.layoutCount().call()
    buckets = tuple(make_hash(i)[:dimension_count] for i in range(COUNT))
    pack = journey.submit_pack(suite, replace(make_assets(COUNT), buckets=buckets))
    assert packs.chunk(pack, 0).call()[2] == b"".join(buckets)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"count": 99}, ("AssetPackTooFewAssets", 99, 100)),
        ({"count": 2**20 + 1}, ("AssetPackTooManyAssets", 2**20 + 1, 2**20)),
        ({"currency": bytes(3)}, ("AssetPackBadHeader", "currency")),
        ({"cutOff": 0}, ("AssetPackBadHeader", "cutOff")),
        ({"closing": 18_999}, ("AssetPackBadHeader", "closing")),
        ({"classUnit": 0}, ("AssetPackBadHeader", "classUnit")),
        ({"totalPrincipalCents": 0}, ("AssetPackBadHeader", "totalPrincipalCents")),
        ({"rowKeyBlob": bytes(32)}, ("AssetPackHashMissing", "rowKeyBlob")),
    ],
)
def test_open_with_a_bad_header_is_refused(suite: Suite, changes: dict[str, Any], error: tuple[Any, ...]) -> None:
    pack = journey.invite(suite)
    with refused(*error):
        suite.send(
            "originator", suite.AssetPackRegistry.functions.open(pack, make_header(**{"count": COUNT, **changes}))
        )


def test_open_pack_of_another_originator_or_twice_is_refused(suite: Suite) -> None:
    packs, pack = suite.AssetPackRegistry.functions, journey.invite(suite)
    with refused("AssetPackNotOwner", pack, suite.originator_2):
        suite.send("originator_2", packs.open(pack, make_header(COUNT)))
    suite.send("originator", packs.open(pack, make_header(COUNT)))
    with refused("AssetPackWrongStatus", pack, 1, 2):
        suite.send("originator", packs.open(pack, make_header(COUNT)))


def test_minimum_assets_is_set_by_governance(suite: Suite) -> None:
    receipt = suite.govern("AssetPackRegistry", "setMinimumAssets", 150)
    assert suite.event("AssetPackRegistry", "MinimumAssetsSet", receipt) == {"minimum": 150}
    assert suite.AssetPackRegistry.functions.minimumAssets().call() == 150
    with refused("AssetPackTooFewAssets", 149, 150):
        open_pack(suite, 149)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"first": 1}, ("AssetPackWrongIndex", ..., 0, 1)),
        ({"leaves": [HASH] * 99}, ("AssetPackBadChunkLength", 100, 99)),
        ({"leaves": []}, ("AssetPackBadChunkLength", 100, 0)),
        ({"nullifiers": [HASH]}, ("AssetPackBadLength", "nullifiers", 100, 1)),
        ({"classes": bytes(199)}, ("AssetPackBadLength", "classes", 200, 199)),
        ({"buckets": bytes(401)}, ("AssetPackBadLength", "buckets", 400, 401)),
        ({"classes": b"\0\1" * 7 + b"\0\0" + b"\1\0" * 92}, ("AssetPackZeroClass", 7)),
        ({"rows": bytes(32)}, ("AssetPackHashMissing", "rowsBlob")),
        ({"sender": "originator_2"}, ("AssetPackNotOwner",)),
    ],
)
def test_add_assets_that_do_not_fit_is_refused(suite: Suite, changes: dict[str, Any], error: tuple[Any, ...]) -> None:
    pack = open_pack(suite, COUNT)
    with refused(*error):
        add_with(suite, pack, **changes)


def test_add_assets_continues_where_the_pack_ends(suite: Suite) -> None:
    assets = make_assets(300)
    pack = open_pack(suite, 300)
    with refused("AssetPackBadChunkLength", CHUNK, COUNT):
        add_with(suite, pack)
    add_chunk(suite, pack, assets, 0)
    with refused("AssetPackWrongIndex", pack, CHUNK, 0):
        add_chunk(suite, pack, assets, 0)
    with refused("AssetPackIncomplete", pack, 300, CHUNK):
        suite.send("originator", suite.AssetPackRegistry.functions.submit(pack))
    add_chunk(suite, pack, assets, CHUNK)
    with refused("AssetPackBadChunkLength", 0, 1):
        add_with(suite, pack, first=300, leaves=[HASH])


def test_add_assets_to_a_submitted_pack_is_refused(suite: Suite) -> None:
    pack = journey.submit_pack(suite, make_assets(COUNT))
    with refused("AssetPackWrongStatus", pack, 2, 3):
        add_with(suite, pack)


def test_chunk_that_does_not_exist_is_refused(suite: Suite) -> None:
    pack = open_pack(suite, COUNT)
    with refused("AssetPackUnknownChunk", pack, 0):
        suite.call("stranger", suite.AssetPackRegistry.functions.chunk(pack, 0))
    with refused("AssetPackUnknownChunk", pack, 0):
        suite.call("stranger", suite.AssetPackRegistry.functions.chunkPointer(pack, 0))


@pytest.mark.parametrize("signer", ["originator", "bureau", "stranger"])
def test_attestation_of_someone_who_is_no_registrar_is_refused(suite: Suite, signer: str) -> None:
    pack, (leaves, nullifiers, _, _) = open_pack(suite, COUNT), make_assets(COUNT).chunk(0)
    with refused("PledgeNotAttested", suite.account[signer]):
        add_with(suite, pack, attestation=attest(suite, pack, 0, nullifiers, leaves, by=signer))


@pytest.mark.parametrize("attestation", [b"", bytes(65), bytes(64)])
def test_attestation_that_is_no_signature_is_refused(suite: Suite, attestation: bytes) -> None:
    pack = open_pack(suite, COUNT)
    with refused("PledgeNotAttested", "0x" + 40 * "0"):
        add_with(suite, pack, attestation=attestation)


def test_attestation_for_another_leaf_place_or_pack_is_refused(suite: Suite) -> None:
    pack, other = open_pack(suite, COUNT), open_pack(suite, COUNT)
    leaves, nullifiers, _, _ = make_assets(COUNT).chunk(0)
    for signed in (
        attest(suite, other, 0, nullifiers, leaves),
        attest(suite, pack, CHUNK, nullifiers, leaves),
        attest(suite, pack, 0, nullifiers[::-1], leaves),
        attest(suite, pack, 0, nullifiers, [HASH, *leaves[1:]]),
    ):
        with refused("PledgeNotAttested"):
            add_with(suite, pack, attestation=signed)


def test_attestation_digest_is_that_of_eip_712(suite: Suite) -> None:
    """Computed by hand: what a registrar in any language signs."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = keccak(
        keccak(domain_type)
        + keccak(b"Tranchain PledgeRegistry")
        + keccak(b"1")
        + suite.chain.w3.eth.chain_id.to_bytes(32, "big")
        + bytes.fromhex(suite.PledgeRegistry.address[2:]).rjust(32, b"\0")
    )
    kind = keccak(b"Attestation(uint256 pack,uint32 firstIndex,bytes32 chunkHash)")
    message = keccak(kind + (5).to_bytes(32, "big") + (512).to_bytes(32, "big") + HASH)
    assert suite.PledgeRegistry.functions.attestationDigest(5, 512, HASH).call() == keccak(b"\x19\1" + domain + message)


def test_loan_in_two_live_packs_is_refused(suite: Suite) -> None:
    first = journey.submit_pack(suite, make_assets(COUNT))
    pack = open_pack(suite, COUNT)
    fresh = make_assets(COUNT, "fresh")
    again = replace(fresh, nullifiers=(*fresh.nullifiers[:-1], make_assets(COUNT).nullifiers[50]))
    with refused("PledgeAlreadyLive", again.nullifiers[-1], first):
        add_chunk(suite, pack, again, 0)


def test_loan_twice_in_one_pack_is_refused(suite: Suite) -> None:
    pack, assets = open_pack(suite, COUNT), make_assets(COUNT)
    with refused("PledgeAlreadyLive", assets.nullifiers[0], pack):
        add_chunk(suite, pack, replace(assets, nullifiers=(*assets.nullifiers[:-1], assets.nullifiers[0])), 0)


def test_loan_of_a_withdrawn_pack_can_be_pledged_again(suite: Suite) -> None:
    assets, packs = make_assets(COUNT), suite.AssetPackRegistry.functions
    first = journey.submit_pack(suite, assets)
    receipt = suite.send("originator", packs.withdraw(first))
    assert suite.event("AssetPackRegistry", "PackWithdrawn", receipt) == {"packId": first}
    assert (status_of(suite, first), packs.isLive(first).call()) == (12, False)
    assert suite.PledgeRegistry.functions.pledgeOf(assets.nullifiers[3]).call() == [first, 3, False]
    second = journey.submit_pack(suite, assets)
    assert suite.PledgeRegistry.functions.pledgeOf(assets.nullifiers[3]).call() == [second, 3, True]


def test_unknown_loan_is_pledged_nowhere(suite: Suite) -> None:
    assert suite.PledgeRegistry.functions.pledgeOf(HASH).call() == [0, 0, False]


def test_withdraw_by_another_originator_is_refused(suite: Suite) -> None:
    pack = journey.invite(suite)
    with refused("AssetPackNotOwner", pack, suite.originator_2):
        suite.send("originator_2", suite.AssetPackRegistry.functions.withdraw(pack))


def test_title_passes_by_two_signatures(suite: Suite) -> None:
    packs, pack = suite.AssetPackRegistry.functions, journey.submit_pack(suite, make_assets(COUNT))
    with refused("AssetPackWrongStatus", pack, 7, 3):
        suite.send("originator", packs.assign(pack, HASH))
    advance_to(suite, pack, 7)
    with refused("AssetPackNotAssigned", pack):
        suite.send("trustee", packs.acceptTransfer(pack))
    with refused("AssetPackHashMissing", "documentHash"):
        suite.send("originator", packs.assign(pack, bytes(32)))
    receipt = suite.send("originator", packs.assign(pack, HASH))
    assert suite.event("AssetPackRegistry", "PackAssigned", receipt) == {"packId": pack, "documentHash": HASH}
    with refused("AssetPackAlreadyAssigned", pack, HASH):
        suite.send("originator", packs.assign(pack, make_hash("other")))
    receipt = suite.send("trustee", packs.acceptTransfer(pack))
    assert suite.event("AssetPackRegistry", "PackTransferred", receipt) == {"packId": pack, "trustee": suite.trustee}
    assert packs.pack(pack).call()[8] == suite.trustee
    with refused("AssetPackWrongStatus", pack, 7, 8):
        suite.send("trustee", packs.acceptTransfer(pack))
    with refused("AssetPackNotWithdrawable", pack, 8):
        suite.send("originator", packs.withdraw(pack))


def test_advance_goes_one_step_at_a_time(suite: Suite) -> None:
    packs, pack = suite.AssetPackRegistry.functions, journey.submit_pack(suite, make_assets(COUNT))
    make_system(suite)
    with refused("AssetPackWrongStatus", pack, 4, 3):
        suite.send("newcomer", packs.advance(pack, 5))
    receipt = suite.send("newcomer", packs.advance(pack, 4))
    assert suite.event("AssetPackRegistry", "PackAdvanced", receipt) == {"packId": pack, "status": 4}
    advance_to(suite, pack, 10)
    assert packs.isLive(pack).call() is True
    suite.send("newcomer", packs.advance(pack, 11))
    assert packs.isLive(pack).call() is False


@pytest.mark.parametrize("status", [0, 1, 2, 3, 8, 12, 255])
def test_advance_to_what_accounts_bring_about_is_refused(suite: Suite, status: int) -> None:
    pack = journey.invite(suite)
    make_system(suite)
    with refused("AssetPackBadAdvance", status):
        suite.send("newcomer", suite.AssetPackRegistry.functions.advance(pack, status))
