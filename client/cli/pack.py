"""`tranchain pack`: what an originator does with packs."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.roles.originator import closing
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import keccak
from client.sdk.pack.reader import read_pack
from client.sdk.pack.status import PackStatus
from client.sdk.quantities import parse_day

app = typer.Typer(name="pack", help="Packs of loans, as their originator sees them.", no_args_is_help=True)

PackId = Annotated[int, typer.Argument(help="Pack id, from the invitation.")]
Database = Annotated[
    str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL of this originator.")
]


@app.command()
def submit(
    context: typer.Context,
    tape: Annotated[Path, typer.Argument(help="CSV or Parquet file of loans.")],
    pack: Annotated[int, typer.Option(help="Pack id, from the invitation.")],
    consents: Annotated[Path, typer.Option(help="CSV: subject_id, document_sha256, purposes, granted_on, expires_on.")],
    registrar: Annotated[str, typer.Option(envvar="TRANCHAIN_REGISTRAR", help="URL of the registrar.")],
    cut_off: Annotated[str, typer.Option(help="Day of balances and arrears, YYYY-MM-DD.")],
    closing_on: Annotated[str, typer.Option("--closing", help="Day of the transfer, YYYY-MM-DD.")],
    currency: Annotated[str, typer.Option(help="Currency of every loan.")] = "USD",
    class_unit: Annotated[int, typer.Option(help="Currency units of one principal class on chain.")] = 1_000,
    mapping: Annotated[Path | None, typer.Option(help="TOML with the file's own column names and units.")] = None,
    db: Database = "originator.db",
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Take the good rows and list the bad.")
    ] = False,
) -> None:
    """Submit a tape into an invited pack; run again, it continues.

    Example: tranchain pack submit loans.csv --pack 1 --consents consents.csv --mapping mapping_loans.toml
    --registrar http://127.0.0.1:8700 --cut-off 2011-12-31 --closing 2012-01-15
    """
    from client.roles.originator.registrar_client import RegistrarClient  # here: polars and SQLAlchemy take 0.4 s
    from client.roles.originator.store import SubmissionStore
    from client.roles.originator.submission import PackSubmission, PackTerms
    from client.roles.originator.tape import read_loans
    from client.sdk.database import open_engine
    from client.sdk.table_mapping import load_mapping

    session = session_of(context)
    loans, bad = read_loans(tape, consents, mapping=load_mapping(mapping), skip_bad_rows=skip_bad_rows)
    if bad:
        session.console.bad_rows(bad)
    terms = PackTerms(
        currency=currency.upper(),
        cut_off_day=parse_day(cut_off, what="--cut-off"),
        closing_day=parse_day(closing_on, what="--closing"),
        class_unit=class_unit,
    )
    chain, identity = session.chain, session.identity
    service = RegistrarClient(registrar, identity.account, chain_id=chain.chain_id, registry=chain.registry)
    store = SubmissionStore(open_engine(db), identity)
    submission = PackSubmission(chain, session.vault, service, identity, store)
    with session.console.progress("submitting assets", len(loans)) as bar:
        receipt = submission.run(pack, loans, terms, report=bar.advance)
    if receipt is None:
        session.console.note(f"pack {pack} was submitted before")
    registered = chain.call("AssetPackRegistry", "pack", pack)
    session.console.result(
        {
            "pack": pack,
            "assets_count": registered.count,
            "principal_cents": registered.totalPrincipalCents,
            "root": bytes(registered.root),
            "left_out_count": len({row.line for row in bad}),
            "block": receipt.block_number if receipt else None,
        },
        title="Submitted pack",
    )


@app.command()
def show(context: typer.Context, pack: PackId) -> None:
    """Show what the chain says of a pack.

    Example: tranchain pack show 1
    """
    session = session_of(context)
    found = session.chain.call("AssetPackRegistry", "pack", pack)
    if found.status == PackStatus.NONE:
        raise InvalidInputError("pack", got=pack, expected="an invited pack")
    session.console.result(
        {
            "pack": pack,
            "status": PackStatus(found.status).word,
            "originator": found.originator,
            "risk_control": found.riskControl,
            "currency": bytes(found.currency).rstrip(b"\0").decode(),
            "cut_off_day": found.cutOff,
            "closing_day": found.closing,
            "assets_count": found.count,
            "added_count": found.added,
            "principal_cents": found.totalPrincipalCents,
            "root": bytes(found.root),
        },
        title=f"Pack {pack}",
    )


@app.command("bring-down")
def bring_down(
    context: typer.Context,
    pack: PackId,
    left: Annotated[
        Path | None,
        typer.Option(help="CSV with loan_id and reason (prepaid, modified, thirty_days_past_due); none: nothing left."),
    ] = None,
) -> None:
    """Report the loans that left between cut-off and closing; the chain tests the target again.

    Example: tranchain pack bring-down 1 --left left_before_closing.csv
    """
    session = session_of(context)
    run_id = int(session.chain.call("Screening", "runOf", pack))
    if not run_id:
        raise InvalidInputError(f"pack {pack}", got="no screening", expected="one", remedy="`tranchain risk screen`")
    left_count, reasons = 0, {}
    if left is not None:
        rows = read_pack(session.chain, session.vault, session.identity, pack)
        everything = closing.indices_of(rows, closing.read_left(left))
        reasons = closing.kept_only(session.chain, run_id, len(rows.rows), everything)
        left_count = len(everything)
    receipt = closing.bring_down(session.chain, session.identity, run_id, reasons)
    event = receipt.event("PackBroughtDown")
    session.console.result(
        {
            "pack": pack,
            "brought_down_count": len(reasons),
            "not_kept_before_count": left_count - len(reasons),
            "target_met": event.args["met"],
            "bad_rate_ppm": event.args["badRatePpm"],
            "block": receipt.block_number,
        },
        title="Bring-down",
    )


@app.command()
def assign(
    context: typer.Context,
    pack: PackId,
    document: Annotated[Path, typer.Option(help="The assignment of claims; its hash goes on chain.")],
) -> None:
    """Offer title of a pack to the SPV.

    Example: tranchain pack assign 1 --document assignment.pdf
    """
    session = session_of(context)
    try:
        digest = keccak(document.read_bytes())
    except OSError as error:
        raise InvalidInputError(str(document), got=error.strerror or "a file that cannot be read") from error
    receipt = closing.assign(session.chain, session.identity, pack, digest)
    session.console.result({"pack": pack, "document": digest, "block": receipt.block_number}, title="Assigned pack")


@app.command("shadow-report")
def shadow_report(
    context: typer.Context,
    pack: PackId,
    period: Annotated[int, typer.Option(min=1, help="Month after closing.")],
    outcomes: Annotated[Path, typer.Option(help="CSV (loan_id, defaulted yes or no) of loans that were removed.")],
) -> None:
    """Tell what became of the loans that screening removed and that are still followed: counts by level, no loan.

    Example: tranchain pack shadow-report 1 --period 6 --outcomes removed.csv
    """
    from client.roles.originator.shadow import count_removed, read_outcomes, report_shadow

    session = session_of(context)
    rows = read_pack(session.chain, session.vault, session.identity, pack)
    counts = count_removed(session.chain, rows, read_outcomes(outcomes))
    report_shadow(session.chain, session.identity, pack, period, counts)
    session.console.result(
        {
            "pack": pack,
            "period": period,
            "reported_count": sum(counts[0]),
            "defaulted_count": sum(counts[1]),
            "levels": [
                {"level": level, "reported_count": reported, "defaulted_count": defaulted}
                for level, (reported, defaulted) in enumerate(zip(*counts, strict=True), start=1)
            ],
        },
        title=f"Loans removed from pack {pack}",
    )


@app.command()
def withdraw(context: typer.Context, pack: PackId) -> None:
    """Take a pack back before it is transferred; its loans can be pledged again.

    Example: tranchain pack withdraw 1
    """
    session = session_of(context)
    receipt = closing.withdraw(session.chain, session.identity, pack)
    session.console.result({"pack": pack, "block": receipt.block_number}, title="Withdrawn pack")
