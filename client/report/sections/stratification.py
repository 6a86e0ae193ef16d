"""Stratification: the pool in bands of balance, rate, term, seasoning, score, region and age."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from client.model.codes import REGIONS
from client.report.averages import total_cents, weighted
from client.report.bands import Band, cut_bands, join_neighbours, join_smallest
from client.report.document import Block, Cell, Picture, Row, Series, Table
from client.report.figures import Figure, Figures, divide_half_up
from client.report.reading.data import ReportData
from client.report.sections.bridge import last_name
from client.sdk.pack.asset_row import AssetRow

_PICTURED_MAX: Final = 24
_REGION_NAMES: Final = {code: name for name, code in REGIONS.items()}
_K: Final = 100_000
"""A thousand currency units, in cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    """What loans are put into bands by."""

    key: str
    title: str
    field: str
    unit: str
    cuts: tuple[int, ...]
    labels: tuple[str, ...]
    """A band goes from its first limit to just below its second."""


def _variable(key: str, title: str, field: str, cuts: Sequence[int], scale: int, unit: str) -> _Variable:
    """Return a variable whose bands are named by their limits in units of `scale`."""
    edges = [f"{cut // scale:,}" for cut in cuts]
    labels = [f"below {edges[0]}"]
    labels += [f"{low}–{high}" for low, high in pairwise(edges)]
    labels.append(f"{edges[-1]} and more")
    return _Variable(key=key, title=title, field=field, unit=unit, cuts=tuple(cuts), labels=tuple(labels))


_BALANCES: Final = [each * _K for each in (2, 5, 10, 15, 20, 25, 35, 50, 100, 250)]
_VARIABLES: Final = (
    _variable("balance", "Balance at cut-off", "balance_cents", _BALANCES, 100, "from–below"),
    _variable(
        "rate", "Nominal yearly rate", "rate_ppm", [each * 10_000 for each in range(6, 31, 3)], 10_000, "%, from–below"
    ),
    _variable("term", "Original term", "term_months", (13, 25, 37, 49, 61, 73, 85), 1, "months, from–below"),
    _variable("seasoning", "Seasoning", "months_on_book", (3, 6, 12, 18, 24, 36, 48), 1, "months, from–below"),
    _variable(
        "age", "Borrower's age at origination", "borrower_age_years", (20, 30, 40, 50, 60, 70), 1, "years, from–below"
    ),
)


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return a table and a picture for each variable that the rows have."""
    blocks: list[Block] = []
    for variable in _VARIABLES:
        values = [row.value(variable.field) for row in data.rows]
        bands = cut_bands(values, variable.cuts, variable.labels, "not known")
        blocks += _of_bands(data, figures, (variable.key, variable.title, variable.unit), _protected(data, bands))
    blocks += _of_bands(data, figures, ("score", "Risk level of the score", "level"), _protected(data, _by_level(data)))
    blocks += _of_bands(data, figures, ("region", "Region of the borrower", "region"), _by_region(data))
    return blocks


def _protected(data: ReportData, bands: list[Band]) -> list[Band]:
    if data.is_for_investors:
        return join_neighbours(bands, frozenset(data.screened.kept))
    return [band for band in bands if band.members]


def _by_level(data: ReportData) -> list[Band]:
    members: list[list[int]] = [[] for _ in range(11)]
    for index, score in enumerate(data.screened.scores):
        members[(score + 9) // 10].append(index)
    names = ["no score", *(data.level_name(level) for level in range(1, 11))]
    return [
        Band(key=f"level_{level}", label=name, members=tuple(each))
        for level, (name, each) in enumerate(zip(names, members, strict=True))
    ]


def _by_region(data: ReportData) -> list[Band]:
    members: dict[int, list[int]] = {}
    for index, row in enumerate(data.rows):
        members.setdefault(row.known("region_code"), []).append(index)
    bands = [
        Band(key=f"region_{code}", label=_REGION_NAMES[code], members=tuple(each)) for code, each in members.items()
    ]
    if data.is_for_investors:
        bands = join_smallest(bands, frozenset(data.screened.kept), "other regions")
    return sorted(bands, key=lambda band: (band.key == "others", -_cents(data.rows, band), band.label))


def _cents(rows: Sequence[AssetRow], band: Band) -> int:
    return total_cents(rows[index] for index in band.members)


def _of_bands(data: ReportData, figures: Figures, what: tuple[str, str, str], bands: list[Band]) -> list[Block]:
    key, title, unit = what
    if not bands or [band.key for band in bands] == ["missing"]:
        return []
    kept = frozenset(data.screened.kept)
    everything = Band(key="all", label="all", members=tuple(range(len(data.rows))))
    totals = _Line.of(data, figures, key, everything, kept)
    lines = [_Line.of(data, figures, key, band, kept) for band in bands]
    rows = [Row(label=line.label, cells=line.cells(figures, totals)) for line in lines]
    rows.append(Row(label="all", cells=totals.cells(figures, totals), is_total=True))
    last, money = last_name(data), data.currency
    heads = ("offered loans", money, "share", f"{last} loans", money, "share", f"rate of {last}", "expected default")
    table = Table(title=title, label_head=unit, heads=heads, rows=tuple(rows))
    return [_picture(title, unit, last, money, lines[:_PICTURED_MAX]), table] if len(lines) > 1 else [table]


def _picture(title: str, unit: str, last: str, money: str, lines: "list[_Line]") -> Picture:
    return Picture(
        kind="bars",
        title=f"{title}: principal offered and {last}",
        alt=f"Two bars a band of {title.lower()}: principal offered and {last}. Figures: table below.",
        x_label=unit,
        y_label=money,
        categories=tuple(line.label for line in lines),
        series=(
            Series(label="offered", tone="before", values=tuple(line.offered_cents for line in lines)),
            Series(label=last, tone="after", values=tuple(line.kept_cents for line in lines)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Figures of one band."""

    key: str
    label: str
    offered_count: Figure
    offered_cents: Figure
    kept_count: Figure
    kept_cents: Figure
    rate: Figure | None
    """Weighted by principal; None where nothing is kept."""
    pd: Figure | None
    """Expected share that defaults, without margin, weighted by principal."""

    @classmethod
    def of(cls, data: ReportData, figures: Figures, section: str, band: Band, kept: frozenset[int]) -> "_Line":
        inside = [index for index in band.members if index in kept]
        offered, issued = [data.rows[i] for i in band.members], [data.rows[i] for i in inside]
        key = f"{section}.{band.key}"

        def of_rows(name: str, unit: str, value: int, function: str) -> Figure:
            return figures.of("rows", f"{key}.{name}", unit, value, function, section, band.text, name)  # type: ignore[arg-type]  # a Unit

        has_kept = bool(inside)
        risk = sum(data.rows[i].known("balance_cents") * data.screened.pd_ppm[i] for i in inside)
        return cls(
            key=key,
            label=band.text,
            offered_count=of_rows("offered", "count", len(offered), "loans in a band"),
            offered_cents=of_rows("offered_cents", "cents", total_cents(offered), "sum of balance_cents in a band"),
            kept_count=of_rows("kept", "count", len(issued), "loans in a band"),
            kept_cents=of_rows("kept_cents", "cents", total_cents(issued), "sum of balance_cents in a band"),
            rate=of_rows("rate", "ppm", weighted(issued, "rate_ppm"), "mean of rate_ppm by balance")
            if has_kept
            else None,
            pd=of_rows("pd", "ppm", divide_half_up(risk, total_cents(issued)), "mean of pd by balance, no margin")
            if has_kept
            else None,
        )

    def cells(self, figures: Figures, totals: "_Line") -> tuple[Cell, ...]:
        def share(name: str, part: Figure, whole: Figure) -> Figure:
            return figures.derive(f"{self.key}.{name}_share", "ppm", "share_ppm", part, whole)

        return (
            self.offered_count,
            self.offered_cents,
            share("offered", self.offered_cents, totals.offered_cents),
            self.kept_count,
            self.kept_cents,
            share("kept", self.kept_cents, totals.kept_cents),
            self.rate,
            self.pd,
        )
