"""`tranchain servicer`: what the servicer of a monitored pack does."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.sdk.errors import InvalidInputError
from client.sdk.monitoring.months import month_text
from client.sdk.monitoring.triggers import TriggerKind

app = typer.Typer(name="servicer", help="Servicer: reports monitored packs month by month.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `report` a command of its own."""


@app.command()
def report(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Pack id.")],
    tape: Annotated[Path, typer.Argument(help="CSV or Parquet file: a row a loan and month.")],
    period: Annotated[int | None, typer.Option(help="Number of the period; the first month of the terms is 1.")] = None,
    all_periods: Annotated[bool, typer.Option("--all", help="Every month of the file that is due.")] = False,
    mapping: Annotated[Path | None, typer.Option(help="TOML with the file's own column names, units, states.")] = None,
    skip_others: Annotated[
        bool, typer.Option("--skip-others", help="Leave out rows of loans that are not in the pool.")
    ] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Take back an unfinished report on the chain first.")
    ] = False,
) -> None:
    """Report a month of a pack's loans, or all that are due; run again, it continues.

    Columns: loan_id, period (YYYY-MM), state, days_past_due, balance_cents, scheduled_cents, prepaid_cents,
    interest_cents, fees_cents, defaulted_cents, recovered_cents, repurchased_cents, capitalised_cents. Assets that a
    measure took in are +1, +2 and so on.

    Example: tranchain servicer report 1 periods.csv --all
    """
    from client.roles.servicer.report import Servicing  # here: polars takes 0.3 s
    from client.roles.servicer.tape_file import pick_months, read_tape_file
    from client.sdk.table_mapping import load_mapping

    session = session_of(context)
    if all_periods == (period is not None):
        raise InvalidInputError("periods", got="both or none", expected="--period N, or --all")
    months = read_tape_file(tape, load_mapping(mapping))
    servicing = Servicing(session.chain, session.vault, session.identity, pack)
    if discard and servicing.discard():
        session.console.note("an unfinished report was taken back")
    asked = None if period is None else servicing.first_month + period - 1
    due = pick_months(months, path=str(tape), expected_month=servicing.next_month, period_month=asked)
    if not due:
        session.console.note(f"{tape}: no month after those that are reported")
    closed = []
    for month in due:
        with session.console.progress(month_text(month.month), len(month.rows)) as bar:
            closed.append(servicing.report(month, skip_others=skip_others, progress=bar.advance))
    session.console.result(
        {
            "pack": pack,
            "periods": [
                {
                    "period": each.period,
                    "month": month_text(each.month),
                    "fired": ", ".join(kind.word for kind in TriggerKind if each.fired >> kind & 1) or "none",
                    "is_alert": each.is_alert,
                    "gas": each.gas_used,
                    "block": each.block,
                }
                for each in closed
            ],
        },
        title="Reported periods",
    )
