"""Submitting a pack: shuffled, committed, attested and stored chunk by chunk, from wherever the chain already is.

What flows: loans of the tape → shuffled by a secret seed → rows and leaves → nullifiers and attestation of the
registrar → rows blob in the vault → one transaction per chunk. Source: docs/protocol.md, 6.
"""

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain as chain_iterables

from client.model.codes import CURRENCIES
from client.roles.originator.registrar_client import RegistrarClient
from client.roles.originator.store import PackSecrets, SubmissionStore
from client.roles.originator.tape import Loan
from client.sdk import consent, handle
from client.sdk.ahead import ahead
from client.sdk.attestation import CHUNK_SIZE
from client.sdk.chain import ChainClient, ContractCall, Receipt
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import InvalidInputError, RefusedError, TamperedError
from client.sdk.hashing import keccak
from client.sdk.hpke import decode_key_blob
from client.sdk.keystore import Identity
from client.sdk.leaf import leaf
from client.sdk.pack.asset_row import AssetRow, principal_class
from client.sdk.pack.blobs import PackedRow, encrypt_rows
from client.sdk.pack.status import PackStatus, check_status
from client.sdk.policy.on_chain import layout_of_pack
from client.sdk.recipients import open_sealed, sealable_with
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

ROW_READERS = (Role.RISK_CONTROL, Role.TRUSTEE, Role.AUDITOR)
"""Whose accounts may read the rows of a pack beside its originator; never a bureau, never another originator."""
_GAS_PER_ASSET = 27_500
_GAS_PER_CHUNK = 400_000
_RELEASE_SIZE = 30
"""Pledges freed by one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTerms:
    """What a pack says of itself beside its assets."""

    currency: str
    """ISO 4217, three letters; the currency of every asset."""
    cut_off_day: int
    closing_day: int
    class_unit: int
    """Currency units of one principal class."""


class PackSubmission:
    """The submission of one tape into one invited pack."""

    def __init__(
        self,
        chain: ChainClient,
        vault: VaultClient,
        registrar: RegistrarClient,
        identity: Identity,
        store: SubmissionStore,
    ):
        """Work for `identity`, an originator that was invited. Nothing is sent yet."""
        self._chain, self._vault, self._registrar = chain, vault, registrar
        self._identity, self._store = identity, store

    def run(
        self, pack_id: int, loans: Sequence[Loan], terms: PackTerms, *, report: Callable[[int], None]
    ) -> Receipt | None:
        """Bring the pack to *submitted*; returns the last receipt, or None when it was submitted before.

        `report` gets the number of assets that are newly on the chain.

        Raises:
            RefusedError: not invited, pledged twice, no attestation; the message says which.
            InvalidInputError: the loans do not fit the terms, or differ from those the pack was begun with.
        """
        pack = self._chain.call("AssetPackRegistry", "pack", pack_id)
        if pack.originator != self._identity.address:
            raise RefusedError("AssetPackRegistry", f"pack {pack_id} is not an invitation to {self._identity.address}")
        if pack.status >= PackStatus.SUBMITTED:
            return None
        check_status(pack_id, pack.status, PackStatus.INVITED, PackStatus.OPEN)
        _check_terms(loans, terms)
        secrets = self._secrets(pack_id, loans, terms, is_opened=pack.status == PackStatus.OPEN)
        pack_key = self._pack_key(bytes(pack.keyBlob), bytes(pack.keyCommitment))
        if pack.status == PackStatus.INVITED:
            self._open(pack_id, loans, terms, secrets)
        else:
            self._check_row_key(pack_id, bytes(pack.rowKeyBlob), secrets.row_key)
        done = int(self._chain.call("AssetPackRegistry", "assetCount", pack_id))
        ordered = [loans[index] for index in _shuffled(len(loans), secrets.seed)]
        calls = ahead(self._chunks(pack_id, ordered, secrets, pack_key, terms.class_unit, first_index=done))
        report(done)
        for receipt in self._chain.send_many(calls, self._identity.account, in_flight=8):
            report(receipt.event("AssetsAdded").args["count"])
        return self._submit(pack_id)

    def _secrets(self, pack_id: int, loans: Sequence[Loan], terms: PackTerms, *, is_opened: bool) -> PackSecrets:
        chain = self._chain
        content = (repr((loan.subject, loan.loan_id, loan.values)).encode() for loan in loans)
        return self._store.begin_or_continue(
            chain_id=chain.chain_id,
            registry=chain.registry,
            pack_id=pack_id,
            content=chain_iterables([repr(terms).encode()], content),
            is_opened=is_opened,
        )

    def _check_row_key(self, pack_id: int, blob_hash: bytes, row_key: bytes) -> None:
        """Refuse to go on with another row key than the readers of the opened pack have."""
        me = self._identity
        sealed = decode_key_blob(self._vault.get(blob_hash)).get(me.address, b"")
        info = KeyDirectory(self._chain).seal_info("row-key", subject=pack_id, recipient=me.address, expires_at=0)
        if open_sealed(me, sealed, info) != row_key:
            raise TamperedError(
                f"row key of pack {pack_id}", got="another in this database", expected="that it was opened with"
            )

    def _pack_key(self, key_blob_hash: bytes, commitment: bytes) -> bytes:
        sealed = decode_key_blob(self._vault.get(key_blob_hash)).get(self._identity.address)
        if sealed is None:
            raise RefusedError("the invitation", f"its pack key is not sealed to {self._identity.address}")
        info = KeyDirectory(self._chain).seal_info(
            "pack-key",
            subject=int.from_bytes(commitment[:8], "big"),
            recipient=self._identity.address,
            expires_at=0,
        )
        pack_key = open_sealed(self._identity, sealed, info)
        if handle.key_commitment(pack_key) != commitment:
            raise TamperedError("pack key", got="one with another commitment", expected="the one of the invitation")
        return pack_key

    def _open(self, pack_id: int, loans: Sequence[Loan], terms: PackTerms, secrets: PackSecrets) -> None:
        keys = KeyDirectory(self._chain)
        readers = sealable_with(keys, ROW_READERS)
        if not readers:
            raise RefusedError("EncryptionKeys", "no reader of rows has a proven key", "they run `tranchain keys`")
        readers.append(self._identity.address)
        blob = keys.key_blob(readers, secrets.row_key, label="row-key", subject=pack_id, expires_at=0)
        self._vault.put([self._pack_blob(pack_id, blob)])
        header = {
            "currency": terms.currency.encode(),
            "cutOff": terms.cut_off_day,
            "closing": terms.closing_day,
            "count": len(loans),
            "totalPrincipalCents": sum(loan.known("balance_cents") for loan in loans),
            "classUnit": terms.class_unit,
            "rowKeyBlob": keccak(blob),
        }
        self._chain.send("AssetPackRegistry", "open", [pack_id, header], self._identity.account)

    def _chunks(
        self,
        pack_id: int,
        loans: Sequence[Loan],
        secrets: PackSecrets,
        pack_key: bytes,
        class_unit: int,
        *,
        first_index: int,
    ) -> Iterator[ContractCall]:
        everything = [AssetRow(handle.handle(pack_key, loan.subject), loan.loan_id, loan.values) for loan in loans]
        _, layout = layout_of_pack(self._chain, pack_id)
        buckets = layout.bucketing(everything, secrets.row_key)
        for start in range(first_index, len(loans), CHUNK_SIZE):
            chunk, rows = loans[start : start + CHUNK_SIZE], everything[start : start + CHUNK_SIZE]
            packed = [
                PackedRow(
                    salt=_salt(secrets.seed, start + offset),
                    row=row.to_bytes(),
                    receipt=consent.sign_receipt(loan.receipt(row.handle), self._identity.account),
                )
                for offset, (loan, row) in enumerate(zip(chunk, rows, strict=True))
            ]
            attested = self._registrar.attest(
                pack_id=pack_id,
                first_index=start,
                rows=[(loan.subject, each.row, each.salt) for loan, each in zip(chunk, packed, strict=True)],
            )
            self._release(attested.nullifiers)
            blob = encrypt_rows(secrets.row_key, packed)
            self._vault.put([self._pack_blob(pack_id, blob)])
            classes = (principal_class(row.known("balance_cents"), class_unit) for row in rows)
            yield ContractCall(
                contract="AssetPackRegistry",
                function="addAssets",
                args=[
                    pack_id,
                    start,
                    [leaf(each.salt, each.row) for each in packed],
                    list(attested.nullifiers),
                    b"".join(each.to_bytes(2, "big") for each in classes),
                    b"".join(map(buckets.bytes_of, rows)),
                    keccak(blob),
                    attested.signature,
                ],
                gas=_GAS_PER_CHUNK + _GAS_PER_ASSET * len(chunk),
            )

    def _release(self, nullifiers: Sequence[bytes]) -> None:
        """Free the pledges of loans that another pack's screening removed; without, a chunk of them costs too much."""
        if not self._packs_were_screened:
            return
        packs = self._chain.call("PledgeRegistry", "unreleasedPacksOf", list(nullifiers))
        pledged = [each for each, pack_id in zip(nullifiers, packs, strict=True) if pack_id]
        free = [each for each in pledged if not self._chain.call("PledgeRegistry", "pledgeOf", each)[2]]
        for at in range(0, len(free), _RELEASE_SIZE):
            part = free[at : at + _RELEASE_SIZE]
            self._chain.send("PledgeRegistry", "release", [part], self._identity.account)

    @cached_property
    def _packs_were_screened(self) -> bool:
        advanced = self._chain.events("AssetPackRegistry", "PackAdvanced")
        return any(event.args["status"] >= PackStatus.SCREENED for event in advanced)

    def _pack_blob(self, pack_id: int, blob: bytes) -> PackBlob:
        return PackBlob(pack=pack_id, readers=[self._identity.address], roles=ROW_READERS, blob=blob)

    def _submit(self, pack_id: int) -> Receipt:
        """Have the chain combine the chunks; packs of many chunks take several calls."""
        while True:
            receipt = self._chain.send("AssetPackRegistry", "submit", [pack_id], self._identity.account)
            if any(event.name == "PackSubmitted" for event in receipt.events):
                return receipt


def _check_terms(loans: Sequence[Loan], terms: PackTerms) -> None:
    if terms.currency not in CURRENCIES:
        raise InvalidInputError("currency", got=terms.currency, expected=f"one of {', '.join(CURRENCIES)}")
    code = CURRENCIES[terms.currency]
    foreign = sum(loan.known("currency_code") != code for loan in loans)
    if foreign:
        raise InvalidInputError(f"{foreign} assets", got="another currency", expected=f"{terms.currency}, the pack's")
    if terms.class_unit < 1:
        raise InvalidInputError("principal class", got=terms.class_unit, expected="at least 1 currency unit")
    if not 0 < terms.cut_off_day <= terms.closing_day:
        raise InvalidInputError("closing", got="a day before the cut-off", expected="the cut-off or later")


def _shuffled(count: int, seed: bytes) -> list[int]:
    """Return the tape positions in the order of the pack, a permutation only the seed gives."""
    return sorted(range(count), key=lambda index: hmac.digest(seed, b"shuffle" + index.to_bytes(4, "big"), "sha256"))


def _salt(seed: bytes, index: int) -> bytes:
    return hmac.digest(seed, b"salt" + index.to_bytes(4, "big"), "sha256")
