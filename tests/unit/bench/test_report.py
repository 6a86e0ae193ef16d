from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from client.bench.plot import draw
from client.bench.report import make_report, summary_row
from client.bench.statistics import percentile, series_of, spread_ms, times_of
from client.sdk.errors import InvalidInputError
from tests.unit.bench.measured import make_blocks, make_measured, make_sent


def test_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile(hundred, each) for each in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([7.0], 95) == 7
    assert percentile([1.0, 2.0, 3.0], 50) == 2


def test_spread_of_nothing_is_empty() -> None:
    assert spread_ms([]) == {}
    assert spread_ms([0.002, 0.001]) == {
        "min_ms": 1.0,
        "avg_ms": 1.5,
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "p99_ms": 2.0,
        "max_ms": 2.0,
    }


def test_latency_ends_when_the_last_node_has_the_block() -> None:
    times = times_of(make_sent(), make_blocks())
    assert times.sent_s == pytest.approx([0.0, 0.1, 0.2])
    assert times.committed_s == pytest.approx([1.5, 1.5, 2.5])
    assert times.last_sent_s == pytest.approx(0.4)


def test_block_that_a_node_lacks_commits_nothing() -> None:
    blocks = make_blocks()
    del blocks.seen_s[1][9]
    assert len(times_of(make_sent(), blocks).sent_s) == 2


def test_report_counts_rates_and_reasons() -> None:
    report = make_report(make_measured())
    assert (report["succeeded"], report["failed"]) == (3, 2)
    assert report["failures"] == [
        {"reason": "refused: nonce too low", "count": 1},
        {"reason": "connection lost", "count": 1},
    ]
    assert (report["send_rate_tps"], report["throughput_tps"]) == (12.5, 1.2)
    assert report["latency"] == {
        "min_ms": 1400.0,
        "avg_ms": 1733.33,
        "p50_ms": 1500.0,
        "p95_ms": 2300.0,
        "p99_ms": 2300.0,
        "max_ms": 2300.0,
    }
    first, second = report["nodes"]  # type: ignore[misc]  # a list
    assert (first["cpu_percent_avg"], first["cpu_percent_max"], first["cpu_s"]) == (70.0, 90.0, 1.4)
    assert (first["memory_mb_avg"], first["memory_mb_max"]) == (110.0, 120.0)
    assert second == {"node": "127.0.0.1:8546", "source": "pid 2"}
    assert summary_row(report)["p95 (s)"] == "2.30"


def test_wrong_receipt_and_lost_transaction_are_failures() -> None:
    measured = make_measured()
    measured.sent.refused.clear()
    report = make_report(replace(measured, good_count=2, bad=Counter({"failed in its block": 1})))
    reasons = {each["reason"]: each["count"] for each in report["failures"]}  # type: ignore[attr-defined]  # a list
    assert reasons == {"failed in its block": 1, "in no block after 30 s": 1, "connection lost": 1}


def test_series_adds_up() -> None:
    series = series_of(times_of(make_sent(), make_blocks()))
    assert [each["sent"] for each in series] == [3, 0, 0]
    assert [each["committed"] for each in series] == [0, 2, 1]
    assert [each["p95_ms"] for each in series] == [2300.0, None, None]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "4 connections were busy, as the nodes answer after 10.0 ms on average; at that speed 400 is the most"),
        ({"own_cpu_s": 0.49}, "this command used 98% of a core"),
        ({"waiting_max": 10}, "--waiting-max held them back"),
    ],
)
def test_missed_rate_is_explained(given: dict[str, float], words: str) -> None:
    problem = str(make_report(make_measured(per_second=500, **given))["rate_problem"])  # type: ignore[arg-type]  # numbers
    assert problem.startswith("12.5 of 500.0 transactions per second were sent")
    assert words in problem


def test_reached_rate_is_no_problem() -> None:
    assert make_report(make_measured(per_second=12.5))["rate_problem"] is None


def test_picture_is_drawn_also_of_nothing(tmp_path: Path) -> None:
    for measured in (make_measured(), replace(make_measured(), blocks=type(make_blocks())(2, 7), good_count=0)):
        draw(make_report(measured), tmp_path / "load.png")
        assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InvalidInputError, match="--png"):
        draw(make_report(make_measured()), tmp_path / "none" / "load.png")
