"""`tranchain-node`: the command line of the node.

The engine takes a second to import, so commands import what they need when they run.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from chain_node.core.crypto import address_of
from chain_node.core.errors import ChainError, ConfigError, InvariantViolation
from chain_node.node.config import LogLevel, load_config
from chain_node.node.engine_choice import EngineName, EngineWish
from chain_node.node.keys import create_validator_key
from chain_node.node.structured_logs import configure_logs
from chain_node.node.tls_papers import TlsPapers, make_tls_papers

app = typer.Typer(
    help="A node of a Tranchain network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

_EXIT_FAULT = 70
"""Our own code or an engine is wrong: starting again will not help. Source: sysexits.h, EX_SOFTWARE."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
EngineOption = typer.Option(envvar="TRANCHAIN_ENGINE", help="What executes transactions.")
GenesisFile = Annotated[Path, typer.Option(help="genesis.json of the network.")]


@app.command()
def init(
    data_dir: Annotated[Path, typer.Option(help="Directory to make.")],
    key: Annotated[Path | None, typer.Option(help="File of the validator key; DATA_DIR/validator.key.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Name of the member, for a node that has peers.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where peers find this node.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the data directory and the node's keys, and print what the member file says of the node.

    With --organisation and --endpoint it makes DATA_DIR/tls.key too, and tls.csr: the request that the consortium's
    authority answers with tls.pem. No key ever leaves the directory.

    Example: tranchain-node init --data-dir /var/lib/tranchain --organisation "Bank A" --endpoint node.a.example:30303
    """
    if (organisation is None) != (endpoint is None):
        raise ConfigError("init", "give both --organisation and --endpoint, or neither")
    path = key or data_dir / "validator.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError("data_dir", f"{data_dir} cannot be made: {error.strerror}") from error
    validator = f"0x{address_of(create_validator_key(path)).hex()}"
    made = {"validator": validator, "key_file": str(path)}
    lines = [f"validator address {validator}", f"key in {path}: keep it secret, nobody else may have it"]
    options = f"--validator {validator}"
    if organisation is not None and endpoint is not None:
        papers = make_tls_papers(data_dir / "tls.key", organisation=organisation, endpoint=endpoint)
        made |= _describe_papers(papers)
        lines += _advise_on_papers(papers)
        options += f" --node {papers.record}"
    if as_json:
        typer.echo(orjson.dumps(made))
    else:
        typer.echo("\n".join([*lines, f"for `tranchain admin member-file`: {options}"]))


@app.command("tls-request")
def tls_request(
    organisation: Annotated[str, typer.Option(help="Name of the member.")],
    endpoint: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where peers find this node.")],
    data_dir: Annotated[Path, typer.Option(help="Data directory of the node.")],
    key: Annotated[Path | None, typer.Option(help="File of the TLS key, made if absent; DATA_DIR/tls.key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a certificate anew: of the same TLS key before the old one expires, or of a new key with --key.

    Example: tranchain-node tls-request --data-dir /var/lib/tranchain --organisation A --endpoint node.a.example:30303
    """
    papers = make_tls_papers(key or data_dir / "tls.key", organisation=organisation, endpoint=endpoint)
    if as_json:
        typer.echo(orjson.dumps(_describe_papers(papers)))
    else:
        typer.echo("\n".join([*_advise_on_papers(papers), f"for `tranchain admin node set`: {papers.record}"]))


@app.command()
def genesis(
    members: Annotated[list[Path], typer.Argument(help="Signed member files; the first is organisation 1.")],
    to: Annotated[Path, typer.Option(help="File to write.")] = Path("genesis.json"),
    chain_id: Annotated[int, typer.Option(min=1, help="Chain id.")] = 170919,
    block_period_ms: Annotated[int, typer.Option(min=100, help="Least time between blocks.")] = 1000,
    empty_block_period_seconds: Annotated[int, typer.Option(min=0, help="Time between empty blocks.")] = 60,
    engine: Annotated[EngineWish, typer.Option(envvar="TRANCHAIN_ENGINE", help="What all nodes run.")] = "auto",
    gas_limit: Annotated[int | None, typer.Option(min=5000, help="Gas of a block; as fits the engine.")] = None,
    per_tx_gas_limit: Annotated[int, typer.Option(min=0, help="Gas of a transaction.")] = 8_000_000,
    fork: Annotated[Literal["berlin", "london"], typer.Option(help="Rules of the EVM.")] = "london",
    timestamp: Annotated[int | None, typer.Option(min=0, help="Second of block 0; now unless given.")] = None,
) -> None:
    """Make the genesis file of a new network from signed member files.

    A block may use 400 Mgas where all nodes run the native engine, 60 Mgas where some run py-evm. Unless --engine says
    what runs, it is taken to be what would run here.

    Example: tranchain-node genesis bureau.json exchange.json risk.json --to genesis.json
    """
    from chain_node.node.engine_choice import choose_engine
    from chain_node.node.genesis_builder import GAS_LIMIT_BY_ENGINE, NetworkParameters, build_genesis
    from chain_node.node.member_file import read_member_file

    gas_of_block = gas_limit or GAS_LIMIT_BY_ENGINE[choose_engine(engine).name]
    parameters = NetworkParameters(
        chain_id=chain_id,
        block_period_ms=block_period_ms,
        empty_block_period_seconds=empty_block_period_seconds,
        gas_limit=gas_of_block,
        per_transaction_gas_limit=per_tx_gas_limit,
        fork=fork,
        timestamp=int(time.time()) if timestamp is None else timestamp,
    )
    text = build_genesis([read_member_file(path) for path in members], parameters)
    try:
        to.write_text(text)
    except OSError as error:
        raise ConfigError("to", f"{to} cannot be written: {error.strerror}") from error
    typer.echo(f"{to}: {len(members)} organisations, chain id {chain_id}, {gas_of_block // 10**6} Mgas a block")


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; flags override it.")] = None,
    genesis: Annotated[Path | None, typer.Option(help="genesis.json of the network.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Chain store, vote record and vault.")] = None,
    validator_key: Annotated[Path | None, typer.Option(help="File of the validator key.")] = None,
    rpc_listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="HTTP and WebSocket.")] = None,
    p2p_listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="For other nodes.")] = None,
    p2p_key: Annotated[Path | None, typer.Option(help="TLS key; DATA_DIR/tls.key.")] = None,
    p2p_certificate: Annotated[Path | None, typer.Option(help="Its certificate; DATA_DIR/tls.pem.")] = None,
    p2p_ca: Annotated[Path | None, typer.Option(help="Certificates of the authorities; DATA_DIR/ca.pem.")] = None,
    p2p_peer: Annotated[list[str] | None, typer.Option(metavar="HOST:PORT", help="A node to connect to.")] = None,
    vault: Annotated[bool | None, typer.Option("--vault/--no-vault", help="Serve the embedded vault.")] = None,
    engine: Annotated[EngineWish | None, EngineOption] = None,
    verify_with: Annotated[EngineName | None, typer.Option(help="Engine that must agree on every block.")] = None,
    cache_mb: Annotated[int | None, typer.Option(help="Memory for trie nodes, native engine.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="Least severe events that are logged.")] = None,
) -> None:
    """Run the node until SIGTERM or SIGINT.

    Example: tranchain-node run --genesis genesis.json --data-dir /var/lib/tranchain --rpc-listen 127.0.0.1:8545
    """
    flags = {
        "genesis": genesis,
        "data_dir": data_dir,
        "validator_key": validator_key,
        "rpc_listen": rpc_listen,
        "p2p_listen": p2p_listen,
        "p2p_key": p2p_key,
        "p2p_certificate": p2p_certificate,
        "p2p_ca": p2p_ca,
        "p2p_peers": p2p_peer or None,
        "vault": vault,
        "engine": engine,
        "verify_with": verify_with,
        "cache_mb": cache_mb,
        "log_level": log_level,
    }
    settings = load_config(config, flags)
    configure_logs(settings.log_level)
    from chain_node.node.server import run_node

    run_node(settings)


@app.command("engine")
def engine_(
    data_dir: Annotated[Path | None, typer.Option(help="Data directory of the node; a new one unless given.")] = None,
    engine: Annotated[EngineWish, EngineOption] = "auto",
    as_json: AsJson = False,
) -> None:
    """Say which engine `run` would choose here, and why.

    Example: tranchain-node engine --data-dir /var/lib/tranchain
    """
    from chain_node.node.engine_choice import choose_engine

    choice = choose_engine(engine, data_dir)
    if as_json:
        typer.echo(orjson.dumps({"engine": choice.name, "reason": choice.reason}))
    else:
        typer.echo(f"engine: {choice.name}: {choice.reason}")


@app.command()
def vault(
    rpc: Annotated[str, typer.Option(help="JSON-RPC URL of any EVM network.")],
    registry: Annotated[str, typer.Option(help="Address of the ContractRegistry there.")],
    data_dir: Annotated[Path, typer.Option(help="Directory of the blobs and the vault's key.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to serve.")] = "127.0.0.1:8546",
    log_level: Annotated[LogLevel, typer.Option(help="Least severe events that are logged.")] = "info",
) -> None:
    """Run a vault alone, beside any EVM network.

    Example: tranchain-node vault --rpc http://127.0.0.1:8545 --registry 0x…7C03 --data-dir /var/lib/vault
    """
    from chain_node.vault.service import run_standalone

    configure_logs(log_level)
    run_standalone(listen=listen, rpc_url=rpc, registry=registry, data_directory=data_dir)


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="File to write; it must not exist.")],
    genesis: GenesisFile,
    data_dir: Annotated[Path, typer.Option(help="Data directory of a node that is not running.")],
    first: Annotated[int, typer.Option("--from", min=0, help="First block.")] = 0,
    last: Annotated[int | None, typer.Option("--to-block", min=0, help="Last block; the head.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write blocks to a file that this program, Besu and geth can read.

    Example: tranchain-node export --genesis genesis.json --data-dir /var/lib/tranchain --to chain.rlp
    """
    from chain_node.node.block_file import export_blocks
    from chain_node.node.opening import read_genesis
    from chain_node.node.progress import show_progress

    with show_progress("export", is_quiet=as_json) as progress:
        count = export_blocks(read_genesis(genesis), data_dir, to, first=first, last=last, progress=progress)
    typer.echo(orjson.dumps({"blocks": count, "file": str(to)}) if as_json else f"{to}: {count} blocks")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="File of blocks, from block 0.")],
    genesis: GenesisFile,
    engine: Annotated[EngineWish, EngineOption] = "auto",
    as_json: AsJson = False,
) -> None:
    """Verify a file of blocks: every header, seal and root, everything executed again.

    Example: tranchain-node verify chain.rlp --genesis genesis.json
    """
    from chain_node.node.block_file import verify_file
    from chain_node.node.opening import read_genesis
    from chain_node.node.progress import show_progress

    blocks = transactions = 0
    head = ""
    with show_progress("verify", is_quiet=as_json) as progress:
        for block in verify_file(file, read_genesis(genesis), engine):
            blocks, transactions = blocks + 1, transactions + block.transaction_count
            head = f"0x{block.hash.hex()}"
            progress(block.height)
    if as_json:
        typer.echo(orjson.dumps({"valid": True, "blocks": blocks, "transactions": transactions, "head": head}))
    else:
        typer.echo(f"{file}: valid, {blocks} blocks, {transactions} transactions, head {head}")


@app.command()
def status(
    rpc: Annotated[list[str] | None, typer.Option(help="URL of a node; may be given several times.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Ask again every second until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how nodes are: who proposed, who is missing, finality, pool, disk, and why the chain stands still.

    Exit code 1 says that a node is down or something is broken.

    Example: tranchain-node status --rpc http://127.0.0.1:8545 --rpc http://127.0.0.1:8546 --watch
    """
    from chain_node.node.status import is_well, read_nodes, to_json
    from chain_node.node.status_screen import print_once, watch_nodes

    urls = rpc or ["http://127.0.0.1:8545"]
    if watch:
        watch_nodes(urls)
        return
    nodes = read_nodes(urls)
    if as_json:
        typer.echo(orjson.dumps(to_json(nodes)))
    else:
        print_once(nodes)
    if not is_well(nodes):
        raise typer.Exit(1)


def _describe_papers(papers: TlsPapers) -> dict[str, str]:
    return {
        "tls_key_hash": papers.tls_key_hash.hex(),
        "tls_request": str(papers.request_file),
        "node": papers.record,
    }


def _advise_on_papers(papers: TlsPapers) -> list[str]:
    certificate = papers.request_file.with_suffix(".pem").name
    return [
        f"TLS key hash {papers.tls_key_hash.hex()}",
        f"send {papers.request_file} to the consortium's authority; its answer goes beside it, as {certificate}",
    ]


def main() -> None:
    """Entry point: every expected error is one line on standard error and exit code 1."""
    try:
        app()
    except ChainError as error:
        typer.echo(f"tranchain-node: {error}", err=True)
        sys.exit(1)
    except InvariantViolation as fault:
        typer.echo(f"tranchain-node: stopped: {fault}", err=True)
        sys.exit(_EXIT_FAULT)
