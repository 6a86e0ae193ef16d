"""Blobs go to the nodes entitled to hold them, and to no others; what was taken back comes back nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_node.core.hashing import keccak
from tests.unit.vault.conftest import World
from tests.unit.vault.meeting import Meeting, Site
from tests.unit.vault.test_vault_access import ROOT, pack_blob, record

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
