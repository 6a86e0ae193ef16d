"""Everything a report is made of, read when it is first asked for."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from client.model.manifest import ModelPackage
from client.model.schema import ASSET_FIELDS, ASSET_KEYS
from client.report.document import Audience
from client.report.figures import Argument
from client.report.reading.measures import read_measures
from client.report.reading.monitoring import Monitoring, read_monitoring
from client.report.reading.pinned import PinnedChain
from client.report.reading.screening import Screening, read_screening
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.keystore import Identity
from client.sdk.pack.asset_row import HANDLE_SIZE, AssetRow
from client.sdk.pack.on_chain import round_block
from client.sdk.pack.reader import Answers, PackFile, read_answers, read_pack
from client.sdk.table_mapping import load_mapping
from client.sdk.tabular import read_table
from client.sdk.vault_client import VaultClient

CELL_MIN: Final = 10
"""Fewest loans in anything that investors see. Source: docs/report.md."""

Need = Literal["rows", "records", "model", "outcomes", "book", "screening", "monitoring"]
GIVEN: Final[tuple[Need, ...]] = ("rows", "records", "model", "outcomes", "book")
"""Needs that are met by who makes or verifies a report; the others follow from the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the author of a report chooses."""

    audience: Audience = "analyst"
    is_flipped: bool = False
    """Whether level 1 is the riskiest, as in the source documents; on the chain it is level 10."""
    servicing_fee_ppm: int = 10_000
    loss_given_default_ppm: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """An account that may read rows, and the vault it reads them from."""

    identity: Identity
    vault: VaultClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files beside the chain."""

    model: Path | None = None
    """Directory of a model package."""
    outcomes: Path | None = None
    """CSV of loan_id and defaulted."""
    book: Path | None = None
    """Tape of the originator's whole book."""
    book_mapping: Path | None = None
    """How its columns are named and counted."""


@dataclass(frozen=True)
class ReportData:
    """A pack at one block."""

    chain: PinnedChain
    pack_id: int
    settings: Settings
    reader: Reader | None = None
    """None: only what the chain shows to everybody is read."""
    files: Files = Files()
    allowed: frozenset[str] = frozenset(GIVEN)
    """What of GIVEN may be used: when a report is verified, what its author had."""

    def view(self, contract: str, function: str, arguments: Sequence[Argument]) -> Any:
        """Return the answer of a view function."""
        return self.chain.call(contract, function, *arguments)

    @property
    def is_for_investors(self) -> bool:
        """Whether cells must have CELL_MIN loans."""
        return self.settings.audience == "investor"

    def level_name(self, level: int) -> str:
        """Return the number of a level as this report shows it."""
        return str(11 - level if self.settings.is_flipped else level)

    @cached_property
    def pack(self) -> Any:
        """The pack as the registry has it; RefusedError before it is submitted."""
        pack = self.chain.call("AssetPackRegistry", "pack", self.pack_id)
        if not any(pack.root):
            raise RefusedError(
                "AssetPackRegistry", f"pack {self.pack_id} is not submitted", "see `tranchain pack show`"
            )
        return pack

    @property
    def currency(self) -> str:
        """ISO 4217 code of all amounts."""
        return str(bytes(self.pack.currency).decode("ascii", "replace"))

    @cached_property
    def screening(self) -> Screening | None:
        """The screening that the pack carries."""
        return read_screening(self.chain, self.pack_id)

    @cached_property
    def screened(self) -> Screening:
        """The screening; for sections that need one."""
        if self.screening is None:
            raise InvalidInputError(f"pack {self.pack_id}", got="no screening", expected="a screened pack")
        return self.screening

    @cached_property
    def monitoring(self) -> Monitoring | None:
        """The monitoring of the pack, once a period is closed."""
        return read_monitoring(self.chain, self.pack_id)

    @cached_property
    def monitored(self) -> Monitoring:
        """The monitoring; for sections that need one."""
        if self.monitoring is None:
            raise InvalidInputError(f"pack {self.pack_id}", got="no closed period", expected="a monitored pack")
        return self.monitoring

    @cached_property
    def measures(self) -> Mapping[int, Any]:
        """Measures ordered on the pool, by their numbers."""
        return read_measures(self.chain, self.pack_id)

    @cached_property
    def promise(self) -> Any | None:
        """The pack's promise as the ledger has it; None where there is none, or no ledger at this block."""
        try:
            promise = self.chain.call("PromiseLedger", "promiseOf", self.pack_id)
        except RefusedError:
            return None
        return promise if promise.status else None

    @cached_property
    def pack_file(self) -> PackFile:
        """The rows; RefusedError where the reader may not have them."""
        if self.reader is None:
            raise RefusedError("the report", "no account to read rows with", "give --keystore and --vault")
        return read_pack(self.chain, self.reader.vault, self.reader.identity, self.pack_id)

    @property
    def rows(self) -> Sequence[AssetRow]:
        """The loans in the order of the chain."""
        return self.pack_file.rows

    @cached_property
    def query_id(self) -> int:
        """The query that the scores were made from."""
        return int(self.chain.call("ScoringRounds", "round", self.screened.run.roundId).queryId)

    @cached_property
    def _answers(self) -> Answers | None:
        if self.reader is None or self.screening is None:
            return None
        try:
            return read_answers(
                self.chain,
                self.reader.vault,
                self.reader.identity,
                self.query_id,
                as_of_block=round_block(self.chain, self.screening.run.roundId),
            )
        except RefusedError:
            return None

    @property
    def answers(self) -> Answers:
        """The credit records that the scores were made from; RefusedError where they are not, or no more, to be had."""
        if self._answers is None:
            raise RefusedError("the vault", "the credit records are not sealed to this account, or erased since")
        return self._answers

    @cached_property
    def package(self) -> ModelPackage | None:
        """The files of the model that scored the pack, if they are here."""
        if self.screening is None or self.files.model is None:
            return None
        package = ModelPackage.load(self.files.model)
        registered = self.chain.call("RiskModelRegistry", "model", self.screening.run.modelId)
        return package if bytes(registered.manifestHash) == package.manifest_hash else None

    @cached_property
    def outcomes(self) -> Mapping[str, bool]:
        """Whether each loan defaulted in the end, by loan id, from a file of loan_id and defaulted (0 or 1)."""
        if self.files.outcomes is None:
            return {}
        found = _read_outcomes(self.files.outcomes)
        missing = sum(row.loan_id not in found for row in self.rows)
        if missing:
            raise InvalidInputError(
                str(self.files.outcomes), got=f"no line for {missing} loans", expected="one line a loan of the pack"
            )
        return found

    @cached_property
    def outcomes_name(self) -> str:
        """Name and hash of the file of outcomes."""
        return _name_and_hash(self.files.outcomes)

    @cached_property
    def book(self) -> Sequence[AssetRow]:
        """The loans of the originator's whole book, from a tape; whose they are is not kept."""
        if self.files.book is None:
            raise InvalidInputError("book", got="no file", expected="a tape of the whole book")
        mapping = load_mapping(self.files.book_mapping)
        table = read_table(self.files.book, ASSET_FIELDS, keys=ASSET_KEYS, unique=("loan_id",), mapping=mapping)
        columns = ["loan_id", *(field.name for field in ASSET_FIELDS)]
        lines = table.accepted(skip_bad_rows=False).select(columns).iter_rows()
        return [AssetRow(bytes(HANDLE_SIZE), loan_id, tuple(values)) for loan_id, *values in lines]

    @cached_property
    def book_name(self) -> str:
        """Name and hash of the book file."""
        return _name_and_hash(self.files.book)

    def available(self) -> frozenset[Need]:
        """Return which needs of sections are met."""
        given: tuple[tuple[Need, bool], ...] = (
            ("rows", self.reader is not None),
            ("records", self._answers is not None),
            ("model", self.package is not None),
            ("outcomes", self.files.outcomes is not None and self.reader is not None),
            ("book", self.files.book is not None),
        )
        met: set[Need] = {need for need, is_here in given if is_here and need in self.allowed}
        if self.screening is not None:
            met.add("screening")
        if self.monitoring is not None:
            met.add("monitoring")
        return frozenset(met)


def _read_outcomes(path: Path) -> dict[str, bool]:
    lines = list(csv.DictReader(_read(path).decode("utf-8-sig", "replace").splitlines()))
    if not lines or any(each.get("defaulted") not in ("0", "1") or not each.get("loan_id") for each in lines):
        raise InvalidInputError(str(path), got="another table", expected="CSV with loan_id and defaulted, 0 or 1")
    return {line["loan_id"]: line["defaulted"] == "1" for line in lines}


def _name_and_hash(path: Path | None) -> str:
    return f"{path.name} sha256:{hashlib.sha256(_read(path)).hexdigest()[:32]}" if path else ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error
