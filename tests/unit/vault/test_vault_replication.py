"""Blobs go to the nodes entitled to hold them, and to no others; what was taken back comes back nowhere."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.lot_table import START
from chain_node.vault.messages import AskItems, AskLot, Items, LotOffer, News, Purged, encode_message
from chain_node.vault.purge_order import decode_order
from chain_node.vault.typed_data import PurgeReceipt
from tests.unit.vault.conftest import World
from tests.unit.vault.meeting import Meeting, Site, say
from tests.unit.vault.memory_chain import MemoryAccount
from tests.unit.vault.test_vault_access import ROOT, pack_blob, record, refused

BANK, SPV, RISK, LENDER, OTHER_BUREAU = 1, 2, 3, 4, 5
"""Organisations: the bureau's (with an auditor), the trustee's, risk control's, the originator's, another bureau's."""


@pytest.fixture
def meeting(world: World, tmp_path: Path) -> Iterator[Meeting]:
    meeting = Meeting(tmp_path / "sites", world.chain, world.parties)
    yield meeting
    for site in list(meeting.sites):
        meeting.leave(site)


def three(meeting: Meeting, *organisations: int) -> list[Site]:
    sites = [meeting.add(organisation) for organisation in organisations or (BANK, SPV, RISK)]
    for at, site in enumerate(sites):
        for other in sites[at + 1 :]:
            meeting.link(site, other)
    meeting.deliver()
    return sites


def put_records(site: Site, count: int, size_bytes: int = 150, *, publish: bool = True) -> list[bytes]:
    blobs = [os.urandom(size_bytes) for _ in range(count)]
    site.party("bureau").ask("put", {"items": [record(i, blob) for i, blob in enumerate(blobs)]})
    if publish:
        site.meeting.chain.batches.append((ROOT, count, BANK))
        site.meeting.chain.mine()
    return blobs


def lot_ids(site: Site) -> list[Hash32]:
    entries, _ = site.store.lots.entries_after(START, 1_000)
    return [Hash32(entry.key) for entry in entries]


def settle(meeting: Meeting) -> None:
    """Let enough time go by for whatever waits for time."""
    for _ in range(10):
        meeting.pass_time(11)


def test_records_put_at_one_node_are_readable_at_every_entitled_node(meeting: Meeting):
    first, second, third = three(meeting)
    blobs = put_records(first, 300)
    meeting.deliver()
    hashes = [keccak(blob) for blob in blobs]
    assert third.party("risk").ask("get", {"hashes": hashes})["blobs"] == blobs
    assert second.party("trustee").ask("get", {"hashes": hashes})["blobs"] == blobs
    assert not first.faults + second.faults + third.faults


def test_node_that_comes_later_gets_what_was_put_before(meeting: Meeting):
    first = meeting.add(BANK)
    blobs = put_records(first, 20)
    rows = os.urandom(3_000_000)
    first.party("originator").ask("put", {"items": [pack_blob(rows, roles=[3]), pack_blob(b"for the SPV", roles=[7])]})
    late = meeting.add(RISK)
    meeting.link(first, late)
    meeting.deliver()
    assert all(late.holds(blob) for blob in blobs)
    assert late.party("risk").ask("get", {"hashes": [keccak(rows)]})["blobs"] == [rows]
    assert not late.holds(b"for the SPV")


def test_erasure_while_a_node_is_down_leaves_nothing_anywhere_and_collects_all_receipts(meeting: Meeting):
    first, second, third = three(meeting)
    blobs = put_records(first, 5)
    meeting.deliver()
    meeting.leave(third)
    meeting.chain.revoke(1, [2])
    for site in (first, second):
        site.vault.follow()
    ask = {"batch_root": ROOT, "indices": [2]}
    first.party("bureau").ask("confirmations", ask)
    meeting.deliver()
    answer = first.party("bureau").ask("confirmations", ask)["vaults"]
    assert {one["organisation"]: one["receipts"] != [None] for one in answer} == {BANK: True, SPV: True, RISK: False}
    back = meeting.add(RISK, number=3)
    assert back.holds(blobs[2])
    meeting.link(first, back)
    meeting.link(second, back)
    meeting.deliver()
    assert not first.holds(blobs[2])
    back.vault.follow()
    assert not back.holds(blobs[2])
    first.party("bureau").ask("confirmations", ask)
    meeting.deliver()
    answer = first.party("bureau").ask("confirmations", ask)["vaults"]
    assert len(answer) == 3
    assert all(one["receipts"][0]["blob_hash"] == keccak(blobs[2]) for one in answer)


def test_purge_at_one_vault_reaches_all_and_their_receipts_come_back(meeting: Meeting):
    first, second, third = three(meeting)
    third.party("risk").ask("put", {"items": [pack_blob(b"rows", roles=[3, 7, 8])]})
    meeting.deliver()
    assert first.holds(b"rows")
    assert second.holds(b"rows")
    meeting.chain.packs[1] = (11, third.party("risk").address)
    meeting.chain.mine()
    assert third.party("risk").ask("purge", {"pack": 1}) == {"purged": 1}
    meeting.deliver()
    assert not any(site.holds(b"rows") for site in (first, second, third))
    answer = third.party("risk").ask("confirmations", {"pack": 1})["vaults"]
    assert {one["organisation"]: one["receipts"][0]["count"] for one in answer} == {BANK: 1, SPV: 1, RISK: 1}


def test_vault_offers_and_gives_nothing_to_a_node_without_a_right(meeting: Meeting):
    first = meeting.add(BANK)
    stranger = meeting.add(LENDER)
    other_bureau = meeting.add(OTHER_BUREAU)
    for site in (stranger, other_bureau):
        meeting.link(first, site)
    meeting.deliver()
    blobs = put_records(first, 3)
    first.party("originator").ask("put", {"items": [pack_blob(b"for risk control", roles=[3])]})
    meeting.deliver()
    assert not any(site.store.blob_count() for site in (stranger, other_bureau))
    lots = [entry for told in first.sent if isinstance(told, News) for entry in told.entries]
    assert lots == []
    lot_id = lot_ids(first)[0]
    say(meeting, stranger, first, AskLot(lot_id, is_known=False))
    say(meeting, stranger, first, AskItems(lot_id, (0, 1, 2), 0))
    offer, items = first.sent[-2:]
    assert isinstance(offer, LotOffer)
    assert (offer.positions, offer.digests) == ((), b"")
    assert isinstance(items, Items)
    assert all(piece.context is None for piece in items.pieces)
    assert not any(blob in encode_message(told) for told in first.sent for blob in blobs)


def test_node_refuses_what_it_is_not_entitled_to_hold(meeting: Meeting, monkeypatch: pytest.MonkeyPatch):
    first, stranger = meeting.add(BANK), meeting.add(LENDER)
    monkeypatch.setattr(first.replication._offering, "_may_have", lambda *_: True)
    put_records(first, 3)
    meeting.link(first, stranger)
    meeting.deliver()
    assert any(isinstance(told, Items) and told.pieces[0].context is not None for told in first.sent)
    assert stranger.store.blob_count() == 0
    assert not stranger.faults


def test_account_enrolled_later_brings_what_its_organisation_may_hold_now(meeting: Meeting):
    first, lender = meeting.add(BANK), meeting.add(LENDER)
    blobs = put_records(first, 3)
    meeting.link(first, lender)
    meeting.deliver()
    assert lender.store.blob_count() == 0
    meeting.chain.accounts[Address(b"\x77" * 20)] = MemoryAccount(LENDER, (8,))
    meeting.chain.mine()
    settle(meeting)
    assert all(lender.holds(blob) for blob in blobs)


def test_organisation_suspended_meanwhile_gets_nothing_more(meeting: Meeting):
    first, _, third = three(meeting)
    meeting.chain.suspended_organisations.add(RISK)
    meeting.chain.mine()
    meeting.pass_time(11)
    blobs = put_records(first, 2)
    meeting.deliver()
    assert not third.holds(blobs[0])


def test_lot_of_an_expired_account_is_taken_and_of_a_suspended_one_only_later(meeting: Meeting):
    first = meeting.add(BANK)
    blobs = put_records(first, 2)
    account = meeting.chain.accounts[meeting.parties["bureau"].address]
    account.valid_until, account.is_suspended = 0, True
    meeting.chain.mine()
    late = meeting.add(RISK)
    meeting.link(first, late)
    meeting.deliver()
    assert late.store.blob_count() == 0
    account.is_suspended = False
    meeting.chain.mine()
    settle(meeting)
    assert all(late.holds(blob) for blob in blobs)


def test_erased_record_that_a_stale_node_still_has_is_taken_by_nobody(meeting: Meeting):
    first = meeting.add(BANK)
    blobs = put_records(first, 3)
    stale_chain = copy.deepcopy(meeting.chain)
    meeting.leave(first)
    meeting.chain.revoke(1, [1])
    fresh = meeting.add(RISK)
    fresh.vault.follow()
    stale = meeting.add(BANK, number=1, chain=stale_chain)
    assert stale.holds(blobs[1])
    stale_chain.nodes, stale_chain.number = meeting.chain.nodes, meeting.chain.number
    meeting.link(stale, fresh)
    settle(meeting)
    assert [fresh.holds(blob) for blob in blobs] == [True, False, True]
    assert any(
        isinstance(told, Items) and any(one.position == 1 and one.context for one in told.pieces) for told in stale.sent
    )


def test_purged_pack_is_not_brought_back_by_a_node_that_was_down(meeting: Meeting):
    first, second, third = three(meeting)
    third.party("risk").ask("put", {"items": [pack_blob(b"rows", roles=[3, 7, 8])]})
    meeting.deliver()
    meeting.leave(second)
    meeting.chain.packs[1] = (12, third.party("risk").address)
    meeting.chain.mine()
    third.party("risk").ask("purge", {"pack": 1})
    meeting.deliver()
    back = meeting.add(SPV, number=2)
    assert back.holds(b"rows")
    meeting.link(first, back)
    settle(meeting)
    assert not any(site.holds(b"rows") for site in (first, back, third))
    meeting.link(third, back)
    settle(meeting)
    answer = third.party("risk").ask("confirmations", {"pack": 1})["vaults"]
    assert all(one["receipts"] != [None] for one in answer)


def test_purge_that_risk_control_did_not_order_purges_nothing(meeting: Meeting):
    first, _, third = three(meeting)
    third.party("risk").ask("put", {"items": [pack_blob(b"rows", roles=[3, 7, 8])]})
    meeting.deliver()
    meeting.chain.packs[1] = (12, third.party("trustee").address)
    meeting.chain.packs[2] = (12, third.party("risk").address)
    meeting.chain.mine()
    third.party("risk").ask("purge", {"pack": 2})
    purged = Purged(
        decode_order(third.store.purge_of(2).order),
        *third.vault.own_purge_receipt(2),  # type: ignore[misc,union-attr]
    )
    forged = dataclasses.replace(purged.order, body=cbor2.dumps({"pack": 1}))
    receipt = PurgeReceipt(pack=1, count=1, purged_at=1)
    say(meeting, third, first, News(0, 0, (Purged(forged, receipt, purged.signature),), b""))
    assert first.holds(b"rows")
    assert "signature" in str(first.faults[0][1])


def test_wrong_records_in_the_places_of_a_published_batch_give_way(meeting: Meeting):
    first, third = meeting.add(BANK), meeting.add(RISK)
    third.party("other_bureau").ask("put", {"items": [record(0, b"squatter")]})
    blobs = put_records(first, 2)
    third.party("other_bureau").ask("put", {"items": [{**record(7, blobs[1]), "batch_root": b"\x22" * 32}]})
    meeting.link(first, third)
    meeting.deliver()
    assert third.party("risk").ask("get", {"hashes": [keccak(blob) for blob in blobs]})["blobs"] == blobs
    assert not third.holds(b"squatter")


def test_lots_cross_a_node_in_the_middle(meeting: Meeting):
    first, middle, last = meeting.add(BANK), meeting.add(SPV), meeting.add(RISK)
    meeting.link(first, middle)
    meeting.link(middle, last)
    meeting.deliver()
    blobs = put_records(first, 50)
    meeting.deliver()
    assert all(last.holds(blob) for blob in blobs)


def test_node_that_did_not_hear_the_first_announcement_is_followed_all_the_same(meeting: Meeting):
    first, late = meeting.add(BANK), meeting.add(RISK)
    blobs = put_records(first, 3)
    first.replication.connect(late.node, RISK, lambda _: None)  # the other cannot judge it yet
    meeting.link(late, first)
    meeting.deliver()
    assert all(late.holds(blob) for blob in blobs)
    back = os.urandom(30)
    late.party("originator").ask("put", {"items": [pack_blob(back, roles=[1])]})
    meeting.deliver()
    assert first.holds(back)
    assert not first.faults + late.faults


def test_vault_that_never_held_an_erased_record_signs_that_it_holds_nothing(meeting: Meeting):
    first = meeting.add(BANK)
    put_records(first, 2)
    meeting.chain.revoke(1, [0])
    late = meeting.add(RISK)
    meeting.link(first, late)
    settle(meeting)
    ask = {"batch_root": ROOT, "indices": [0, 1]}
    first.party("bureau").ask("confirmations", ask)
    meeting.deliver()
    answer = first.party("bureau").ask("confirmations", ask)["vaults"]
    hashes = {one["organisation"]: one["receipts"][0]["blob_hash"] for one in answer}
    assert hashes[RISK] == bytes(32)
    assert hashes[BANK] != bytes(32)
    assert all(one["receipts"][1] is None for one in answer)


def test_confirmations_are_not_for_everybody(meeting: Meeting):
    first = meeting.add(BANK)
    for fields in ({"batch_root": ROOT, "indices": [0]}, {"pack": 1}):
        assert refused(first.party("originator").post("confirmations", fields)) == (403, "wrong_role")


def test_node_without_a_vault_is_named_among_those_that_have_not_confirmed(meeting: Meeting):
    first = meeting.add(BANK)
    put_records(first, 1)
    meeting.chain.nodes.append((b"\x99" * 32, SPV, "silent:1"))
    meeting.chain.nodes.append((b"\x98" * 32, LENDER, "originator:1"))
    meeting.chain.revoke(1, [0])
    answer = first.party("bureau").ask("confirmations", {"batch_root": ROOT, "indices": [0]})["vaults"]
    assert {(one["organisation"], one["vault"] is None, one["receipts"] == [None]) for one in answer} == {
        (BANK, False, False),
        (SPV, True, True),
    }
