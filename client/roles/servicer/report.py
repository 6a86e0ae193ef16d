"""Reporting months of a monitored pack, from wherever the chain already is. Source: docs/protocol.md, 12."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from client.roles.servicer.reconcile import Book, Reconciled, reconcile
from client.roles.servicer.tape_file import MonthRows
from client.sdk import cipher
from client.sdk.chain import ChainClient, ContractCall
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.event_log import Event
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.monitoring.entries import ASSETS_PER_CHUNK, encode_entries
from client.sdk.monitoring.months import month_text, start_second
from client.sdk.monitoring.on_chain import read_entries, read_last_entries, read_marks
from client.sdk.monitoring.tape import encrypt_tape, open_tape_key, tape_subject
from client.sdk.monitoring.totals import totals_from_chain
from client.sdk.pack.reader import read_pack
from client.sdk.recipients import sealable_with
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

TAPE_READERS = (Role.RISK_CONTROL, Role.TRUSTEE, Role.AUDITOR)
"""Whose accounts may read a tape beside its servicer: those that may read the pack's rows."""
_CONTRACT = "Monitoring"
_GAS_PER_CHUNK = 1_900_000
_GAS_PER_ASSET = 3_300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A month that is closed."""

    period: int
    month: int
    block: int
    gas_used: int
    fired: int
    """One bit a trigger."""
    is_alert: bool


class Servicing:
    """The servicing of one monitored pack by one account."""

    def __init__(self, chain: ChainClient, vault: VaultClient, identity: Identity, pack_id: int):
        """Read the pack's loans; refuses a pack that is not monitored, or that another account reports."""
        self._chain, self._vault, self._identity, self._pack_id = chain, vault, identity, pack_id
        pool = chain.call(_CONTRACT, "pool", pack_id)
        if not chain.call(_CONTRACT, "isMonitored", pack_id):
            remedy = "risk control begins it with `tranchain risk monitor-start`"
            raise InvalidInputError(f"pack {pack_id}", got="no monitoring", expected="a monitored pack", remedy=remedy)
        if pool.servicer != identity.address:
            raise RefusedError(_CONTRACT, f"the servicer of pack {pack_id} is {pool.servicer}")
        self.first_month: int = pool.firstMonth
        self._loans = [row.loan_id for row in read_pack(chain, vault, identity, pack_id).rows]

    @property
    def next_period(self) -> int:
        """The period that is due."""
        return int(self._chain.call(_CONTRACT, "lastPeriod", self._pack_id)) + 1

    @property
    def next_month(self) -> int:
        """Its month."""
        return self.first_month + self.next_period - 1

    def discard(self) -> bool:
        """Take back what was reported of an open period; returns whether one was open."""
        period = self._chain.call(_CONTRACT, "pool", self._pack_id).openPeriod
        if period:
            self._chain.send(_CONTRACT, "discardPeriod", [self._pack_id, period], self._identity.account)
        return bool(period)

    def report(
        self, month: MonthRows, *, skip_others: bool = False, progress: Callable[[int], None] = lambda _: None
    ) -> Reported:
        """Report and close the month that is due; `progress` gets the number of assets newly on the chain.

        Raises:
            BadRowsError, InvalidInputError: the month cannot be reported; nothing was sent.
            RefusedError: the contract refused.
        """
        period = self.next_period
        ends_at = start_second(month.month + 1)
        if self._chain.block_second() < ends_at:
            what = f"{month.path}, {month_text(month.month)}"
            raise InvalidInputError(what, got="a month that is not over", expected="a past one")
        ready = reconcile(month, self._book(period), skip_others=skip_others)
        key = self._open(period, ready)
        gas = 0
        for receipt in self._chain.send_many(self._chunks(period, ready, key), self._identity.account, in_flight=4):
            chunk = receipt.event("AssetsReported").args["chunkIndex"]
            gas += receipt.gas_used
            progress(len(ready.entries[chunk * ASSETS_PER_CHUNK : (chunk + 1) * ASSETS_PER_CHUNK]))
        receipt = self._chain.send(_CONTRACT, "closePeriod", [self._pack_id, period], self._identity.account)
        closed: Event = receipt.event("PeriodClosed")
        return Reported(
            period=period,
            month=month.month,
            block=receipt.block_number,
            gas_used=gas + receipt.gas_used,
            fired=closed.args["firedTriggers"],
            is_alert=closed.args["isAlert"],
        )

    def _book(self, period: int) -> Book:
        chain, pack_id = self._chain, self._pack_id
        before = read_last_entries(chain, pack_id)
        open_count = chain.call(_CONTRACT, "period", pack_id, period).entryCount
        known_count = chain.call(_CONTRACT, "period", pack_id, period - 1).entryCount
        if open_count:
            before = before[:open_count]  # what came in after the period was opened is due in the next one
        admitted = [f"+{number + 1}" for number in range(len(before) - len(self._loans))]
        return Book(
            loan_ids=(*self._loans, *admitted),
            before=tuple(before),
            known_count=known_count,
            marks=read_marks(chain, pack_id),
            class_unit=chain.call(_CONTRACT, "pool", pack_id).classUnit,
            beginning_cents=chain.call(_CONTRACT, "period", pack_id, period - 1).totals.endingCents,
        )

    def _open(self, period: int, ready: Reconciled) -> bytes:
        """Open the period, or go on with an open one that says the same; returns the key of the tape."""
        stored = self._chain.call(_CONTRACT, "period", self._pack_id, period)
        if stored.status:
            self._check_continues(period, ready, stored.reportedCount, totals_from_chain(stored.totals) == ready.totals)
            key_blob = bytes(stored.keyBlob)
            return open_tape_key(self._chain, self._vault, self._identity, self._pack_id, period, key_blob)
        keys, key = KeyDirectory(self._chain), cipher.new_key()
        readers = [*sealable_with(keys, TAPE_READERS), self._identity.address]
        subject = tape_subject(self._pack_id, period)
        blob = keys.key_blob(dict.fromkeys(readers), key, label="tape-key", subject=subject, expires_at=0)
        self._vault.put([self._blob(blob)])
        arguments = [self._pack_id, period, ready.totals.to_struct(), keccak(blob)]
        self._chain.send(_CONTRACT, "openPeriod", arguments, self._identity.account)
        return key

    def _check_continues(self, period: int, ready: Reconciled, reported: int, is_same: bool) -> None:
        """Refuse to go on with a period that was begun with other figures."""
        done = read_entries(self._chain, self._pack_id, period) if reported else []
        if not is_same or tuple(done) != ready.entries[: len(done)]:
            raise InvalidInputError(
                f"period {period}",
                got="figures other than those it was begun with",
                expected="the same file",
                remedy="take back what is on the chain with --discard",
            )

    def _chunks(self, period: int, ready: Reconciled, key: bytes) -> Iterator[ContractCall]:
        done = self._chain.call(_CONTRACT, "period", self._pack_id, period).reportedCount
        for start in range(done, len(ready.entries), ASSETS_PER_CHUNK):
            part = slice(start, start + ASSETS_PER_CHUNK)
            blob = encrypt_tape(key, ready.rows[part])
            self._vault.put([self._blob(blob)])
            data = encode_entries(ready.entries[part], with_default=False)
            yield ContractCall(
                contract=_CONTRACT,
                function="reportAssets",
                args=[self._pack_id, period, start // ASSETS_PER_CHUNK, data, keccak(blob)],
                gas=_GAS_PER_CHUNK + _GAS_PER_ASSET * len(ready.entries[part]),
            )

    def _blob(self, blob: bytes) -> PackBlob:
        return PackBlob(pack=self._pack_id, readers=[self._identity.address], roles=TAPE_READERS, blob=blob)
