"""What a vault takes from the others: judged by its own chain, as if it had been put here.

Source: docs/protocol.md, 11.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from chain_node.core.errors import BadSignatureError
from chain_node.core.types import Address, Hash32
from chain_node.vault.blob_store import Owner
from chain_node.vault.chain_view import Member
from chain_node.vault.entitlement import Audience
from chain_node.vault.errors import StoreFullError, VaultError
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.lots import Lot, LotPart
from chain_node.vault.messages import LotOffer
from chain_node.vault.purge_order import PurgeOrder
from chain_node.vault.rights import may_write
from chain_node.vault.vault import Vault

_GONE_FOR_EVER = ("revoked", "purged")
_log = structlog.get_logger("vault")


class Intake:
    """The judging side of one vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def check_lot(self, lot_id: Hash32, offer: LotOffer) -> Lot:
        """The lot of an offer.

        Raises:
            InvalidInputError: it is another lot, or nobody signed it.
        """
        lot = Lot(Address(offer.account), offer.signature, offer.digests)
        if len(lot.account) != 20 or lot.lot_id != lot_id:
            raise BadSignatureError("the lot offered is another one than was asked for")
        lot.verify(self._vault.domain)
        return lot

    def take(self, lot: Lot, items: Mapping[int, Item], node: Hash32) -> bool:
        """Keep those items of a lot that this node may keep; items are what the lot's digests say.

        Returns:
            Whether every item was kept or is gone for ever; else it is worth another look.
        """
        writer = self._vault.view.writer(lot.account)
        if writer is None:
            _log.warning("vault_lot_refused", account=f"0x{lot.account.hex()}", reason="who put it may not act")
            return not items
        audience = self._vault.entitlement.own_audience(node)
        refusals = {at: self._refusal(writer, item, audience) for at, item in items.items()}
        kept = {at: item for at, item in items.items() if refusals[at] is None}
        reasons = {reason for reason in refusals.values() if reason is not None}
        if kept:
            reasons |= self._keep(lot, writer, kept)
        if reasons:
            _log.warning("vault_items_refused", account=f"0x{lot.account.hex()}", reasons=sorted(reasons))
        return reasons.issubset(_GONE_FOR_EVER)

    def take_purge(self, order: PurgeOrder) -> None:
        """Carry out a purge, unless it is done.

        Raises:
            VaultError: nobody with the right to it ordered it.
        """
        purge = self._vault.store.purge_of(order.pack)
        if purge is None or not purge.order:
            order.verify(self._vault.domain)
            count = self._vault.carry_out(order)
            _log.info("vault_pack_purged", pack=order.pack, count=count)

    def _refusal(self, writer: Member, item: Item, audience: Audience) -> str | None:
        vault, context = self._vault, item.context
        if not may_write(writer, context):
            return "wrong_role"
        owner = vault.entitlement.owner_of(context, writer.organisation)
        if not audience.may_hold(context, owner):
            return "not_entitled"
        if isinstance(context, PackContext):
            return None if vault.store.purge_of(context.pack) is None else "purged"
        if owner != writer.organisation:
            return "wrong_account"
        return "revoked" if self._is_revoked(context) else None

    def _is_revoked(self, context: RecordContext) -> bool:
        batch = self._vault.view.batch(context.batch_root)
        return batch is not None and batch.is_revoked(context.index)

    def _keep(self, lot: Lot, writer: Member, items: Mapping[int, Item]) -> set[str]:
        """Store items, all at once if that is possible; gives why some were not."""
        owner = Owner(lot.account, writer.organisation)
        try:
            self._vault.keep(owner, list(items.values()), LotPart(lot, list(items)))
        except StoreFullError:
            raise
        except VaultError as error:
            if len(items) == 1:
                return {error.code}
            return set().union(*(self._keep(lot, writer, {at: item}) for at, item in items.items()))
        return set()
