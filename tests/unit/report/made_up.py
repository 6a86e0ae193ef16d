"""A small report made of invented figures, as the page and the codec take one."""

from client.report.document import Cards, Head, Mark, Note, Picture, Report, Row, Section, Series, Table
from client.report.drawing.svg import DRAWN_WITH
from client.report.figures import Figure, Source

HOSTILE = '<script>alert("1")</script> & Söhne'


def figure(key: str, value: int | str, unit: str = "count", **source: object) -> Figure:
    kind = str(source.pop("kind", "chain"))
    function = str(source.pop("function", "loans of a set"))
    made = Source(kind=kind, function=function, **source)  # type: ignore[arg-type]
    return Figure(id=f"part.{key}", value=value, unit=unit, source=made)  # type: ignore[arg-type]


def made_up_report(audience: str = "analyst") -> Report:
    places = tuple(figure(f"place.{n}", n * 100_000, "ppm") for n in range(4))
    rates = tuple(figure(f"rate.{n}", 81_000 - n * 9_000, "ppm") for n in range(4))
    counts = tuple(figure(f"count.{n}", 1_200 + 7 * n) for n in range(4))
    cents = figure("cents", 123_456_789, "cents", kind="call", function="Screening.run", arguments=(1,), path="x.0")
    derived = figure("derived", 2_407, kind="derived", function="sum", arguments=("part.count.0", "part.count.1"))
    name = figure("name", HOSTILE, "text")
    blocks = (
        Cards(cards=(("principal", cents), ("name", name))),
        Table(
            title="Numbers",
            label_head="what",
            heads=("loans", "rate", "remark"),
            rows=(
                *(Row(label=f"row {n}", cells=(counts[n], rates[n], None)) for n in range(4)),
                Row(label="all", cells=(derived, None, HOSTILE), is_total=True),
            ),
        ),
        Picture(
            kind="lines",
            title="Rates",
            alt="A falling line.",
            x_label="removed",
            y_label="rate",
            series=(Series(label="rate", tone="after", values=rates, places=places, low=rates, high=rates),),
            marks=(Mark(label="target", figure=rates[2], axis="y"),),
        ),
        Picture(
            kind="heat",
            title="Loans",
            alt="A table of loans.",
            x_label="",
            y_label="",
            categories=("a", "b"),
            series=(
                Series(label="one", tone="after", values=counts[:2]),
                Series(label="two", tone="after", values=(counts[2], None)),
            ),
        ),
        Note(HOSTILE),
    )
    figures = (*places, *rates, *counts, cents, derived, name)
    return Report(
        head=Head(
            pack_id=1,
            block=57,
            block_hash="0x" + "ab" * 32,
            second=1_700_000_000,
            chain_id=170_919,
            registry="0x0000000000000000000000000000000000007C03",
            audience="investor" if audience == "investor" else "analyst",
            currency="USD",
            settings=(("flip levels", 0), ("servicing fee ppm", 10_000), ("loss given default ppm", 1_000_000)),
            given=("rows",),
            drawn_with=DRAWN_WITH,
        ),
        sections=(Section(key="part", title="A part", blocks=blocks, figures=figures),),
    )
