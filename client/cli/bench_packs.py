"""`tranchain bench pack`: life cycles of packs as one unit of work."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from client.cli.policy_options import PolicyFile, draft_of
from client.cli.session import session_of
from client.sdk.errors import RefusedError
from client.sdk.keystore import unlock
from client.sdk.quantities import parse_day


def pack(
    context: typer.Context,
    tape: Annotated[Path, typer.Argument(help="CSV or Parquet file of loans.")],
    consents: Annotated[Path, typer.Option(help="The borrowers' consents, as of `tranchain pack submit`.")],
    registrar: Annotated[str, typer.Option(envvar="TRANCHAIN_REGISTRAR", help="URL of the registrar.")],
    risk_control: Annotated[Path, typer.Option(help="Keystore of a risk control with a proven encryption key.")],
    originator: Annotated[Path, typer.Option(help="Keystore of an originator with a proven encryption key.")],
    cut_off: Annotated[str, typer.Option(help="Day of balances and arrears, YYYY-MM-DD.")],
    closing_on: Annotated[str, typer.Option("--closing", help="Day of the transfer, YYYY-MM-DD.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML with the tape's own column names and units.")] = None,
    policy: PolicyFile = None,
    expected_bad_rate: Annotated[str | None, typer.Option(help="Target of the screening, such as 10%.")] = None,
    packs: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    loans: Annotated[int, typer.Option(min=1, help="Loans in each; a query names at least 100 people.")] = 150,
    first: Annotated[int, typer.Option(min=0, help="Loans of the tape to pass over: earlier runs pledged them.")] = 0,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Packs under way at once.")] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for bureaus and for oracles.")] = 120.0,
    pid: Annotated[
        list[int] | None, typer.Option(help="Process of a node here, in the order of --rpc; default: its /metrics.")
    ] = None,
) -> None:
    """Measure life cycles of packs on a Tranchain network: invite, submit, query, score and screen are one unit.

    It needs a running consortium: contracts deployed, a model active, a bureau daemon with the borrowers' credit
    files, a registrar, as many oracles as its quorum; --vault, and --password-file with the one password of both
    keystores. Every pack takes loans of its own from the tape and pledges them; --first goes on where a run ended.

    Example: tranchain --rpc http://127.0.0.1:8545 --vault http://127.0.0.1:8545 --password-file password bench pack
    loans.csv --consents consents.csv --mapping mapping_loans.toml --registrar http://127.0.0.1:8700
    --risk-control risk-control.json --originator originator.json --cut-off 2011-12-31 --closing 2012-01-15
    """
    from client.bench.packs import PackPlan, Parties, make_pack_report, run_cycles  # here: polars and SQLAlchemy
    from client.bench.resources import make_meters
    from client.bench.wire import parse_target
    from client.roles.originator.submission import PackTerms
    from client.roles.originator.tape import read_loans
    from client.sdk.table_mapping import load_mapping

    session = session_of(context)
    draft = draft_of(policy, expected_bad_rate=expected_bad_rate)
    found, _ = read_loans(tape, consents, mapping=load_mapping(mapping), skip_bad_rows=False)
    targets = [parse_target(url) for url in session.chain.rpc_url.split(",")]
    meters = make_meters(targets, pid or ())
    identities = [unlock(path, session.password) for path in (risk_control, originator)]
    parties = Parties(
        chain=session.chain,
        risk_control=identities[0],
        originator=identities[1],
        risk_vault=session.vault_as(identities[0]),
        originator_vault=session.vault_as(identities[1]),
    )
    with tempfile.TemporaryDirectory(prefix="tranchain-bench-") as directory:
        plan = PackPlan(
            loans=found[first:],
            loans_per_pack=loans,
            pack_count=packs,
            parallel=parallel,
            terms=PackTerms(
                currency="USD",
                cut_off_day=parse_day(cut_off, what="--cut-off"),
                closing_day=parse_day(closing_on, what="--closing"),
                class_unit=1_000,
            ),
            policy=draft,
            registrar_url=registrar,
            directory=Path(directory),
            timeout_s=timeout,
        )
        with session.console.progress("packs", packs) as bar:
            cycles = run_cycles(plan, parties, meters, tell=bar.advance)
    session.console.result(make_pack_report(plan, cycles), title="Life cycles of packs")
    if cycles.failures:
        number, step, why = cycles.failures[0]
        raise RefusedError("the network", f"{len(cycles.failures)} packs failed; pack {number} at {step}: {why}")
