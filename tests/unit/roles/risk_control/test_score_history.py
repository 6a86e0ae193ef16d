"""Histories of scores as files, and the case that only observed against expected shows: 2010 to 2011."""

import json
from pathlib import Path

import pytest

from client.cli.app import run
from client.model.manifest import ModelPackage
from client.model.monitoring import watch
from client.roles.risk_control.score_history import read_history, reference_of
from client.sdk.errors import BadRowsError, InvalidInputError

HISTORY = Path(__file__).resolve().parents[4] / "examples" / "lendingclub_2011" / "score_history.csv"
HEADER = "month,score,defaulted\n"


def write(directory: Path, text: str) -> Path:
    path = directory / "history.csv"
    path.write_text(text)
    return path


def test_rows_are_counted_by_month_score_and_outcome(tmp_path: Path) -> None:
    months, bad = read_history(write(tmp_path, HEADER + "2020-02,7,1\n2020-01,7,0\n2020-01,7,\n2020-01,9,1\n"))
    assert bad == ()
    assert list(months) == ["2020-01", "2020-02"]
    january = months["2020-01"]
    assert (january.totals[6], january.open[6], january.defaults[6]) == (2, 1, 0)
    assert (january.totals[8], january.defaults[8], sum(january.totals)) == (1, 1, 3)


def test_column_of_loans_counts_groups(tmp_path: Path) -> None:
    months, _ = read_history(write(tmp_path, "score,month,loans,defaulted\n3,2020-01,40,0\n3,2020-01,2,1\n"))
    assert (months["2020-01"].totals[2], months["2020-01"].defaults[2]) == (42, 2)


@pytest.mark.parametrize(
    ("row", "field"),
    [("2020-13,7,1", "month"), ("2020-01,0,1", "score"), ("2020-01,101,1", "score"), ("2020-01,7,2", "defaulted")],
)
def test_row_that_cannot_be_is_listed(tmp_path: Path, row: str, field: str) -> None:
    path = write(tmp_path, f"{HEADER}2020-01,7,0\n{row}\n")
    with pytest.raises(BadRowsError) as refused:
        read_history(path)
    assert [(each.line, each.field) for each in refused.value.rows] == [(3, field)]
    months, bad = read_history(path, skip_bad_rows=True)
    assert len(bad) == 1
    assert sum(months["2020-01"].totals) == 1


def test_file_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no column score"):
        read_history(write(tmp_path, "month,defaulted\n2020-01,0\n"))
    with pytest.raises(InvalidInputError, match=r"nothing\.csv"):
        read_history(tmp_path / "nothing.csv")


def test_reference_needs_a_loan_of_every_score_and_none_open(tmp_path: Path) -> None:
    months, _ = read_history(write(tmp_path, HEADER + "2020-01,7,0\n"))
    with pytest.raises(InvalidInputError, match="no loan of score 1"):
        reference_of(months, "2020-01", "2020-01", (1_050_000,) * 10)
    young, _ = read_history(write(tmp_path, HEADER + "2020-01,7,\n"))
    with pytest.raises(InvalidInputError, match="1 open loans"):
        reference_of(young, "2020-01", "2020-01", (1_050_000,) * 10)
    with pytest.raises(InvalidInputError, match="expected months of 2020-01"):
        reference_of(months, "2019-01", "2019-12", (1_050_000,) * 10)


def test_risk_that_rose_at_equal_score_is_seen_by_observed_defaults_and_not_by_stability() -> None:
    months, _ = read_history(HISTORY)
    reference = reference_of(months, "2010-01", "2010-12", ModelPackage.load().margin_ppm)
    after = {name: counts for name, counts in months.items() if name > "2010-12"}
    report = watch(reference, after)
    assert report.whole.loans == 21_721
    assert report.whole.psi_ppm < 10_000, "who applied did not change: far below the first threshold of 100,000"
    assert not [alert for alert in report.alerts if alert.kind == "psi"]
    loans = report.whole.outcome.loans
    rise_ppm = (report.whole.outcome.observed * 10**6 - report.whole.outcome.expected_ppm) // loans
    assert 10_000 < rise_ppm < 16_000, "more than a point at equal score"
    raised = {alert.level for alert in report.alerts if alert.kind == "observed" and alert.period == "all"}
    assert {None, 8} <= raised
    assert all(alert.meaning == "more defaults than promised" for alert in report.alerts if alert.kind == "observed")


def test_watch_command_reports_months_levels_and_alerts(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "risk", "model", "watch", str(HISTORY), "--reference", "2010-01:2010-12"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert [each["period"] for each in said["months"]] == [f"2011-{month:02}" for month in range(1, 13)]
    assert [each["level"] for each in said["levels"]] == list(range(1, 11))
    assert said["whole"][0]["observed_ppm"] == 151_788
    assert {each["severity"] for each in said["alerts"]} == {"watch", "act"}


def test_watch_command_refuses_a_reference_that_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["risk", "model", "watch", str(HISTORY), "--reference", "2010"]) == 1
    assert "expected FIRST:LAST" in capfd.readouterr().err
    assert run(["risk", "model", "watch", str(HISTORY), "--reference", "2009-01:2012-01"]) == 1
    assert "months that leave others to compare" in capfd.readouterr().err
