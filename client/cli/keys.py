"""`tranchain keys`: the encryption key of an account, announced on the chain and proven."""

from typing import Annotated

import typer

from client.cli.session import session_of
from client.sdk import keystore
from client.sdk.encryption_keys import KeyStatus

app = typer.Typer(
    help="""Announce, challenge and prove encryption keys.

    Example: tranchain --keystore keys/bureau.json keys announce
    """,
    no_args_is_help=True,
)


@app.command("announce")
def announce(
    context: typer.Context,
    light: Annotated[bool, typer.Option("--light", help="Light work factor, for throw-away keys only.")] = False,
) -> None:
    """Create an encryption key beside the keystore and announce it; somebody else must then challenge it.

    Example: tranchain --keystore keys/bureau.json keys announce
    """
    session = session_of(context)
    scrypt_n = keystore.SCRYPT_N_DEMO if light else keystore.SCRYPT_N_DEFAULT
    key = keystore.add_encryption_key(session.identity, session.password, scrypt_n=scrypt_n)
    session.keys.announce(key, session.identity.account)
    session.console.result(_shown(session.keys.status(session.identity.address), session.chain.block_second()))


@app.command("challenge")
def challenge(
    context: typer.Context, account: Annotated[str, typer.Argument(help="Account of another organisation.")]
) -> None:
    """Seal a nonce to an announced key, so that its account can prove to hold it.

    Example: tranchain --keystore keys/risk.json keys challenge 0x00a329c0648769A73afAc7F9381E08FB43dBEA72
    """
    session = session_of(context)
    receipt = session.keys.challenge(account, session.identity.account)
    session.console.result({"account": account, "transaction": receipt.transaction_hash})


@app.command("prove")
def prove(context: typer.Context) -> None:
    """Open the latest challenge to the acting account's key and show its nonce; the key serves from then on.

    Example: tranchain --keystore keys/bureau.json keys prove
    """
    session = session_of(context)
    session.keys.prove(session.identity)
    session.console.result(_shown(session.keys.status(session.identity.address), session.chain.block_second()))


@app.command("show")
def show(
    context: typer.Context,
    account: Annotated[list[str], typer.Argument(help="Accounts; default all that are enrolled.")] = [],  # noqa: B006  # typer copies it
) -> None:
    """Show whose encryption keys may be sealed to, and why not.

    Example: tranchain keys show 0x00a329c0648769A73afAc7F9381E08FB43dBEA72
    """
    session = session_of(context)
    members = session.chain.call("Consortium", "organisationCount")
    accounts = account or [
        each for member in range(1, members + 1) for each in session.chain.call("Consortium", "accountsOf", member)
    ]
    now = session.chain.block_second()
    session.console.result([_shown(session.keys.status(each), now) for each in accounts], title="Encryption keys")


def _shown(status: KeyStatus, now: int) -> dict[str, object]:
    return {
        "account": status.account,
        "key_hash": status.key_hash,
        "announced_at": status.announced_at,
        "proven_at": status.proven_at,
        "expires_at": status.expires_at,
        "state": status.problem(now) or "usable",
    }
