"""The page of a report: HTML made of nothing but the report, so that the same report gives the same bytes."""

from functools import lru_cache
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from client.report.codec import decode_report, encode_report
from client.report.document import Report, sources_of
from client.report.drawing.svg import DRAWN_WITH, draw
from client.report.formatting import exact, shown, text_of
from client.report.notes import SourceNotes
from client.sdk.errors import DecodeError

_OPENING: Final = '<script type="application/json" id="report">\n'
_CLOSING: Final = "\n</script>"
_TITLES: Final = {"analyst": "From the loans that were offered to the security", "investor": "Investor report"}
_FOR: Final = {"analyst": "credit analysts", "investor": "investors"}


def make_page(report: Report) -> str:
    """Return the HTML of a report.

    Raises:
        DecodeError: the report was drawn with another version of the plotting library.
    """
    if report.head.drawn_with != DRAWN_WITH:
        raise DecodeError("pictures", got=report.head.drawn_with, expected=f"{DRAWN_WITH}, which is installed here")
    return _template().render(
        report=report,
        head=report.head,
        title=_TITLES[report.head.audience],
        audience=_FOR[report.head.audience],
        second=text_of(report.head.second, "second"),
        style=_text("style.css"),
        notes=SourceNotes(sources_of(list(report.figures()))),
        draw=draw,
        shown=shown,
        exact=exact,
        kind_of=lambda block: type(block).__name__,
        json=encode_report(report),
    )


def read_page(page: str) -> Report:
    """Return the report inside a page; DecodeError when there is none, or its JSON is not a report's."""
    begin = page.find(_OPENING)
    end = page.find(_CLOSING, begin)
    if begin < 0 or end < 0:
        raise DecodeError("report", got="a file without one", expected="a file that `tranchain report` wrote")
    return decode_report(page[begin + len(_OPENING) : end])


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_text("report.html.j2"))


def _text(name: str) -> str:
    return resources.files("client.report").joinpath("templates", name).read_text("utf-8")
