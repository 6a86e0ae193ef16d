"""Calibration: defaults that the model expected and that were observed, on loans it never saw and on this pack."""

from collections.abc import Sequence

from client.model.manifest import Counts, ModelPackage
from client.report.bands import Band, is_safe, join_neighbours
from client.report.document import Block, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures, divide_half_up
from client.report.reading.data import ReportData
from client.report.sections.bridge import last_name
from client.sdk.errors import InvalidInputError

_Line = tuple[Figure, Figure, Figure | None, Figure, Figure | None]
"""Loans, defaults, expected rate, observed rate, and observed by expected."""


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return expected against observed default rates of the model's held-out loans."""
    package = data.package
    if package is None:
        raise InvalidInputError("model", got="no files of it", expected="those of the model that scored the pack")
    parts = [("validation", package.manifest.validation), ("calibration", package.manifest.calibration)]
    blocks: list[Block] = []
    for name, counts in parts:
        lines = [_of_level(figures, package, name, counts, level) for level in range(1, 11)]
        title = f"Expected and observed defaults: {counts.basis}"
        blocks += _picture_and_table(title, [data.level_name(level) for level in range(1, 11)], lines)
    source = f"Model manifest {package.manifest_hash.hex()[:16]}…, whose hash is on the chain."
    return [*blocks, Note(f"Expected without margin. Default: {package.manifest.default_definition}. {source}")]


def make_for_pack(data: ReportData, figures: Figures) -> list[Block]:
    """Return expected against observed defaults of this pack's loans, by level and by what screening did with them."""
    defaulted = frozenset(index for index, row in enumerate(data.rows) if data.outcomes[row.loan_id])
    bands = [
        Band(
            key=f"level_{level}",
            label=data.level_name(level),
            members=tuple(i for i, score in enumerate(data.screened.scores) if score and (score + 9) // 10 == level),
        )
        for level in range(1, 11)
    ]
    if data.is_for_investors:
        bands = join_neighbours(bands, defaulted)
    groups = _groups(data, defaulted)
    lines = [_of_loans(data, figures, band.key, band.members) for band in bands]
    of_groups = [_of_loans(data, figures, band.key, band.members) for band in groups]
    by_group = "Expected and observed defaults, by what screening did"
    return [
        *_picture_and_table("Expected and observed defaults, by level", [b.text for b in bands], lines),
        *_picture_and_table(by_group, [band.text for band in groups], of_groups),
        Note(f"Outcomes from {data.outcomes_name}. Expected by count, without margin."),
    ]


def _groups(data: ReportData, defaulted: frozenset[int]) -> list[Band]:
    """Return the loans by what screening did; for investors all together where a group is of few loans."""
    kept = frozenset(data.screened.kept)
    scored = [index for index, score in enumerate(data.screened.scores) if score]
    everything = Band(key="scored", label="all with a score", members=tuple(scored))
    parts = [
        Band(key="kept", label=last_name(data), members=tuple(index for index in scored if index in kept)),
        Band(key="removed", label="removed", members=tuple(index for index in scored if index not in kept)),
    ]
    without = tuple(index for index, score in enumerate(data.screened.scores) if not score)
    if data.is_for_investors and not all(is_safe(each, defaulted) for each in (without, *(p.members for p in parts))):
        return [everything]
    return [*parts, everything, Band(key="without", label="no score", members=without)]


def _of_level(figures: Figures, package: ModelPackage, name: str, counts: Counts, level: int) -> _Line:
    first = 10 * (level - 1)
    expected = sum(counts.totals[score] * package.manifest.pd_ppm[score] for score in range(first, first + 10))
    loans, defaults = counts.level_totals[level - 1], counts.level_defaults[level - 1]
    what = f"model manifest, {name} by level"
    return _line(figures, what, f"{name}.level_{level}", (loans, defaults, divide_half_up(expected, loans)))


def _of_loans(data: ReportData, figures: Figures, key: str, members: Sequence[int]) -> _Line:
    defaults = sum(data.outcomes[data.rows[index].loan_id] for index in members)
    scored = [data.screened.pd_ppm[index] for index in members if data.screened.scores[index]]
    expected = divide_half_up(sum(scored), len(scored)) if len(scored) == len(members) > 0 else None
    return _line(figures, f"outcomes by loan, {data.outcomes_name}", key, (len(members), defaults, expected))


def _line(figures: Figures, what: str, key: str, values: tuple[int, int, int | None]) -> _Line:
    """Return loans, defaults, expected rate, observed rate and their ratio."""
    loans, defaults, expected_ppm = values
    total = figures.of("file", f"{key}.loans", "count", loans, what, key, "loans")
    bad = figures.of("file", f"{key}.defaults", "count", defaults, what, key, "defaults")
    observed = figures.derive(f"{key}.observed", "ppm", "share_ppm", bad, total)
    if expected_ppm is None:
        return total, bad, None, observed, None
    expected = figures.of("file", f"{key}.expected", "ppm", expected_ppm, what, key, "expected")
    return total, bad, expected, observed, figures.derive(f"{key}.ratio", "factor", "ratio_ppm", observed, expected)


def _picture_and_table(title: str, names: list[str], lines: list[_Line]) -> list[Block]:
    return [
        Picture(
            kind="bars",
            title=title,
            alt=f"{title}: two bars each, expected and observed rate. Figures: table below.",
            x_label="",
            y_label="default rate",
            categories=tuple(names),
            series=(
                Series(label="expected", tone="before", values=tuple(line[2] for line in lines)),
                Series(label="observed", tone="after", values=tuple(line[3] for line in lines)),
            ),
        ),
        Table(
            title=title,
            label_head="level or group",
            heads=("loans", "defaults", "expected", "observed", "observed ÷ expected"),
            rows=tuple(Row(label=name, cells=line) for name, line in zip(names, lines, strict=True)),
        ),
    ]
