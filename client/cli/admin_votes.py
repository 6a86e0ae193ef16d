"""Commands of `tranchain admin` that change the consortium: each is a proposal, as far as the governors given reach."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli.admin_papers import group, read_file
from client.cli.session import Session, session_of
from client.roles.admin import governance
from client.roles.admin.governance import GovernanceCall
from client.sdk import certificates
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text
from client.sdk.keystore import unlock
from client.sdk.role import role_bitmap, role_named

Governors = Annotated[list[Path] | None, typer.Option("--governor", help="Keystore of a governor that votes; repeat.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    for name, command in (
        ("enrol", enrol),
        ("suspend", suspend),
        ("propose", propose),
        ("approve", approve),
        ("execute", execute),
        ("proposals", show_proposals),
    ):
        app.command(name)(command)
    organisation = typer.Typer(help="Members.\n\nExample: tranchain admin organisation add 'Bank D' 0x00a3…EA72")
    organisation.command("add")(add_organisation)
    organisation.callback()(group)
    app.add_typer(organisation, name="organisation")


def add_organisation(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new member.")],
    account: Annotated[str, typer.Argument(help="Account that is to govern it; it belongs to nobody yet.")],
    governor: Governors = None,
) -> None:
    """Propose a new member, with the account that votes for it.

    Example: tranchain admin organisation add "Bank D" 0x00a3…EA72 --governor keys/a.json --governor keys/b.json
    """
    session = session_of(context)
    call = governance.call_of(session.chain, "Consortium", "addOrganisation", (name, address_text(account)))
    carry(session, [call], f"New member {name}", governor)


def enrol(
    context: typer.Context,
    certificate: Annotated[Path, typer.Argument(help="Certificate of the account.")],
    organisation: Annotated[int, typer.Option(min=1, help="Id of the member.")],
    role: Annotated[list[str], typer.Option(help="Role of the account; repeat.")],
    ca: Annotated[Path, typer.Option(help="Certificate of the authority that must have issued it.")],
    governor: Governors = None,
) -> None:
    """Enrol an account, or renew its enrolment, with the validity of its certificate.

    Example: tranchain admin enrol oracle.crt.pem --organisation 1 --role ORACLE --ca ca/ca.pem --governor a.json
    """
    session = session_of(context)
    paper = certificates.read_certificate(read_file(certificate))
    account = certificates.account_of(paper)
    authority = certificates.read_certificate(read_file(ca))
    certificates.check_certificate(paper, authority=authority, address=account, at=session.chain.block_second())
    roles = role_bitmap(role_named(name) for name in role)
    args = (account, organisation, roles, *certificates.validity_of(paper), certificates.certificate_hash(paper))
    call = governance.call_of(session.chain, "Consortium", "enrol", args)
    carry(session, [call], f"Enrol {account} as {', '.join(role)}", governor)


def suspend(
    context: typer.Context,
    account: Annotated[str | None, typer.Argument(help="Account to suspend.")] = None,
    organisation: Annotated[int | None, typer.Option(min=1, help="Suspend a whole member instead.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Admit it again.")] = False,
    governor: Governors = None,
) -> None:
    """Suspend an account or a member, or admit it again with --lift.

    Example: tranchain admin suspend 0x00a329c0648769A73afAc7F9381E08FB43dBEA72 --governor keys/a.json
    """
    session = session_of(context)
    if (account is None) == (organisation is None):
        raise InvalidInputError("suspend", got="both or neither", expected="an account or --organisation")
    if account is not None:
        call = governance.call_of(session.chain, "Consortium", "setSuspended", (address_text(account), not lift))
    else:
        args = (organisation, not lift)
        call = governance.call_of(session.chain, "Consortium", "setOrganisationSuspended", args)
    carry(session, [call], ("Admit again " if lift else "Suspend ") + str(account or organisation), governor)


def propose(
    context: typer.Context,
    contract: Annotated[str, typer.Argument(help="Name in the ContractRegistry.")],
    function: Annotated[str, typer.Argument(help="Function to call.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON array; bytes as 0x text.")] = "[]",
    description: Annotated[str, typer.Option(help="Why; it is kept on the chain.")] = "",
    governor: Governors = None,
) -> None:
    """Propose a call by the consortium; with enough governors it is approved and carried out at once.

    Example: tranchain admin propose RiskModelRegistry activate "[1]" --description "Model 1" --governor keys/a.json
    """
    session = session_of(context)
    call = governance.call_of(session.chain, contract, function, _arguments(arguments))
    carry(session, [call], description or call.meaning, governor)


def approve(context: typer.Context, proposal: Annotated[int, typer.Argument(help="Id of the proposal.")]) -> None:
    """Approve a proposal for the acting governor's organisation.

    Example: tranchain --keystore keys/b.json admin approve 3
    """
    session = session_of(context)
    governance.approve(session.chain, proposal, session.identity.account)
    session.console.result(asdict(governance.progress_of(session.chain, proposal)))


def execute(context: typer.Context, proposal: Annotated[int, typer.Argument(help="Id of the proposal.")]) -> None:
    """Carry out a proposal that a majority approved.

    Example: tranchain --keystore keys/a.json admin execute 3
    """
    session = session_of(context)
    governance.execute(session.chain, proposal, session.identity.account)
    session.console.result(asdict(governance.progress_of(session.chain, proposal)))


def show_proposals(
    context: typer.Context, everything: Annotated[bool, typer.Option("--all", help="Carried out ones too.")] = False
) -> None:
    """List proposals with their calls and approvals.

    Example: tranchain admin proposals --all
    """
    session = session_of(context)
    rows = [
        {
            "id": proposal.id,
            "description": proposal.description,
            "created_at": proposal.created_at,
            "is_executed": proposal.is_executed,
            "approved_by": list(proposal.approved_by),
            "calls": [call.meaning for call in proposal.calls],
        }
        for proposal in governance.load_all(session.chain, open_only=not everything)
    ]
    session.console.result(rows, title="Proposals")


def carry(session: Session, calls: Sequence[GovernanceCall], description: str, keystores: list[Path] | None) -> None:
    """Propose, approve and execute as far as the keystores reach (the acting account's, if none), and say how far."""
    governors = [unlock(path, session.password).account for path in keystores or [session.keystore_path]]
    outcome = governance.carry(session.chain, calls, description, governors)
    session.console.result(asdict(outcome))
    if not outcome.is_executed:
        missing = outcome.needed_count - outcome.approval_count
        session.console.note(f"proposal {outcome.id} waits for {missing} more: `tranchain admin approve {outcome.id}`")


def _arguments(text: str) -> list[Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise InvalidInputError("arguments", got=f"text that is not JSON ({error})", expected="a JSON array") from error
    if not isinstance(arguments, list):
        raise InvalidInputError("arguments", got=type(arguments).__name__, expected="a JSON array")
    return arguments
