"""Commands of `tranchain risk promise`: what packs were promised to do, and whether they do it."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import Session, session_of
from client.sdk.errors import InvalidInputError
from client.sdk.monitoring.ledger import (
    Record,
    compare_with_removed,
    has_promise,
    read_promise,
    record_of_model,
    record_of_originator,
)
from client.sdk.monitoring.promise import PromiseTerms, evidence, lower_limit
from client.sdk.pack.reader import read_pack
from client.sdk.quantities import parse_ppm

commands = typer.Typer(help="Promises of packs, and the loans that were removed.", no_args_is_help=True)

PackId = Annotated[int, typer.Argument(help="Pack id.")]


@commands.command("make")
def make(
    context: typer.Context,
    pack: PackId,
    timing: Annotated[
        Path | None, typer.Option(help="CSV (month, cumulative_ppm): when defaults happen. Default: evenly.")
    ] = None,
    odds: Annotated[str, typer.Option(help="How much worse a pool the test looks for, above 100%.")] = "200%",
    shape: Annotated[int, typer.Option(help="Common shock: its standard deviation is 1 / sqrt(shape).")] = 25,
    alpha: Annotated[str, typer.Option(help="Probability that a promise which holds is called broken.")] = "5%",
) -> None:
    """Commit how many loans of a pack will default by when, before anybody knows. Run again, it shows the promise.

    Example: tranchain risk promise make 1 --alpha 5%
    """
    from client.roles.risk_control.promise import make_promise  # here, as other commands need not wait for numpy

    session = session_of(context)
    if not has_promise(session.chain, pack):
        terms = PromiseTerms(
            odds_ppm=parse_ppm(odds, what="--odds"), shape=shape, alpha_ppm=parse_ppm(alpha, what="--alpha")
        )
        rows = read_pack(session.chain, session.vault, session.identity, pack)
        make_promise(session.chain, session.identity, rows, terms, timing_ppm=_read_timing(timing) if timing else ())
    session.console.result(_document(session, pack), title=f"Promise of pack {pack}")


@commands.command("show")
def show(context: typer.Context, pack: PackId) -> None:
    """Show a pack's promise with its limits by month, what was observed, and the loans that were removed.

    Example: tranchain risk promise show 1
    """
    session = session_of(context)
    session.console.result(_document(session, pack), title=f"Promise of pack {pack}")


@commands.command("record")
def record(
    context: typer.Context,
    model: Annotated[int | None, typer.Option(help="Model version.")] = None,
    originator: Annotated[str | None, typer.Option(help="Account of an originator.")] = None,
) -> None:
    """Show how many promises of a model version or of an originator were kept and broken, and the worst ratio.

    Example: tranchain risk promise record --model 1
    """
    session = session_of(context)
    if (model is None) == (originator is None):
        raise InvalidInputError("--model, --originator", got="both or neither", expected="one of them")
    found = (
        record_of_model(session.chain, model)
        if model is not None
        else record_of_originator(session.chain, str(originator))
    )
    of = f"model {model}" if model is not None else f"originator {originator}"
    session.console.result({"of": of} | _counts(found), title=f"Promises of {of}")


def _document(session: Session, pack_id: int) -> dict[str, object]:
    promise = read_promise(session.chain, pack_id)
    document: dict[str, object] = {
        "pack": pack_id,
        "model": promise.model_id,
        "originator": promise.originator,
        "status": promise.status,
        "loans_count": promise.kept_count,
        "last_period": promise.last_period,
        "defaults_count": promise.defaults,
        "odds_ppm": promise.terms.odds_ppm,
        "shape": promise.terms.shape,
        "alpha_ppm": promise.terms.alpha_ppm,
        "margin_ppm": promise.margin_ppm,
    }
    if promise.last_period:
        now = promise.points[min(promise.last_period, len(promise.points)) - 1]
        document |= {
            "expected_now": now.expected_milli / 1_000,
            "limit_now": now.limit,
            "evidence_now": f"{evidence(promise.defaults, now.expected_milli, promise.terms):.4f}",
        }
    removed = compare_with_removed(
        session.chain, pack_id, kept_count=promise.kept_count, kept_defaults=promise.defaults
    )
    document |= {
        "kept_default_rate_ppm": removed.kept_rate_ppm,
        "removed_followed_count": removed.removed_count,
        "removed_default_rate_ppm": removed.removed_rate_ppm,
        "screening_chose": {True: "yes", False: "no", None: "not known yet"}[removed.chose],
        "model_record": _counts(record_of_model(session.chain, promise.model_id)),
        "months": [
            {
                "month": month,
                "expected": point.expected_milli / 1_000,
                "better_at_most": lower_limit(point.expected_milli, promise.terms),
                "broken_from": point.limit,
            }
            for month, point in enumerate(promise.points, start=1)
        ],
    }
    return document


def _counts(record: Record) -> dict[str, object]:
    return {
        "running_count": record.running_count,
        "kept_count": record.kept_count,
        "broken_count": record.broken_count,
        "worst_ratio_ppm": record.worst_ratio_ppm,
    }


def _read_timing(path: Path) -> list[int]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        months = [int(row["month"]) for row in rows]
        shares = [int(row["cumulative_ppm"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        expected = "CSV with the columns month and cumulative_ppm, whole numbers"
        raise InvalidInputError(str(path), got="another file", expected=expected) from error
    if months != list(range(1, len(months) + 1)):
        raise InvalidInputError(str(path), got=f"months {months[:3]} …", expected="1, 2, 3 and so on")
    return shares
