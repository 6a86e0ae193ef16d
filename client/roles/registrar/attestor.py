"""What the registrar attests: that the nullifiers of a chunk belong to exactly the loans of its leaves.

It sees subject, row and salt of every asset, recomputes leaf and handle, and so a nullifier cannot be attested for
another loan's leaf. It keeps nothing of them. Source: docs/protocol.md, 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from client.model.codes import CURRENCIES
from client.roles.registrar.pack_keys import PackKeys
from client.sdk.attestation import CHUNK_SIZE, AttestationDomain, attest, compute_chunk_hash, compute_nullifier
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RequestRefusedError
from client.sdk.handle import handle
from client.sdk.keystore import Identity
from client.sdk.leaf import leaf
from client.sdk.pack.asset_row import AssetRow, parse_row
from client.sdk.pack.status import PackStatus

_CURRENCY_BY_CODE = {code: name for name, code in CURRENCIES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedRow:
    """One asset as its originator shows it to the registrar."""

    subject: str
    row: bytes
    """Canonical asset row."""
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """The registrar's answer."""

    nullifiers: tuple[bytes, ...]
    signature: bytes


class Attestor:
    """Checks and signs chunks. Thread-safe."""

    def __init__(self, chain: ChainClient, identity: Identity, nullifier_key: bytes, pack_keys: PackKeys):
        """Sign with the account of `identity`, which needs the role REGISTRAR for its signature to count."""
        self._chain, self._identity, self._key, self._pack_keys = chain, identity, nullifier_key, pack_keys
        self._domain = AttestationDomain(chain_id=chain.chain_id, pledge_registry=chain.address_of("PledgeRegistry"))
        self._lock = Lock()

    def attest(self, account: str, *, pack_id: int, first_index: int, rows: Sequence[AttestedRow]) -> Attestation:
        """Attest a chunk for the originator of its open pack.

        Raises:
            RequestRefusedError: the pack is not open or another originator's (403), or the chunk is not one of it or
                a row is not what it claims to be (422).
            UnavailableError: chain or vault are away.
        """
        self._check_place(account, pack_id, first_index, len(rows))
        with self._lock:
            pack_key = self._pack_keys.of(pack_id)
        nullifiers, leaves = [], []
        for position, one in enumerate(rows):
            asset = self._checked(one, pack_key, first_index + position)
            nullifiers.append(self._nullifier(one.subject, asset))
            leaves.append(leaf(one.salt, one.row))
        if len(set(nullifiers)) != len(nullifiers):
            raise refused(422, "double_pledge", "the chunk names one loan twice")
        signature = attest(
            self._identity.account,
            self._domain,
            pack=pack_id,
            first_index=first_index,
            chunk_hash=compute_chunk_hash(nullifiers, leaves),
        )
        return Attestation(nullifiers=tuple(nullifiers), signature=signature)

    def _check_place(self, account: str, pack_id: int, first_index: int, count: int) -> None:
        pack = self._chain.call("AssetPackRegistry", "pack", pack_id)
        if pack.originator != account:
            raise refused(403, "wrong_account", f"pack {pack_id} is not one of {account}")
        if pack.status != PackStatus.OPEN:
            raise refused(403, "pack_not_open", f"pack {pack_id} takes no assets now")
        is_chunk = first_index % CHUNK_SIZE == 0 and count == min(CHUNK_SIZE, pack.count - first_index)
        if not is_chunk:
            raise refused(
                422, "bad_chunk", f"{count} assets from {first_index} on are no chunk of a pack of {pack.count}"
            )

    def _checked(self, one: AttestedRow, pack_key: bytes, index: int) -> AssetRow:
        try:
            asset = parse_row(one.row)
            expected = handle(pack_key, one.subject)
            leaf(one.salt, one.row)
        except InvalidInputError as error:
            raise refused(422, "bad_row", f"asset {index}: {error}") from error
        if asset.handle != expected:
            raise refused(422, "wrong_handle", f"asset {index}: the row is of another subject than the one named")
        return asset

    def _nullifier(self, subject: str, asset: AssetRow) -> bytes:
        code = asset.known("currency_code")
        return compute_nullifier(
            self._key,
            subject=subject,
            origination_day=asset.known("origination_day"),
            original_principal_cents=asset.known("original_principal_cents"),
            currency=_CURRENCY_BY_CODE.get(code, f"{code:03d}"),
        )


def refused(status: int, code: str, message: str) -> RequestRefusedError:
    """Return the error that the service answers with."""
    return RequestRefusedError("the registrar", message, status=status, code=code)
