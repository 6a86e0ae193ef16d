"""`tranchain risk model watch`: whether a model still does what was promised of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.session import Session, session_of
from client.model.committed import DEFAULT_MODEL
from client.sdk.errors import InvalidInputError

if TYPE_CHECKING:
    from client.model.manifest import ModelPackage
    from client.model.monitoring import Comparison, ModelReport, PeriodReport, Reference, ScoreCounts


def add_command(commands: typer.Typer) -> None:
    """Add the command of this module to the group."""
    commands.command()(watch)


def watch(
    context: typer.Context,
    history: Annotated[
        Path | None, typer.Argument(help="CSV: month (YYYY-MM), score, defaulted (0, 1, empty); loans.")
    ] = None,
    pack: Annotated[
        list[int] | None, typer.Option(help="Monitored pack whose outcomes are read from the chain; repeat.")
    ] = None,
    package: Annotated[Path, typer.Option(help="Model package that gave the scores.")] = DEFAULT_MODEL,
    reference: Annotated[
        str | None, typer.Option(help="Months FIRST:LAST of the file to compare with; default: the calibration.")
    ] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Take good rows and list the bad.")] = False,
) -> None:
    """Compare scored loans with the model's calibration: stability, separation, expected against observed defaults.

    Example: tranchain risk model watch score_history.csv --reference 2010-01:2010-12
    """
    # Here, as other commands need not wait for numpy.
    from client.model import monitoring
    from client.model.manifest import ModelPackage

    session = session_of(context)
    model = ModelPackage.load(package)
    months = _months(session, history, pack or [], model, skip_bad_rows=skip_bad_rows)
    compared_with = monitoring.Reference(
        totals=model.totals, defaults=model.defaults, pd_ppm=model.pd_ppm, margin_ppm=model.margin_ppm
    )
    if reference is not None:
        months, compared_with = _split(months, reference, model.margin_ppm)
    report = monitoring.watch(compared_with, months)
    session.console.result(_result(report, reference or "calibration"), title=f"{model.manifest.name} watched")


def _months(
    session: Session, history: Path | None, packs: list[int], model: "ModelPackage", *, skip_bad_rows: bool
) -> "dict[str, ScoreCounts]":
    """Return what the file and the packs say, month by month."""
    from client.roles.risk_control.score_history import read_history
    from client.roles.risk_control.score_outcomes import read_outcomes

    if history is None and not packs:
        raise InvalidInputError("watch", got="nothing", expected="a history, or packs", remedy="see --help")
    months: dict[str, ScoreCounts] = {}
    if history is not None:
        months, bad_rows = read_history(history, skip_bad_rows=skip_bad_rows)
        if bad_rows:
            session.console.bad_rows(bad_rows)
    for pack_id in packs:
        month, counts = read_outcomes(session.chain, pack_id, manifest_hash=model.manifest_hash)
        months[month] = months[month].plus(counts) if month in months else counts
    return dict(sorted(months.items()))


def _split(
    months: "dict[str, ScoreCounts]", reference: str, margin_ppm: tuple[int, ...]
) -> "tuple[dict[str, ScoreCounts], Reference]":
    from client.roles.risk_control.score_history import reference_of

    first, colon, last = reference.partition(":")
    if not colon:
        raise InvalidInputError("--reference", got=reference, expected="FIRST:LAST, such as 2010-01:2010-12")
    others = {name: counts for name, counts in months.items() if not first <= name <= last}
    found = reference_of(months, first, last, margin_ppm)
    if not others:
        raise InvalidInputError("--reference", got=reference, expected="months that leave others to compare")
    return others, found


def _result(report: "ModelReport", reference: str) -> dict[str, object]:
    return {
        "compared_with": reference,
        "reference_ks_ppm": report.reference_ks_ppm,
        "whole": [_period(report.whole)],
        "months": [_period(each) for each in report.months],
        "levels": [
            {"level": level, "loans_count": each.loans, **_outcome(each)} for level, each in enumerate(report.levels, 1)
        ],
        "alerts": [
            {
                "severity": each.severity,
                "period": each.period,
                "what": each.kind,
                "level": each.level or "all",
                "value_ppm": each.value_ppm,
                "limit_ppm": each.limit_ppm,
                "meaning": each.meaning,
            }
            for each in report.alerts
        ],
    }


def _period(period: "PeriodReport") -> dict[str, object]:
    return {
        "period": period.name,
        "loans_count": period.loans,
        "psi_ppm": period.psi_ppm,
        "ks_ppm": period.ks_ppm,
        "auc_ppm": period.auc_ppm,
        **_outcome(period.outcome),
    }


def _outcome(outcome: "Comparison") -> dict[str, object]:
    """Default rates; low and high are those that 19 of 20 such sets of loans have when the PD is right."""
    loans = outcome.loans
    return {
        "open_count": outcome.open,
        "expected_ppm": outcome.expected_ppm // loans if loans else None,
        "low_ppm": outcome.low * 1_000_000 // loans if loans else None,
        "high_ppm": -(-outcome.high * 1_000_000 // loans) if loans else None,
        "observed_ppm": outcome.observed * 1_000_000 // loans if loans else None,
        "ratio_ppm": outcome.ratio_ppm,
        "is": {None: "as expected", "watch": "outside", "act": "above the promise"}[outcome.severity],
    }
