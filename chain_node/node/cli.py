"""`tranchain-node`: the command line of the node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from chain_node.core.crypto import address_of
from chain_node.core.errors import ChainError
from chain_node.node.config import load_config
from chain_node.node.keys import create_validator_key
from chain_node.node.structured_logs import configure_logs

app = typer.Typer(
    help="A node of a Tranchain network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
)

DataDir = Annotated[Path | None, typer.Option(help="Directory of chain store, vote record and vault.")]


@app.command()
def init(
    data_dir: Annotated[Path, typer.Option(help="Directory to make.")],
    key: Annotated[Path | None, typer.Option(help="File for the validator key; DATA_DIR/validator.key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Make a validator key and the data directory.

    Example: tranchain-node init --data-dir /var/lib/tranchain
    """
    path = key or data_dir / "validator.key"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    address = f"0x{address_of(create_validator_key(path)).hex()}"
    if as_json:
        typer.echo(orjson.dumps({"validator": address, "key_file": str(path)}))
    else:
        typer.echo(f"validator address {address}\nkey in {path} (keep it secret; nobody else may have it)")


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; flags override it.")] = None,
    genesis: Annotated[Path | None, typer.Option(help="genesis.json of the network.")] = None,
    data_dir: DataDir = None,
    validator_key: Annotated[Path | None, typer.Option(help="File with the validator key.")] = None,
    rpc_listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="HTTP and WebSocket.")] = None,
    vault: Annotated[bool | None, typer.Option("--vault/--no-vault", help="Serve the embedded vault.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run the node until SIGTERM or SIGINT.

    Example: tranchain-node run --genesis genesis.json --data-dir /var/lib/tranchain --rpc-listen 127.0.0.1:8545
    """
    flags = {
        "genesis": genesis,
        "data_dir": data_dir,
        "validator_key": validator_key,
        "rpc_listen": rpc_listen,
        "vault": vault,
        "log_level": log_level,
    }
    settings = load_config(config, flags)
    configure_logs(settings.log_level)
    # The engine takes a second to import; commands that need none should not wait for it.
    from chain_node.node.server import run_node

    run_node(settings)


def main() -> None:
    """Entry point: every expected error is one line on standard error and exit code 1."""
    try:
        app()
    except ChainError as error:
        typer.echo(f"tranchain-node: {error}", err=True)
        sys.exit(1)
