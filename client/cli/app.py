"""The root of the command line: common options, the groups found beside it, and the exit codes.

Exit codes: 0 done; 1 refused, or something given is wrong; 2 wrong usage; 3 something not available; 4 done, and not as
final as asked (`client.cli.finality`); 130 interrupted.
"""

import gc
import importlib
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

import client.cli
from client.cli.session import Session, Settings
from client.console.output import Console
from client.model.errors import ModelError
from client.sdk.errors import BadRowsError, ConflictError, RefusedError, TranchainError, UnavailableError

EXIT_WRONG, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_INTERRUPTED = 1, 2, 3, 130

_GC_ALLOCATIONS = 100_000
"""Between two searches for cycles: a pack is millions of objects in none, and searching them again is slow."""
_NOT_GROUPS = ("app", "session")
_VALUE_OPTIONS = ("--rpc", "--registry", "--vault", "--keystore", "--password-file", "--config")
_FLAGS = ("--json", "--debug")
_HELP = """Risk control of asset-backed securities on a permissioned EVM network.

Common options stand anywhere on the line; each also comes from the environment (TRANCHAIN_RPC, …) or from the TOML
file of --config (keys rpc, registry, vault, keystore, password_file). --rpc takes several nodes, separated by commas:
the first that answers is used, and when it dies the next goes on.

Example: tranchain --rpc http://127.0.0.1:8545 admin status
"""


def main() -> None:
    """Run the command line of this process."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(_GC_ALLOCATIONS, 20, 20)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; everything it has to say is printed."""
    common, others = common_first(arguments)
    console = Console(is_json="--json" in common)
    try:
        command = typer.main.get_command(build(others[0] if others else None))
        code = command.main(args=common + (others or ["--help"]), prog_name="tranchain", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a group without a command shows its help
            sys.stderr.write(message + "\n")
        else:
            console.error(f"{message} (see --help)", kind="usage")
        return EXIT_USAGE
    except (TranchainError, ModelError) as error:
        if "--debug" in common:
            traceback.print_exc()
        if isinstance(error, BadRowsError):
            console.bad_rows(error.rows)
        console.error(str(error), kind=_kind(error))
        return EXIT_UNAVAILABLE if isinstance(error, UnavailableError) else EXIT_WRONG


def build(group_name: str | None = None) -> typer.Typer:
    """Return the application: with one group where that is the name of its module, else with all of them."""
    app = typer.Typer(help=_HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_prepare)
    names = [each.name for each in pkgutil.iter_modules(client.cli.__path__) if each.name not in _NOT_GROUPS]
    for name in [group_name] if group_name in names else names:
        module = importlib.import_module(f"client.cli.{name}")
        group = getattr(module, "app", None)
        if isinstance(group, typer.Typer):
            app.add_typer(group, name=group.info.name if isinstance(group.info.name, str) else name)
    return app


def common_first(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the common options, wherever they stood before `--`, and the other arguments."""
    common: list[str] = []
    others: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        if token == "--":  # noqa: S105  # not a password
            others += [token, *rest]
            break
        if token in _VALUE_OPTIONS and rest:
            common += [token, rest.pop(0)]
        elif token in _FLAGS or token.startswith(tuple(f"{option}=" for option in _VALUE_OPTIONS)):
            common.append(token)
        else:
            others.append(token)
    return common, others


def _prepare(
    context: typer.Context,
    rpc: Annotated[
        str | None, typer.Option(envvar="TRANCHAIN_RPC", help="URLs of nodes' JSON-RPC, with commas.")
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(envvar="TRANCHAIN_REGISTRY", help="ContractRegistry; default 0x…7C03, that of our genesis."),
    ] = None,
    vault: Annotated[str | None, typer.Option(envvar="TRANCHAIN_VAULT", help="URLs of vaults, with commas.")] = None,
    keystore: Annotated[
        Path | None, typer.Option(envvar="TRANCHAIN_KEYSTORE", help="Keystore file of the acting account.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(envvar="TRANCHAIN_PASSWORD_FILE", help="File with its password; else asked for.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="TRANCHAIN_CONFIG", help="TOML profile with these options.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,  # read by `run`
) -> None:
    given = Settings(rpc=rpc, registry=registry, vault=vault, keystore=keystore, password_file=password_file)
    context.obj = Session(given.completed_by(config), Console(is_json=json))


def _kind(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return "unavailable"
    if isinstance(error, ConflictError):
        return "conflict"
    return "refused" if isinstance(error, RefusedError) else "invalid"
