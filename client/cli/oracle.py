"""`tranchain oracle`: the oracle daemon."""

import signal
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.roles.oracle.service import OracleService, Step
from client.roles.oracle.store import ReportStore
from client.sdk.database import open_engine
from client.sdk.errors import RefusedError, UnavailableError
from client.sdk.keystore import unlock

_QUICK_POLL_S, _QUICK_S = 0.05, 3.0
"""How often, and how long, it looks for what comes next after something it did: a round is a few steps in a row."""

app = typer.Typer(name="oracle", help="Oracles: run the model, report scores.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `serve` a command of its own."""


@app.command()
def serve(
    context: typer.Context,
    auditor: Annotated[Path, typer.Option(help="Keystore of the organisation's auditor account; it reads rows.")],
    model: Annotated[list[Path] | None, typer.Option(help="Model package; repeat for challengers.")] = None,
    db: Annotated[
        str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL.")
    ] = "oracle.db",
    poll_ms: Annotated[int, typer.Option(min=50, help="Milliseconds between looks at the chain.")] = 300,
) -> None:
    """Score every open round and report: commit, reveal, publish. Runs until SIGTERM or SIGINT.

    Example: tranchain --keystore oracle.json oracle serve --auditor auditor.json
    """
    session = session_of(context)
    packages = [ModelPackage.load(each) for each in model or [DEFAULT_MODEL]]
    for package in packages:
        package.check_scores_assets()
    chain = session.chain
    reader = unlock(auditor, session.password)
    service = OracleService(
        chain,
        session.vault_as(reader),
        oracle=session.identity.account,
        auditor=reader,
        packages=packages,
        store=ReportStore(open_engine(db), chain_id=chain.chain_id, registry=chain.registry),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    session.console.note(f"oracle {session.identity.address} serves; rows are read as {reader.address}")
    told: dict[int, str] = {}
    quick_until = 0.0
    while not stop.wait(_QUICK_POLL_S if time.monotonic() < quick_until else poll_ms / 1000):
        try:
            for step in service.advance():
                _tell(session, step, told)
                if not step.is_problem:
                    quick_until = time.monotonic() + _QUICK_S
        except (UnavailableError, RefusedError) as error:
            if told.get(0) != str(error):
                session.console.error(str(error), kind="unavailable")
            told[0] = str(error)
        else:
            told.pop(0, None)


def _tell(session: Session, step: Step, told: dict[int, str]) -> None:
    """Print a step; a problem of a round only once."""
    if not step.is_problem:
        session.console.note(f"round {step.round_id}: {step.did}")
    elif told.get(step.round_id) != step.did:
        told[step.round_id] = step.did
        session.console.error(f"round {step.round_id}: {step.did}", kind="oracle")
