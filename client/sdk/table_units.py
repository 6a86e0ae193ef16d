"""Texts of a file to integers of a schema, a column at a time and without floats. Pure: no I/O.

Money must be exact to the cent; ratios are rounded half up to the ppm, because files carry them with the noise of
somebody's floating point (0.11220000000000001).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from client.sdk.table_mapping import TableField

_DIGITS_MAX = 12
"""Digits before the point; larger numbers are out of every field's range, and would leave an int64 when scaled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """How numbers of one unit are written, and their power of ten."""

    scale: int
    is_exact: bool
    prefix: str = ""
    suffix: str = ""
    digits: str = r"\d+"

    @property
    def pattern(self) -> str:
        return rf"^([+-]?){self.prefix}({self.digits})(?:\.(\d*))?{self.suffix}$"


_GROUPED = r"\d{1,3}(?:,\d{3})+|\d+"
_NUMBERS = {
    "cents": _Number(scale=0, is_exact=True),
    "dollars": _Number(scale=2, is_exact=True, prefix=r"\$?", digits=_GROUPED),
    "ppm": _Number(scale=0, is_exact=True),
    "percent": _Number(scale=4, is_exact=False, suffix=r"\s?%?"),
    "fraction": _Number(scale=6, is_exact=False),
    "months": _Number(scale=0, is_exact=True, suffix=r"(?:\s+months?)?"),
}
_PLAIN = _Number(scale=0, is_exact=True)


def convert(text: pl.Expr, spec: TableField, unit: str, words: Mapping[str, int] | None) -> tuple[pl.Expr, pl.Expr]:
    """Return the integers of a column of texts, and for each cell why it is not acceptable (null where it is).

    `text` is stripped and null where missing. `words` replaces the reading of numbers by a table of words.
    """
    if words is not None:
        value = text.replace_strict(dict(words), default=None, return_dtype=pl.Int64)
        unreadable, problem = value.is_null(), pl.lit("not a word of the mapping's [values]")
    elif spec.unit == "day" and unit != "day":
        value = _days(text, unit)
        unreadable, problem = value.is_null(), pl.lit(f"not a date ({unit})")
    else:
        value, unreadable, problem = _numbers(text, _NUMBERS.get(unit, _PLAIN))
    reason = (
        pl.when(text.is_null())
        .then(pl.lit(None if spec.nullable else "missing"))
        .when(unreadable)
        .then(problem)
        .when((value < 0) & (spec.minimum >= 0))
        .then(pl.lit("negative"))
        .when((value < spec.minimum) | (value > spec.maximum))
        .then(pl.lit(f"out of range, expected {spec.minimum} to {spec.maximum} ({spec.unit})"))
    )
    return value, reason


def _numbers(text: pl.Expr, form: _Number) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    groups = text.str.extract_groups(form.pattern)
    sign, digits, decimals = (groups.struct.field(str(number)) for number in (1, 2, 3))
    whole = digits.str.replace_all(",", "", literal=True).str.strip_chars_start("0")
    decimals = decimals.fill_null("")
    kept = (decimals + "0" * form.scale).str.slice(0, form.scale) if form.scale else pl.lit("0")
    rest = decimals.str.slice(form.scale)
    is_large = whole.str.len_bytes() > _DIGITS_MAX
    number = pl.when(is_large).then(None).otherwise(pl.concat_str(pl.lit("0"), whole)).cast(pl.Int64, strict=False)
    scaled = number * 10**form.scale + kept.cast(pl.Int64, strict=False)
    is_cut = rest.str.contains("[1-9]")
    if not form.is_exact:
        scaled = scaled + rest.str.contains("^[5-9]").cast(pl.Int64)
    value = pl.when(sign == "-").then(-scaled).otherwise(scaled)
    unreadable = digits.is_null() | is_large | (is_cut if form.is_exact else pl.lit(value=False))
    cut = "has a fraction of a cent" if form.scale else "not a whole number"
    problem = (
        pl.when(digits.is_null())
        .then(pl.lit("not a number"))
        .when(is_large)
        .then(pl.lit("out of range"))
        .otherwise(pl.lit(cut))
    )
    return value, unreadable, problem


def _days(text: pl.Expr, unit: str) -> pl.Expr:
    kind, _, pattern = unit.partition(":")
    form = pattern or "YYYY-MM-DD"
    for ours, theirs in (("YYYY", "%Y"), ("MMM", "%b"), ("MM", "%m"), ("DD", "%d")):
        form = form.replace(ours, theirs)
    if kind == "month":
        text, form = pl.lit("01 ") + text, "%d " + form
    return text.str.to_date(form, strict=False, exact=True).cast(pl.Int32).cast(pl.Int64)
