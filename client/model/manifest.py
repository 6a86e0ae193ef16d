"""A model package: the committed files of one model version, checked against each other, ready to score.

`manifest.json` names every other file with its keccak256; its own hash and that of `model.onnx` are on chain. Loading
refuses a package in which anything differs.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from client.model.arithmetic import Int64Array
from client.model.calibration import (
    LEVEL_COUNT,
    MARGIN_FLOOR_PPM,
    SCORE_COUNT,
    by_level,
    monotone_pd_ppm,
    scores_of,
)
from client.model.committed import DEFAULT_MODEL
from client.model.errors import ArtifactError, RecordShapeError
from client.model.executor_numpy import Executor, NumpyExecutor
from client.model.executor_onnx import OnnxExecutor
from client.model.feature_spec import FeatureSpec
from client.model.network import Network
from client.model.program import compile_program
from client.model.schema import FIELDS, SCHEMA_VERSION

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
NETWORK: Final = "network.cbor"
FEATURE_SPEC: Final = "feature_spec.cbor"
MODEL_CARD: Final = "model_card.md"
PROGRAM: Final = "program"
FILES: Final = (MODEL, NETWORK, FEATURE_SPEC, MODEL_CARD)

THREADS: Final = 2
"""Blocks scored at the same time; numpy and onnxruntime release the interpreter lock."""
_BLOCK_ROWS: Final = 4_096
"""Rows scored at a time: features and hidden layer stay in the processor's cache."""

FORMAT: Final = "tranchain-model-1"
OWN_RECORDS: Final = 0
"""Schema version of a package that reads fields of its own: it scores no assets of packs."""

Count = Annotated[int, Field(ge=0)]
Ppm = Annotated[int, Field(ge=0, le=10_000_000)]
PerScore = Annotated[tuple[Count, ...], Field(min_length=SCORE_COUNT, max_length=SCORE_COUNT)]
PerLevel = Annotated[tuple[Count, ...], Field(min_length=LEVEL_COUNT, max_length=LEVEL_COUNT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    """One file of the package."""

    bytes: int
    keccak256: str


class RawField(_Part):
    """A raw field the model reads: its name and unit in the schema or of its own, and who knows it."""

    name: str
    kind: Literal["asset", "credit"]
    unit: str


class Counts(_Part):
    """Loans and defaults per score and per level, of loans the scoring network never saw."""

    basis: str
    totals: PerScore
    defaults: PerScore
    level_totals: PerLevel
    level_defaults: PerLevel


class Training(_Part):
    """What the package was made from."""

    data_sha256: str
    features_sha256: str
    """Of what the feature file says, whatever its comments."""
    issue_years: tuple[int, int] | None
    """None where the data has no time column."""
    loans: int
    seed: int
    packages: dict[str, str]


class Manifest(_Part):
    """Contents of `manifest.json`."""

    format: Literal["tranchain-model-1"]
    name: str
    version: int
    schema_version: int
    default_definition: str
    files: dict[str, FileEntry]
    program: FileEntry
    """What the contract executes; compiled of the other parts, so it is no file of its own."""
    raw_fields: tuple[RawField, ...]
    cut_points: Annotated[tuple[int, ...], Field(min_length=SCORE_COUNT - 1, max_length=SCORE_COUNT - 1)]
    pd_ppm: Annotated[tuple[Ppm, ...], Field(min_length=SCORE_COUNT, max_length=SCORE_COUNT)]
    margin_ppm: Annotated[
        tuple[Annotated[int, Field(ge=MARGIN_FLOOR_PPM)], ...], Field(min_length=LEVEL_COUNT, max_length=LEVEL_COUNT)
    ]
    calibration: Counts
    validation: Counts
    training: Training


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """A loaded model version. Everything the chain records about it is an attribute."""

    manifest: Manifest
    model_hash: bytes
    """keccak256 of the bytes of `model.onnx`."""
    manifest_hash: bytes
    """keccak256 of the bytes of `manifest.json`."""
    feature_spec: FeatureSpec
    network: Network
    program: bytes
    """What RiskModel executes on chain."""
    executor: Executor

    @classmethod
    def load(cls, directory: Path = DEFAULT_MODEL, *, executor: Literal["onnx", "numpy"] = "onnx") -> "ModelPackage":
        """Read and check a package.

        Raises:
            ArtifactError: a file is absent or differs from its hash, or the manifest contradicts itself or the code.
            SpecError: a feature spec or network that breaks its own rules, or is too large for the chain.
        """
        manifest_bytes = _read(directory / MANIFEST)
        manifest = _parse(manifest_bytes)
        files = {name: _read(directory / name) for name in FILES}
        for name, content in files.items():
            _check_file(name, content, manifest.files.get(name))
        spec = FeatureSpec.from_bytes(files[FEATURE_SPEC])
        network = Network.from_bytes(files[NETWORK])
        _check_manifest(manifest, spec, network)
        program = compile_program(spec, network, manifest.cut_points)
        _check_file(PROGRAM, program, manifest.program)
        return cls(
            manifest=manifest,
            model_hash=keccak(files[MODEL]),
            manifest_hash=keccak(manifest_bytes),
            feature_spec=spec,
            network=network,
            program=program,
            executor=NumpyExecutor(network)
            if executor == "numpy"
            else OnnxExecutor(files[MODEL], feature_limit=network.feature_limit),
        )

    @property
    def feature_spec_hash(self) -> bytes:
        """keccak256 of the canonical bytes of the feature spec."""
        return self.feature_spec.digest

    @property
    def program_hash(self) -> bytes:
        """keccak256 of the program; members vote on it with the other hashes."""
        return keccak(self.program)

    @property
    def network_hash(self) -> bytes:
        """keccak256 of the canonical bytes of the integer weights."""
        return self.network.digest

    def check_scores_assets(self) -> None:
        """Raise RecordShapeError for a package that reads fields of its own, and so no assets of packs."""
        if self.manifest.schema_version == OWN_RECORDS:
            got = f"{self.manifest.name}, which reads fields of its own"
            raise RecordShapeError(subject="model", got=got, expected=f"a package of schema version {SCHEMA_VERSION}")

    @property
    def pd_ppm(self) -> tuple[int, ...]:
        """Probability of default of scores 1 to 100, never falling."""
        return self.manifest.pd_ppm

    @property
    def margin_ppm(self) -> tuple[int, ...]:
        """Prudence margin on PD of levels 1 to 10, each at least 1 050 000."""
        return self.manifest.margin_ppm

    @property
    def totals(self) -> tuple[int, ...]:
        """Loans per score that the PD rests on."""
        return self.manifest.calibration.totals

    @property
    def defaults(self) -> tuple[int, ...]:
        """How many of `totals` defaulted."""
        return self.manifest.calibration.defaults

    def score(self, columns: Mapping[str, Int64Array]) -> NDArray[np.uint8]:
        """Score raw records.

        Args:
            columns: int64 arrays of equal length by field name, MISSING where unknown (`records.columns_of` makes
                them); fields the model does not read are ignored.

        Returns:
            Scores 1 to 100, one per row, in the order of the rows.

        Raises:
            RecordShapeError: a field is absent, of another type or length.
        """
        cut_points = np.array(self.manifest.cut_points, dtype=np.int64)
        row_count = self.feature_spec.row_count(columns)
        scores = np.empty(row_count, dtype=np.uint8)

        def score_block(start: int) -> None:
            block = {name: columns[name][start : start + _BLOCK_ROWS] for name in self.feature_spec.input_names}
            outputs = self.executor.outputs(self.feature_spec.features_of(block))
            scores[start : start + _BLOCK_ROWS] = scores_of(outputs, cut_points)

        with ThreadPoolExecutor(max_workers=THREADS) as workers:
            for _ in workers.map(score_block, range(0, row_count, _BLOCK_ROWS)):
                pass
        return scores


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(file=str(path), got=error.strerror or "unreadable", expected="a readable file") from error


def _parse(content: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(file=MANIFEST, got=f"{where}: {first['msg']}", expected=f"a {FORMAT} manifest") from error


def _check_file(name: str, content: bytes, entry: FileEntry | None) -> None:
    got = keccak(content).hex()
    if entry is None:
        raise ArtifactError(file=name, got="no entry in the manifest", expected="its keccak256")
    if got != entry.keccak256 or len(content) != entry.bytes:
        raise ArtifactError(
            file=name,
            got=f"keccak256 {got} ({len(content)} bytes)",
            expected=f"{entry.keccak256} ({entry.bytes} bytes)",
        )


def _check_manifest(manifest: Manifest, spec: FeatureSpec, network: Network) -> None:
    for counts in (manifest.calibration, manifest.validation):
        if by_level(counts.totals) != counts.level_totals or by_level(counts.defaults) != counts.level_defaults:
            raise ArtifactError(file=MANIFEST, got=f"{counts.basis}: levels", expected="the sums of their scores")
    facts: dict[str, tuple[object, object]] = {
        "cut_points": (manifest.cut_points, tuple(sorted(set(manifest.cut_points)))),
        "pd_ppm": (manifest.pd_ppm, monotone_pd_ppm(manifest.calibration.totals, manifest.calibration.defaults)),
        "features": (len(spec.features), network.feature_count),
        "feature_limit": (spec.feature_limit, network.feature_limit),
        "raw_fields": (tuple(field.name for field in manifest.raw_fields), spec.input_names),
    }
    if manifest.schema_version != OWN_RECORDS:
        facts["schema_version"] = (manifest.schema_version, SCHEMA_VERSION)
        facts["raw_fields"] = (manifest.raw_fields, raw_fields_of(spec))
    for name, (got, expected) in facts.items():
        if got != expected:
            raise ArtifactError(file=MANIFEST, got=f"{name} {got}", expected=str(expected))


def raw_fields_of(spec: FeatureSpec) -> tuple[RawField, ...]:
    """List the raw fields a feature spec reads, in its order.

    Raises:
        ArtifactError: the spec reads a field that the schema does not have.
    """
    for item in spec.inputs:
        if item.name not in FIELDS:
            raise ArtifactError(file=FEATURE_SPEC, got=f"field {item.name!r}", expected="fields of the schema")
    fields = [FIELDS[item.name] for item in spec.inputs]
    return tuple(RawField(name=field.name, kind=field.kind, unit=field.unit) for field in fields)
