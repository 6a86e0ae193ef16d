"""What a vault of a dishonest member can say: it is not believed, and not listened to any longer."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_node.core.crypto import sign_digest
from chain_node.core.errors import InvalidInputError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.limits import BODY_SIZE_BYTES_MAX, ITEMS_SIZE_BYTES_TARGET, MESSAGE_SIZE_BYTES_MAX
from chain_node.vault.lots import Lot, make_lot
from chain_node.vault.messages import (
    Announce,
    AskItems,
    AskLot,
    AskReceipts,
    Follow,
    ItemPiece,
    Items,
    LotOffer,
    News,
    Receipts,
    VaultMessage,
    decode_message,
    encode_message,
)
from chain_node.vault.typed_data import DeletionReceipt, lot_digest
from tests.unit.vault.conftest import World
from tests.unit.vault.meeting import Meeting, Site, say
from tests.unit.vault.test_vault_access import ROOT

BUREAU_ORGANISATION, RISK_ORGANISATION = 1, 3
BUREAU_KEY = (1).to_bytes(32, "big")
"""The bureau's key in `conftest.py`."""


@dataclasses.dataclass
class Liar:
    """A member's node whose program says what the test wants, to one honest node."""

    meeting: Meeting
    site: Site
    honest: Site

    def say(self, message: VaultMessage | bytes) -> None:
        say(self.meeting, self.site, self.honest, message)

    def heard(self) -> VaultMessage:
        """What the honest node said last."""
        return self.honest.sent[-1]

    def offer(self, lot: Lot, positions: tuple[int, ...]) -> LotOffer:
        return LotOffer(
            lot_id=lot.lot_id,
            account=lot.account,
            signature=lot.signature,
            digests=lot.digests,
            positions=positions,
        )

    def tell_lot(self, lot: Lot, positions: tuple[int, ...]) -> None:
        """Have the honest node ask for the items of a lot."""
        self.say(News(0, 0, (lot.lot_id,), b""))
        assert self.heard() == AskLot(lot.lot_id, is_known=False)
        self.say(self.offer(lot, positions))

    @property
    def fault(self) -> str:
        assert len(self.honest.faults) == 1
        return str(self.honest.faults[0][1])


@pytest.fixture
def liar(world: World, tmp_path: Path) -> Iterator[Liar]:
    meeting = Meeting(tmp_path / "sites", world.chain, world.parties)
    honest, site = meeting.add(RISK_ORGANISATION), meeting.add(BUREAU_ORGANISATION)
    meeting.link(honest, site)
    meeting.deliver()
    site.replication.disconnect(honest.node)
    yield Liar(meeting, site, honest)
    for each in list(meeting.sites):
        each.store.close()


def signed_lot(site: Site, items: list[Item], key: bytes = BUREAU_KEY) -> Lot:
    account = site.meeting.parties["bureau"].address
    unsigned = make_lot(account, bytes(65), items)
    digest = lot_digest(site.vault.domain, account, keccak(unsigned.digests))
    return dataclasses.replace(unsigned, signature=sign_digest(key, digest))


def records(count: int) -> list[Item]:
    return [Item(RecordContext(ROOT, index), os.urandom(50)) for index in range(count)]


def whole(position: int, item: Item) -> ItemPiece:
    return ItemPiece(position=position, context=item.context, size_bytes=len(item.blob), piece=item.blob)


def test_honest_lot_told_by_hand_is_taken(liar: Liar):
    items = records(2)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0, 1))
    assert liar.heard() == AskItems(lot.lot_id, (0, 1), 0)
    liar.say(Items(lot.lot_id, tuple(whole(at, item) for at, item in enumerate(items))))
    assert all(liar.honest.holds(item.blob) for item in items)
    assert not liar.honest.faults


def test_item_that_does_not_have_the_digest_of_its_lot_is_a_misdeed(liar: Liar):
    items = records(2)
    lot = signed_lot(liar.site, items)
    for wrong in (
        dataclasses.replace(items[0], blob=b"other bytes"),
        dataclasses.replace(items[0], context=RecordContext(ROOT, 7)),
        dataclasses.replace(items[0], context=PackContext(1, (), (3,))),
    ):
        liar.honest.faults.clear()
        liar.meeting.link(liar.honest, liar.site)
        liar.meeting.deliver()
        liar.site.replication.disconnect(liar.honest.node)
        liar.tell_lot(lot, (0, 1))
        liar.say(Items(lot.lot_id, (whole(0, wrong),)))
        assert "not the one its lot names" in liar.fault
        assert liar.honest.store.blob_count() == 0


def test_lot_that_its_account_did_not_sign_is_a_misdeed(liar: Liar):
    lot = signed_lot(liar.site, records(1), key=b"\x66" * 32)
    liar.tell_lot(lot, (0,))
    assert "signed by" in liar.fault


def test_other_lot_than_was_asked_for_is_a_misdeed(liar: Liar):
    lot, other = signed_lot(liar.site, records(1)), signed_lot(liar.site, records(1))
    liar.say(News(0, 0, (lot.lot_id,), b""))
    liar.say(dataclasses.replace(liar.offer(other, (0,)), lot_id=lot.lot_id))
    assert "another one than was asked for" in liar.fault


def test_items_nobody_asked_for_are_a_misdeed_and_not_stored(liar: Liar):
    items = records(1)
    lot = signed_lot(liar.site, items)
    liar.say(Items(lot.lot_id, (whole(0, items[0]),)))
    assert "not asked for" in liar.fault
    assert liar.honest.store.blob_count() == 0


def test_item_at_a_position_that_was_not_asked_for_is_a_misdeed(liar: Liar):
    items = records(3)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0, 1))
    liar.say(Items(lot.lot_id, (whole(2, items[2]),)))
    assert "not asked for" in liar.fault


def test_position_beyond_the_lot_is_a_misdeed(liar: Liar):
    lot = signed_lot(liar.site, records(2))
    liar.tell_lot(lot, (0, 2))
    assert "beyond the end" in liar.fault


@pytest.mark.parametrize("size_bytes", [10, BODY_SIZE_BYTES_MAX + 1])
def test_blob_longer_than_it_says_or_than_any_may_be_is_a_misdeed(liar: Liar, size_bytes: int):
    item = records(1)[0]
    lot = signed_lot(liar.site, [item])
    liar.tell_lot(lot, (0,))
    liar.say(Items(lot.lot_id, (dataclasses.replace(whole(0, item), size_bytes=size_bytes),)))
    assert "impossible size" in liar.fault


def test_blob_that_comes_in_pieces_is_joined_and_a_changed_one_noticed(liar: Liar):
    item = Item(PackContext(1, (), (3,)), os.urandom(3 * ITEMS_SIZE_BYTES_TARGET + 5))
    lot = signed_lot(liar.site, [item])
    liar.tell_lot(lot, (0,))
    for offset in range(0, len(item.blob), ITEMS_SIZE_BYTES_TARGET):
        assert liar.heard() == AskItems(lot.lot_id, (0,), offset)
        piece = bytearray(item.blob[offset : offset + ITEMS_SIZE_BYTES_TARGET])
        if offset:
            piece[0] ^= 1
        part = ItemPiece(position=0, context=item.context, size_bytes=len(item.blob), piece=bytes(piece))
        liar.say(Items(lot.lot_id, (part,)))
    assert "not the one its lot names" in liar.fault
    assert liar.honest.store.blob_count() == 0


def test_writer_without_the_role_is_refused_without_blame(liar: Liar):
    liar.meeting.chain.accounts[liar.meeting.parties["bureau"].address].roles = (7,)
    liar.meeting.chain.mine()
    items = records(1)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0,))
    liar.say(Items(lot.lot_id, (whole(0, items[0]),)))
    assert liar.honest.store.blob_count() == 0
    assert not liar.honest.faults


def test_records_for_the_batch_of_another_organisation_are_refused(liar: Liar):
    liar.meeting.chain.batches.append((ROOT, 1, 5))
    liar.meeting.chain.mine()
    items = records(1)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0,))
    liar.say(Items(lot.lot_id, (whole(0, items[0]),)))
    assert liar.honest.store.blob_count() == 0


def test_erased_record_sent_again_is_refused(liar: Liar):
    liar.meeting.chain.batches.append((ROOT, 2, BUREAU_ORGANISATION))
    liar.meeting.chain.revoke(1, [0])
    items = records(2)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0, 1))
    liar.say(Items(lot.lot_id, tuple(whole(at, item) for at, item in enumerate(items))))
    assert [liar.honest.holds(item.blob) for item in items] == [False, True]


def test_record_erased_between_the_check_and_the_transaction_is_not_stored(liar: Liar, monkeypatch: pytest.MonkeyPatch):
    liar.meeting.chain.batches.append((ROOT, 1, BUREAU_ORGANISATION))
    liar.meeting.chain.mine()
    items = records(1)
    lot = signed_lot(liar.site, items)
    liar.tell_lot(lot, (0,))
    keep = liar.honest.vault.keep

    def keep_after_erasure(*arguments: object) -> int:
        liar.meeting.chain.revoke(1, [0])
        liar.honest.vault.follow()
        return keep(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(liar.honest.vault, "keep", keep_after_erasure)
    liar.say(Items(lot.lot_id, (whole(0, items[0]),)))
    assert liar.honest.store.blob_count() == 0


def test_news_of_a_height_that_is_not_reached_waits_and_is_taken_then(liar: Liar):
    lot = signed_lot(liar.site, records(1))
    liar.say(News(5, 0, (lot.lot_id,), b""))
    assert liar.honest.replication.is_waiting()
    assert not isinstance(liar.heard(), AskLot)
    for _ in range(5):
        liar.meeting.chain.mine()
    liar.meeting.pass_time(0.1)
    assert liar.heard() == AskLot(lot.lot_id, is_known=False)


def test_announcement_of_another_vault_or_node_is_a_misdeed(liar: Liar):
    third = liar.meeting.add(2)
    own, other = liar.site.vault.binding, third.vault.binding
    assert own is not None
    assert other is not None
    for wrong in (
        other,
        dataclasses.replace(own, vault=other.vault),
        dataclasses.replace(own, vault=other.vault, vault_signature=other.vault_signature),
        dataclasses.replace(own, node_signature=other.node_signature),
        dataclasses.replace(own, node_signature=b"\x30\x00"),
    ):
        liar.honest.faults.clear()
        liar.meeting.link(liar.honest, liar.site)
        liar.meeting.queue.clear()
        liar.say(Announce(wrong, is_answer=False))
        assert len(liar.honest.faults) == 1, wrong


def test_anything_before_the_announcement_is_a_misdeed(liar: Liar):
    liar.honest.replication.connect(liar.site.node, BUREAU_ORGANISATION, lambda _: None)
    liar.say(Follow(b""))
    assert "before the announcement" in liar.fault


def test_nothing_is_answered_after_a_misdeed(liar: Liar):
    liar.say(b"\xff\xff")
    assert liar.honest.faults
    count = len(liar.honest.sent)
    liar.say(Follow(b""))
    liar.say(AskLot(Hash32(bytes(32)), is_known=False))
    assert len(liar.honest.sent) == count


def test_receipts_nobody_asked_for_or_signed_by_another_key_are_a_misdeed(liar: Liar):
    receipt = DeletionReceipt(batch_root=ROOT, index=0, blob_hash=Hash32(bytes(32)), deleted_at=1)
    liar.honest.replication.ask_receipts(ROOT, [0])
    liar.say(Receipts(ROOT, ((receipt, bytes(64) + b"\x1b"),)))
    assert "did not sign" in liar.fault
    assert liar.honest.vault.peers.deletion(liar.site.vault.address, ROOT, 0) is None


def test_second_question_before_the_first_is_answered_is_a_misdeed(liar: Liar, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(liar.honest.replication, "_serve", lambda _: None)
    liar.say(AskLot(Hash32(bytes(32)), is_known=False))
    liar.say(AskLot(Hash32(bytes(32)), is_known=False))
    assert "second question" in liar.fault


_HASH = st.binary(min_size=32, max_size=32).map(Hash32)
_POSITIONS = st.lists(st.integers(0, 2**32 - 1), max_size=20).map(lambda found: tuple(sorted(set(found))))
_CONTEXT = st.builds(RecordContext, _HASH, st.integers(0, 2**32 - 1)) | st.builds(
    PackContext,
    st.integers(0, 2**256 - 1),
    st.lists(st.binary(min_size=20, max_size=20).map(Address), max_size=3).map(tuple),
    st.lists(st.integers(1, 63), max_size=3).map(tuple),
)
_PIECE = st.builds(
    ItemPiece,
    position=st.integers(0, 2**32 - 1),
    context=_CONTEXT,
    size_bytes=st.integers(0, 2**40),
    piece=st.binary(max_size=50),
) | st.builds(ItemPiece, position=st.integers(0, 2**32 - 1))
_MESSAGE = st.one_of(
    st.builds(Follow, st.just(b"") | st.binary(min_size=16, max_size=16)),
    st.builds(
        News,
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**64 - 1),
        st.lists(_HASH, max_size=5).map(tuple),
        st.binary(min_size=16, max_size=16),
    ),
    st.builds(AskLot, _HASH, st.booleans()),
    st.builds(
        LotOffer,
        lot_id=_HASH,
        account=st.binary(max_size=20),
        signature=st.binary(max_size=65),
        digests=st.lists(_HASH, max_size=4).map(b"".join),
        positions=_POSITIONS,
    ),
    st.builds(AskItems, _HASH, _POSITIONS, st.integers(0, 2**64 - 1)),
    st.builds(Items, _HASH, st.lists(_PIECE, max_size=4).map(tuple)),
    st.builds(AskReceipts, _HASH, _POSITIONS),
)


@given(_MESSAGE)
@settings(max_examples=200, deadline=None)
def test_message_encoded_and_decoded_is_the_same(message: VaultMessage):
    assert decode_message(encode_message(message)) == message


_FIELDS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.binary(max_size=70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=20,
)


@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(-1, 9), st.lists(_FIELDS, max_size=6)).map(lambda pair: cbor2.dumps([pair[0], *pair[1]]))
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_bytes_are_a_message_in_its_canonical_form_or_refused(payload: bytes):
    try:
        message = decode_message(payload)
    except InvalidInputError:
        return
    assert encode_message(message) == payload


def test_message_that_is_too_long_is_refused_before_it_is_read():
    with pytest.raises(InvalidInputError, match="at most"):
        decode_message(bytes(MESSAGE_SIZE_BYTES_MAX + 1))
