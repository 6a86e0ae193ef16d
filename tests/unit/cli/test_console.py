import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.console import progress
from client.console.format import jsonable, label, text
from client.console.output import Console
from client.sdk.errors import BadRow

ROWS = [BadRow(line=3, field="amount_cents", value="secret", reason="negative")]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("total_cents", 123_456, "1,234.56"),
        ("total_cents", -5, "-0.05"),
        ("bad_rate_ppm", 81_000, "8.10 %"),
        ("bad_rate_ppm", 999_950, "100.00 %"),
        ("cut_off_day", 15_034, "2011-03-01"),
        ("announced_at", 1_299_000_000, "2011-03-01 17:20:00"),
        ("announced_at", 0, "-"),
        ("valid_until", 2**40 - 1, "without end"),
        ("hash", b"\x01\x02", "0x0102"),
        ("is_open", True, "yes"),
        ("name", None, "-"),
        ("roles", ["A", "B"], "A, B"),
        ("id", 12_345, "12345"),
        ("asset_count", 12_345, "12,345"),
    ],
)
def test_value_is_shown_in_the_unit_of_its_name(name, value, expected):
    assert text(name, value) == expected


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_cents_shown_give_the_cents_back(cents):
    shown = text("total_cents", cents).replace(",", "")
    whole, hundredths = shown.lstrip("-").split(".")
    assert (int(whole) * 100 + int(hundredths)) * (-1 if cents < 0 else 1) == cents


def test_label_leaves_out_the_unit_that_the_value_shows():
    assert [label(name) for name in ("total_cents", "bad_rate_ppm", "valid_until", "day")] == [
        "total",
        "bad rate",
        "valid until",
        "day",
    ]


def test_result_in_json_mode_is_one_document_with_the_names_as_they_are(capsys):
    Console(is_json=True).result({"total_cents": 5, "hash": b"\x01", "rows": [{"id": 1}]})
    assert json.loads(capsys.readouterr().out) == {"total_cents": 5, "hash": "0x01", "rows": [{"id": 1}]}
    assert jsonable((b"\x01", {"a": b""})) == ["0x01", {"a": "0x"}]


def test_result_for_people_shows_a_list_of_maps_as_a_table(capsys):
    Console().result({"chain_id": 7, "accounts": [{"name": "[bold]x", "share_ppm": 10_000}]})
    out = capsys.readouterr().out
    assert "chain id" in out
    assert "[bold]x" in out
    assert "1.00 %" in out


def test_empty_table_says_none(capsys):
    Console().result([], title="Proposals")
    assert capsys.readouterr().out == "Proposals: none\n"


def test_bad_rows_show_values_to_people_and_leave_them_out_of_json(capsys):
    Console().bad_rows(ROWS)
    assert "secret" in capsys.readouterr().err
    Console(is_json=True).bad_rows(ROWS)
    captured = capsys.readouterr().err
    assert json.loads(captured) == {"bad_rows": [{"line": 3, "field": "amount_cents", "reason": "negative"}]}


def test_error_is_one_line_whatever_its_message(capsys):
    Console().error("two\nlines  [red]", kind="invalid")
    assert capsys.readouterr().err == "error: two lines [red]\n"


def test_notes_are_not_printed_in_json_mode(capsys):
    Console(is_json=True).note("working")
    assert capsys.readouterr().err == ""


def test_progress_appears_after_two_seconds_only(monkeypatch):
    from rich.console import Console as RichConsole

    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    rich = RichConsole(force_terminal=True, file=io.StringIO())
    with progress.ProgressBar(rich, "uploading", 10, is_enabled=True) as bar:
        now[0] = 1.9
        bar.advance(3)
        assert not bar.is_shown
        now[0] = 2.1
        bar.advance(2)
        assert bar.is_shown
        assert bar.done == 5


def test_warning_is_one_line_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    Console(is_json=False).warning("node 127.0.0.1:1: no connection;\n going on with 127.0.0.1:2")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "warning: node 127.0.0.1:1: no connection; going on with 127.0.0.1:2\n")


def test_warning_is_a_json_line_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Console(is_json=True).warning("node é: gone")
    said = capsys.readouterr()
    assert (said.out, json.loads(said.err)) == ("", {"warning": "node é: gone"})
