"""The report of a pack: made and verified by the command line, for analysts and investors; what is changed is found."""

import csv
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.model.committed import DEFAULT_MODEL
from client.report.assembly import settings_of
from client.report.document import Report, Section
from client.report.figures import Figure
from client.report.page import make_page, read_page
from client.report.reading.data import CELL_MIN, GIVEN, Files, Reader, ReportData
from client.report.reading.pinned import PinnedChain
from client.report.signature import sign_page, split_page
from client.report.verification import check_report, read_signed
from client.sdk.pack.on_chain import read_reasons
from client.sdk.pack.reader import read_pack
from client.sdk.screening import Reason
from tests.e2e.consortium import Consortium, assert_one_line
from tests.e2e.main_job import MainJob
from tests.e2e.pack_files import EXAMPLES, LOANS_MAPPING

FIGURES_CHANGED = 24
BOOK = EXAMPLES / "loans.csv"


@pytest.fixture(scope="module")
def outcomes(consortium: Consortium, main_job: MainJob) -> Path:
    path = consortium.directory / "report_outcomes.csv"
    lines = [f"{loan['loan_id']},{int(place % 5 == 0)}" for place, loan in enumerate(main_job.loans)]
    path.write_text("loan_id,defaulted\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def analyst(consortium: Consortium, main_job: MainJob, outcomes: Path) -> Path:
    path = consortium.directory / "report.html"
    rows = ("--rows", consortium.directory / "report.rows")
    consortium.ask("risk-control", "report", str(main_job.pack), "--out", path, *rows, *files(outcomes))
    return path


@pytest.fixture(scope="module")
def investor(consortium: Consortium, main_job: MainJob, outcomes: Path) -> Path:
    path = consortium.directory / "investor.html"
    options = ("--audience", "investor", "--outcomes", outcomes)
    consortium.ask("risk-control", "report", str(main_job.pack), "--out", path, *options)
    return path


@pytest.fixture(scope="module")
def data(consortium: Consortium, analyst: Path, outcomes: Path) -> ReportData:
    """What a verifier who may read the rows recomputes from; kept between the changes of a file."""
    return data_of(consortium, report_in(analyst), "trustee", outcomes)


def files(outcomes: Path) -> tuple[str | Path, ...]:
    """Options that name the files beside the chain."""
    return "--outcomes", outcomes, "--book", BOOK, "--book-mapping", LOANS_MAPPING


def report_in(path: Path) -> Report:
    return read_page(split_page(path.read_text()).page)


def data_of(consortium: Consortium, report: Report, account: str, outcomes: Path) -> ReportData:
    head = report.head
    return ReportData(
        PinnedChain(consortium.chain(), head.block),
        head.pack_id,
        settings_of(head),
        reader=Reader(identity=consortium.identity(account), vault=consortium.vault(account)),
        files=Files(model=DEFAULT_MODEL, outcomes=outcomes, book=BOOK, book_mapping=LOANS_MAPPING),
        allowed=frozenset(head.given),
    )


def figures_by_id(report: Report) -> dict[str, Figure]:
    return {figure.id: figure for figure in report.figures()}


def test_a_trustee_recomputes_every_figure(consortium: Consortium, analyst: Path, outcomes: Path) -> None:
    verdict = consortium.ask("trustee", "report", "--verify", analyst, *files(outcomes))
    assert verdict["all_equal"]
    assert verdict["recomputed_count"] == verdict["figures_count"] > 500
    assert verdict["not_recomputed"] == []
    assert verdict["author_roles"] == "risk_control"
    assert report_in(analyst).head.given == GIVEN


def test_who_may_not_read_rows_verifies_the_chains_figures_and_is_told_what_is_left(
    consortium: Consortium, analyst: Path
) -> None:
    verdict = consortium.ask("exchange", "report", "--verify", analyst)
    assert verdict["all_equal"]
    left = sum(each["figures_count"] for each in verdict["not_recomputed"])
    assert 0 < verdict["recomputed_count"] == verdict["figures_count"] - left
    needs = {each["section"]: each["needs"] for each in verdict["not_recomputed"]}
    assert needs["Stratification"] == "rows"
    assert needs["What became of the loans"] == "outcomes, rows"
    assert "Risk levels before and after" not in needs


def test_the_bridge_is_that_of_the_rows_to_the_cent(consortium: Consortium, main_job: MainJob, analyst: Path) -> None:
    chain, identity = consortium.chain(), consortium.identity("risk-control")
    rows = read_pack(chain, consortium.vault("risk-control"), identity, main_job.pack).rows
    reasons = read_reasons(chain, chain.call("Screening", "runOf", main_job.pack), len(rows))
    figures = figures_by_id(report_in(analyst))
    total_count = total_cents = 0
    for reason in Reason:
        members = [row for row, why in zip(rows, reasons, strict=True) if why == reason]
        name = reason.name.lower()
        assert figures[f"bridge.{name}.count"].value == len(members)
        cents = sum(row.known("balance_cents") for row in members)
        assert figures[f"bridge.{name}.cents"].value == cents
        total_count, total_cents = total_count + len(members), total_cents + cents
    assert figures["bridge.offered.count"].value == total_count
    assert figures["bridge.offered.cents"].value == total_cents


def test_bands_of_each_variable_add_up_to_the_pack(analyst: Path) -> None:
    figures = figures_by_id(report_in(analyst))
    for variable in ("balance", "rate", "term", "seasoning", "score", "region"):
        for column in ("offered", "offered_cents", "kept", "kept_cents"):
            pattern = re.compile(rf"stratification\.{variable}\.(?!all)\w+\.{column}")
            parts = [figure.number for key, figure in figures.items() if pattern.fullmatch(key)]
            assert sum(parts) == figures[f"stratification.{variable}.all.{column}"].number, (variable, column)


def test_a_changed_figure_is_found_though_page_and_signature_are_made_anew(
    consortium: Consortium, analyst: Path, data: ReportData
) -> None:
    report = report_in(analyst)
    assert check_report(report, data).problems == ()
    account = consortium.identity("risk-control").account
    generator = random.Random(11)
    figures = [figure for figure in report.figures() if isinstance(figure.value, int)]
    kinds = {figure.source.kind for figure in figures}
    assert kinds == {"call", "chain", "rows", "records", "file", "setting", "derived"}
    chosen = [next(figure for figure in figures if figure.source.kind == kind) for kind in sorted(kinds)]
    chosen += generator.sample(figures, FIGURES_CHANGED - len(chosen))
    for figure in chosen:
        lie = with_figure(report, replace(figure, value=figure.number + generator.choice((-10, -1, 1, 100))))
        again = check_report(lie, data)
        assert any(figure.id in problem for problem in again.problems), figure
    forged = sign_page(make_page(lie), lie.head, account)
    assert read_signed(forged).problems == ()  # nothing but the chain and the rows can tell


def test_another_source_or_text_is_found(analyst: Path, data: ReportData) -> None:
    report = report_in(analyst)
    figure = figures_by_id(report)["overview.after"]
    elsewhere = replace(figure, source=replace(figure.source, path="beforeBalancePpm"))
    assert check_report(with_figure(report, elsewhere), data).problems
    for section in report.sections:
        renamed = replace(section, blocks=section.blocks[::-1] + section.blocks[:1])
        changed = replace(report, sections=tuple(renamed if each is section else each for each in report.sections))
        assert check_report(changed, data).problems, section.title
    for change in ({"block_hash": "0x" + "00" * 32}, {"second": 1}, {"currency": "EUR"}):
        assert check_report(replace(report, head=replace(report.head, **change)), data).problems
    assert check_report(replace(report, sections=report.sections[:-1]), data).problems


def test_a_tampered_file_fails_with_one_line(consortium: Consortium, analyst: Path) -> None:
    page = analyst.read_text()
    place = page.index("</data>") - 1
    changed = consortium.directory / "tampered.html"
    changed.write_text(page[:place] + str((int(page[place]) + 1) % 10) + page[place + 1 :])
    assert_one_line(consortium.cli("trustee", "report", "--verify", changed), "signature")
    assert json.loads(consortium.cli(None, "report", "--verify", changed, "--json").out)["all_equal"] is False


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"<html></html>"])
def test_a_file_that_is_no_report_is_refused(consortium: Consortium, content: bytes) -> None:
    path = consortium.directory / "no_report.html"
    path.write_bytes(content)
    assert_one_line(consortium.cli("trustee", "report", "--verify", path), "report")


def test_investors_see_no_cell_of_fewer_than_ten_loans(investor: Path) -> None:
    report = report_in(investor)
    counts = [figure for figure in report.figures() if figure.unit == "count"]
    assert len(counts) > 50
    assert not [figure for figure in counts if 0 < figure.number < CELL_MIN]
    by_id = figures_by_id(report)
    kept = [key for key in by_id if re.fullmatch(r"stratification\.\w+\.\w+\.kept", key)]
    assert kept
    for key in kept:
        removed = by_id[key.removesuffix("kept") + "offered"].number - by_id[key].number
        assert removed == 0 or removed >= CELL_MIN, key


def test_investors_see_no_row_and_no_borrower(
    consortium: Consortium, main_job: MainJob, investor: Path, outcomes: Path
) -> None:
    page = investor.read_text()
    rows = read_pack(
        consortium.chain(), consortium.vault("trustee"), consortium.identity("trustee"), main_job.pack
    ).rows
    assert not any(row.loan_id in page or row.handle.hex()[:12] in page for row in rows)
    assert not [figure for figure in report_in(investor).figures() if figure.id.startswith("levels.reason")]
    assert consortium.ask("trustee", "report", "--verify", investor, "--outcomes", outcomes)["all_equal"]


def test_the_row_file_opens_for_the_trustee_and_nobody_else(consortium: Consortium, analyst: Path) -> None:
    file, table = consortium.directory / "report.rows", consortium.directory / "opened.csv"
    opened = consortium.ask("trustee", "report", "open-rows", file, "--out", table)
    with table.open(newline="") as lines:
        found = list(csv.DictReader(lines))
    assert len(found) == opened["loans_count"] == 300
    assert {line["index"] for line in found} == {str(index) for index in range(300)}
    assert (
        sum(int(line["balance_cents"]) for line in found)
        == figures_by_id(report_in(analyst))["bridge.offered.cents"].value
    )
    assert found[0]["loan_id"].encode() not in file.read_bytes()
    for account in ("originator", "bureau"):
        assert_one_line(consortium.cli(account, "report", "open-rows", file, "--out", table), "not sealed")


def test_without_a_browser_the_html_is_written_and_the_pdf_is_not(
    consortium: Consortium, main_job: MainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANCHAIN_CHROMIUM", "no-such-browser")
    page, pdf = consortium.directory / "unprinted.html", consortium.directory / "unprinted.pdf"
    done = consortium.cli("exchange", "report", str(main_job.pack), "--out", page, "--pdf", pdf)
    assert done.code == 0
    assert "no PDF: no Chromium found" in done.error
    assert "rows are left out" in done.error
    assert (page.exists(), pdf.exists()) == (True, False)
    assert "may not read the rows" in page.read_text()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--audience", "everybody"), "--audience"),
        (("--servicing-fee", "lots"), "--servicing-fee"),
        (("--block", "99999999"), "block"),
        (("--outcomes", "no_such_file.csv"), "no_such_file.csv"),
    ],
)
def test_options_that_cannot_be_are_refused(
    consortium: Consortium, main_job: MainJob, options: tuple[str, str], word: str
) -> None:
    path = consortium.directory / "refused.html"
    assert_one_line(consortium.cli("risk-control", "report", str(main_job.pack), "--out", path, *options), word)
    assert not path.exists()


def test_levels_can_be_flipped(consortium: Consortium, main_job: MainJob, analyst: Path) -> None:
    path = consortium.directory / "flipped.html"
    consortium.ask("risk-control", "report", str(main_job.pack), "--out", path, "--flip-levels")
    flipped, plain = report_in(path), report_in(analyst)
    labels = [
        [row.label for block in section_of(report, "levels").blocks[1:2] for row in block.rows]  # type: ignore[union-attr]
        for report in (plain, flipped)
    ]
    assert labels == [[*map(str, range(1, 11)), "all"], [*map(str, range(10, 0, -1)), "all"]]
    values = [[f.value for f in section_of(report, "levels").figures] for report in (plain, flipped)]
    assert values[0] == values[1]


def test_an_earlier_block_is_reported_as_it_was(consortium: Consortium, main_job: MainJob) -> None:
    chain = consortium.chain()
    events = chain.events("AssetPackRegistry", "PackSubmitted", filters={"packId": main_job.pack})
    block = next(events).block_number
    path = consortium.directory / "submitted.html"
    consortium.ask("risk-control", "report", str(main_job.pack), "--out", path, "--block", str(block))
    report = report_in(path)
    assert figures_by_id(report)["overview.status"].value == "submitted"
    assert all(not section.figures for section in report.sections[1:])
    assert consortium.ask(None, "report", "--verify", path)["all_equal"]


def section_of(report: Report, key: str) -> Section:
    return next(section for section in report.sections if section.key == key)


def with_figure(report: Report, figure: Figure) -> Report:
    """Return the report with another figure of the same id, wherever it stands."""

    def changed(value: Any) -> Any:
        if isinstance(value, Figure):
            return figure if value.id == figure.id else value
        if isinstance(value, tuple):
            return tuple(changed(each) for each in value)
        if hasattr(value, "__dataclass_fields__"):
            return replace(value, **{name: changed(getattr(value, name)) for name in value.__dataclass_fields__})
        return value

    return replace(report, sections=changed(report.sections))
