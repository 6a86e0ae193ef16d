"""`tranchain registrar`: the keeper of the double-pledge nullifiers."""

import logging
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from client.cli.session import session_of
from client.roles.registrar.attestor import Attestor
from client.roles.registrar.key_file import create_key_file, open_key_file
from client.roles.registrar.pack_keys import PackKeys
from client.roles.registrar.service import ROWS_PER_HOUR_DEFAULT, RateLimit, RequestLog, create_app, listen_on
from client.sdk.errors import ConfigError, RefusedError
from client.sdk.keystore import SCRYPT_N_DEFAULT
from client.sdk.role import Role

app = typer.Typer(name="registrar", help="Nullifiers against double pledge.", no_args_is_help=True)

KeyFile = Annotated[
    Path, typer.Option("--key-file", envvar="TRANCHAIN_REGISTRAR_KEY", help="File of the encrypted nullifier key.")
]


@app.command()
def init(
    context: typer.Context,
    key_file: KeyFile = Path("registrar.key.json"),
    scrypt_n: Annotated[int, typer.Option(help="Work factor of the file's password, a power of two.")] = (
        SCRYPT_N_DEFAULT
    ),
) -> None:
    """Make the nullifier key, encrypted by the password of --password-file; once for the life of the consortium.

    Example: tranchain registrar init --key-file registrar.key.json
    """
    session = session_of(context)
    if scrypt_n < 2 or scrypt_n & (scrypt_n - 1):
        raise ConfigError("--scrypt-n", got=scrypt_n, expected="a power of two")
    key_hash = create_key_file(key_file, session.password, scrypt_n=scrypt_n)
    session.console.result({"key_file": str(key_file), "key_hash": key_hash}, title="Nullifier key")


@app.command()
def serve(
    context: typer.Context,
    listen: Annotated[str, typer.Option(help="HOST:PORT to serve on.")] = "127.0.0.1:8700",
    key_file: KeyFile = Path("registrar.key.json"),
    log_file: Annotated[Path, typer.Option("--log", help="File that gets one line a request.")] = Path(
        "registrar-requests.jsonl"
    ),
    rows_per_hour: Annotated[int, typer.Option(help="Rows attested for one account within an hour.")] = (
        ROWS_PER_HOUR_DEFAULT
    ),
) -> None:
    """Attest the chunks of open packs to their originators, until interrupted.

    Example: tranchain registrar serve --listen 127.0.0.1:8700
    """
    session = session_of(context)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError("--listen", got=listen, expected="HOST:PORT")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    chain, identity = session.chain, session.identity
    if not int(chain.call("Consortium", "rolesOf", identity.address)) >> Role.REGISTRAR & 1:
        raise RefusedError("the consortium", f"{identity.address} is no registrar in force")
    nullifier_key = open_key_file(key_file, session.password)
    attestor = Attestor(chain, identity, nullifier_key, PackKeys(chain, session.vault, identity))
    application = create_app(chain, attestor, limit=RateLimit(rows_per_hour), log=RequestLog(log_file))
    listener = listen_on(host.strip("[]"), int(port))
    session.console.note(f"registrar {identity.address} serves on http://{listen}")
    config = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
