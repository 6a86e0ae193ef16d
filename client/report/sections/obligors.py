"""The largest borrowers of what is kept."""

from collections import defaultdict

from client.report.document import Block, Note, Row, Table
from client.report.figures import Figures
from client.report.reading.data import ReportData

_LISTED = 10
_GROUPS = (1, 5, 10, 20, 50)
_INVESTOR_MIN = 10


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the top obligors by handle, and what the largest together owe; investors get groups of ten and more."""
    loans: dict[bytes, int] = defaultdict(int)
    cents: dict[bytes, int] = defaultdict(int)
    for index in data.screened.kept:
        row = data.rows[index]
        loans[row.handle] += 1
        cents[row.handle] += row.known("balance_cents")
    order = sorted(cents, key=lambda handle: (-cents[handle], handle))
    total = figures.of("rows", "total", "cents", sum(cents.values()), "sum of balance_cents of kept loans")
    borrowers = figures.of("rows", "borrowers", "count", len(order), "distinct borrowers of kept loans")
    groups = []
    for size in _GROUPS:
        if size <= len(order) and (not data.is_for_investors or size >= _INVESTOR_MIN):
            owed = sum(cents[handle] for handle in order[:size])
            figure = figures.of(
                "rows", f"top_{size}", "cents", owed, "sum of balance_cents of the largest borrowers", size
            )
            share = figures.derive(f"top_{size}.share", "ppm", "share_ppm", figure, total)
            groups.append(Row(label=f"largest {size}" if size > 1 else "largest", cells=(None, figure, share)))
    whole = figures.derive("total.share", "ppm", "share_ppm", total, total)
    groups.append(Row(label="all borrowers", cells=(borrowers, total, whole), is_total=True))
    heads = ("borrowers", f"principal, {data.currency}", "share")
    blocks: list[Block] = [
        Table(title="What the largest borrowers owe", label_head="group", heads=heads, rows=tuple(groups))
    ]
    if not data.is_for_investors:
        rows = []
        for place, handle in enumerate(order[:_LISTED], start=1):
            name = handle.hex()[:12]
            count = figures.of("rows", f"{place}.loans", "count", loans[handle], "kept loans of a borrower", name)
            debt = figures.of(
                "rows", f"{place}.cents", "cents", cents[handle], "sum of balance_cents of a borrower", name
            )
            share = figures.derive(f"{place}.share", "ppm", "share_ppm", debt, total)
            rows.append(Row(label=f"{place}. {name}…", cells=(count, debt, share)))
        heads = ("loans", f"principal, {data.currency}", "share")
        blocks.append(Table(title="Largest borrowers", label_head="borrower's handle", heads=heads, rows=tuple(rows)))
        blocks.append(Note("A handle stands for a borrower in this pack only; no other pack has the same one."))
    return blocks
