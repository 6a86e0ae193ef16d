"""What an auto trust's screening promised, and what became of the loans that it kept and of those it removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from auto_trust_data import loans_with_outcome
from demo_report import REGISTRY
from demo_stage import Demo
from rich import box
from rich.console import Console
from rich.table import Table

from client.model.calibration import LEVEL_COUNT
from client.roles.risk_control.screening import check_run
from client.sdk.chain import ChainClient
from client.sdk.pack.on_chain import read_tables
from client.sdk.pack.reader import read_pack
from client.sdk.pack.report import score_of
from client.sdk.screening import Reason
from client.sdk.vault_client import VaultClient

TRAINING_SEED = 170_919
"""Of `client.model.training.pipeline`, which needs packages that a run does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A loan of the pack: what was promised of it, what was done with it, and what became of it."""

    pd_ppm: int
    pd_with_margin_ppm: int
    level: int
    reason: Reason
    was_lost: bool
    in_training: bool


def read_outcomes(demo: Demo, pack_id: int, tables: Path) -> list[Outcome]:
    """Read the screened pack as the trustee and join what became of its loans."""
    chain, trustee = ChainClient(demo.rpc, REGISTRY), demo.consortium.identity("trustee")
    vault = VaultClient(demo.rpc, trustee.account, chain_id=chain.chain_id, registry=REGISTRY)
    rows = read_pack(chain, vault, trustee, pack_id).rows
    run_id = int(chain.call("Screening", "runOf", pack_id))
    screened = check_run(chain, run_id)
    model = read_tables(chain, chain.call("Screening", "run", run_id).modelId)
    known = loans_with_outcome(tables / "loans.csv", tables / "credit_files.csv")
    trained = _trained(known)
    lost = set(known.filter(pl.col("outcome") == "lost")["loan_id"])
    outcomes = []
    for row, asset, reason in zip(rows, screened.assets, screened.result.reasons, strict=True):
        score = score_of(asset.report_word)
        level = -(-score // 10)
        pd_ppm = model.pd_ppm[score - 1] if score else 0
        outcomes.append(
            Outcome(
                pd_ppm=pd_ppm,
                pd_with_margin_ppm=pd_ppm * model.margin_ppm[level - 1] // 1_000_000 if score else 0,
                level=level,
                reason=Reason(reason),
                was_lost=row.loan_id in lost,
                in_training=row.loan_id in trained,
            )
        )
    return outcomes


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print expected against actual, for kept and removed loans, by half and by level."""
    console = Console(width=120)
    heads = ("loans", "count", "expected lost", "with margin", "lost", "share lost")
    table = Table(*heads, box=box.SIMPLE_HEAD, title="Half of the loans trained the model; the other half judges it")
    for half, in_training in (("held out", False), ("in training", True)):
        mine = [each for each in outcomes if each.in_training == in_training]
        for name, reasons in (("offered", tuple(Reason)), ("kept", (Reason.KEPT,)), ("removed", (Reason.SCREENED,))):
            table.add_row(f"{half}, {name}", *_figures([each for each in mine if each.reason in reasons]))
        ineligible = [each for each in mine if each.reason == Reason.NOT_ELIGIBLE]
        table.add_row(f"{half}, in arrears at the cut-off: not eligible", *_figures(ineligible))
    _right(console, table)
    levels = Table("held out, level", *map(str, range(1, LEVEL_COUNT + 1)), box=box.SIMPLE_HEAD)
    by_level = [[e for e in outcomes if e.level == level and not e.in_training] for level in range(1, LEVEL_COUNT + 1)]
    levels.add_row("loans", *(f"{len(each):,}" for each in by_level))
    levels.add_row("expected %", *(_percent(sum(e.pd_ppm for e in each), len(each)) for each in by_level))
    levels.add_row("lost %", *(_percent(sum(e.was_lost for e in each) * 1_000_000, len(each)) for each in by_level))
    _right(console, levels)


def _trained(known: pl.DataFrame) -> set[str]:
    """Return the loans that were in the seeded half, as the training draws it."""
    order = np.random.default_rng(TRAINING_SEED).permutation(known.height)
    return set(known["loan_id"].gather(order[known.height // 2 :].tolist()))


def _figures(loans: Sequence[Outcome]) -> list[str]:
    lost = sum(each.was_lost for each in loans)
    expected = sum(each.pd_ppm for each in loans) / 1_000_000
    with_margin = sum(each.pd_with_margin_ppm for each in loans) / 1_000_000
    return [
        f"{len(loans):,}",
        f"{expected:.1f}",
        f"{with_margin:.1f}",
        str(lost),
        _percent(lost * 1_000_000, len(loans)),
    ]


def _percent(ppm_sum: int, count: int) -> str:
    return f"{ppm_sum / count / 10_000:.2f}" if count else "-"


def _right(console: Console, table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
