"""The rows of a servicer's tape as they travel: one encrypted blob a chunk, for those who may read the pack's rows.

Source: docs/protocol.md, 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client.sdk import canonical, cipher
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import DecodeError, RefusedError
from client.sdk.hpke import decode_key_blob
from client.sdk.keystore import Identity
from client.sdk.monitoring.entries import State
from client.sdk.pack.reader import BlobSource
from client.sdk.recipients import open_sealed

MONEY: Final = (
    "scheduled_cents",
    "prepaid_cents",
    "interest_cents",
    "fees_cents",
    "defaulted_cents",
    "recovered_cents",
    "repurchased_cents",
    "substituted_out_cents",
    "substituted_in_cents",
    "capitalised_cents",
)
"""Money of a loan in a period, as in `Totals`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeRow:
    """What a servicer says of one loan in one period."""

    loan_id: str
    state: State
    days_past_due: int
    balance_cents: int
    money: tuple[int, ...] = (0,) * len(MONEY)
    """Cents, in the order of MONEY."""

    def cents(self, name: str) -> int:
        """Return an amount by its name in MONEY."""
        return self.money[MONEY.index(name)]


def tape_subject(pack_id: int, period: int) -> int:
    """Return what the sealed key of a tape belongs to."""
    return pack_id << 32 | period


def encrypt_tape(key: bytes, rows: Sequence[TapeRow | None]) -> bytes:
    """Return the blob of a chunk; an asset without a row is null."""
    return cipher.encrypt(key, canonical.encode([None if row is None else _values(row) for row in rows]))


def decrypt_tape(key: bytes, blob: bytes, *, what: str) -> list[TapeRow | None]:
    """Open the blob of a chunk; TamperedError or DecodeError naming `what` when it is none made with this key."""
    return [_row(item, what) for item in canonical.decode_array(cipher.decrypt(key, blob, what=what), what=what)]


def open_tape_key(
    chain: ChainClient, vault: BlobSource, identity: Identity, pack_id: int, period: int, blob_hash: bytes
) -> bytes:
    """Return the key of a period's tape; RefusedError when it is not sealed to this account."""
    sealed = decode_key_blob(vault.get(blob_hash)).get(identity.address)
    if sealed is None:
        raise RefusedError(f"tape of pack {pack_id}, period {period}", f"it is not sealed to {identity.address}")
    subject = tape_subject(pack_id, period)
    info = KeyDirectory(chain).seal_info("tape-key", subject=subject, recipient=identity.address, expires_at=0)
    return open_sealed(identity, sealed, info)


def read_tape(
    chain: ChainClient, vault: BlobSource, identity: Identity, pack_id: int, period: int
) -> list[TapeRow | None]:
    """Return the rows of a period, one an asset in the order of the pack, None for those that have none.

    Raises:
        RefusedError: nothing was reported, or it is not sealed to this account.
    """
    stored = chain.call("Monitoring", "period", pack_id, period)
    if not stored.status:
        raise RefusedError("Monitoring", f"period {period} of pack {pack_id} was not reported")
    key = open_tape_key(chain, vault, identity, pack_id, period, bytes(stored.keyBlob))
    filters = {"packId": pack_id, "period": period}
    reported = {e.args["chunkIndex"]: e for e in chain.events("Monitoring", "AssetsReported", filters=filters)}
    blobs = vault.get_all([bytes(reported[chunk].args["tapeBlob"]) for chunk in sorted(reported)])
    rows: list[TapeRow | None] = []
    for chunk, blob in enumerate(blobs):
        rows += decrypt_tape(key, blob, what=f"tape of pack {pack_id}, period {period}, chunk {chunk}")
    return rows


def _values(row: TapeRow) -> list[int | str]:
    return [row.loan_id, int(row.state), row.days_past_due, row.balance_cents, *row.money]


def _row(item: object, what: str) -> TapeRow | None:
    if item is None:
        return None
    match item:
        case [str(loan_id), int(state), int(days), int(balance), *others] if state in set(State):
            money = tuple(each for each in others if isinstance(each, int))
            if len(money) == len(others) == len(MONEY):
                return TapeRow(
                    loan_id=loan_id, state=State(state), days_past_due=days, balance_cents=balance, money=money
                )
    raise DecodeError(what, got="another shape", expected="[loan id, state, days, balance, money…] or null")
