"""The page of a report: HTML made of nothing but the report, so that the same report gives the same bytes."""

from importlib import resources
from typing import Final

from client.report.codec import decode_report, encode_report
from client.report.document import Block, Cards, Cell, Head, Note, Picture, Report, Row, Section, Table, sources_of
from client.report.drawing.svg import DRAWN_WITH, draw
from client.report.figures import Figure
from client.report.formatting import exact, shown, text_of
from client.report.markup import Markup, element, joined, lines, trusted
from client.report.notes import SourceNotes
from client.sdk.errors import DecodeError

_OPENING: Final = '<script type="application/json" id="report">\n'
_CLOSING: Final = "\n</script>"
_TITLES: Final = {"analyst": "From the loans that were offered to the security", "investor": "Investor report"}
_FOR: Final = {"analyst": "credit analysts", "investor": "investors"}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SOURCES_TEXT: Final = (
    "All at the report's block. Call: a view function that any node answers by eth_call. Chain: computed from calls "
    "and events. Rows, records: computed from what is in the vault, checked against its root on chain, readable by "
    "risk control, trustee and auditors. File: from a file beside the chain, named by its hash. Setting: chosen by the "
    "author. Derived figures are made of others; the list of all figures with their sources is in this file as JSON."
)


def make_page(report: Report) -> str:
    """Return the HTML of a report.

    Raises:
        DecodeError: the report was drawn with another version of the plotting library.
    """
    if report.head.drawn_with != DRAWN_WITH:
        raise DecodeError("pictures", got=report.head.drawn_with, expected=f"{DRAWN_WITH}, which is installed here")
    notes = SourceNotes(sources_of(list(report.figures())))
    sections = [_section(section, number, notes) for number, section in enumerate(report.sections, start=1)]
    body = element(
        "body",
        lines("", _header(report.head), _contents(report)),
        element("main", lines("", *sections, _sources(report, notes), "")),
        trusted(f"\n{_OPENING}{encode_report(report)}{_CLOSING}\n"),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(report.head), body, lang='en')}\n"


def read_page(page: str) -> Report:
    """Return the report inside a page; DecodeError when there is none, or its JSON is not a report's."""
    begin = page.find(_OPENING)
    end = page.find(_CLOSING, begin)
    if begin < 0 or end < 0:
        raise DecodeError("report", got="a file without one", expected="a file that `tranchain report` wrote")
    return decode_report(page[begin + len(_OPENING) : end])


def _head(head: Head) -> Markup:
    style = resources.files("client.report").joinpath("style.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"Pack {head.pack_id}: {_TITLES[head.audience]}"),
        element("style", trusted(f"\n{style}")),
    )


def _header(head: Head) -> Markup:
    when = text_of(head.second, "second")
    what = f"Pack {head.pack_id} · as of block {head.block}, {when} · chain {head.chain_id} · for {_FOR[head.audience]}"
    settings = ", ".join(f"{name} {setting}" for name, setting in head.settings)
    return element(
        "header",
        element("p", "Tranchain", class_="brand"),
        element("h1", _TITLES[head.audience]),
        element("p", what, class_="what"),
        element(
            "p",
            f"Block hash {head.block_hash}. Amounts in {head.currency}. Settings: {settings}. Every figure shows its "
            "source when pointed at; the numbers in brackets under tables are those of the list of sources at the end. "
            "Check all of it with ",
            element("code", "tranchain report --verify FILE"),
            ".",
            class_="fine",
        ),
    )


def _contents(report: Report) -> Markup:
    names = [(section.key, section.title) for section in report.sections] + [("sources", "Sources")]
    items = [element("li", element("a", title, href=f"#{key}")) for key, title in names]
    return element("nav", element("ol", *items), aria_label="Contents")


def _section(section: Section, number: int, notes: SourceNotes) -> Markup:
    blocks = [_block(block, f"{section.key}-{place}", notes) for place, block in enumerate(section.blocks, start=1)]
    return element("section", lines("", _title(number, section.title), *blocks, ""), id=section.key)


def _title(number: int, title: str) -> Markup:
    return element("h2", element("span", str(number), class_="number"), " ", title)


def _block(block: Block, key: str, notes: SourceNotes) -> Markup:
    match block:
        case Note():
            return element("p", block.text)
        case Cards():
            cards = [
                element("div", element("dt", label), element("dd", _value(figure, notes)))
                for label, figure in block.cards
            ]
            return element("dl", *cards, class_="cards")
        case Picture():
            return element("figure", element("figcaption", block.title), trusted(f"\n{draw(block, key)}\n"))
        case Table():
            return _table(block, notes)


def _table(table: Table, notes: SourceNotes) -> Markup:
    heads = [element("th", head, scope="col") for head in table.heads]
    rows = [_row(row, notes) for row in table.rows]
    drawn = element(
        "table",
        element("caption", table.title),
        element("thead", element("tr", element("th", table.label_head, scope="col", class_="label"), *heads)),
        element("tbody", lines("", *rows, "")),
        class_="facts" if len(table.heads) == 1 else None,
    )
    return lines(drawn, element("p", f"Sources: {notes.under(table)}", class_="fine"))


def _row(row: Row, notes: SourceNotes) -> Markup:
    cells = [_cell(cell, notes) for cell in row.cells]
    return element("tr", element("th", row.label, scope="row"), *cells, class_="total" if row.is_total else None)


def _cell(cell: Cell, notes: SourceNotes) -> Markup:
    if cell is None:
        return element("td", "–", class_="none")
    if isinstance(cell, str):
        return element("td", cell, class_="text")
    return element("td", _value(cell, notes), class_="text" if isinstance(cell.value, str) else None)


def _value(figure: Figure, notes: SourceNotes) -> Markup:
    source = f"{exact(figure)} · {figure.source.describe()} · [{notes.number_of(figure.source)}]"
    return element("data", shown(figure), value=figure.value, title=source)


def _sources(report: Report, notes: SourceNotes) -> Markup:
    rows = [
        element("tr", element("th", f"[{number}]", scope="row"), element("td", kind), element("td", description))
        for number, kind, description in notes.listed()
    ]
    heads = ("no.", "kind", "contract, function and arguments, or computation")
    table = element(
        "table",
        element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
        element("tbody", lines("", *rows, "")),
        class_="sources",
    )
    title = _title(len(report.sections) + 1, "Sources")
    return element("section", title, element("p", _SOURCES_TEXT), joined((table,)), id="sources")
