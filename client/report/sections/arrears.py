"""Arrears and levels of the pool month by month, roll rates, and defaults by vintage."""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from client.report.bands import join_columns
from client.report.document import Block, Note, Picture, Row, Series, Table, Tone
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData
from client.report.sections.performance import spans_of
from client.sdk.monitoring.entries import BAND_WORDS, Entry
from client.sdk.monitoring.life import COLUMN_WORDS, roll_matrix
from client.sdk.monitoring.tallies import total
from client.sdk.screening import Tally

_TONES: Final[tuple[Tone, ...]] = ("after", "other", "good", "quiet", "limit", "before")
_FIRST_SUMS: Final = {"level": 0, "band": 10}
"""Where the sums by level and by band begin in what MonitoringEngine.tallies returns."""
_PICTURED_MAX: Final = 24
"""Newest periods that a picture shows; the table has all."""


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return shares of the live balance by days past due and by level, one line a period."""
    bands = [f"{word} days" for word in BAND_WORDS]
    levels = [data.level_name(level) for level in range(1, 11)]
    return [
        *_shares(data, figures, ("band", "Days past due, share of the live balance"), bands),
        *_shares(data, figures, ("level", "Risk levels, share of the live balance"), levels),
        Note("A loan's level is that of its newest score, and at least 8, 9 or 10 from 1, 31 or 61 days past due on."),
    ]


def make_rolls(data: ReportData, figures: Figures) -> list[Block]:
    """Return the roll-rate matrix over all pairs of consecutive periods."""
    if data.is_for_investors:
        return [Note("Shown to analysts only: single transitions are of few loans.")]
    counts = _rolled([data.monitored.entries(number) for number in range(1, data.monitored.last_period + 1)])
    what = "transitions between consecutive periods, from Monitoring.entriesPointer"
    rows, series = [], []
    for band, (word, line) in enumerate(zip(BAND_WORDS, counts, strict=True)):
        cells = [
            figures.of("chain", f"{band}.{place}", "count", count, what, word, end)
            for place, (end, count) in enumerate(zip(COLUMN_WORDS, line, strict=True))
        ]
        whole = figures.derive(f"{band}.all", "count", "sum", *cells)
        shares = [
            figures.derive(f"{band}.{place}.share", "ppm", "share_ppm", cell, whole) if whole.value else None
            for place, cell in enumerate(cells)
        ]
        rows.append(Row(label=f"{word} days", cells=(*cells, whole)))
        series.append(Series(label=f"{word} days", tone="after", values=tuple(shares)))
    return [
        Picture(
            kind="heat",
            title="Roll rates: where loans went within a month",
            alt="A matrix of shares: one row a band of days past due, one column where they were a month later.",
            x_label="a month later",
            y_label="",
            categories=COLUMN_WORDS,
            series=tuple(series),
        ),
        Table(title="Loans by where they went", label_head="from", heads=(*COLUMN_WORDS, "all"), rows=tuple(rows)),
    ]


def make_vintages(data: ReportData, figures: Figures) -> list[Block]:
    """Return cumulative defaults by quarter of origination."""
    if data.is_for_investors:
        return [Note("Shown to analysts only: single vintages are of few loans.")]
    kept = data.screened.kept
    by_quarter: dict[str, list[int]] = {}
    for index in kept:
        by_quarter.setdefault(quarter_of(data.rows[index].known("origination_day")), []).append(index)
    periods = range(1, data.monitored.last_period + 1)
    defaulted = [{i for i, entry in enumerate(data.monitored.entries(n)) if entry.has_defaulted} for n in periods]
    series, rows = [], []
    for place, (quarter, members) in enumerate(sorted(by_quarter.items())):
        loans = figures.of("rows", f"{quarter}.loans", "count", len(members), "loans of a vintage", quarter)
        shares = []
        for number, bad in zip(periods, defaulted, strict=True):
            count = sum(index in bad for index in members)
            what = "loans of a vintage that defaulted up to a period"
            figure = figures.of("rows", f"{quarter}.{number}", "count", count, what, quarter, number)
            shares.append(figures.derive(f"{quarter}.{number}.share", "ppm", "share_ppm", figure, loans))
        tone = _TONES[place % len(_TONES)]
        series.append(Series(label=quarter, tone=tone, values=tuple(shares)))
        rows.append(Row(label=quarter, cells=(loans, *shares)))
    names = tuple(map(str, periods))
    return [
        Picture(
            kind="lines",
            title="Cumulative defaults by quarter of origination",
            alt="One rising curve a vintage: share of its loans that defaulted, by period. Figures: table below.",
            x_label="period",
            y_label="of the loans",
            categories=names,
            series=tuple(series),
        ),
        Table(
            title="Cumulative defaults by quarter of origination",
            label_head="vintage",
            heads=("loans", *names),
            rows=tuple(rows),
        ),
        Note("A default is the first of 91 days past due or charge-off, and stays one."),
    ]


def _rolled(periods: Sequence[Sequence[Entry]]) -> list[list[int]]:
    """Return how many loans went from each band to each band or end, over all pairs of neighbouring periods."""
    counts = [[0] * len(COLUMN_WORDS) for _ in BAND_WORDS]
    for before, after in pairwise(periods):
        for line, tallies in zip(counts, roll_matrix(before, after), strict=True):
            for place, tally in enumerate(tallies):
                line[place] += tally.count
    return counts


def quarter_of(day: int) -> str:
    """Return the quarter of a day since 1970-01-01, as 2011 Q3."""
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    return f"{date.year} Q{(date.month + 2) // 3}"


def _shares(data: ReportData, figures: Figures, what: tuple[str, str], names: Sequence[str]) -> list[Block]:
    """Return shares of the live balance classes by level or by band."""
    key, title = what
    spans = spans_of(data)
    tallies = {span: getattr(data.monitored.tallies(span.last), f"{key}s") for span in spans}
    columns = [(place, place) for place in range(len(names))]
    if data.is_for_investors:
        columns = join_columns([[each.count for each in line] for line in tallies.values()])
    heads = [names[first] if first == last else f"{names[first]} … {names[last]}" for first, last in columns]
    lines = []
    for span, tally in tallies.items():
        parts = [
            _part(data, figures, f"{key}.{span.last}.{column[0]}", (span.last, key, column), tally)
            for column in columns
        ]
        whole = figures.derive(f"{key}.{span.last}.all", "count", "sum", *parts)
        lines.append(
            [figures.derive(f"{part.id.split('.', 1)[1]}.share", "ppm", "share_ppm", part, whole) for part in parts]
        )
    picture = Picture(
        kind="heat",
        title=title,
        alt=f"{title}: one row a period, darker where the share is greater. Figures: table below.",
        x_label="",
        y_label="period",
        categories=tuple(heads),
        series=tuple(
            Series(label=span.label, tone="after", values=tuple(line))
            for span, line in list(zip(spans, lines, strict=True))[-_PICTURED_MAX:]
        ),
    )
    rows = tuple(Row(label=span.label, cells=tuple(line)) for span, line in zip(spans, lines, strict=True))
    return [picture, Table(title=title, label_head="period", heads=tuple(heads), rows=rows)]


def _part(
    data: ReportData, figures: Figures, key: str, what: tuple[int, str, tuple[int, int]], tallies: Sequence[Tally]
) -> Figure:
    number, kind, (first, last) = what
    if first == last:
        pointer, place = data.monitored.tallies_pointer(number), first + _FIRST_SUMS[kind]
        return figures.call(key, "count", "MonitoringEngine.tallies", pointer, path=f"1.{place}")
    joined = total(tallies[first : last + 1]).class_sum
    return figures.of("chain", key, "count", joined, f"live balance classes by {kind}, joined", number, first, last)
