"""Commands of `tranchain admin` for nodes and validators.

A member says by itself which nodes it runs (`node set`); who is a validator is a vote of all members (`validator add`).
"""

import re
from dataclasses import asdict
from typing import Annotated

import typer

from client.cli.admin_votes import Governors, carry
from client.cli.session import session_of
from client.roles.admin import governance, status
from client.sdk.errors import InvalidInputError
from client.sdk.hashing import address_text
from client.sdk.member_file import read_node

_NO_VALIDATOR = "0x" + 40 * "0"
_KEY_HASH = re.compile(r"(0x)?[0-9a-fA-F]{64}")


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the group."""
    node = typer.Typer(help="Nodes of the members.\n\nExample: tranchain admin node list", no_args_is_help=True)
    node.command("list")(list_nodes)
    node.command("set")(set_node)
    node.command("remove")(remove_node)
    validator = typer.Typer(
        help="Who signs blocks; decided by vote.\n\nExample: tranchain admin validator list", no_args_is_help=True
    )
    validator.command("list")(list_validators)
    validator.command("add")(add_validator)
    validator.command("remove")(remove_validator)
    app.add_typer(node, name="node")
    app.add_typer(validator, name="validator")


def list_nodes(context: typer.Context) -> None:
    """List the nodes that may connect to one another.

    Example: tranchain admin node list
    """
    session = session_of(context)
    session.console.result([asdict(each) for each in status.nodes(session.chain)], title="Nodes")


def set_node(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="HOST:PORT:KEYHASH", help="As `tranchain-node init` prints it.")],
    validator: Annotated[str | None, typer.Option(help="Key it signs blocks with; absent: it only follows.")] = None,
) -> None:
    """Add a node of the acting governor's own member, or replace the record of this TLS key. No vote is needed.

    Example: tranchain --keystore keys/d.json admin node set node.d.example:30303:5f…c1 --validator 0x00a3…EA72
    """
    session = session_of(context)
    record = read_node(node, name="node")
    signer = address_text(validator) if validator else _NO_VALIDATOR
    args = (bytes.fromhex(record.tls_spki_sha256), signer, record.endpoint)
    session.chain.send("Consortium", "setNode", args, session.identity.account)
    session.console.result(
        {"tls_key_hash": record.tls_spki_sha256, "endpoint": record.endpoint, "validator": validator}
    )


def remove_node(
    context: typer.Context,
    key_hash: Annotated[str, typer.Argument(metavar="KEYHASH", help="Hex sha256 of its TLS key.")],
    governor: Governors = None,
) -> None:
    """Remove a node: the acting governor's own member's, or with --governor any, by vote.

    Example: tranchain --keystore keys/d.json admin node remove 5f…c1
    """
    session = session_of(context)
    if not _KEY_HASH.fullmatch(key_hash):
        raise InvalidInputError("KEYHASH", got=key_hash, expected="64 hex digits")
    key = bytes.fromhex(key_hash.removeprefix("0x"))
    if governor:
        call = governance.call_of(session.chain, "Consortium", "removeNode", (key,))
        carry(session, [call], f"Remove node {key.hex()}", governor)
        return
    session.chain.send("Consortium", "removeNode", (key,), session.identity.account)
    session.console.result({"tls_key_hash": key.hex(), "is_removed": True})


def list_validators(context: typer.Context) -> None:
    """List the validators with the members that run them and their nodes.

    Example: tranchain admin validator list
    """
    session = session_of(context)
    session.console.result([asdict(each) for each in status.seats(session.chain)], title="Validators")


def add_validator(
    context: typer.Context,
    validator: Annotated[str, typer.Argument(help="Address of its key, as `tranchain-node init` prints it.")],
    organisation: Annotated[int, typer.Option(min=1, help="Id of the member that runs it.")],
    governor: Governors = None,
) -> None:
    """Propose a validator; with enough governors it signs from the next block on. Have its node synced before.

    Example: tranchain admin validator add 0x00a3…EA72 --organisation 4 --governor keys/a.json --governor keys/b.json
    """
    session = session_of(context)
    call = governance.call_of(session.chain, "Consortium", "addValidator", (address_text(validator), organisation))
    carry(session, [call], f"Validator {validator} of organisation {organisation}", governor)


def remove_validator(
    context: typer.Context,
    validator: Annotated[str, typer.Argument(help="Address of its key.")],
    governor: Governors = None,
) -> None:
    """Propose that a validator leaves the set.

    Example: tranchain admin validator remove 0x00a3…EA72 --governor keys/a.json --governor keys/b.json
    """
    session = session_of(context)
    call = governance.call_of(session.chain, "Consortium", "removeValidator", (address_text(validator),))
    carry(session, [call], f"Remove validator {validator}", governor)
