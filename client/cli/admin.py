"""`tranchain admin`: founding and governing a consortium."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from client.cli import admin_nodes, admin_papers, admin_votes
from client.cli.session import session_of
from client.roles.admin import bootstrap, deployment, governance, status
from client.sdk.certificates import read_certificate
from client.sdk.chain import ChainClient
from client.sdk.errors import ConfigError, InvalidInputError
from client.sdk.keystore import unlock
from client.sdk.member_file import MemberFile, parse_member_file

app = typer.Typer(
    help="""Found and govern a consortium.

    Example: tranchain admin status
    """,
    no_args_is_help=True,
)
admin_papers.add_commands(app)
admin_votes.add_commands(app)
admin_nodes.add_commands(app)


@app.command("deploy")
def deploy(
    context: typer.Context,
    governor: Annotated[list[Path] | None, typer.Option(help="Keystore of a governor that votes; repeat.")] = None,
    member: Annotated[list[Path] | None, typer.Option(help="Member file, on a bare network; repeat in order.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Certificate of the authority, to check member files with.")] = None,
) -> None:
    """Deploy every contract and let governance register and wire them; continues where an earlier run ended.

    The acting account needs DEPLOYER. On a network without a Consortium, member files found one first.

    Example: tranchain --keystore keys/deployer.json admin deploy --governor keys/a.json --governor keys/b.json
    """
    session = session_of(context)
    chain, deployer = session.chain, session.identity.account
    is_bare = not chain.has_code(chain.registry)
    if is_bare:
        if not member:
            raise ConfigError(f"ContractRegistry {chain.registry}", got="no contract there", expected="it, or --member")
        foundation = bootstrap.lay_foundation(chain, _members(member, ca), deployer)
        session.console.note(f"ContractRegistry: {foundation.registry} (give it as --registry from now on)")
        chain = ChainClient(chain.rpc_url, foundation.registry, warn=session.console.warning)
    plan = deployment.load_plan()
    with session.console.progress("deploying", len(plan.contracts)) as bar:
        implementations = deployment.deploy_implementations(chain, plan, deployer, on_step=bar.advance)
    governors = [unlock(path, session.password).account for path in governor or ()]
    report = deployment.register_and_wire(chain, plan, implementations, governors)
    session.console.result(
        {
            "registry": chain.registry,
            "is_complete": report.is_complete,
            "proposals": [asdict(o) for o in report.outcomes],
        }
    )
    if not report.is_complete:
        session.console.note("not complete: more governors approve with `tranchain admin approve`, then run this again")


@app.command("status")
def show_status(context: typer.Context) -> None:
    """Show contracts and versions, members, accounts with roles and validity, and validators.

    Example: tranchain --rpc http://127.0.0.1:8545 admin status
    """
    session = session_of(context)
    chain = session.chain
    head = chain.head()
    finality = chain.finality(head) or {}
    session.console.result(
        {
            "chain_id": chain.chain_id,
            "registry": chain.registry,
            "block": head,
            "block_at": chain.block_second(head),
            "finality": finality.get("finality", "unknown"),
            "open_proposals": len(governance.load_all(chain, open_only=True)),
            "validators": [seat.validator for seat in status.seats(chain)],
            "nodes": [asdict(each) for each in status.nodes(chain)],
            "contracts": [asdict(each) for each in status.contracts(chain)],
            "organisations": [asdict(each) for each in status.organisations(chain)],
            "accounts": [asdict(each) for each in status.accounts(chain)],
        }
    )


def _members(paths: Sequence[Path], ca: Path | None) -> list[MemberFile]:
    authority = read_certificate(admin_papers.read_file(ca)) if ca else None
    try:
        return [parse_member_file(admin_papers.read_file(path).decode(), authority=authority) for path in paths]
    except UnicodeDecodeError as error:
        raise InvalidInputError("member file", got="bytes that are not text") from error
