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
    digits: str = "[0-9]+"

    @property
    def pattern(self) -> str:
        return rf"^([+-]?){self.prefix}({self.digits})(?:\.([0-9]*))?{self.suffix}$"


_GROUPED = "[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+"
_NUMBERS = {
    "cents": _Number(scale=0, is_exact=True),
    "dollars": _Number(scale=2, is_exact=True, prefix=r"\$?", digits=_GROUPED),
    "ppm": _Number(scale=0, is_exact=True),
    "percent": _Number(scale=4, is_exact=False, suffix=r"\s?%?"),
    "fraction": _Number(scale=6, is_exact=False),
    "months": _Number(scale=0, is_exact=True, suffix=r"(?:\s+months?)?"),
}
_PLAIN = _Number(scale=0, is_exact=True)


def convert(column: pl.Series, spec: TableField, unit: str, words: Mapping[str, int] | None) -> pl.DataFrame:
    """Return `value` (Int64) and `reason` (text, null where the value is acceptable) for each cell of a column.

    `column` has texts, stripped, null where missing. `words` replaces the reading of numbers by a table of words.
    Every distinct text is read once: tapes repeat their values, and patterns are the slow part.
    """
    cells = column.alias("text").to_frame()
    distinct = cells.unique()
    if words is not None:
        read = distinct.with_columns(
            value=pl.col("text").replace_strict(dict(words), default=None, return_dtype=pl.Int64)
        )
        problem = pl.lit("not a word of the mapping's [values]")
    elif spec.unit == "day" and unit != "day":
        read = distinct.with_columns(value=_days(pl.col("text"), unit))
        problem = pl.lit(f"not a date ({unit})")
    else:
        read, problem = _numbers(distinct, _NUMBERS.get(unit, _PLAIN))
    value = pl.col("value")
    reason = (
        pl.when(pl.col("text").is_null())
        .then(pl.lit(None if spec.nullable else "missing"))
        .when(value.is_null())
        .then(problem)
        .when((value < 0) & (spec.minimum >= 0))
        .then(pl.lit("negative"))
        .when((value < spec.minimum) | (value > spec.maximum))
        .then(pl.lit(f"out of range, expected {spec.minimum} to {spec.maximum} ({spec.unit})"))
    )
    read = read.select("text", "value", reason.cast(pl.String).alias("reason"))
    return cells.join(read, on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")


def _numbers(distinct: pl.DataFrame, form: _Number) -> tuple[pl.DataFrame, pl.Expr]:
    """Return the frame with `value`, null where there is no number to take, and the expression that says why."""
    read = distinct.with_columns(pl.col("text").str.extract_groups(form.pattern).alias("groups")).with_columns(
        sign=pl.col("groups").struct[0],
        whole=pl.col("groups").struct[1].str.replace_all(",", "", literal=True).str.strip_chars_start("0"),
        decimals=pl.col("groups").struct[2].fill_null("") + "0" * form.scale,
    )
    kept = pl.concat_str(pl.lit("0"), pl.col("decimals").str.slice(0, form.scale)).cast(pl.Int64)
    rest = pl.col("decimals").str.slice(form.scale)
    is_large = pl.col("whole").str.len_bytes() > _DIGITS_MAX
    is_cut = rest.str.contains("[1-9]") if form.is_exact else pl.lit(value=False)
    whole = pl.when(~is_large).then(pl.concat_str(pl.lit("0"), pl.col("whole"))).cast(pl.Int64)
    scaled = whole * 10**form.scale + kept + (0 if form.is_exact else rest.str.contains("^[5-9]").cast(pl.Int64))
    signed = pl.when(pl.col("sign") == "-").then(-scaled).otherwise(scaled)
    problem = (
        pl.when(pl.col("whole").is_null())
        .then(pl.lit("not a number"))
        .when(is_large)
        .then(pl.lit("out of range"))
        .otherwise(pl.lit("has a fraction of a cent" if form.scale else "not a whole number"))
    )
    read = read.with_columns(value=pl.when(~is_cut).then(signed))
    return read.with_columns(problem=problem), pl.col("problem")


def _days(text: pl.Expr, unit: str) -> pl.Expr:
    kind, _, pattern = unit.partition(":")
    form = pattern or "YYYY-MM-DD"
    for ours, theirs in (("YYYY", "%Y"), ("MMM", "%b"), ("MM", "%m"), ("DD", "%d")):
        form = form.replace(ours, theirs)
    if kind == "month":
        text, form = pl.lit("01 ") + text, "%d " + form
    return text.str.to_date(form, strict=False, exact=True).cast(pl.Int32).cast(pl.Int64)
