"""Who may read what: the same rule for a caller of the vault and for a node that wants to hold a copy. No I/O.

Source: docs/protocol.md, 9.
"""

from __future__ import annotations

from chain_node.core.types import Address
from chain_node.vault.chain_view import (
    AUDITOR,
    BUREAU,
    EXCHANGE,
    ORIGINATOR,
    REGULATOR,
    RISK_CONTROL,
    SERVICER,
    TRUSTEE,
    Member,
)
from chain_node.vault.items import PackContext, RecordContext

RECORD_READERS = (RISK_CONTROL, TRUSTEE, AUDITOR, REGULATOR)
PACK_WRITERS = (ORIGINATOR, RISK_CONTROL, BUREAU, EXCHANGE, SERVICER)


def may_read_record(member: Member, owner_organisation: int) -> bool:
    """Whether a member may read records of an organisation's batches; whether they are published is not looked at."""
    if member.has_role(ORIGINATOR):
        return False
    is_own = member.has_role(BUREAU) and member.organisation == owner_organisation
    return is_own or member.has_role(*RECORD_READERS)


def may_read_pack(account: Address, member: Member, context: PackContext) -> bool:
    """Whether an account is among those named for a blob of a pack."""
    return account in context.readers or member.has_role(*context.roles)


def may_write(member: Member, context: RecordContext | PackContext) -> bool:
    """Whether a member may put such a blob at all."""
    return member.has_role(BUREAU) if isinstance(context, RecordContext) else member.has_role(*PACK_WRITERS)
