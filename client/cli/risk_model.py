"""Commands of `tranchain risk model`: versions of the model."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli import risk_model_train, risk_model_watch
from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.roles.risk_control import models
from client.sdk.errors import InvalidInputError

commands = typer.Typer(help="Model versions.", no_args_is_help=True)
risk_model_train.add_command(commands)
risk_model_watch.add_command(commands)

ModelId = Annotated[int, typer.Argument(help="Model id.")]
Package = Annotated[Path, typer.Argument(help="Model package.")]
# What needs numpy is imported inside, as other commands need not wait for numpy.


@commands.command("propose")
def propose_model(
    context: typer.Context,
    directory: Package = DEFAULT_MODEL,
    valid_days: Annotated[int, typer.Option(help="Days until the model must be renewed.")] = 365,
) -> None:
    """Put a model package forward; the members vote on it with `tranchain admin propose`.

    Example: tranchain risk model propose
    """
    from client.model.manifest import OWN_RECORDS, ModelPackage

    session = session_of(context)
    package = ModelPackage.load(directory)
    if package.manifest.schema_version == OWN_RECORDS:
        session.console.warning(
            f"{directory} reads fields of its own: members can execute it, oracles cannot score packs"
        )
    valid_until = session.chain.block_second() + valid_days * 86_400
    model_id = models.propose_model(session.chain, session.identity, package, valid_until=valid_until)
    margins = {
        "margins_of_package_ppm": list(package.margin_ppm),
        "margins_with_ledger_ppm": list(models.read_model(session.chain, model_id).marginPpm),
    }
    session.console.result(_model(session, model_id) | margins, title="Proposed model")


@commands.command("publish")
def publish_model(context: typer.Context, model: ModelId, directory: Package = DEFAULT_MODEL) -> None:
    """Put a proposed model's weights and tables on the chain, where anyone can execute them; continues if interrupted.

    Example: tranchain risk model publish 1
    """
    from client.model.manifest import ModelPackage
    from client.roles.risk_control.model_program import publish_program

    session = session_of(context)
    package = ModelPackage.load(directory)
    gas = list(publish_program(session.chain, session.identity, model, package))
    session.console.result(
        {
            "model": model,
            "program_hash": package.program_hash,
            "program_bytes": len(package.program),
            "transactions_count": len(gas),
            "gas_used": sum(gas),
        },
        title="Published program",
    )


@commands.command("show")
def show_model(context: typer.Context, model: ModelId) -> None:
    """Show a model version as the chain has it.

    Example: tranchain risk model show 1
    """
    session = session_of(context)
    session.console.result(_model(session, model), title=f"Model {model}")


@commands.command("list")
def list_models(context: typer.Context) -> None:
    """List all model versions: what each was voted to be, and from which block.

    Example: tranchain risk model list
    """
    session = session_of(context)
    count = int(session.chain.call("RiskModelRegistry", "modelCount"))
    names = ("model", "status", "role", "challenger_from", "champion_from", "until_block", "is_published", "model_hash")
    models = [_model(session, model_id) for model_id in range(1, count + 1)]
    session.console.result(
        {"models": [{name: model[name] for name in names} for model in models]}, title="Versions of the model"
    )


@commands.command("verify")
def verify_model(
    context: typer.Context,
    model: ModelId,
    directory: Package = DEFAULT_MODEL,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="Made-up records to score in both ways.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Other records for another number.")] = 1,
) -> None:
    """Compile a model package anew, compare it with the chain, and score records here and by the contract.

    Example: tranchain risk model verify 1 --rows 500
    """
    from client.model.manifest import ModelPackage
    from client.model.sample import sample_columns
    from client.roles.risk_control.model_program import verify_model as verify

    session = session_of(context)
    models.read_model(session.chain, model)
    package = ModelPackage.load(directory)
    columns = sample_columns(package.feature_spec, rows, seed=seed)
    found = verify(session.chain, model, package, ModelPackage.load(directory, executor="numpy"), columns)
    document = {
        "model": model,
        "comparisons": [
            {"what": each.what, "on_chain": each.on_chain, "package": each.in_package, "is_equal": each.is_equal}
            for each in found.comparisons
        ],
        "rows_count": found.row_count,
        "differing_count": found.differing_count,
        "is_equal": found.is_equal,
    }
    session.console.result(document, title=f"Model {model} against {directory.name}")
    if not found.is_equal:
        parts = [each.what for each in found.comparisons if not each.is_equal]
        parts += [f"{found.differing_count} of {found.row_count} scores"] if found.differing_count else []
        raise InvalidInputError(f"model {model}", got=f"another {', '.join(parts)}", expected=f"that of {directory}")


def _model(session: Session, model_id: int) -> dict[str, object]:
    found = models.read_model(session.chain, model_id)
    return {
        "model": model_id,
        "status": models.STATUS_TEXTS[found.status],
        "role": models.role_text(session.chain, model_id),
        "challenger_from": found.challengerFrom,
        "champion_from": found.championFrom,
        "until_block": found.untilBlock,
        "is_published": bool(session.chain.call("RiskModel", "isPublished", model_id)),
        "model_hash": bytes(found.modelHash),
        "manifest_hash": bytes(found.manifestHash),
        "feature_spec_hash": bytes(found.featureSpecHash),
        "program_hash": bytes(found.programHash),
        "valid_until": found.validUntil,
        "is_expired": found.validUntil <= session.chain.block_second(),
    }
