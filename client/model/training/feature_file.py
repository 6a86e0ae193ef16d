"""Feature files: which data a model is trained on and how, as TOML. The fields and their meaning: docs/model.md.

A file either names a schema version, then its fields are those of `client.model.schema`; or it declares fields of its
own with kind, unit and range, then the package scores records of that kind and no asset of a pack.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from client.model.errors import FeatureFileError
from client.model.feature_spec import Input, Ratio
from client.model.manifest import RawField
from client.model.schema import CODE_TABLES, FIELDS, SCHEMA_VERSION
from client.model.training.design import Design, Source, Start

FORMAT: Final = "tranchain-features-1"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Year = Annotated[int, Field(ge=1970, le=2169)]
Words = Annotated[tuple[str, ...], Field(min_length=1)]
_NEEDS: Final = {
    "number": {"column"},
    "percent": {"column"},
    "fraction": {"column"},
    "date": {"column", "pattern"},
    "months_since": {"column", "since", "pattern"},
    "category": {"column", "codes"},
    "code": {"column"},
    "constant": {"value"},
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldEntry(_Part):
    """A raw field and how it is read from the data."""

    name: Name
    read: Literal["number", "percent", "fraction", "date", "months_since", "category", "code", "constant"]
    """`code`: words are the names of the schema's own table of codes."""
    column: str | None = None
    scale: Annotated[int, Field(ge=1)] = 1
    """What a `number` is multiplied by to be in the field's unit."""
    pattern: str | None = None
    """Of dates, made of YYYY, MM, MMM (Jan), DD."""
    since: str | None = None
    """Column of the earlier date of `months_since`."""
    codes: dict[str, int] | None = None
    """Code of each word of a `category`."""
    value: int | None = None
    """Of a `constant`."""
    kind: Literal["asset", "credit"] | None = None
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="after")
    def _has_what_its_reading_needs(self) -> Self:
        given = {name for name in ("column", "pattern", "since", "codes", "value") if getattr(self, name) is not None}
        if given != _NEEDS[self.read]:
            raise ValueError(f"{self.name}: {self.read} takes {' and '.join(sorted(_NEEDS[self.read]))}")
        return self

    @property
    def words(self) -> dict[str, int]:
        """Code of each word, of a category or by the schema's table."""
        return self.codes if self.codes is not None else dict(CODE_TABLES[self.name])


class Label(_Part):
    """Which loans are bad, by the words of one column; any other word is an error."""

    column: str
    bad: Words
    good: Words


class Known(_Part):
    """When a default was on the books: some months after a date of the row, or of its issue where that is missing."""

    column: str
    months_later: Annotated[int, Field(ge=0)]


class Time(_Part):
    """The time column, and which years serve for what."""

    column: str
    pattern: str
    train_years: tuple[Year, Year]
    test_years: tuple[Year, Year]
    first_walk_forward_year: Year
    known: Known | None = None
    seasoned_months: Annotated[int, Field(ge=0)] = 12
    """A loan younger than this says too little about default to be called good."""

    @property
    def trained_on(self) -> str:
        """The training years as text."""
        return _years_text(self.train_years)

    @property
    def tested_on(self) -> str:
        """The test years as text."""
        return _years_text(self.test_years)


class Factor(_Part):
    """A factor on the weight of rows that have one of the words in a column."""

    column: str
    words: Words
    factor: Annotated[float, Field(ge=0, le=1)]


class Weights(_Part):
    """Weights of rows in training."""

    recency: Annotated[tuple[float, ...], Field(min_length=1)] = (1.0,)
    factors: tuple[Factor, ...] = ()


class Numeric(_Part):
    """A field or ratio that becomes features; see `Source`."""

    name: Name
    log: bool = False
    direction: Literal[-1, 0, 1] = 0
    evidence: bool = True
    flag: bool = True


class RatioEntry(_Part):
    """A named quotient in ppm of two fields or earlier ratios."""

    name: Name
    numerator: Name
    denominator: Name


class Packs(_Part):
    """The packs that the card draws to see how often a promise would have been broken."""

    loans: Annotated[int, Field(ge=100)]
    targets_ppm: Annotated[tuple[int, ...], Field(min_length=1)]
    balance: Name


class Trees(_Part):
    """Settings of the recipe that depend on how many loans there are."""

    leaf_loans: Annotated[int, Field(ge=1)] = 100
    penalty: Annotated[float, Field(gt=0)] = 1e-4
    start: Start = "normal"


class FeatureFile(_Part):
    """A feature file as read and checked."""

    format: Literal["tranchain-features-1"]
    name: Name
    version: Annotated[int, Field(ge=1)]
    schema_version: int | None = None
    about: str
    """What the model card says first."""
    default_definition: str
    limits: tuple[str, ...] = ()
    """What the model card says of this data beside the general limits."""
    missing: tuple[str, ...] = ("",)
    """Texts that mean: not known."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of a seeded random split that is kept for the test, where there is no time column."""
    label: Label
    time: Time | None = None
    weights: Weights = Weights()
    recipe: Trees = Trees()
    packs: Packs | None = None
    fields: Annotated[tuple[FieldEntry, ...], Field(min_length=1)]
    ratios: tuple[RatioEntry, ...] = ()
    numeric: tuple[Numeric, ...] = ()
    categorical: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [entry.name for entry in self.fields]
        if len(set(names)) < len(names):
            raise ValueError(f"fields: {max(names, key=names.count)} twice")
        for entry in self.fields:
            _check_declaration(entry, self.schema_version)
        known = set(names)
        for ratio in self.ratios:
            _require(known, ratio.numerator, ratio.denominator)
            known.add(ratio.name)
        _require(known, *(source.name for source in self.numeric))
        _require(set(names), *self.categorical, *([self.packs.balance] if self.packs else []))
        if not (self.numeric or self.categorical):
            raise ValueError("no features: neither numeric nor categorical")
        if self.time and not self.time.train_years[0] <= self.time.train_years[1] < self.time.test_years[0]:
            raise ValueError("time: train_years must come before test_years")
        return self

    @property
    def content_sha256(self) -> str:
        """SHA-256 of what the file says, whatever its comments and layout."""
        without = {"recipe": {"start"}} if self.recipe.start == "normal" else None  # packages from before it stay equal
        return hashlib.sha256(self.model_dump_json(exclude=without).encode()).hexdigest()

    def raw_field(self, name: str) -> RawField:
        """Return a field as the manifest of the package lists it."""
        kind, unit, _, _ = self._declaration(name)
        return RawField(name=name, kind=kind, unit=unit)

    def design(self) -> Design:
        """Return what encoder, teacher and student need."""
        computed = {ratio.name for ratio in self.ratios}
        used = {source.name for source in self.numeric} | set(self.categorical)
        used |= {operand for ratio in self.ratios for operand in (ratio.numerator, ratio.denominator)}
        inputs = [entry.name for entry in self.fields if entry.name in used - computed]
        return Design(
            inputs=tuple(Input(name, *self._declaration(name)[2:]) for name in inputs),
            ratios=tuple(Ratio(each.name, each.numerator, each.denominator) for each in self.ratios),
            numeric=tuple(
                Source(name=s.name, logarithmic=s.log, direction=s.direction, evidence=s.evidence, flag=s.flag)
                for s in self.numeric
            ),
            categorical=self.categorical,
            recency=self.weights.recency,
            leaf_loans=self.recipe.leaf_loans,
            penalty=self.recipe.penalty,
            start=self.recipe.start,
        )

    def _declaration(self, name: str) -> tuple[Any, str, int, int]:
        if self.schema_version is not None:
            field = FIELDS[name]
            return field.kind, field.unit, field.minimum, field.maximum
        entry = next(entry for entry in self.fields if entry.name == name)
        return entry.kind, str(entry.unit), int(entry.minimum or 0), int(entry.maximum or 0)


def load_feature_file(path: Path) -> FeatureFile:
    """Read a feature file.

    Raises:
        FeatureFileError: it cannot be read, is no TOML, or breaks a rule; the message says which.
    """
    try:
        return FeatureFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise FeatureFileError(file=str(path), problem=error.strerror or "cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FeatureFileError(file=str(path), problem=f"{where}: {first['msg']}".removeprefix(": ")) from error
    except ValueError as error:
        raise FeatureFileError(file=str(path), problem=f"no TOML: {error}") from error


def _years_text(years: tuple[int, int]) -> str:
    return str(years[0]) if years[0] == years[1] else f"{years[0]}-{years[1]}"


def _check_declaration(entry: FieldEntry, schema_version: int | None) -> None:
    own = (entry.kind, entry.unit, entry.minimum, entry.maximum)
    if schema_version is None:
        if None in own or entry.minimum > entry.maximum:  # type: ignore[operator]  # None is looked for first
            raise ValueError(f"{entry.name}: a field of the file's own needs kind, unit, minimum <= maximum")
        if entry.read == "code":
            raise ValueError(f"{entry.name}: code reads the schema's words, and this file names no schema_version")
        return
    if schema_version != SCHEMA_VERSION:
        raise ValueError(f"schema_version: got {schema_version}, expected {SCHEMA_VERSION}")
    if entry.name not in FIELDS:
        raise ValueError(f"{entry.name}: no field of schema {schema_version}")
    if own != (None,) * 4:
        raise ValueError(f"{entry.name}: kind, unit and range are those of the schema")
    if entry.read == "code" and entry.name not in CODE_TABLES:
        raise ValueError(f"{entry.name}: the schema has no codes for it")


def _require(known: set[str], *names: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{name}: neither a field nor an earlier ratio")
