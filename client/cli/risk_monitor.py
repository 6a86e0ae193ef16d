"""`tranchain risk monitor`: an issued pool month by month, computed again from the chain."""

from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.session import session_of
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError

if TYPE_CHECKING:
    from client.roles.risk_control.monitor import ModelView


def add_commands(app: typer.Typer) -> None:
    """Add the command of this module to the group."""
    app.command()(monitor)


def monitor(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Pack id.")],
    period: Annotated[int | None, typer.Option(help="Period, from 1; default: the last that is closed.")] = None,
) -> None:
    """Show a month of an issued pool: levels, triggers, losses, roll rates, defaults observed and expected.

    Everything is computed again from what was reported, and compared with the contract's figures.

    Example: tranchain risk monitor 1 --period 6
    """
    from client.roles.risk_control.monitor import month_report  # here, as other commands need not wait for numpy
    from client.sdk.monitoring.on_chain import replay

    session = session_of(context)
    chain = session.chain
    with session.console.progress("computing the periods again") as bar:
        pool = replay(chain, pack, periods=period, report=bar.advance)
    number = len(pool.periods) - 1
    if number == 0 or period not in (None, number):
        raise InvalidInputError(
            f"period of pack {pack}",
            got="none closed yet" if number == 0 else period,
            expected=f"1 to {number}" if number else "a closed one",
            remedy="`tranchain servicer report`",
        )
    document = month_report(pool, number, _model_view(chain, pack))
    document |= {"promise": _promise(chain, pack, number), "measures": _measures(chain, pack)}
    session.console.result({"pack": pack, **document}, title=f"Pack {pack}, period {number}, {document['month']}")


def _promise(chain: ChainClient, pack: int, number: int) -> list[dict[str, object]]:
    """What was promised of this month, and where the promise breaks; nothing where there is no promise."""
    from client.sdk.monitoring.ledger import has_promise, read_promise

    if not has_promise(chain, pack):
        return []
    promise = read_promise(chain, pack)
    point = promise.points[min(number, len(promise.points)) - 1]
    return [
        {
            "status": promise.status,
            "expected_count": point.expected_milli // 1_000,
            "broken_from_count": point.limit,
            "observed_count": promise.defaults,
            "observed_in_period": promise.last_period,
        }
    ]


def _measures(chain: ChainClient, pack: int) -> list[dict[str, object]]:
    from client.sdk.measures.on_chain import measures_of

    now = chain.block_second()
    return [
        {
            "measure": each.measure_id,
            "kind": each.kind.name.lower().replace("_", " "),
            "state": each.state_text(now),
            "assets_count": len(each.assets),
        }
        for each in measures_of(chain, pack)
    ]


def _model_view(chain: ChainClient, pack: int) -> "ModelView":
    from client.model.monitoring import Reference
    from client.roles.risk_control.monitor import ModelView
    from client.sdk.monitoring.on_chain import read_scores
    from client.sdk.pack.on_chain import read_tables

    run = chain.call("Screening", "run", chain.call("Screening", "runOf", pack))
    tables = read_tables(chain, run.modelId)
    counts = bytes(chain.call("RiskModelRegistry", "calibrationTable", run.modelId))
    numbers = [int.from_bytes(counts[at : at + 4], "big") for at in range(0, len(counts), 4)]
    offered = [0] * 101
    for score in read_scores(chain, run.roundId, run.assetCount):
        offered[score] += 1
    return ModelView(
        reference=Reference(
            totals=tuple(numbers[::2]),
            defaults=tuple(numbers[1::2]),
            pd_ppm=tables.pd_ppm,
            margin_ppm=tables.margin_ppm,
        ),
        offered_by_score=tuple(offered[1:]),
    )
