"""Issuing a product on a screened and transferred pack. Source: docs/protocol.md, 8."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from client.sdk import canonical
from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import read_levels, read_reasons
from client.sdk.pack.reader import PackFile
from client.sdk.pack.status import PackStatus, check_status
from client.sdk.role import Role
from client.sdk.screening import Reason, Tally
from client.sdk.vault_client import PackBlob, VaultClient

PRODUCT_ID_SIZE = 32
DOCUMENT_READERS = (Role.EXCHANGE, Role.TRUSTEE, Role.RISK_CONTROL, Role.AUDITOR, Role.REGULATOR, Role.ORIGINATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product as the chain records it."""

    name: str
    pack_id: int
    run_id: int
    total_cents: int
    level_tallies: tuple[Tally, ...]
    """Assets and principal classes of levels 1 to 10."""
    document_hash: bytes
    issued_block: int


def product_id_of(name: str) -> bytes:
    """Return the id of a product name: its UTF-8 bytes, padded with zeros to 32."""
    raw = name.encode()
    if not 1 <= len(raw) <= PRODUCT_ID_SIZE or b"\0" in raw:
        raise InvalidInputError("product name", got=name, expected=f"1 to {PRODUCT_ID_SIZE} bytes of text")
    return raw.ljust(PRODUCT_ID_SIZE, b"\0")


def accept_transfer(chain: ChainClient, identity: Identity, pack_id: int) -> Receipt:
    """Take title of an assigned pack for the SPV."""
    return chain.send("AssetPackRegistry", "acceptTransfer", [pack_id], identity.account)


def issue(
    chain: ChainClient, vault: VaultClient, identity: Identity, *, name: str, pack: PackFile, document: bytes | None
) -> Receipt:
    """Issue a product on a transferred pack. Total and histogram are computed from the rows that were kept.

    Args:
        chain: the chain.
        vault: where the document goes.
        identity: an EXCHANGE account.
        name: of the product, unique.
        pack: the rows, read by an account that may.
        document: the offering document; None makes a term sheet of the figures on chain.

    Raises:
        RefusedError: the pack is not transferred, or the contract's reason.
    """
    status = chain.call("AssetPackRegistry", "pack", pack.pack_id).status
    check_status(pack.pack_id, status, PackStatus.TRANSFERRED)
    run_id = int(chain.call("Screening", "runOf", pack.pack_id))
    total_cents = kept_cents(pack, read_reasons(chain, run_id, len(pack.rows)))
    tallies = read_levels(chain, run_id, after=True)
    if document is None:
        document = term_sheet(name, pack.pack_id, run_id, total_cents, tallies)
    vault.put([PackBlob(pack=pack.pack_id, roles=DOCUMENT_READERS, blob=document)])
    issuance = {
        "productId": product_id_of(name),
        "packId": pack.pack_id,
        "runId": run_id,
        "totalCents": total_cents,
        "levelCounts": [tally.count for tally in tallies],
        "levelClasses": [tally.class_sum for tally in tallies],
        "documentHash": keccak(document),
    }
    return chain.send("Exchange", "issue", [issuance], identity.account)


def kept_cents(pack: PackFile, reasons: bytes) -> int:
    """Return the exact principal at cut-off of the assets that a run kept."""
    if len(reasons) != len(pack.rows):
        longer = "shorter" if len(reasons) < len(pack.rows) else "longer"
        raise ValueError(f"the reasons are {longer} than the pack")
    is_kept = np.frombuffer(reasons, dtype=np.uint8) == Reason.KEPT
    balances = pack.table.decoded.columns["balance_cents"]
    return sum(balances[is_kept].tolist())


def read_product(chain: ChainClient, name: str) -> Product:
    """Return a product; RefusedError when there is none of this name."""
    issued = next(chain.events("Exchange", "ProductIssued", filters={"productId": product_id_of(name)}), None)
    if issued is None:
        raise RefusedError("Exchange", f"no product {name} was issued", "`tranchain exchange products` lists them")
    struct: Any = chain.call("Exchange", "product", product_id_of(name))
    return Product(
        name=name,
        pack_id=int(struct.packId),
        run_id=int(struct.runId),
        total_cents=int(struct.totalCents),
        level_tallies=tuple(Tally(*pair) for pair in zip(struct.levelCounts, struct.levelClasses, strict=True)),
        document_hash=bytes(struct.documentHash),
        issued_block=issued.block_number,
    )


def product_names(chain: ChainClient) -> list[str]:
    """Return the names of all products, oldest first."""
    issued = chain.events("Exchange", "ProductIssued")
    return [bytes(event.args["productId"]).rstrip(b"\0").decode("utf-8", "replace") for event in issued]


def term_sheet(name: str, pack_id: int, run_id: int, total_cents: int, tallies: tuple[Tally, ...]) -> bytes:
    """Return the document of a product that brought none: its figures in canonical bytes, which anybody can remake."""
    return canonical.encode(
        ["tranchain term sheet 1", name, pack_id, run_id, total_cents, [[t.count, t.class_sum] for t in tallies]]
    )
