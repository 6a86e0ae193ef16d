import html
import re
from dataclasses import replace

import pytest

from client.report.codec import decode_report, encode_report
from client.report.document import Report
from client.report.drawing.style import COLOURS, INK
from client.report.formatting import shown
from client.report.page import make_page, read_page
from client.sdk.errors import DecodeError
from tests.unit.report.made_up import HOSTILE, made_up_report


@pytest.fixture(scope="module")
def report() -> Report:
    return made_up_report()


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return make_page(report)


def test_the_same_report_gives_the_same_bytes(report: Report, page: str) -> None:
    from client.report.drawing.svg import draw

    draw.cache_clear()
    assert make_page(report) == page


def test_a_page_gives_its_report_back(report: Report, page: str) -> None:
    assert read_page(page) == report


def test_a_page_asks_the_network_for_nothing(page: str) -> None:
    asking = re.findall(r'\b(?:src|href|action|data|poster)="([^"]*)"', page)
    assert all(each.startswith("#") for each in asking)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_text_from_outside_is_never_markup(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("<script") == 1  # the JSON, in which `<` is escaped
    assert html.escape(HOSTILE).replace("&quot;", "&#34;") in page


def test_every_figure_of_a_table_is_printed_with_its_source(report: Report, page: str) -> None:
    for figure in report.figures():
        if figure.id.startswith(("part.count", "part.cents", "part.derived")):
            found = re.search(rf'<data value="{figure.value}" title="([^"]*)">([^<]*)</data>', page)
            assert found is not None
            assert figure.source.describe() in html.unescape(found.group(1))
            assert found.group(2) == shown(figure)


def test_pictures_have_words_and_no_identifiers_that_meet(page: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 2
    assert all('role="img" aria-label="' in each and "<text" in each for each in pictures)
    identifiers = re.findall(r'\sid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_pictures_show_the_figures(page: str) -> None:
    texts = re.findall(r"<text[^>]*>(.*?)</text>", page, re.DOTALL)
    assert {"1,200", "1,207", "1,214"} <= {text.strip() for text in texts}
    assert any("target 6.30" in text for text in texts)


def test_a_page_of_another_plotting_library_is_not_judged(report: Report) -> None:
    with pytest.raises(DecodeError, match="matplotlib"):
        make_page(replace(report, head=replace(report.head, drawn_with="matplotlib 0.1")))


def test_colours_of_text_and_lines_can_be_told_from_white() -> None:
    assert contrast(INK) >= 4.5
    assert all(contrast(colour) >= 2 for colour in COLOURS.values())
    assert all(contrast(colour) >= 4.5 for colour in re.findall(r"--(?:ink|soft|accent): (#\w{6})", style_sheet()))


def test_json_of_a_report_is_exactly_one(report: Report) -> None:
    text = encode_report(report)
    assert "<" not in text
    assert decode_report(text) == report
    for changed in (text + " ", text.replace('"block":57', '"block": 57'), "[]", "{}", text[:-1], "null"):
        with pytest.raises(DecodeError):
            decode_report(changed)


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        ('"format":1', '"format":2'),
        ('"kind":"chain"', '"kind":"guess"'),
        ('"unit":"cents"', '"unit":"pence"'),
        ('"kind":"lines"', '"kind":"cake"'),
        ('"audience":"analyst"', '"audience":"everybody"'),
        ('"value":1200', '"value":12.5'),
        ('"value":1200', '"value":true'),
        ('"type":"cards"', '"type":"section"'),
        ('{"figure":"part.cents"}', '{"figure":"part.pence"}'),
        ('"source":0', '"source":99'),
    ],
)
def test_json_that_is_no_report_is_refused(report: Report, found: str, changed: str) -> None:
    text = encode_report(report)
    assert found in text
    with pytest.raises(DecodeError):
        decode_report(text.replace(found, changed, 1))


@pytest.mark.parametrize("page", ["", "<html></html>", '<script type="application/json" id="report">\n'])
def test_a_file_without_a_report_is_refused(page: str) -> None:
    with pytest.raises(DecodeError, match="without one"):
        read_page(page)


def style_sheet() -> str:
    from importlib import resources

    return resources.files("client.report").joinpath("templates", "style.css").read_text("utf-8")


def contrast(colour: str) -> float:
    """Contrast with white. Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
