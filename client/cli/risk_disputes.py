"""Commands of `tranchain risk dispute`, for whoever may read what scores are made of: auditors and trustees too."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError

if TYPE_CHECKING:
    from client.model.manifest import ModelPackage

commands = typer.Typer(help="Disputes about scores.", no_args_is_help=True)

DisputeId = Annotated[int, typer.Argument(help="Dispute id.")]
Models = Annotated[list[Path] | None, typer.Option("--model", help="Model package; repeat.")]
_SHOWN_MAX = 10
# What needs numpy is imported inside, as other commands need not wait for numpy.


@commands.command("check")
def check_round(
    context: typer.Context,
    round_id: Annotated[int, typer.Argument(metavar="ROUND", help="Round id.")],
    model: Models = None,
) -> None:
    """Compute every score of a round again from rows and records, and say which differ.

    Example: tranchain --keystore auditor.json risk dispute check 1
    """
    from client.sdk.pack.dispute import recompute_round

    session = session_of(context)
    again = recompute_round(session.chain, session.vault, session.identity, _packages(model), round_id)
    session.console.result(
        {
            "round": round_id,
            "model": again.model_id,
            "assets_count": len(again.own),
            "differing_count": len(again.differing),
            "differing_first": list(again.differing[:_SHOWN_MAX]),
            "erased_count": len(again.unknown),
        },
        title=f"Round {round_id}, computed again",
    )


@commands.command("open")
def open_command(
    context: typer.Context,
    round_id: Annotated[int, typer.Argument(metavar="ROUND", help="Final round.")],
    asset: Annotated[int, typer.Argument(help="Index of the asset whose score is wrong.")],
) -> None:
    """Dispute the score of an asset. A dispute that is rejected is counted as false.

    Example: tranchain --keystore auditor.json risk dispute open 1 17
    """
    from client.sdk.pack.dispute import open_dispute

    session = session_of(context)
    dispute_id = open_dispute(session.chain, session.identity, round_id, asset)
    session.console.result(_document(session, dispute_id), title=f"Dispute {dispute_id}")


@commands.command("judge")
def judge(
    context: typer.Context,
    dispute: DisputeId,
    model: Models = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Compute, and sign nothing.")] = False,
) -> None:
    """Compute a disputed score again, here and on the own node (the first of --rpc), and sign what came out.

    Voters sign a verdict, arbiters a decision. Nothing about the borrower is printed or sent.

    Example: tranchain --keystore auditor.json risk dispute judge 1
    """
    from client.sdk.pack.dispute import examine, give_verdict

    session = session_of(context)
    finding = examine(_own_node(session), session.vault, session.identity, _packages(model), dispute)
    signed = "nothing" if is_dry else give_verdict(session.chain, session.identity, finding)
    session.console.result(
        {
            "found": "the score on the chain is wrong" if finding.is_wrong else "the score on the chain is right",
            "reported_word": finding.reported_word,
            "own_word": finding.own_word,
            "score_by_own_node": finding.by_node_score,
            "differing_count": finding.differing_count,
            "signed": signed,
        }
        | _document(session, dispute),
        title=f"Dispute {dispute}",
    )


@commands.command("decide")
def decide_command(
    context: typer.Context,
    dispute: DisputeId,
    grounds: Annotated[Path, typer.Option(help="Document with the grounds; its hash is signed.")],
    wrong: Annotated[bool, typer.Option("--wrong/--right", help="Whether the score on the chain is wrong.")],
) -> None:
    """Decide a dispute as an arbiter who has heard the parties and may not read the records: a regulator.

    Example: tranchain --keystore regulator.json risk dispute decide 1 --wrong --grounds decision.pdf
    """
    from client.sdk.pack.dispute import decide

    session = session_of(context)
    try:
        content = grounds.read_bytes()
    except OSError as error:
        raise InvalidInputError("--grounds", got=f"{grounds}, which cannot be read", expected="a file") from error
    decide(session.chain, session.identity, dispute, is_wrong=wrong, grounds=content)
    session.console.result(_document(session, dispute), title=f"Dispute {dispute}")


@commands.command("list")
def list_disputes(
    context: typer.Context,
    pack: Annotated[int | None, typer.Option(help="Of this pack only.")] = None,
) -> None:
    """List disputes, where each stands, and how often each oracle was overruled.

    Example: tranchain risk dispute list --pack 1
    """
    session = session_of(context)
    chain = session.chain
    filters = {"packId": pack} if pack is not None else None
    opened = chain.events("Disputes", "DisputeOpened", filters=filters)
    disputes = [_document(session, int(event.args["disputeId"])) for event in opened]
    oracles = [
        {"oracle": oracle, "rounds_count": counts[0], "dissented_count": counts[3], "overruled_count": counts[6]}
        for oracle in chain.call("Consortium", "accountsWithRole", 4)
        for counts in [chain.call("ScoringRounds", "faultsOf", oracle)]
    ]
    session.console.result({"disputes": disputes, "oracles": oracles}, title="Disputes")


def _document(session: Session, dispute_id: int) -> dict[str, object]:
    from client.sdk.pack.dispute import STATUS_TEXTS, read_dispute, verdicts_of

    dispute = read_dispute(session.chain, dispute_id)
    by_account, by_organisation = session.chain.call(
        "Disputes", "falseDisputesOf", dispute.account, dispute.organisation
    )
    return {
        "dispute": dispute_id,
        "round": dispute.roundId,
        "pack": dispute.packId,
        "asset": dispute.assetIndex,
        "status": STATUS_TEXTS[dispute.status],
        "decided_by": "an arbiter" if dispute.byArbiter else "verdicts",
        "opened_by": dispute.account,
        "false_disputes_of_account": by_account,
        "false_disputes_of_organisation": by_organisation,
        "organisations": [
            {"organisation": each.organisation, "standing": each.standing, "word": each.word}
            for each in verdicts_of(session.chain, dispute_id)
        ],
    }


def _own_node(session: Session) -> ChainClient:
    """The first node of --rpc alone: a record goes to it with the call, and to no other institution's."""
    chain = session.chain
    return ChainClient(chain.rpc_url.split(",")[0], chain.registry, warn=session.console.warning)


def _packages(paths: list[Path] | None) -> "list[ModelPackage]":
    from client.model.manifest import ModelPackage

    return [ModelPackage.load(path) for path in paths or [DEFAULT_MODEL]]
