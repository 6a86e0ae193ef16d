"""Commands of `tranchain risk model`: versions of the model."""

import time
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.roles.risk_control import scoring

commands = typer.Typer(help="Model versions.", no_args_is_help=True)


@commands.command("propose")
def propose_model(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Model package.")] = DEFAULT_MODEL,
    valid_days: Annotated[int, typer.Option(help="Days until the model must be renewed.")] = 365,
) -> None:
    """Put a model package forward; the members vote on it with `tranchain admin propose`.

    Example: tranchain risk model propose
    """
    from client.model.manifest import ModelPackage  # here, as other commands need not wait for numpy

    session = session_of(context)
    package = ModelPackage.load(directory)
    valid_until = session.chain.block_second() + valid_days * 86_400
    model_id = scoring.propose_model(session.chain, session.identity, package, valid_until=valid_until)
    session.console.result(_model(session, model_id), title="Proposed model")


@commands.command("show")
def show_model(context: typer.Context, model: Annotated[int, typer.Argument(help="Model id.")]) -> None:
    """Show a model version as the chain has it.

    Example: tranchain risk model show 1
    """
    session = session_of(context)
    session.console.result(_model(session, model), title=f"Model {model}")


def _model(session: Session, model_id: int) -> dict[str, object]:
    found = session.chain.call("RiskModelRegistry", "model", model_id)
    return {
        "model": model_id,
        "status": {1: "proposed", 2: "active", 3: "retired"}.get(found.status, "unknown"),
        "model_hash": bytes(found.modelHash),
        "manifest_hash": bytes(found.manifestHash),
        "feature_spec_hash": bytes(found.featureSpecHash),
        "valid_until": found.validUntil,
        "is_expired": bool(found.validUntil <= int(time.time())),
    }
