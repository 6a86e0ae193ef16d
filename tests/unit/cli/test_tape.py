"""`tranchain tape` as a person and a program use it."""

import json
from pathlib import Path

import pytest

from client.cli.app import run
from tests.unit.tapes.kit import SAMPLE, SEC_LOAN, record, write_xml


def test_check_of_a_good_tape_says_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "tape", "check", str(SAMPLE)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["first_period"], shown["files"][0]["records_count"], shown["findings"]) == ("2020-07", 200, [])


def test_check_of_a_bad_tape_fails_and_shows_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_xml(tmp_path / "t.xml", [record(SEC_LOAN, reportingPeriodActualEndBalanceAmount="-7131.99")])
    report = tmp_path / "report.json"
    assert run(["tape", "check", str(path), "--report", str(report)]) == 1
    out, error = capsys.readouterr()
    assert "negative" in out
    assert "713199" not in out + error
    assert "1 records or loans that cannot be taken" in error
    found = json.loads(report.read_text())["files"][0]["findings"][0]
    assert (found["problem"], found["examples"][0]["value"]) == ("negative", "-713199")


def test_import_writes_nothing_unless_told_to_leave_bad_records_out(tmp_path: Path) -> None:
    path = write_xml(tmp_path / "t.xml", [SEC_LOAN, record(SEC_LOAN, assetNumber=None)])
    line = ["--json", "tape", "import", str(path), "--out", str(tmp_path / "out")]
    assert run(line) == 1
    assert list((tmp_path / "out").iterdir()) == []
    assert run([*line, "--skip-bad-rows"]) == 0
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "credit_files.csv",
        "loans.csv",
        "periods.csv",
    ]


def test_a_cut_off_that_is_no_month_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tape", "import", str(SAMPLE), "--out", str(tmp_path), "--cut-off", "2020"]) == 1
    assert "expected a month such as 2020-07" in capsys.readouterr().err
