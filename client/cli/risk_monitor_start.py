"""`tranchain risk monitor-start`, `monitor-close`, `monitor-servicer`: the frame of a pack's monitoring."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import session_of
from client.roles.risk_control import monitoring
from client.sdk.monitoring.months import month_text
from client.sdk.monitoring.terms import read_terms

PackId = Annotated[int, typer.Argument(help="Pack id.")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the group of risk control."""
    app.command("monitor-start")(start)
    app.command("monitor-servicer")(servicer)
    app.command("monitor-close")(close)


def start(
    context: typer.Context,
    pack: PackId,
    terms: Annotated[Path, typer.Option(help="TOML with first month, triggers and promised loss curve.")],
    servicer: Annotated[str | None, typer.Option(help="Account that reports; default: the originator's.")] = None,
) -> None:
    """Begin the monitoring of an issued pack; run again, it continues.

    Example: tranchain risk monitor-start 1 --terms examples/monitoring_terms.toml
    """
    session = session_of(context)
    given = read_terms(terms)
    count = session.chain.call("AssetPackRegistry", "assetCount", pack)
    with session.console.progress("loading the pool", count) as bar:
        account = monitoring.start_monitoring(
            session.chain, session.identity, pack, given, servicer=servicer, report=bar.advance
        )
    pool = session.chain.call("Monitoring", "pool", pack)
    session.console.result(
        {
            "pack": pack,
            "servicer": account,
            "first_month": month_text(given.first_month),
            "assets_count": pool.keptCount,
            "cut_off_balance_cents": pool.cutOffBalanceCents,
        },
        title="Monitored pack",
    )


def servicer(
    context: typer.Context, pack: PackId, account: Annotated[str, typer.Argument(help="Account that reports.")]
) -> None:
    """Let another account report a pack from now on.

    Example: tranchain risk monitor-servicer 1 0x52908400098527886E0F7030069857D2E4169EE7
    """
    session = session_of(context)
    receipt = monitoring.set_servicer(session.chain, session.identity, pack, account)
    session.console.result({"pack": pack, "servicer": account, "block": receipt.block_number})


def close(context: typer.Context, pack: PackId) -> None:
    """End the monitoring of a pack of which nothing is left, or little enough to be called.

    Example: tranchain risk monitor-close 1
    """
    session = session_of(context)
    receipt = monitoring.close_monitoring(session.chain, session.identity, pack)
    closed = receipt.event("MonitoringClosed")
    session.console.result(
        {
            "pack": pack,
            "last_period": closed.args["lastPeriod"],
            "is_called": closed.args["isCalled"],
            "block": receipt.block_number,
        },
        title="Closed pack",
    )
