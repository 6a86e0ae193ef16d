"""Risk levels before and after screening, and what left of each level for which reason."""

from client.report.bands import Band, join_neighbours
from client.report.document import Block, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData
from client.report.sections.bridge import STEP_NAMES
from client.sdk.screening import Reason

_UNGRADED = (Reason.NOT_ELIGIBLE, Reason.NO_RECORD)


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return levels before and after, and removals by reason and level."""
    bands = _bands(data)
    counts = [[_count(data, figures, band, is_after=after) for band in bands] for after in (False, True)]
    classes = [[_class_sum(data, figures, band, is_after=after) for band in bands] for after in (False, True)]
    rows = [
        Row(
            label=band.text,
            cells=(
                before,
                after,
                class_before,
                class_after,
                figures.derive(f"{band.key}.kept_share", "ppm", "share_ppm", class_after, class_before),
            ),
        )
        for band, before, after, class_before, class_after in zip(bands, *counts, *classes, strict=True)
    ]
    totals = [
        figures.derive(f"total.{name}", "count", "sum", *column)
        for name, column in zip(("before", "after", "class_before", "class_after"), (*counts, *classes), strict=True)
    ]
    share = figures.derive("total.kept_share", "ppm", "share_ppm", totals[3], totals[2])
    rows.append(Row(label="all", cells=(*totals, share), is_total=True))
    names = tuple(band.text for band in bands)
    riskiest = data.level_name(10)
    return [
        _picture("Loans by risk level, before and after screening", "loans", names, counts),
        Table(
            title=f"Levels before and after; level {riskiest} is the riskiest",
            label_head="level",
            heads=(
                "loans before",
                "loans after",
                "principal classes before",
                "principal classes after",
                "kept, by class",
            ),
            rows=tuple(rows),
        ),
        Note(
            "Before: the loans that are eligible and have a usable record. A principal class is the balance in units "
            "that the pack states; it is what the contract knows of an amount."
        ),
        *([] if data.is_for_investors else [_reasons(data, figures)]),
    ]


def _bands(data: ReportData) -> list[Band]:
    screening = data.screened
    graded: dict[int, list[int]] = {level: [] for level in range(1, 11)}
    for index, (score, reason) in enumerate(zip(screening.scores, screening.reasons, strict=True)):
        if score and reason not in _UNGRADED:
            graded[(score + 9) // 10].append(index)
    bands = [
        Band(key=f"level_{level}", label=data.level_name(level), members=tuple(members))
        for level, members in graded.items()
    ]
    return join_neighbours(bands, frozenset(screening.kept)) if data.is_for_investors else bands


def _count(data: ReportData, figures: Figures, band: Band, *, is_after: bool) -> Figure:
    return _of_level(data, figures, band, is_after=is_after, column=0, name="loans")


def _class_sum(data: ReportData, figures: Figures, band: Band, *, is_after: bool) -> Figure:
    return _of_level(data, figures, band, is_after=is_after, column=1, name="classes")


def _of_level(data: ReportData, figures: Figures, band: Band, *, is_after: bool, column: int, name: str) -> Figure:
    """A single level is read from the contract; joined levels are summed, so that the parts are nowhere in the file."""
    run, key = data.screened.run_id, f"{band.key}.{name}_{'after' if is_after else 'before'}"
    if not band.last_label:
        place = f"{column}.{int(band.key.removeprefix('level_')) - 1}"
        return figures.call(key, "count", "Screening.levels", run, is_after, path=place)
    first = int(band.key.removeprefix("level_"))
    named = [data.level_name(level) for level in range(1, 11)]
    last = named.index(band.last_label) + 1
    answer = data.view("Screening", "levels", (run, is_after))[column]
    total = sum(answer[first - 1 : last])
    what = f"Screening.levels, {name} of levels joined"
    return figures.of("chain", key, "count", total, what, "after" if is_after else "before", first, last)


def _picture(title: str, unit: str, names: tuple[str, ...], values: list[list[Figure]]) -> Picture:
    return Picture(
        kind="bars",
        title=title,
        alt=f"{title}: two bars a level. Figures: table below.",
        x_label="level",
        y_label=unit,
        categories=names,
        series=(
            Series(label="before", tone="before", values=tuple(values[0])),
            Series(label="after", tone="after", values=tuple(values[1])),
        ),
    )


def _reasons(data: ReportData, figures: Figures) -> Table:
    screening = data.screened
    rows = []
    for level in range(11):
        cells = []
        for reason in STEP_NAMES:
            count = sum(
                why == reason and (score + 9) // 10 == level
                for score, why in zip(screening.scores, screening.reasons, strict=True)
            )
            key = f"reason.{reason.name.lower()}.level_{level}"
            what = "loans by reason and level of their score"
            cells.append(figures.of("chain", key, "count", count, what, reason.name.lower(), level))
        label = data.level_name(level) if level else "no score"
        rows.append(Row(label=label, cells=tuple(cells)))
    return Table(
        title="Removals by reason and level",
        label_head="level",
        heads=tuple(STEP_NAMES.values()),
        rows=tuple(rows),
    )
