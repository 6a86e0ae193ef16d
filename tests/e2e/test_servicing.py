"""An issued pack is monitored: terms, two months of the servicer's tape, and every tape that must be refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.report.page import read_page
from client.report.signature import split_page
from client.sdk.monitoring import State, Totals
from client.sdk.monitoring.on_chain import read_last_entries, replay
from client.sdk.monitoring.tape import MONEY, read_tape
from client.sdk.pack.reader import read_pack
from client.sdk.pack.status import PackStatus
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, Done, assert_one_line
from tests.e2e.main_job import MainJob, run_main_job
from tests.e2e.pack_files import Row, example_loans, write_rows

TERMS = 'first_month = "2012-01"\narrears_limit_ppm = 40_000\nloss_curve_ppm = [500, 1_200]\n'
MONITORING_ROUND = 2
"""Kind of a round that scores an issued pack again."""
COLUMNS = tuple(name for name in MONEY if not name.startswith("substituted"))


@pytest.fixture(scope="module")
def issued(consortium: Consortium) -> MainJob:
    """A pack of its own, of loans that nobody pledged: others look at an issued pack that nobody monitors."""
    loans = [
        {**loan, "loan_id": f"S{place}", "issue_date": "2011-11-25"}
        for place, loan in enumerate(example_loans(560, 140))
    ]
    return run_main_job(consortium, name="serviced", loans=loans, product="SERVICED-1")


@pytest.fixture(scope="module")
def monitored(consortium: Consortium, issued: MainJob, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The issued pack, whose monitoring was begun twice."""
    terms = tmp_path_factory.mktemp("terms") / "terms.toml"
    terms.write_text(TERMS)
    line = ("risk", "monitor-start", str(issued.pack), "--terms", terms)
    said = consortium.ask("risk-control", *line)
    assert said["servicer"] == consortium.address(ORIGINATOR)
    assert said["cut_off_balance_cents"] == issued.documents["issue"]["total_cents"]
    assert consortium.ask("risk-control", *line) == said
    assert consortium.chain().call("AssetPackRegistry", "statusOf", issued.pack) == PackStatus.MONITORED
    return issued.pack


@pytest.fixture(scope="module")
def months(consortium: Consortium, monitored: int) -> list[Row]:
    """Two months: every loan pays 1 % of its principal, then one is prepaid, one is late, one is lost."""
    chain = consortium.chain()
    rows = read_pack(chain, consortium.vault(ORIGINATOR), consortium.identity(ORIGINATOR), monitored).rows
    pool = [row for row, entry in zip(rows, read_last_entries(chain, monitored), strict=True) if entry.state]
    made: list[Row] = []
    for number, row in enumerate(pool):
        before = row.known("balance_cents")
        paid = before // 100
        made.append(tape_row(row.loan_id, "2012-01", "current", before - paid, scheduled_cents=paid))
        before -= paid
        changes: dict[int, Row] = {
            0: tape_row(row.loan_id, "2012-02", "prepaid", 0, prepaid_cents=before),
            1: tape_row(row.loan_id, "2012-02", "current", before, days=35),
            2: tape_row(row.loan_id, "2012-02", "defaulted", 0, days=120, defaulted_cents=before),
        }
        made.append(
            changes.get(number) or tape_row(row.loan_id, "2012-02", "current", before - paid, scheduled_cents=paid)
        )
    return made


def tape_row(loan_id: str, period: str, state: str, balance: int, days: int = 0, **money: int) -> Row:
    row: dict[str, Any] = {"loan_id": loan_id, "period": period, "state": state, "days_past_due": days}
    return {
        name: str(value)
        for name, value in (row | {"balance_cents": balance} | dict.fromkeys(COLUMNS, 0) | money).items()
    }


def report(consortium: Consortium, pack: int, path: Path, *options: str) -> Done:
    return consortium.cli(ORIGINATOR, "servicer", "report", str(pack), path, *options)


def of(period: str) -> Callable[[Row], bool]:
    return lambda row: row["period"] == period


def edit(rows: list[Row], place: int, **cells: str) -> list[Row]:
    return [{**row, **cells} if number == place else row for number, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda rows: edit(rows, 0, balance_cents="-1"), ("--all",), ("bad row", "balance_cents")),
        (lambda rows: edit(rows, 0, state="lost"), ("--all",), ("bad row", "state")),
        (lambda rows: [*rows, rows[0]], ("--all",), ("bad row", "loan_id")),
        (lambda rows: rows[2:], ("--all",), ("2012-01", "bad row", "loan_id")),
        (lambda rows: edit(rows, 0, loan_id="LC-other"), ("--all",), ("bad row", "loan_id")),
        (lambda rows: edit(rows, 0, interest_cents="x"), ("--all",), ("bad row", "interest_cents")),
        (lambda rows: edit(rows, 0, scheduled_cents="1"), ("--all",), ("ending_cents", "by the other totals")),
        (lambda rows: list(filter(of("2012-02"), rows)), ("--all",), ("2012-02 without 2012-01",)),
        (lambda rows: rows, ("--period", "2"), ("2012-02", "2012-01 is missing")),
        (lambda rows: [{**row, "period": "2160-01"} for row in rows[::2]], ("--all",), ("2160-01 without 2012-01",)),
        (lambda rows: rows, (), ("--period N, or --all",)),
        (lambda rows: rows, ("--all", "--period", "1"), ("--period N, or --all",)),
    ],
)
def test_tape_that_cannot_be_is_refused_in_one_line(
    consortium: Consortium, monitored: int, months: list[Row], tmp_path: Path, change: Any, options: Any, words: Any
) -> None:
    path = write_rows(tmp_path / "periods.csv", change(months))
    done = report(consortium, monitored, path, *options)
    assert done.code == 1, done
    last = done.error.strip().splitlines()[-1]
    assert all(word in last for word in words), done.error
    pool = consortium.chain().call("Monitoring", "pool", monitored)
    assert (pool.lastPeriod, pool.openPeriod) == (0, 0)


def test_months_are_reported_and_every_figure_is_computed_again(
    consortium: Consortium, monitored: int, months: list[Row], tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "periods.csv", months)
    _begin_with_other_figures(consortium, monitored)
    assert_one_line(report(consortium, monitored, path, "--period", "1"), "--discard")
    first = consortium.ask(ORIGINATOR, "servicer", "report", str(monitored), path, "--period", "1", "--discard")
    assert [(each["period"], each["month"], each["is_alert"]) for each in first["periods"]] == [(1, "2012-01", False)]
    assert_one_line(report(consortium, monitored, path, "--period", "1"), "2012-01, which was reported before")
    second = consortium.ask(ORIGINATOR, "servicer", "report", str(monitored), path, "--all")
    assert [each["period"] for each in second["periods"]] == [2]
    assert consortium.ask(ORIGINATOR, "servicer", "report", str(monitored), path, "--all")["periods"] == []

    pool = replay(consortium.chain(), monitored)
    assert len(pool.periods) == 3
    tallies = pool.periods[2].tallies
    assert (tallies.states[State.PREPAID].count, tallies.charged_off.count, tallies.bands[2].count) == (1, 1, 1)
    assert pool.periods[2].cumulative_gross_cents == sum(int(row["defaulted_cents"]) for row in months)


def test_risk_control_and_auditor_read_the_tape_and_others_do_not(
    consortium: Consortium, monitored: int, months: list[Row]
) -> None:
    chain = consortium.chain()
    for account in ("risk-control", "auditor-a"):
        rows = read_tape(chain, consortium.vault(account), consortium.identity(account), monitored, 1)
        found = {row.loan_id: row.balance_cents for row in rows if row is not None}
        assert found == {row["loan_id"]: int(row["balance_cents"]) for row in filter(of("2012-01"), months)}
    with pytest.raises(Exception, match="forbidden"):
        read_tape(chain, consortium.vault("bureau"), consortium.identity("bureau"), monitored, 1)


def test_the_report_of_a_monitored_pack_has_its_life_and_verifies(
    consortium: Consortium, monitored: int, months: list[Row], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    consortium.ask("risk-control", "report", str(monitored), "--out", path)
    figures = {each.id: each for each in read_page(split_page(path.read_text()).page).figures()}
    lost = sum(int(row["defaulted_cents"]) for row in months)
    assert (figures["performance.1.gross"].value, figures["performance.2.gross"].value) == (0, lost)
    prepaid = sum(int(row["prepaid_cents"]) for row in filter(of("2012-02"), months))
    assert figures["performance.2.prepaid"].value == prepaid
    assert figures["performance.2.promised"].value == 1_200
    went = {key: each.value for key, each in figures.items() if key.startswith("rolls.0.") and each.unit == "count"}
    assert (went["rolls.0.2"], went["rolls.0.5"], went["rolls.0.6"]) == (1, 1, 1)  # 31-60 days, paid, charged off
    assert figures["triggers.last_period"].value == 2
    verdict = consortium.ask("trustee", "report", "--verify", path)
    assert (verdict["all_equal"], verdict["not_recomputed"]) == (True, [])


def test_the_report_of_a_monitored_pack_joins_months_for_investors(
    consortium: Consortium, monitored: int, months: list[Row], tmp_path: Path
) -> None:
    path = tmp_path / "investors.html"
    consortium.ask("risk-control", "report", str(monitored), "--out", path, "--audience", "investor")
    figures = list(read_page(split_page(path.read_text()).page).figures())
    assert not [each for each in figures if each.unit == "count" and 0 < each.number < 10]
    assert not [each for each in figures if each.id.startswith(("performance.1.", "rolls.", "vintages."))]
    assert consortium.ask("trustee", "report", "--verify", path)["all_equal"]


def _begin_with_other_figures(consortium: Consortium, pack: int) -> None:
    """Open period 1 as somebody would who was interrupted and then got another file."""
    chain = consortium.chain()
    cents = chain.call("Monitoring", "pool", pack).cutOffBalanceCents
    totals = Totals(beginning_cents=cents, ending_cents=cents).to_struct()
    chain.send("Monitoring", "openPeriod", [pack, 1, totals, b"\1" * 32], consortium.identity(ORIGINATOR).account)


def test_monitored_pack_is_scored_again_and_stays_monitored(consortium: Consortium, monitored: int) -> None:
    done = consortium.cli("risk-control", "risk", "score", str(monitored))
    assert_one_line(done, "no closed query for monitoring", "--purpose monitoring")
    asked = consortium.ask("risk-control", "risk", "query", str(monitored), "--purpose", "monitoring")
    said = consortium.ask("risk-control", "risk", "score", str(monitored), "--timeout", "60")
    chain = consortium.chain()
    current = chain.call("ScoringRounds", "round", said["round"])
    assert (current.kind, current.queryId) == (MONITORING_ROUND, asked["query"])
    assert chain.call("ScoringRounds", "finalRoundOf", monitored) == said["round"]
    assert chain.call("AssetPackRegistry", "statusOf", monitored) == PackStatus.MONITORED
