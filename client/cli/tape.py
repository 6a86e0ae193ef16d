"""`tranchain tape`: tapes as markets publish them, checked and turned into the project's tables. Talks to no chain."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.sdk.errors import InvalidInputError
from client.tapes.detect import FormatName
from client.tapes.importer import TapeReport, check_tapes, import_tapes

app = typer.Typer(name="tape", help="Loan tapes of the SEC and ESMA: check and import.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="XML or CSV files, plain or .gz; months in any order.")]
Form = Annotated[FormatName, typer.Option("--format", help="What the files must be; auto finds it out.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write the whole report here, as JSON with examples.")]


@app.command()
def check(context: typer.Context, files: Files, form: Form = FormatName.AUTO, report: Report = None) -> None:
    """Read tapes and say what is wrong with them, field by field; writes no table.

    Exit code 1 when a record cannot be taken.

    Example: tranchain tape check exh102_2020_07.xml
    """
    console = session_of(context).console
    with console.progress("reading") as bar:
        found, _ = check_tapes(files, form=form, today=_today(), progress=bar.advance)
    _write_report(found, report)
    console.result(_shown(found), title="Tape")
    if found.left_out_count:
        raise _left_out(found, "see the findings")


@app.command(name="import")
def import_(
    context: typer.Context,
    files: Files,
    out: Annotated[Path, typer.Option(help="Directory for the tables.")],
    form: Form = FormatName.AUTO,
    report: Report = None,
    cut_off: Annotated[
        str | None, typer.Option(help="Month of the tape of loans, YYYY-MM; default: the first.")
    ] = None,
    deal: Annotated[
        str | None, typer.Option(help="Put before every loan id; asset numbers repeat across deals.")
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet instead of CSV.")] = False,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out what cannot be taken.")] = False,
) -> None:
    """Turn tapes into a tape of loans, a bureau's file of the scores on it, and period rows for the servicer.

    Example: tranchain tape import exh102_2020_*.xml --out tables --deal WOSAT-2020-A
    """
    console = session_of(context).console
    with console.progress("importing") as bar:
        found, tables = import_tapes(
            files,
            out,
            form=form,
            today=_today(),
            progress=bar.advance,
            cut_off=_month(cut_off),
            deal=deal,
            as_parquet=parquet,
            skip_bad_rows=skip_bad_rows,
        )
    _write_report(found, report)
    if tables is None:
        console.result(_shown(found), title="Tape")
        raise _left_out(found, "correct the tape, or take the rest with --skip-bad-rows")
    made = {
        "loans": str(tables.loans),
        "loans_count": tables.loan_count,
        "cut_off": tables.cut_off,
        "credit_files": str(tables.credit_files) if tables.credit_files else None,
        "credit_files_count": tables.credit_file_count,
        "periods": str(tables.periods),
        "period_rows_count": tables.period_row_count,
    }
    console.result(made | _shown(found), title="Imported tape")


def _shown(found: TapeReport) -> dict[str, object]:
    """The report without values of the tape, as a person reads it; `--report` has everything."""
    findings = [
        {
            "file": file.path.name,
            "field": finding.field,
            "problem": finding.problem,
            "count": finding.count,
            "effect": finding.effect.value,
            "expected": finding.expected,
            "first_lines": ", ".join(str(example.line) for example in finding.examples),
        }
        for file in found.files
        for finding in file.findings
    ]
    files: Sequence[dict[str, object]] = [
        {
            "file": file.path.name,
            "format": str(file.format),
            "records_count": file.record_count,
            "taken_count": file.taken_count,
            "elements_without_a_place": len(file.count_by_unused),
            "no_data_count": sum(sum(reasons.values()) for reasons in file.findings.no_data.values()),
            **{f"unit_of_{name}": unit for name, unit in file.unit_by_ratio.items()},
        }
        for file in found.files
    ]
    periods = list(found.count_by_period)
    return {
        "first_period": periods[0] if periods else None,
        "last_period": periods[-1] if periods else None,
        "missing_periods": ", ".join(found.missing_periods) or None,
        "disappeared_count": sum(found.disappeared_by_period.values()),
        "originators": ", ".join(f"{code} {name}" for name, code in found.originators.items()) or None,
        "files": files,
        "findings": findings,
    }


def _left_out(found: TapeReport, remedy: str) -> InvalidInputError:
    names = ", ".join(file.path.name for file in found.files[:3]) + (" …" if len(found.files) > 3 else "")
    return InvalidInputError(names, got=f"{found.left_out_count} records or loans that cannot be taken", remedy=remedy)


def _write_report(found: TapeReport, path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(found.document(), indent=1, ensure_ascii=False) + "\n")


def _month(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return f"{dt.datetime.strptime(text, '%Y-%m').replace(tzinfo=dt.UTC):%Y-%m}"
    except ValueError as error:
        raise InvalidInputError("cut-off", got=text, expected="a month such as 2020-07") from error


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
