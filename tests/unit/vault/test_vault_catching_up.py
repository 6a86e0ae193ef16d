"""A vault that was away takes what it lacks and little else: what it costs, and what breaks in the middle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_node.core.errors import UnavailableError
from chain_node.core.hashing import keccak
from chain_node.vault.errors import StoreFullError
from chain_node.vault.lot_table import START
from chain_node.vault.messages import AskItems, AskLot, Follow, Items, News
from tests.unit.vault.conftest import World
from tests.unit.vault.meeting import Meeting, Site
from tests.unit.vault.test_vault_access import ROOT, pack_blob, record
from tests.unit.vault.test_vault_replication import BANK, RISK, SPV, put_records, settle


@pytest.fixture
def meeting(world: World, tmp_path: Path) -> Iterator[Meeting]:
    meeting = Meeting(tmp_path / "sites", world.chain, world.parties)
    yield meeting
    for site in list(meeting.sites):
        meeting.leave(site)


def put_many(site: Site, lots: int, size: int) -> None:
    """Records in so many lots, each a published batch."""
    for _ in range(lots):
        root = keccak(len(site.meeting.chain.batches).to_bytes(4, "big"))
        items = [record(index, os.urandom(30), root) for index in range(size)]
        site.party("bureau").ask("put", {"items": items})
        site.meeting.chain.batches.append((root, size, BANK))
    site.meeting.chain.mine()


def relink(first: Site, second: Site) -> int:
    """Break and join a link; gives the bytes that both said until nothing moved."""
    first.meeting.cut(first, second)
    first.sent_size_bytes = second.sent_size_bytes = 0
    first.meeting.link(first, second)
    settle(first.meeting)
    return first.sent_size_bytes + second.sent_size_bytes


def test_vaults_that_agree_say_the_same_little_however_much_they_hold(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    meeting.link(first, second)
    put_many(first, 1, 10)
    settle(meeting)
    few = relink(first, second)
    put_many(first, 2, 10_000)
    settle(meeting)
    assert second.store.blob_count() == 20_010
    assert relink(first, second) <= few + 100
    assert few < 10_000


def test_walk_from_the_beginning_costs_an_id_for_each_lot_and_no_hash_of_a_blob(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    meeting.link(first, second)
    put_many(first, 2, 5_000)
    for number in range(30):
        first.party("originator").ask("put", {"items": [pack_blob(b"%d" % number, roles=[3])]})
    settle(meeting)
    count = second.store.blob_count()
    assert count == 10_030
    meeting.cut(first, second)
    with second.store.transaction() as transaction:
        transaction.drop(second.store.table["cursors"], delete=False)
    second.sent.clear()
    assert relink(first, second) < 10_000
    assert sum(len(told.entries) for told in first.sent if isinstance(told, News)) >= 32
    assert not any(isinstance(told, AskLot | AskItems) for told in second.sent)


def test_link_that_breaks_in_the_middle_of_a_lot_goes_on_there(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    blobs = put_records(first, 6_000, size_bytes=400)
    meeting.link(first, second)
    while not any(isinstance(told, Items) for told in first.sent):
        meeting.deliver(1)
    meeting.deliver(1)
    had = second.store.blob_count()
    assert 0 < had < 6_000
    meeting.cut(first, second)
    first.sent.clear()
    meeting.link(first, second)
    meeting.deliver()
    given = sum(len(told.pieces) for told in first.sent if isinstance(told, Items))
    assert given == 6_000 - had
    assert all(second.holds(blob) for blob in blobs)


def test_node_killed_in_the_middle_of_a_lot_goes_on_with_what_it_stored(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    put_records(first, 6_000, size_bytes=400)
    meeting.link(first, second)
    while second.store.blob_count() == 0:
        meeting.deliver(1)
    had = second.store.blob_count()
    meeting.leave(second)
    back = meeting.add(RISK, number=2)
    first.sent.clear()
    meeting.link(first, back)
    meeting.deliver()
    assert sum(len(told.pieces) for told in first.sent if isinstance(told, Items)) == 6_000 - had
    assert back.store.blob_count() == 6_000


def test_lot_on_its_way_from_one_node_is_not_asked_of_another_unless_that_one_leaves(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(SPV)
    meeting.link(first, second)
    put_records(first, 6_000, size_bytes=400)
    meeting.deliver()
    third = meeting.add(RISK)
    meeting.link(first, third)
    meeting.link(second, third)
    while third.store.blob_count() == 0:
        meeting.deliver(1)
    assert sum(isinstance(told, AskLot) for told in third.sent) == 1
    source = first if any(isinstance(told, Items) and told.pieces for told in first.sent[-3:]) else second
    meeting.cut(source, third)
    meeting.deliver()
    assert sum(isinstance(told, AskLot) for told in third.sent) == 2
    assert third.store.blob_count() == 6_000


def test_peer_restored_from_an_older_backup_is_followed_from_the_beginning(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    put_many(first, 1, 5)
    meeting.leave(first)
    backup = meeting.directory / "backup"
    shutil.copytree(meeting.directory / "1", backup)
    first = meeting.add(BANK, number=1)
    first.party("originator").ask("put", {"items": [pack_blob(b"lost with the disk", roles=[3])]})
    meeting.link(first, second)
    settle(meeting)
    meeting.leave(first)
    shutil.rmtree(meeting.directory / "1")
    shutil.copytree(backup, meeting.directory / "1")
    first = meeting.add(BANK, number=1)
    first.party("originator").ask("put", {"items": [pack_blob(b"after the restore", roles=[3])]})
    assert len(first.store.lots.entries_after(START, 10)[0]) == 2
    meeting.link(first, second)
    settle(meeting)
    assert second.holds(b"after the restore")


def test_full_disk_at_the_receiver_delays_and_loses_nothing(meeting: Meeting, monkeypatch: pytest.MonkeyPatch):
    first, second = meeting.add(BANK), meeting.add(RISK)
    blobs = put_records(first, 10)

    def refuse(*_: object) -> int:
        raise StoreFullError("no space left on device")

    with monkeypatch.context() as full:
        full.setattr(second.store, "put", refuse)
        meeting.link(first, second)
        settle(meeting)
        assert second.store.blob_count() == 0
        assert not first.faults + second.faults
    settle(meeting)
    assert all(second.holds(blob) for blob in blobs)


def test_chain_away_at_either_side_delays_and_loses_nothing(meeting: Meeting, monkeypatch: pytest.MonkeyPatch):
    first, second = meeting.add(BANK), meeting.add(RISK)
    blobs = put_records(first, 10)
    meeting.link(first, second)

    def away() -> None:
        raise UnavailableError("the chain")

    for _ in range(40):
        with monkeypatch.context() as gone:
            gone.setattr(first.vault.view, "head", away)
            gone.setattr(second.vault.view, "head", away)
            meeting.deliver(1)
        meeting.pass_time(0)
        meeting.deliver(1)
    settle(meeting)
    assert not first.faults + second.faults
    assert all(second.holds(blob) for blob in blobs)


def test_follower_that_is_up_to_date_waits_with_one_question(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    meeting.link(first, second)
    meeting.deliver()
    second.sent.clear()
    put_records(first, 3)
    meeting.deliver()
    kinds = [type(told) for told in second.sent]
    assert kinds == [AskLot, AskItems, News, Follow] or kinds == [AskLot, AskItems, Follow, News]
    assert meeting.deliver() == 0


def test_lot_put_at_two_vaults_is_one_lot(meeting: Meeting):
    first, second = meeting.add(BANK), meeting.add(RISK)
    blob = os.urandom(40)
    for site in (first, second):
        site.party("bureau").ask("put", {"items": [record(0, blob)]})
    meeting.chain.batches.append((ROOT, 1, BANK))
    meeting.chain.mine()
    meeting.link(first, second)
    settle(meeting)
    assert not any(isinstance(told, AskLot) for told in first.sent + second.sent)
