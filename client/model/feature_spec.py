"""From raw integer records to the integer features of the network, by three operations.

`ratio`: num * 10^6 / den, truncating toward zero; missing when an operand is missing or den is 0. `lookup`: the value
of the bin a number falls into; bins are separated by sorted cuts, a cut belongs to the bin above it. `missing flag`:
a fixed value when the number is missing, else 0. Nothing here depends on the machine: a contract can execute the same
bytes. Clamp rules: a raw input is first clamped to the range its `Input` declares; both operands of a ratio are
clamped to ±RATIO_LIMIT, so that every product fits an int64. No I/O, no floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cbor2
import numpy as np
from eth_hash.auto import keccak

from client.model.arithmetic import Int64Array, ratio_ppm
from client.model.errors import RecordShapeError, SpecError
from client.model.schema import MISSING

_FORMAT: Final = "tranchain-feature-spec-1"
_LOOKUP, _FLAG = 1, 2


@dataclass(frozen=True, slots=True)
class Input:
    """A raw field and the range it is clamped to before use."""

    name: str
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A named number made of two earlier ones (inputs or ratios)."""

    name: str
    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A feature: `values[number of cuts <= source]`, or `missing` when the source is missing."""

    source: str
    cuts: tuple[int, ...]
    values: tuple[int, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class MissingFlag:
    """A feature: `value` when the source is missing, else 0."""

    source: str
    value: int


Feature = Lookup | MissingFlag


@dataclass(frozen=True)
class FeatureSpec:
    """What is computed of a raw record, in order; checked when made.

    Raises:
        SpecError: unknown or repeated names, unsorted cuts, wrong table lengths, numbers that are not int64.
    """

    inputs: tuple[Input, ...]
    ratios: tuple[Ratio, ...]
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        known: set[str] = set()
        for item in self.inputs:
            _define(known, item.name)
            _check_integers(item.name, (item.minimum, item.maximum))
            if not MISSING < item.minimum <= item.maximum:
                got = f"{item.minimum} to {item.maximum}"
                raise SpecError(part=item.name, got=got, expected="a range above MISSING")
        for ratio in self.ratios:
            _require(known, ratio.numerator)
            _require(known, ratio.denominator)
            _define(known, ratio.name)
        for feature in self.features:
            _require(known, feature.source)
            if isinstance(feature, Lookup):
                _check_lookup(feature)
            else:
                _check_integers(feature.source, (feature.value,))

    @property
    def canonical_bytes(self) -> bytes:
        """The one encoding of this spec: deterministic CBOR (RFC 8949, 4.2.1) of arrays, integers and text."""
        rows = [
            [_LOOKUP, f.source, list(f.cuts), list(f.values), f.missing]
            if isinstance(f, Lookup)
            else [_FLAG, f.source, f.value]
            for f in self.features
        ]
        inputs = [[i.name, i.minimum, i.maximum] for i in self.inputs]
        ratios = [[r.name, r.numerator, r.denominator] for r in self.ratios]
        return cbor2.dumps([_FORMAT, inputs, ratios, rows], canonical=True)

    @property
    def digest(self) -> bytes:
        """keccak256 of the canonical bytes, 32 bytes; what the chain records."""
        return keccak(self.canonical_bytes)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "FeatureSpec":
        """Decode canonical bytes.

        Raises:
            SpecError: not a feature spec, or not its canonical encoding.
        """
        try:
            tag, inputs, ratios, features = cbor2.loads(encoded)
            spec = cls(
                inputs=tuple(Input(*row) for row in inputs),
                ratios=tuple(Ratio(*row) for row in ratios),
                features=tuple(_feature_from(row) for row in features),
            )
        except (cbor2.CBORDecodeError, TypeError, ValueError) as error:
            raise SpecError(part="feature spec", got=str(error), expected=_FORMAT) from error
        if tag != _FORMAT or spec.canonical_bytes != encoded:
            raise SpecError(part="feature spec", got=f"{tag!r} in another encoding", expected=f"canonical {_FORMAT}")
        return spec

    @property
    def feature_limit(self) -> int:
        """Largest absolute value any feature can take."""
        values = [(*f.values, f.missing) if isinstance(f, Lookup) else (f.value,) for f in self.features]
        return max((abs(value) for row in values for value in row), default=0)

    @cached_property
    def tables(self) -> tuple["SourceTable", ...]:
        """All features, gathered by the number they are made of; sources in the order in which features name them."""
        sources = dict.fromkeys(feature.source for feature in self.features)
        return tuple(SourceTable.build(source, self.features) for source in sources)

    def numbers(self, columns: Mapping[str, Int64Array]) -> dict[str, Int64Array]:
        """Compute the clamped inputs and the ratios.

        Args:
            columns: int64 arrays of equal length by field name; MISSING where unknown. Other fields are ignored.

        Raises:
            RecordShapeError: as for `row_count`.
        """
        self.row_count(columns)
        numbers: dict[str, Int64Array] = {}
        for item in self.inputs:
            raw = columns[item.name]
            numbers[item.name] = np.where(raw == MISSING, MISSING, np.clip(raw, item.minimum, item.maximum))
        for ratio in self.ratios:
            numbers[ratio.name] = ratio_ppm(numbers[ratio.numerator], numbers[ratio.denominator])
        return numbers

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the raw fields the spec reads."""
        return tuple(item.name for item in self.inputs)

    def row_count(self, columns: Mapping[str, Int64Array]) -> int:
        """Check the columns and return their length.

        Raises:
            RecordShapeError: a field is absent, not a one-dimensional int64 array, or of another length.
        """
        return _check_columns(columns, self.input_names)

    def features_of(self, columns: Mapping[str, Int64Array]) -> Int64Array:
        """Compute the features.

        Args:
            columns: as for `numbers`.

        Returns:
            int64, shape (assets, features), C order; rows in the order of the columns.

        Raises:
            RecordShapeError: as for `row_count`.
        """
        numbers = self.numbers(columns)
        matrix = np.empty((self.row_count(columns), len(self.features)), dtype=np.int64)
        for table in self.tables:
            matrix[:, table.columns] = table.rows[table.bins(numbers[table.source])]
        return matrix


@dataclass(frozen=True, slots=True)
class SourceTable:
    """All features of one source as one table: a row per bin, the last row for missing."""

    source: str
    """Name of the input or ratio."""
    cuts: Int64Array
    """Cuts of all its features together, rising."""
    rows: Int64Array
    """Shape (cuts + 2, features of the source): a row per bin, the last one for missing."""
    columns: slice | list[int]
    """Where its features are in the feature matrix."""

    @classmethod
    def build(cls, source: str, features: Sequence[Feature]) -> "SourceTable":
        """Gather the features of one source."""
        chosen = [index for index, feature in enumerate(features) if feature.source == source]
        cuts = sorted({cut for index in chosen for cut in getattr(features[index], "cuts", ())})
        rows = np.zeros((len(cuts) + 2, len(chosen)), dtype=np.int64)
        starts = np.array([MISSING + 1, *cuts], dtype=np.int64)
        for position, index in enumerate(chosen):
            feature = features[index]
            if isinstance(feature, Lookup):
                own = np.searchsorted(np.array(feature.cuts, dtype=np.int64), starts, side="right")
                rows[:-1, position] = np.array(feature.values, dtype=np.int64)[own]
                rows[-1, position] = feature.missing
            else:
                rows[-1, position] = feature.value
        adjacent = chosen == list(range(chosen[0], chosen[0] + len(chosen)))
        columns: slice | list[int] = slice(chosen[0], chosen[0] + len(chosen)) if adjacent else chosen
        return cls(source=source, cuts=np.array(cuts, dtype=np.int64), rows=rows, columns=columns)

    def bins(self, numbers: Int64Array) -> Int64Array:
        """Return the row of each number."""
        found = np.searchsorted(self.cuts, numbers, side="right")
        found[numbers == MISSING] = len(self.cuts) + 1
        return found


def _define(known: set[str], name: Any) -> None:
    if not isinstance(name, str) or name in known:
        raise SpecError(part="name", got=repr(name), expected="a new name")
    known.add(name)


def _require(known: set[str], name: str) -> None:
    if name not in known:
        raise SpecError(part="source", got=repr(name), expected="an input or an earlier ratio")


def _check_integers(part: str, values: Sequence[Any]) -> None:
    for value in values:
        if type(value) is not int or not MISSING <= value < -MISSING:
            raise SpecError(part=part, got=repr(value), expected="integers of 64 bits")


def _check_lookup(feature: Lookup) -> None:
    _check_integers(feature.source, (*feature.cuts, *feature.values, feature.missing))
    if len(feature.values) != len(feature.cuts) + 1:
        raise SpecError(
            part=feature.source, got=f"{len(feature.values)} values", expected=f"{len(feature.cuts) + 1}, cuts + 1"
        )
    if any(low >= high for low, high in zip(feature.cuts, feature.cuts[1:], strict=False)):
        raise SpecError(part=feature.source, got="unsorted cuts", expected="strictly rising cuts")


def _feature_from(row: list[Any]) -> Feature:
    kind, *rest = row
    if kind == _FLAG:
        return MissingFlag(*rest)
    if kind != _LOOKUP:
        raise ValueError(f"feature kind {kind!r}")
    source, cuts, values, missing = rest
    return Lookup(source, tuple(cuts), tuple(values), missing)


def _check_columns(columns: Mapping[str, Any], names: Sequence[str]) -> int:
    row_count: int | None = None
    for name in names:
        column = columns.get(name)
        if column is None:
            raise RecordShapeError(subject=name, got="no such column", expected="an int64 column")
        if not isinstance(column, np.ndarray) or column.dtype != np.int64 or column.ndim != 1:
            got = f"{column.dtype} {column.shape}" if isinstance(column, np.ndarray) else type(column).__name__
            raise RecordShapeError(subject=name, got=got, expected="a one-dimensional int64 array")
        if row_count is not None and len(column) != row_count:
            raise RecordShapeError(subject=name, got=f"{len(column)} rows", expected=f"{row_count} rows")
        row_count = len(column)
    return row_count or 0
