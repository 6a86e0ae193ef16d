"""`tranchain bench`: load for any Ethereum network, and what came of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_account.signers.local import LocalAccount

from client.bench.accounts import make_accounts, read_accounts
from client.bench.prepare import Plan, prepare
from client.bench.report import make_report, summary_row
from client.bench.resources import make_meters
from client.bench.run import measure
from client.bench.wire import parse_target
from client.bench.workloads import WORKLOADS
from client.cli.bench_packs import pack
from client.cli.session import Session, session_of
from client.sdk.errors import ConfigError, RefusedError

app = typer.Typer(
    name="bench",
    help="Measure a network: send rate, throughput, latency, failures, CPU and memory.",
    no_args_is_help=True,
)

TRANSACTIONS_DEFAULT = 1_000
ACCOUNTS_DEFAULT = 100
_HELP = """{meaning}.

--rpc names one or several nodes of any Ethereum client; the load is spread over them, and a transaction counts as
committed when all of them have its block. Everything is signed before the clock starts, and every receipt and log is
read afterwards. Without --rate the mode is saturation: each connection sends as soon as its last answer is there.

Accounts come from --accounts: keystores (with --password-file), or text files with one private key in hex on a line.
On a network with members they must be enrolled. Without --accounts new ones are made, which works where gas is free
and everybody may send. {contract}

Example: tranchain --rpc http://127.0.0.1:8545 bench {name} --accounts keys.txt --transactions 20000 --png load.png
"""
_DEPLOYED = (
    "The contract is created by --keystore, else by the first account (it needs DEPLOYER); --contract reuses one."
)


def _load(
    context: typer.Context,
    transactions: Annotated[int | None, typer.Option(min=1, help="How many; default 1000.")] = None,
    connections: Annotated[int, typer.Option(min=1, max=4096, help="HTTP connections, to all nodes together.")] = 32,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Transactions in one request.")] = 1,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Fixed rate: transactions per second.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="With --rate: for how long.")] = None,
    accounts: Annotated[list[Path] | None, typer.Option(help="Keystore or file of private keys; repeatable.")] = None,
    generate: Annotated[int | None, typer.Option(min=1, help="Accounts to make up, where none are given.")] = None,
    contract: Annotated[str | None, typer.Option(help="Contract of an earlier run to use again.")] = None,
    waiting_max: Annotated[
        int | None, typer.Option(min=1, help="At most so many sent and in no block yet, for pools that hold few.")
    ] = None,
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for a block with one of ours.")] = 30.0,
    pid: Annotated[
        list[int] | None, typer.Option(help="Process of a node here, in the order of --rpc; default: its /metrics.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Picture of throughput and latency over time.")] = None,
) -> None:
    session = session_of(context)
    targets = [parse_target(url) for url in session.chain.rpc_url.split(",")]
    meters = make_meters(targets, pid or ())
    _check_writable(png)
    plan = Plan(
        workload=WORKLOADS[str(context.command.name)],
        targets=targets,
        transactions=_count(transactions, rate, seconds),
        connections=connections,
        batch=batch,
        per_second=rate,
        waiting_max=waiting_max,
        patience_s=patience,
    )
    senders = _accounts(session, accounts or [], generate)
    deployer = session.identity.account if session.settings.keystore else senders[0]
    with session.console.progress("signing", plan.transactions) as bar:
        prepared = prepare(plan, session.chain, senders, deployer, contract=contract, tell=bar.advance)
    session.console.note(
        f"{plan.transactions:,} transactions of {len(senders):,} accounts are signed; now they are sent"
    )
    report = make_report(measure(plan, prepared, meters))
    if png is not None:
        from client.bench.plot import draw  # here, as a run without a picture need not load matplotlib

        draw(report, png)
    _show(session, report)


for _workload in WORKLOADS.values():
    _about = _HELP.format(
        meaning=_workload.meaning[0].upper() + _workload.meaning[1:],
        name=_workload.name,
        contract=_DEPLOYED if _workload.artifact else "It calls no contract.",
    )
    app.command(_workload.name, help=_about)(_load)
app.command()(pack)


def _count(transactions: int | None, rate: float | None, seconds: float | None) -> int:
    if seconds is None:
        return transactions or TRANSACTIONS_DEFAULT
    if rate is None or transactions is not None:
        raise ConfigError(
            "--seconds", got="no --rate" if rate is None else "--transactions too", expected="--rate alone"
        )
    return max(1, round(rate * seconds))


def _check_writable(png: Path | None) -> None:
    """Refuse a picture that could not be written, before anything is measured."""
    if png is not None and not png.absolute().parent.is_dir():
        raise ConfigError("--png", got=png, expected="a file in a directory that exists")


def _accounts(session: Session, files: list[Path], generate: int | None) -> list[LocalAccount]:
    if not files:
        return make_accounts(generate or ACCOUNTS_DEFAULT)
    if generate is not None:
        raise ConfigError("--generate", got="--accounts too", expected="one of them")
    password = session.password if session.settings.password_file else None
    found = {str(each.address): each for path in files for each in read_accounts(path, password)}
    if not found:
        raise ConfigError("--accounts", got="no key in it", expected="private keys")
    return list(found.values())


def _show(session: Session, report: Mapping[str, Any]) -> None:
    """Print the report and what went wrong; failed transactions are an error after it."""
    console = session.console
    if console.is_json:
        console.result(report)
    else:
        console.result([summary_row(report)], title=f"{report['meaning']}")
        console.result(list(report["nodes"]), title="nodes")
        shown = ("answer", "duration_s", "blocks", "transactions_per_block_max", "generator", "failures")
        console.result({name: report[name] for name in shown} | {"conditions": report["conditions"]})
    if report.get("rate_problem"):
        console.warning(f"rate not reached: {report['rate_problem']}")
    if report["failed"]:
        first = report["failures"][0]
        why = f"{report['failed']:,} transactions failed, {first['count']:,} of them: {first['reason']}"
        raise RefusedError("the network", why)
