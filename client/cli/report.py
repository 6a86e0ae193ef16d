"""`tranchain report`: the picture of a pack that a person reads, and its verification."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.sdk.errors import InvalidInputError, RefusedError, TamperedError
from client.sdk.quantities import parse_ppm
from client.sdk.role import roles_of

if TYPE_CHECKING:
    from client.report.reading.data import Reader, ReportData
    from client.report.verification import Verdict

_MAKE = "make"
_PROBLEMS_SHOWN = 20


class ReportGroup(TyperGroup):
    """Takes `report PACK …` for `report make PACK …`, and `report --verify FILE` for `report verify FILE`."""

    def completed(self, args: list[str]) -> list[str]:
        """Put the command's name where it was left out."""
        if args and args[0] == "--verify":
            return ["verify", *args[1:]]
        if args and args[0].startswith("--verify="):
            return ["verify", args[0].removeprefix("--verify="), *args[1:]]
        return [_MAKE, *args] if args and args[0] not in (*self.commands, "--help") else args

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Read a line with the command's name in it."""
        return super().parse_args(context, self.completed(args))


app = typer.Typer(
    name="report",
    cls=ReportGroup,
    no_args_is_help=True,
    help="What a person reads of a pack: `report PACK --out FILE.html`; `report --verify FILE.html` checks one.",
)

Model = Annotated[Path, typer.Option(help="Model package that scored the pack.")]
Outcomes = Annotated[
    Path | None, typer.Option(help="CSV with loan_id and defaulted (0 or 1): what became of the loans.")
]
Book = Annotated[Path | None, typer.Option(help="Tape of the originator's whole book, to hold the pool against.")]
BookMapping = Annotated[Path | None, typer.Option(help="TOML that says how the book's columns are named.")]


@app.command(_MAKE)
def make(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Pack id.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    pdf: Annotated[Path | None, typer.Option(help="PDF to print it to, where a Chromium is.")] = None,
    audience: Annotated[str, typer.Option(help="analyst, or investor: cells of ten loans and more.")] = "analyst",
    flip_levels: Annotated[bool, typer.Option("--flip-levels", help="Let level 1 be the riskiest.")] = False,
    rows: Annotated[
        Path | None, typer.Option(help="Row file to write, for risk control, trustee and regulator only.")
    ] = None,
    block: Annotated[int | None, typer.Option(help="Block to report at; default: the latest.")] = None,
    servicing_fee: Annotated[str, typer.Option(help="A year, of the balance.")] = "1%",
    loss_given_default: Annotated[str, typer.Option(help="Of the balance at default.")] = "100%",
    model: Model = DEFAULT_MODEL,
    outcomes: Outcomes = None,
    book: Book = None,
    book_mapping: BookMapping = None,
) -> None:
    """Write the report of a pack: one HTML file, signed, every figure with its source (account that may read the rows).

    `make` may be left out.

    Example: tranchain report make 1 --out pack_1.html --pdf pack_1.pdf
    """
    from client.report.document import AUDIENCES  # here, as other commands need not wait for matplotlib
    from client.report.reading.data import Files, ReportData, Settings
    from client.report.reading.pinned import PinnedChain

    session = session_of(context)
    if audience not in AUDIENCES:
        raise InvalidInputError("--audience", got=audience, expected="analyst or investor")
    settings = Settings(
        audience="investor" if audience == "investor" else "analyst",
        is_flipped=flip_levels,
        servicing_fee_ppm=parse_ppm(servicing_fee, what="--servicing-fee"),
        loss_given_default_ppm=parse_ppm(loss_given_default, what="--loss-given-default"),
    )
    data = ReportData(
        PinnedChain(session.chain, block),
        pack,
        settings,
        reader=_reader(session, pack),
        files=Files(model=model, outcomes=outcomes, book=book, book_mapping=book_mapping),
    )
    session.console.result(_write(session, data, out, pdf, rows), title=f"Report of pack {pack}")


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="HTML file that `tranchain report` wrote.")],
    model: Model = DEFAULT_MODEL,
    outcomes: Outcomes = None,
    book: Book = None,
    book_mapping: BookMapping = None,
) -> None:
    """Recompute every figure of a report from any node and fail on a changed digit; rows need an account that may.

    `report --verify FILE` says the same.

    Example: tranchain report verify pack_1.html
    """
    from client.report.page import read_page
    from client.report.reading.data import Files
    from client.report.signature import split_page
    from client.report.verification import verify_report

    session = session_of(context)
    signed = _text(file)
    pack = read_page(split_page(signed).page).head.pack_id
    files = Files(model=model, outcomes=outcomes, book=book, book_mapping=book_mapping)
    verdict = verify_report(signed, session.chain, reader=_reader(session, pack), files=files)
    session.console.result(_verdict(verdict), title=f"Report {file}")
    if verdict.problems:
        rest = len(verdict.problems) - 1
        more = f" (and {rest} more)" if rest else ""
        raise TamperedError(f"report {file}", got=f"{verdict.problems[0]}{more}", expected="what the chain says")


@app.command("open-rows")
def open_rows_of(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Row file that `tranchain report --rows` wrote.")],
    out: Annotated[Path, typer.Option(help="CSV to write; it names loans: keep it as you keep the tape.")],
) -> None:
    """Open a row file with the key of a recipient and write its loans as CSV.

    Example: tranchain --keystore trustee.json report open-rows pack_1.rows --out pack_1.csv
    """
    from client.report.rows_file import open_rows

    session = session_of(context)
    opened = open_rows(_bytes(file), session.identity)
    lines = [each.columns() for each in opened.rows]
    with _opened(out) as target:
        writer = csv.DictWriter(target, list(lines[0]) if lines else ["index"])
        writer.writeheader()
        writer.writerows(lines)
    session.console.result(
        {"pack": opened.pack_id, "block": opened.block, "loans_count": len(lines), "file": str(out)}, title="Row file"
    )


def _reader(session: Session, pack: int) -> "Reader | None":
    """Return who reads the rows; None, with a warning, for an account that may not, or for none."""
    from client.report.reading.data import Reader
    from client.sdk.pack.reader import read_row_key

    if session.settings.keystore is None or session.settings.vault is None:
        session.console.warning("no --keystore and --vault: rows are left out")
        return None
    try:
        read_row_key(session.chain, session.vault, session.identity, pack)
    except RefusedError as error:
        session.console.warning(f"rows are left out: {error}")
        return None
    return Reader(identity=session.identity, vault=session.vault)


def _write(session: Session, data: "ReportData", out: Path, pdf: Path | None, rows: Path | None) -> dict[str, object]:
    from client.report.assembly import make_report
    from client.report.page import make_page
    from client.report.pdf import find_browser, print_pdf
    from client.report.signature import sign_page

    report = make_report(data)
    page = sign_page(make_page(report), report.head, session.identity.account)
    with _opened(out) as target:
        target.write(page)
    written: dict[str, object] = {
        "pack": data.pack_id,
        "block": data.chain.block,
        "figures_count": sum(1 for _ in report.figures()),
        "html": str(out),
    }
    if rows is not None:
        written["rows"] = str(rows)
        written["recipients_count"] = _write_rows(session, data, rows)
    if pdf is not None and find_browser() is None:
        session.console.warning("no PDF: no Chromium found; install one, or name it in TRANCHAIN_CHROMIUM")
    elif pdf is not None:
        print_pdf(out, pdf)
        written["pdf"] = str(pdf)
    return written


def _write_rows(session: Session, data: "ReportData", path: Path) -> int:
    from client.report.assembly import head_of
    from client.report.rows_file import RECIPIENTS, reported_rows, seal_rows
    from client.sdk.recipients import sealable_with

    recipients = sealable_with(session.keys, RECIPIENTS)
    sealed = seal_rows(reported_rows(data), head_of(data), session.keys, recipients)
    try:
        path.write_bytes(sealed)
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be written") from error
    return len(recipients)


def _verdict(verdict: "Verdict") -> dict[str, object]:
    head = verdict.report.head
    return {
        "pack": head.pack_id,
        "block": head.block,
        "audience": head.audience,
        "author": verdict.author,
        "author_roles": ", ".join(role.name.lower() for role in roles_of(verdict.author_roles)) or "not enrolled",
        "figures_count": verdict.figure_count,
        "recomputed_count": verdict.recomputed_count,
        "all_equal": not verdict.problems,
        "not_recomputed": [
            {"section": each.section, "figures_count": each.figure_count, "needs": each.missing}
            for each in verdict.unverified
        ],
        "problems": [{"problem": each} for each in verdict.problems[:_PROBLEMS_SHOWN]],
    }


def _opened(path: Path) -> Any:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be written") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(str(path), got="bytes that are not UTF-8", expected="the HTML of a report") from error
