"""Missing and stale data: what each bureau answered, how old the records are, and which fields they lack."""

from client.model.schema import CREDIT_FIELDS
from client.report.bands import Band, join_smallest
from client.report.document import Block, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import ReportData
from client.report.reading.records import BureauRecords, by_bureau

_ANSWER = "CreditFileRegistry.answerOf"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the answers of the bureaus and the ages of the records that the scores were made from."""
    ages = _ages(data, figures)
    if data.is_for_investors:
        return ages
    return [*_answers(data, figures), *ages]


def make_by_bureau(data: ReportData, figures: Figures) -> list[Block]:
    """Return ages and missing fields of each bureau's records."""
    if data.is_for_investors:
        return [Note("Shown to analysts only.")]
    policy = data.screened.policy
    found = by_bureau(
        data.answers.found,
        cut_off_day=data.pack.cutOff,
        fresh_days=policy.fresh_days,
        age_days_max=policy.age_days_max,
    )
    if not found:
        return [Note("No bureau has a record of any borrower of this pack.")]
    names = {number: _name(data, number) for number in found}
    ages = {number: _ages_of(figures, number, bureau) for number, bureau in found.items()}
    shares = {
        number: [_missing_share(figures, number, bureau, each.name, ages[number][0]) for each in CREDIT_FIELDS[1:]]
        for number, bureau in found.items()
    }
    return [
        Table(
            title="Age of the records at the cut-off, by bureau",
            label_head="bureau",
            heads=("borrowers", "fresh", "aged", "too old to be used", "stale share"),
            rows=tuple(Row(label=names[number], cells=cells) for number, cells in ages.items()),
        ),
        Table(
            title="Records without a field, by bureau",
            label_head="field",
            heads=tuple(names.values()),
            rows=tuple(
                Row(label=each.name.replace("_", " "), cells=tuple(shares[number][place] for number in found))
                for place, each in enumerate(CREDIT_FIELDS[1:])
            ),
        ),
        Note("A field that is missing may be one that the bureau does not hold at all; the model takes it as missing."),
    ]


def _ages_of(figures: Figures, number: int, bureau: BureauRecords) -> tuple[Figure, ...]:
    """Return all, fresh, aged and too old records of a bureau, and the share of the last two."""
    what = "newest record of each borrower at a bureau"
    parts = {"count": bureau.count, "fresh": bureau.fresh, "aged": bureau.aged, "too_old": bureau.too_old}
    cells = [
        figures.of("records", f"{number}.{name}", "count", value, what, number, name) for name, value in parts.items()
    ]
    stale = figures.derive(f"{number}.stale", "count", "sum", cells[2], cells[3])
    return (*cells, figures.derive(f"{number}.stale_share", "ppm", "share_ppm", stale, cells[0]))


def _missing_share(figures: Figures, number: int, bureau: BureauRecords, field: str, total: Figure) -> Figure:
    key, what = f"{number}.missing.{field}", "records of a bureau without a field"
    missing = figures.of("records", key, "count", bureau.missing_by_field[field], what, number, field)
    return figures.derive(f"{key}.share", "ppm", "share_ppm", missing, total)


def _name(data: ReportData, organisation: int) -> str:
    return str(data.view("Consortium", "organisation", (organisation,)).name)


def _answers(data: ReportData, figures: Figures) -> list[Block]:
    query = data.query_id
    rows = []
    for organisation in range(1, int(data.view("Consortium", "organisationCount", ())) + 1):
        answer = data.view("CreditFileRegistry", "answerOf", (query, organisation))
        if int(answer.bureau, 16) == 0 and not answer.refusal:
            continue
        cells = [
            figures.call(f"{organisation}.{name}", "count", _ANSWER, query, organisation, path=name)
            for name in ("found", "missing", "refused")
        ]
        asked = figures.derive(f"{organisation}.asked", "count", "sum", *cells)
        share = figures.derive(f"{organisation}.missing_share", "ppm", "share_ppm", cells[1], asked)
        rows.append(Row(label=_name(data, organisation), cells=(asked, *cells, share)))
    return [
        Table(
            title="What the bureaus answered",
            label_head="bureau",
            heads=("borrowers asked", "found", "missing", "refused", "missing share"),
            rows=tuple(rows),
        )
    ]


def _ages(data: ReportData, figures: Figures) -> list[Block]:
    screening = data.screened
    names = {"fresh": "fresh record", "aged": "aged record", "relation": "by relations", "none": "no usable record"}
    members: dict[str, list[int]] = {key: [] for key in names}
    made_from = zip(screening.scores, screening.aged, screening.by_relation, strict=True)
    for index, (score, is_aged, is_spread) in enumerate(made_from):
        members["none" if not score else "relation" if is_spread else "aged" if is_aged else "fresh"].append(index)
    bands = [Band(key=key, label=names[key], members=tuple(each)) for key, each in members.items()]
    if data.is_for_investors:
        bands = join_smallest(bands, (), "other loans")
    counts = [
        figures.of(
            "chain", f"age.{band.key}", "count", len(band.members), "loans by what their score was made from", band.key
        )
        for band in bands
    ]
    total = figures.derive("age.all", "count", "sum", *counts)
    rows = [
        Row(label=band.label, cells=(count, figures.derive(f"age.{band.key}.share", "ppm", "share_ppm", count, total)))
        for band, count in zip(bands, counts, strict=True)
    ]
    rows.append(Row(label="all", cells=(total, None), is_total=True))
    policy = screening.policy
    return [
        Picture(
            kind="bars",
            title="What the scores were made from",
            alt="Bars of loans with a fresh, an aged and no usable record. Figures: table below.",
            x_label="",
            y_label="loans",
            categories=tuple(band.label for band in bands),
            series=(Series(label="loans", tone="after", values=tuple(counts)),),
        ),
        Table(title="Loans by age of their record", label_head="record", heads=("loans", "share"), rows=tuple(rows)),
        Note(
            f"Fresh: observed up to {policy.fresh_days} days before the cut-off; aged: up to {policy.age_days_max}, "
            "with a factor on the probability of default; older records are not used. By relations: spread from the "
            "data of related people, which a policy has to allow."
        ),
    ]
