"""Texts of elements to typed columns; what is not as the format says becomes null and is noted. Pure: no I/O.

Decimal numbers become whole units of 10^-8, exactly as many places as the formats have; no float is involved.
"""

import polars as pl

from client.tapes.element import Element, Kind, TapeFormat
from client.tapes.findings import Effect, Findings
from client.tapes.source import LINE, RECORD_NUMBER

UNITS = 10**8
"""Units of an amount or ratio in 1."""

_YEAR_MIN, _YEAR_MAX = 1900, 2199
_NO_DATA = r"^(?:ND[1-3]|ND4-\d{4}-\d{2}-\d{2}|ND5)$"
_DTYPES = {
    Kind.TEXT: pl.String,
    Kind.INTEGER: pl.Int64,
    Kind.AMOUNT: pl.Int64,
    Kind.RATIO: pl.Int64,
    Kind.DATE: pl.Date,
    Kind.MONTH: pl.Date,
    Kind.BOOLEAN: pl.Boolean,
    Kind.CODE: pl.String,
}


def typed_elements(texts: pl.DataFrame, tape: TapeFormat, findings: Findings) -> pl.DataFrame:
    """Return LINE, RECORD_NUMBER and a typed column for every element of the format.

    Codes are texts, repeated codes lists of texts; see `Kind` for the others. A no-data code is null, and is counted.
    """
    given = [name for name in tape.elements if name in texts.columns]
    stripped = texts.with_columns(pl.col(given).str.strip_chars().replace("", None))
    if tape.has_no_data:
        stripped = _without_no_data(stripped, tape, given, findings)
    typed = stripped.select(LINE, RECORD_NUMBER, *(_typed(tape.elements[name], tape).alias(name) for name in given))
    for name in given:
        if typed[name].null_count() > stripped[name].null_count():
            wrong = stripped.filter(typed[name].is_null() & stripped[name].is_not_null())
            rows = wrong.select(LINE, RECORD_NUMBER, pl.col(name).alias("value"))
            expected = _expected(tape.elements[name], tape)
            findings.add_rows(rows, name, "invalid", expected=expected, effect=Effect.VALUE_LEFT_OUT)
    absent = [pl.lit(None, _dtype(element)).alias(name) for name, element in tape.elements.items() if name not in given]
    return typed.with_columns(absent)


def _typed(element: Element, tape: TapeFormat) -> pl.Expr:
    text = pl.col(element.name)
    match element.kind:
        case Kind.TEXT:
            return pl.when(text.str.len_chars() <= element.length).then(text)
        case Kind.INTEGER:
            whole = text.str.replace(r"\.0*$", "")
            return pl.when(whole.str.contains(r"^[+-]?[0-9]{1,8}$")).then(whole).cast(pl.Int64, strict=False)
        case Kind.AMOUNT | Kind.RATIO:
            return text.cast(pl.Decimal(38, 8), strict=False).to_physical().cast(pl.Int64, strict=False)
        case Kind.DATE:
            return _dated(text.str.to_date(tape.date_form, strict=False, exact=True))
        case Kind.MONTH:
            return _dated((pl.lit("01 ") + text).str.to_date(f"%d {tape.month_form}", strict=False, exact=True))
        case Kind.BOOLEAN:
            lower = text.str.to_lowercase()
            return lower.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
        case Kind.CODE:
            return _code(element)


def _dated(date: pl.Expr) -> pl.Expr:
    """Keep dates of the years that loans are of; a year may have a sign or five digits otherwise."""
    return pl.when(date.dt.year().is_between(_YEAR_MIN, _YEAR_MAX)).then(date)


def _code(element: Element) -> pl.Expr:
    text = pl.col(element.name)
    if not element.repeats:
        code = text.str.replace(r"\.0*$", "")
        return pl.when(code.is_in(element.codes)).then(code)
    codes = text.str.replace_all(r"\.0*\b", "").str.extract_all(r"[^\s,;|]+")
    return pl.when(codes.list.len() > 0, codes.list.set_difference(list(element.codes)).list.len() == 0).then(codes)


def _without_no_data(texts: pl.DataFrame, tape: TapeFormat, given: list[str], findings: Findings) -> pl.DataFrame:
    """Take the no-data codes out where they may stand; those that may not stay, and are invalid values."""
    for name in given:
        codes = texts[name]
        is_code = codes.str.contains(_NO_DATA).fill_null(value=False)
        if not is_code.any():
            continue
        letters = tape.elements[name].no_data.ljust(2, "N")
        is_last = codes == "ND5"
        allowed = is_code & ((is_last & (letters[1] == "Y")) | (~is_last & (letters[0] == "Y")))
        for code, count in codes.filter(allowed).str.slice(0, 3).value_counts(sort=True).iter_rows():
            findings.count_no_data(name, code, count)
        texts = texts.with_columns(pl.when(~allowed).then(pl.col(name)).alias(name))
    return texts


def _expected(element: Element, tape: TapeFormat) -> str:
    forms = {Kind.DATE: tape.date_form, Kind.MONTH: tape.month_form}
    form = forms.get(element.kind, "").replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")
    allowed = [codes for codes, letter in zip(("ND1 to ND4", "ND5"), element.no_data, strict=False) if letter == "Y"]
    return f"{element.expected} {form}".strip() + "".join(f", or {codes}" for codes in allowed)


def _dtype(element: Element) -> pl.DataType:
    dtype = _DTYPES[element.kind]()
    return pl.List(pl.String) if element.repeats else dtype
