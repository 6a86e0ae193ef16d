"""The end of the demo: a table and a picture of what screening did, held against what became of the loans."""

import csv
from dataclasses import dataclass
from pathlib import Path

from demo_consortium import DemoConsortium
from rich import box
from rich.console import Console
from rich.table import Table

from client.roles.risk_control.screening import check_run
from client.sdk.chain import ChainClient
from client.sdk.pack.on_chain import read_policy, read_tables
from client.sdk.pack.reader import read_pack
from client.sdk.pack.report import score_of
from client.sdk.screening import CurvePoint, Reason, curve
from client.sdk.vault_client import VaultClient

REGISTRY = "0x0000000000000000000000000000000000007C03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some of the loans: how many, and how many of them defaulted in the end."""

    name: str
    count: int
    principal_cents: int
    expected_ppm: int
    """Mean probability of default by count, without margin."""
    defaults: int

    @property
    def actual_ppm(self) -> int:
        """Share of the loans that defaulted."""
        return self.defaults * 1_000_000 // self.count if self.count else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFigures:
    """What the picture shows."""

    target_ppm: int
    before_count_by_level: tuple[int, ...]
    after_count_by_level: tuple[int, ...]
    actual_ppm_by_level: tuple[int, ...]
    curve: tuple[CurvePoint, ...]
    offered_count: int
    kept_count: int
    groups: tuple[Group, ...]


def print_report(consortium: DemoConsortium, rpc: str, pack_id: int, outcomes: Path) -> DemoFigures:
    """Read the screened pack as the trustee, join the outcomes, print the table and return the figures."""
    chain, trustee = ChainClient(rpc, REGISTRY), consortium.identity("trustee")
    vault = VaultClient(rpc, trustee.account, chain_id=chain.chain_id, registry=REGISTRY)
    pack = read_pack(chain, vault, trustee, pack_id)
    run_id = int(chain.call("Screening", "runOf", pack_id))
    run = chain.call("Screening", "run", run_id)
    screened = check_run(chain, run_id)
    policy, tables = read_policy(chain, run.policyId), read_tables(chain, run.modelId)
    defaulted = _defaults(outcomes)
    scores = [score_of(asset.report_word) for asset in screened.assets]
    bad = [defaulted[row.loan_id] for row in pack.rows]

    def group(name: str, indices: list[int]) -> Group:
        scored = [tables.pd_ppm[scores[index] - 1] for index in indices if scores[index]]
        return Group(
            name=name,
            count=len(indices),
            principal_cents=sum(pack.rows[index].known("balance_cents") for index in indices),
            expected_ppm=sum(scored) // len(scored) if scored else 0,
            defaults=sum(bad[index] for index in indices),
        )

    reasons = screened.result.reasons
    everything = list(range(len(pack.rows)))
    groups = (
        group("offered", everything),
        group("kept and issued", [i for i in everything if reasons[i] == Reason.KEPT]),
        group("removed by screening", [i for i in everything if reasons[i] == Reason.SCREENED]),
        group("no usable record", [i for i in everything if reasons[i] == Reason.NO_RECORD]),
    )
    by_level = [[i for i in everything if scores[i] and (scores[i] + 9) // 10 == level] for level in range(1, 11)]
    figures = DemoFigures(
        target_ppm=policy.expected_bad_rate_ppm,
        before_count_by_level=tuple(t.count for t in screened.result.before.level_tallies),
        after_count_by_level=tuple(t.count for t in screened.result.after.level_tallies),
        actual_ppm_by_level=tuple(sum(bad[i] for i in m) * 1_000_000 // len(m) if m else 0 for m in by_level),
        curve=curve(screened.assets, policy, tables.pd_ppm, tables.margin_ppm),
        offered_count=len(pack.rows),
        kept_count=groups[1].count,
        groups=groups,
    )
    _print_tables(figures)
    return figures


def save_picture(figures: DemoFigures, path: Path) -> None:
    """Draw levels before and after, the curve of removal, and expected against actual default rates."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    grey, blue, red = "#b8c0cc", "#2563a8", "#c2413a"
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    levels = range(1, 11)
    left.bar(levels, figures.before_count_by_level, color=grey, label="offered, with a usable record")
    left.bar(levels, figures.after_count_by_level, color=blue, label="kept")
    left.set(title="Loans by risk level", xlabel="level (10 = riskiest)", ylabel="loans", xticks=list(levels))
    left.set_ylim(0, 1.25 * max(figures.before_count_by_level))
    left.legend(frameon=False, loc="upper left")

    total = max(point.removed.count for point in figures.curve)
    shares = [100 * point.removed.count / total for point in figures.curve]
    by_balance = [point.bad_rate_by_balance_ppm / 1e4 for point in figures.curve]
    by_count = [point.bad_rate_by_count_ppm / 1e4 for point in figures.curve]
    removed = 100 * (1 - figures.kept_count / total)
    middle.plot(shares, by_balance, color=blue, label="by balance")
    middle.plot(shares, by_count, color=grey, linestyle="--", label="by count")
    middle.axhline(figures.target_ppm / 1e4, color=red, linewidth=1, label="target")
    middle.axvline(removed, color=red, linewidth=1, linestyle=":")
    middle.annotate(f" {removed:.0f} % removed", (removed, 0.95 * by_balance[0]))
    middle.set(title="Expected bad rate (with margin) as the riskiest leave", xlabel="removed, % of scored loans")
    middle.set(ylabel="%", ylim=(0, None))
    middle.legend(frameon=False)

    names = [group.name.replace(" ", "\n", 1) + f"\n{group.count:,} loans" for group in figures.groups]
    expected = [group.expected_ppm / 1e4 for group in figures.groups]
    actual = [group.actual_ppm / 1e4 for group in figures.groups]
    right.bar([place - 0.2 for place in range(len(names))], expected, 0.4, color=grey, label="expected (no margin)")
    bars = right.bar([place + 0.2 for place in range(len(names))], actual, 0.4, color=red, label="actual")
    right.bar_label(bars, fmt="%.1f")
    right.axhline(figures.target_ppm / 1e4, color=red, linewidth=1)
    right.set(title="Default rate: expected and actual, %", xticks=list(range(len(names))))
    right.set_xticklabels(names, fontsize=8)
    right.set_ylim(0, 1.2 * max(actual + expected))
    right.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _print_tables(figures: DemoFigures) -> None:
    console = Console(width=110)
    table = Table("loans", "count", "principal", "expected default", "actual default", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for group in figures.groups:
        expected = f"{group.expected_ppm / 1e4:.1f} %" if group.expected_ppm else "-"
        principal = f"{group.principal_cents // 100:,}"
        table.add_row(group.name, f"{group.count:,}", principal, expected, f"{group.actual_ppm / 1e4:.1f} %")
    console.print(table)
    levels = Table("level", *map(str, range(1, 11)), box=box.SIMPLE_HEAD)
    for column in levels.columns[1:]:
        column.justify = "right"
    levels.add_row("offered", *(f"{count:,}" for count in figures.before_count_by_level))
    levels.add_row("kept", *(f"{count:,}" for count in figures.after_count_by_level))
    levels.add_row("actual default %", *(f"{ppm / 1e4:.1f}" for ppm in figures.actual_ppm_by_level))
    console.print(levels)


def _defaults(path: Path) -> dict[str, bool]:
    with path.open(newline="") as file:
        return {row["loan_id"]: row["defaulted"] == "1" for row in csv.DictReader(file)}
