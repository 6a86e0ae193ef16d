"""The pool against the originator's whole book: averages of what was offered, kept and removed."""

from collections.abc import Sequence

from client.report.averages import (
    average_life_hundredths,
    total_cents,
    weighted,
    weighted_remaining_hundredths,
)
from client.report.document import Block, Note, Row, Table
from client.report.figures import Figure, Figures, Kind, Unit, divide_half_up
from client.report.reading.data import CELL_MIN, ReportData
from client.report.sections.bridge import last_name
from client.sdk.pack.asset_row import AssetRow
from client.sdk.screening import Reason

_LINES: tuple[tuple[str, str, Unit], ...] = (
    ("count", "loans", "count"),
    ("cents", "principal at cut-off", "cents"),
    ("mean", "mean balance", "cents"),
    ("original", "original principal", "cents"),
    ("rate", "WAC: mean rate", "ppm"),
    ("term", "mean original term, months", "hundredths"),
    ("seasoning", "mean seasoning, months", "hundredths"),
    ("remaining", "WAM: mean remaining term, months", "hundredths"),
    ("life", "WAL: average life by schedule, months", "hundredths"),
    ("score", "mean score", "hundredths"),
    ("pd", "expected default, no margin", "ppm"),
    ("arrears", "share of loans past due", "ppm"),
)


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the averages of the whole book, of what is kept, and of what left."""
    everything = list(range(len(data.rows)))
    kept = list(data.screened.kept)
    left = [index for index, why in enumerate(data.screened.reasons) if why != Reason.KEPT]
    groups = [("offered", everything), (last_name(data), kept), ("removed", left)]
    if data.is_for_investors and 0 < len(left) < CELL_MIN:
        groups = groups[1:2]  # the difference of the others would be of a few loans
    columns = [_averages(data, figures, name, members) for name, members in groups if members]
    rows = tuple(Row(label=label, cells=tuple(column[key] for column in columns)) for key, label, _ in _LINES)
    return [
        Table(
            title="Pool against the originator's whole book",
            label_head="mean by principal",
            heads=tuple(name for name, members in groups if members),
            rows=rows,
        ),
        Note(
            "The book is everything that the originator offered. Means are weighted by the principal at cut-off. "
            "Average life: Σ t × principal due in month t ÷ principal, equal monthly payments, no prepayment, no loss. "
            "Scores count only where there is one."
        ),
    ]


def make_with_book(data: ReportData, figures: Figures) -> list[Block]:
    """Return the averages of the book file beside those of the pool, and rates of both in bands."""
    book, last = data.book, last_name(data)
    sets = {
        "book": (book, "file"),
        "offered": (data.rows, "rows"),
        last: ([data.rows[index] for index in data.screened.kept], "rows"),
    }
    lines = [(key, label, unit) for key, label, unit in _LINES if key not in ("score", "pd")]
    columns = {}
    for name, (rows, kind) in sets.items():
        values = _values(rows, [0] * len(rows), [0] * len(rows))
        source: Kind = "file" if kind == "file" else "rows"
        columns[name] = [
            figures.of(source, f"{name}.{key}", unit, values[key], f"{label} over {kind} of the {name}", name)
            for key, label, unit in lines
        ]
    rows_of_table = [
        Row(label=label, cells=tuple(column[place] for column in columns.values()))
        for place, (_, label, _) in enumerate(lines)
    ]
    return [
        Table(
            title="Book file against pool", label_head="mean by principal", heads=tuple(sets), rows=tuple(rows_of_table)
        ),
        Note(f"Book: {data.book_name}, {len(book):,} loans as its mapping reads them."),
    ]


def _averages(data: ReportData, figures: Figures, name: str, members: list[int]) -> dict[str, Figure]:
    rows = [data.rows[index] for index in members]
    values = _values(rows, [data.screened.scores[i] for i in members], [data.screened.pd_ppm[i] for i in members])
    if data.settings.is_flipped and values["score"]:
        values["score"] = 10_100 - values["score"]
    return {
        key: figures.of("rows", f"{name}.{key}", unit, values[key], f"{label} over rows", name)
        for key, label, unit in _LINES
    }


def _values(rows: Sequence[AssetRow], scores: list[int], pd_ppm: list[int]) -> dict[str, int]:
    principal = total_cents(rows)
    balances = [row.known("balance_cents") for row in rows]
    scored = sum(balance for balance, score in zip(balances, scores, strict=True) if score)
    by_score = sum(balance * score for balance, score in zip(balances, scores, strict=True))
    by_pd = sum(balance * pd for balance, pd in zip(balances, pd_ppm, strict=True))
    return {
        "count": len(rows),
        "cents": principal,
        "mean": divide_half_up(principal, len(rows)),
        "original": sum(row.known("original_principal_cents") for row in rows),
        "rate": weighted(rows, "rate_ppm"),
        "term": weighted(rows, "term_months", scale=100),
        "seasoning": weighted(rows, "months_on_book", scale=100),
        "remaining": weighted_remaining_hundredths(rows),
        "life": average_life_hundredths(rows),
        "score": divide_half_up(100 * by_score, scored),
        "pd": divide_half_up(by_pd, scored),
        "arrears": divide_half_up(1_000_000 * sum(row.known("days_past_due") > 0 for row in rows), len(rows)),
    }
