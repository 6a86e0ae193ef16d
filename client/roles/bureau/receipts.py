"""The vaults' signed receipts for records that were taken back: asked for, verified, kept.

A bureau asks its own vault, which asks the others. Which vaults have to confirm, the chain says: those of all nodes
whose organisation was entitled to a copy. Source: docs/protocol.md, 9 and 11.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from client.roles.bureau.context import Bureau
from client.roles.bureau.tables import BATCHES, DELETIONS, RECORDS
from client.sdk.errors import TamperedError
from client.sdk.vault_client import VaultClient
from client.sdk.vault_confirmation import (
    NEVER_HELD,
    VaultConfirmation,
    VaultDomain,
    check_binding,
    check_deletion,
)

_INDICES_MAX = 4_000
_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Between two looks whether the other vaults have answered."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A vault that has to confirm."""

    name: str
    vault: str | None
    """Address of its key; None when its node has never announced one."""


def collect_receipts(bureau: Bureau, subject: bytes) -> list[Holder]:
    """Ask for the receipts of the subject's revoked records, keep those that verify; returns who has to confirm.

    Raises:
        TamperedError: a receipt is signed by somebody else, or a vault is passed off as another node's.
        UnavailableError: no vault of the bureau answers.
    """
    positions_by_root: defaultdict[tuple[int, bytes], dict[int, bytes]] = defaultdict(dict)
    query = (
        select(RECORDS.c.batch_id, BATCHES.c.root, RECORDS.c.position, RECORDS.c.blob_hash)
        .join(BATCHES, BATCHES.c.id == RECORDS.c.batch_id)
        .where(RECORDS.c.subject == subject, RECORDS.c.is_revoked == 1)
        .order_by(RECORDS.c.batch_id, RECORDS.c.position)
    )
    with bureau.store.engine.connect() as connection:
        for batch_id, root, position, blob_hash in connection.execute(query):
            positions_by_root[batch_id, root][position] = blob_hash
    holders: dict[str, Holder] = {}
    waits = iter(_WAITS_S)
    for vault in bureau.vaults:
        for (batch_id, root), hash_by_position in positions_by_root.items():
            for positions, confirmation in _confirmed(bureau, vault, root, sorted(hash_by_position), waits):
                holder = Holder(confirmation.name, confirmation.vault)
                holders[holder.vault or holder.name] = holder
                hashes = [hash_by_position[position] for position in positions]
                _keep(bureau, batch_id, list(_rows(bureau, batch_id, root, positions, hashes, confirmation)))
    return list(holders.values())


def _confirmed(
    bureau: Bureau, vault: VaultClient, root: bytes, positions: Sequence[int], waits: Iterator[float]
) -> Iterator[tuple[Sequence[int], VaultConfirmation]]:
    """Yield positions and what each vault says of them, asked again for a little while receipts are missing."""
    for start in range(0, len(positions), _INDICES_MAX):
        some = positions[start : start + _INDICES_MAX]
        confirmations = vault.confirm_records(root, some)
        while any(None in each.receipts for each in confirmations) and (wait := next(waits, None)):
            time.sleep(wait)
            confirmations = vault.confirm_records(root, some)
        for confirmation in confirmations:
            _check_holder(bureau, vault, confirmation)
            yield some, confirmation


def _check_holder(bureau: Bureau, vault: VaultClient, confirmation: VaultConfirmation) -> None:
    """Check that a vault is whose it is said to be."""
    if confirmation.node is None:
        if confirmation.vault != vault.info.address:
            raise TamperedError("receipts", got="another vault without a node", expected="the vault that was asked")
    elif confirmation.vault is not None:
        nodes = {bytes(node.tlsKeyHash) for node in bureau.chain.call("Consortium", "nodes")}
        if confirmation.node not in nodes:
            raise TamperedError(f"receipts of {confirmation.name}", got="no node of the chain", expected="one of its")
        check_binding(_domain(bureau), confirmation)


def _rows(
    bureau: Bureau,
    batch_id: int,
    root: bytes,
    positions: Sequence[int],
    hashes: Sequence[bytes],
    confirmation: VaultConfirmation,
) -> Iterator[dict[str, object]]:
    for position, blob_hash, receipt in zip(positions, hashes, confirmation.receipts, strict=True):
        if receipt is None or confirmation.vault is None:
            continue
        check_deletion(_domain(bureau), confirmation.vault, root, position, receipt)
        if receipt["blob_hash"] not in (NEVER_HELD, blob_hash):
            raise TamperedError("deletion receipt", got="another blob", expected="this record's")
        yield {
            "batch_id": batch_id,
            "position": position,
            "vault": confirmation.vault,
            "deleted_at": receipt["deleted_at"],
            "signature": receipt["signature"],
        }


def _keep(bureau: Bureau, batch_id: int, rows: Sequence[dict[str, object]]) -> None:
    """Keep receipts of one vault that are not here yet."""
    with bureau.store.engine.begin() as connection:
        for vault in {row["vault"] for row in rows}:
            known = select(DELETIONS.c.position).where(DELETIONS.c.batch_id == batch_id, DELETIONS.c.vault == vault)
            held = set(connection.scalars(known))
            new = [row for row in rows if row["position"] not in held]
            if new:
                connection.execute(insert(DELETIONS), new)


def _domain(bureau: Bureau) -> VaultDomain:
    return VaultDomain(chain_id=bureau.chain.chain_id, registry=bureau.chain.registry)
