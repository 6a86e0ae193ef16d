"""One oracle: for every open round, score the pack and report it — commit, reveal, publish.

Rows and credit records are read with the key of the organisation's auditor account; reports are signed by the oracle
account. Each call of `advance` does what is due now and returns, so a killed oracle continues where the chain is.
Oracles whose reports must be equal read the same records: those that were not revoked as of the round's block.
Source: docs/protocol.md, 7.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_account.signers.local import LocalAccount

from client.model.manifest import ModelPackage
from client.roles.oracle.store import ReportStore, StoredReport
from client.sdk.chain import ChainClient, ContractCall
from client.sdk.errors import ContractRefusedError, InvalidInputError, RefusedError, TamperedError
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.recompute import read_inputs
from client.sdk.pack.report import report_chunks, report_hash
from client.sdk.vault_client import VaultClient

RETRY_S, RETRY_MAX_S = 5.0, 600.0
"""A round that cannot be reported to is tried again after this long, as a vault may not have everything yet; and after
twice as long each time that it still cannot."""
PUBLISH_TURN_S = 5.0
"""How long an oracle leaves the publishing to each one before it, in the order of their addresses."""
CLOCK_MARGIN_S = 2
"""How far validators' clocks may be behind this one's when a window ends by the clock alone."""
_PUBLISH_GAS, _PUBLISH_BYTE_GAS = 400_000, 330
"""More than publishing a chunk takes: several are under way at a time, and the last one ends the round."""
_NAME_GAS = 1_000_000
"""More than naming takes, where it cannot be estimated because the head's second is too old."""
_AGREED, _FINAL, _VOID = 2, 3, 4
_LATE = 2
_NOTHING = bytes(32)


class ErasedRecordsError(RefusedError):
    """Records that count in a round were erased since, so nobody who had not read them can report any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something the oracle did."""

    round_id: int
    did: str
    """committed, revealed, published, or the reason why it cannot report."""
    is_problem: bool = False
    """Whether `did` is such a reason; the round is tried again by the next call."""


class OracleService:
    """An oracle account and the auditor account of its organisation."""

    def __init__(
        self,
        chain: ChainClient,
        vault: VaultClient,
        *,
        oracle: LocalAccount,
        auditor: Identity,
        packages: Sequence[ModelPackage],
        store: ReportStore,
    ):
        """Report for `oracle`; `vault` speaks as `auditor`. Nothing is sent yet.

        `packages` are the models it can score with, at least one: the champion, and challengers beside it.
        """
        self._chain, self._vault = chain, vault
        self._oracle, self._auditor = oracle, auditor
        self._packages, self._store = packages, store
        self._next_round = 1
        """Rounds below it need nothing from this oracle any more."""
        self._done: set[int] = set()
        """Rounds above it that need nothing either."""
        self._retry_at: dict[int, float] = {}
        self._rest_s: dict[int, float] = {}
        self._progress: dict[int, tuple[int, float]] = {}
        """By round: chunks published, and when this oracle saw that number first."""

    def advance(self) -> Iterator[Step]:
        """Do what every round needs of this oracle now.

        A round that it cannot report to (rows or records that are not sealed to the auditor account, or not those that
        were committed to; another model than its own) is a step that says so; the others go on.

        Raises:
            UnavailableError: node or vault cannot be reached.
        """
        count = int(self._chain.call("ScoringRounds", "roundCount"))
        for round_id in range(self._next_round, count + 1):
            if round_id in self._done or time.monotonic() < self._retry_at.get(round_id, 0.0):
                continue
            try:
                is_done = yield from self._advance_round(round_id)
            except (RefusedError, InvalidInputError) as error:
                is_done = isinstance(error, ErasedRecordsError)
                self._rest(round_id)
                yield Step(round_id=round_id, did=str(error), is_problem=True)
            else:
                self._rest_s.pop(round_id, None)
            if is_done:
                self._done.add(round_id)
        while self._next_round in self._done:
            self._done.remove(self._next_round)
            self._next_round += 1

    def _rest(self, round_id: int) -> None:
        rest_s = self._rest_s.get(round_id, RETRY_S)
        self._retry_at[round_id] = time.monotonic() + rest_s
        self._rest_s[round_id] = min(2 * rest_s, RETRY_MAX_S)

    def _advance_round(self, round_id: int) -> Generator[Step, None, bool]:
        """Do what is due in one round; the generator's value is whether nothing more will be."""
        current = self._chain.call("ScoringRounds", "round", round_id)
        if current.status == _VOID or self._oracle.address not in self._oracles(round_id):
            return True
        own = self._report_of(round_id, self._oracle.address)
        opens_at = self._chain.call("ScoringRounds", "revealOpensAt", round_id)
        is_open = opens_at and self._chain.block_second() >= opens_at
        if own.commitment == _NOTHING:
            if is_open or own.fault == _LATE:
                return True
            self._commit(round_id)
            is_late = self._report_of(round_id, self._oracle.address).fault == _LATE
            yield Step(round_id=round_id, did="came too late" if is_late else "committed")
            return False
        if own.reportHash == _NOTHING:
            if not opens_at or (not is_open and time.time() < opens_at + CLOCK_MARGIN_S):
                return False
            self._reveal(round_id)
            yield Step(round_id=round_id, did="revealed")
            return False
        if current.status == _AGREED and own.reportHash == bytes(current.reportHash):
            if self._is_turn_to_publish(round_id, current) and self._publish(round_id):
                yield Step(round_id=round_id, did="published")
            return False
        if current.status == _FINAL and own.reportHash == bytes(current.reportHash):
            return (yield from self._name_absent(round_id, current))
        return bool(current.status == _FINAL)

    def _name_absent(self, round_id: int, current: Any) -> Generator[Step, None, bool]:
        """Name those who committed and did not reveal, once they had their time; the value is whether that is done."""
        reports = [self._report_of(round_id, oracle) for oracle in self._oracles(round_id)]
        if not any(each.commitment != _NOTHING and each.reportHash == _NOTHING and not each.fault for each in reports):
            return True
        grace_seconds = self._chain.call("ScoringRounds", "windows").graceSeconds
        turn_s = self._place(round_id, current) * PUBLISH_TURN_S
        if time.time() < current.agreedAt + grace_seconds + CLOCK_MARGIN_S + turn_s:
            return False
        self._chain.send("ScoringRounds", "nameAbsent", [round_id], self._oracle, gas=_NAME_GAS)
        yield Step(round_id=round_id, did="named the absent")
        return False

    def _commit(self, round_id: int) -> None:
        stored = self._store.find(round_id) or self._store.keep(round_id, self._score(round_id))
        commitment = commitment_of(round_id, self._oracle.address, stored)
        self._chain.send("ScoringRounds", "commitReport", [round_id, commitment], self._oracle)

    def _score(self, round_id: int) -> bytes:
        package = self._package_of(int(self._chain.call("ScoringRounds", "round", round_id).modelId))
        inputs = read_inputs(self._chain, self._vault, self._auditor, round_id)
        if erased := len(inputs.records.erased_handles):
            raise ErasedRecordsError(
                f"round {round_id}",
                f"{erased} subjects' records, which count as of block {inputs.block}, were erased since",
                "nothing is reported; risk control opens another round with `tranchain risk score --new-round`",
            )
        return inputs.report(package)

    def _package_of(self, model_id: int) -> ModelPackage:
        """Return the package that was voted for; TamperedError when this oracle has another."""
        model = self._chain.call("RiskModelRegistry", "model", model_id)
        named = [each for each in self._packages if each.model_hash == bytes(model.modelHash)]
        package = (named or self._packages)[0]
        for what, on_chain, own in (
            ("model.onnx", bytes(model.modelHash), package.model_hash),
            ("manifest.json", bytes(model.manifestHash), package.manifest_hash),
            ("feature spec", bytes(model.featureSpecHash), package.feature_spec_hash),
        ):
            if on_chain != own:
                raise TamperedError(
                    f"{what} of model {model_id}",
                    got=own.hex()[:16],
                    expected=f"{on_chain.hex()[:16]}, as voted",
                )
        return package

    def _reveal(self, round_id: int) -> None:
        """Reveal; on a chain at rest no block tells that the window has passed, so the reveal makes that block."""
        stored = self._stored(round_id)
        hashes = chunk_hashes(stored.report)
        arguments = [round_id, stored.salt, hashes]
        self._chain.send("ScoringRounds", "revealReport", arguments, self._oracle, gas=reveal_gas(len(hashes)))

    def _is_turn_to_publish(self, round_id: int, current: Any) -> bool:
        """Return whether those before this oracle had their time since the last chunk; one publisher is enough."""
        now = time.monotonic()
        published_count, since = self._progress.get(round_id, (-1, now))
        if published_count != current.chunksPublished:
            self._progress[round_id] = (current.chunksPublished, now)
            since = now
        return now - since >= self._place(round_id, current) * PUBLISH_TURN_S

    def _place(self, round_id: int, current: Any) -> int:
        """Return how many oracles that agreed come before this one, in the order of their addresses."""
        agreeing = [
            oracle
            for oracle in sorted(self._oracles(round_id), key=str.lower)
            if self._report_of(round_id, oracle).reportHash == bytes(current.reportHash)
        ]
        return agreeing.index(self._oracle.address)

    def _oracles(self, round_id: int) -> list[str]:
        return list(self._chain.call("ScoringRounds", "oraclesOf", round_id))

    def _report_of(self, round_id: int, oracle: str) -> Any:
        """Return commitment, reportHash (zero before) and fault of an oracle in a round."""
        return self._chain.call("ScoringRounds", "reportOf", round_id, oracle)

    def _publish(self, round_id: int) -> bool:
        """Publish the chunks that nobody has published; False when there was none."""
        chunks = report_chunks(self._stored(round_id).report)
        begun = missing = self._unpublished(round_id, len(chunks))
        while missing:
            calls = [
                ContractCall(
                    contract="ScoringRounds",
                    function="publishScores",
                    args=[round_id, index, chunks[index]],
                    gas=_PUBLISH_GAS + _PUBLISH_BYTE_GAS * len(chunks[index]),
                )
                for index in missing
            ]
            try:
                for _ in self._chain.send_many(calls, self._oracle):
                    pass
            except ContractRefusedError:
                before, missing = missing, self._unpublished(round_id, len(chunks))
                if len(missing) == len(before):  # otherwise another oracle was faster with some
                    raise
            else:
                break
        return len(begun) > 0

    def _unpublished(self, round_id: int, count: int) -> list[int]:
        arguments = [(round_id, index) for index in range(count)]
        pointers = self._chain.call_many("ScoringRounds", "scoreChunkPointer", arguments)
        return [index for index, pointer in enumerate(pointers) if not int(pointer, 16)]

    def _stored(self, round_id: int) -> StoredReport:
        stored = self._store.find(round_id)
        if stored is None:
            raise TamperedError(
                f"report of round {round_id}", got="none in this database", expected="the one that was committed"
            )
        return stored


def reveal_gas(chunk_count: int) -> int:
    """Return more gas than any reveal takes.

    An estimate may be too low: after another oracle's reveal, in a block before, this may be the one that a quorum
    agrees with, which keeps the hashes; or the head's second may be too old for any.
    """
    return 400_000 + 60_000 * chunk_count


def chunk_hashes(report: bytes) -> list[bytes]:
    """Return the hash of each chunk of a report."""
    return [keccak(chunk) for chunk in report_chunks(report)]


def commitment_of(round_id: int, oracle: str, stored: StoredReport) -> bytes:
    """Return what an oracle commits to: keccak(abi.encode(round, oracle, salt, report hash))."""
    values = [round_id, oracle, stored.salt, report_hash(stored.report)]
    return keccak(abi_encode(["uint256", "address", "bytes32", "bytes32"], values))
