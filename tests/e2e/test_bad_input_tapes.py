"""Wrong files of an originator: what is wrong is listed, nothing is on the chain, and a corrected file goes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from client.sdk.pack.status import PackStatus
from scripts.demo_consortium import ORIGINATOR
from tests.e2e.consortium import Consortium, Done, assert_one_line
from tests.e2e.main_job import invite, submit_line
from tests.e2e.pack_files import PackFiles, Row, changed, example_loans, mapped, write_pack, write_rows

LOANS = (900, 101)


@pytest.fixture(scope="module")
def pack(consortium: Consortium) -> int:
    """An invitation that every test here fails to fill."""
    return invite(consortium)


@pytest.fixture
def files(tmp_path: Path) -> PackFiles:
    """Good files of 101 loans."""
    return write_pack(tmp_path, "good", example_loans(*LOANS))


def submit(consortium: Consortium, pack: int, files: PackFiles, *options: str) -> Done:
    return consortium.cli(ORIGINATOR, *submit_line(consortium, pack, files), *options)


def assert_nothing_happened(consortium: Consortium, pack: int) -> None:
    chain = consortium.chain()
    assert chain.call("AssetPackRegistry", "pack", pack).status == PackStatus.INVITED
    assert chain.call("AssetPackRegistry", "assetCount", pack) == 0


def without(column: str) -> Callable[[list[Row]], list[Row]]:
    """A change that leaves a column out."""
    return lambda rows: mapped(rows, lambda row: {name: text for name, text in row.items() if name != column})


def cell(column: str, text: str) -> Callable[[list[Row]], list[Row]]:
    """A change of one cell in line 5."""
    return lambda rows: changed(rows, 3, column, text)


@pytest.mark.parametrize(
    ("change", "field", "detail"),
    [
        (cell("loan_amount", "-100.00"), "original_principal_cents", "line 5"),
        (cell("loan_amount", "much"), "original_principal_cents", "line 5"),
        (cell("outstanding_principal", "-0.01"), "balance_cents", "line 5"),
        (cell("outstanding_principal", "1.001"), "balance_cents", "line 5"),
        (cell("term", "0"), "term_months", "line 5"),
        (cell("term", "36.5"), "term_months", "line 5"),
        (cell("term", ""), "term_months", "line 5"),
        (cell("issue_date", "31/12/2011"), "origination_day", "line 5"),
        (cell("state", "XX"), "region_code", "line 5"),
        (cell("annual_income", "nan"), "annual_income_cents", "line 5"),
        (cell("loan_id", ""), "loan_id", "line 5"),
        (cell("borrower_id", "X9999999999"), "subject_id", "line 5"),
    ],
)
def test_bad_cell_is_listed_with_line_field_and_reason(
    consortium: Consortium,
    pack: int,
    files: PackFiles,
    change: Callable[[list[Row]], list[Row]],
    field: str,
    detail: str,
) -> None:
    write_rows(files.tape, change(example_loans(*LOANS)))
    done = submit(consortium, pack, files)
    assert_one_line(done, files.tape.name, "1 bad row", field, "--skip-bad-rows")
    listed = done.error.split("error: ")[0]
    assert detail.split()[1] in listed
    assert field in listed
    as_json = submit(consortium, pack, files, "--json")
    assert as_json.code == 1
    assert '"line": 5' in as_json.error
    assert "X9999999999" not in as_json.error
    assert_nothing_happened(consortium, pack)


def test_missing_column_is_named_with_those_that_are_there(consortium: Consortium, pack: int, files: PackFiles) -> None:
    write_rows(files.tape, without("interest_rate")(example_loans(*LOANS)))
    assert_one_line(submit(consortium, pack, files), files.tape.name, "interest_rate")
    assert_nothing_happened(consortium, pack)


def test_duplicate_loan_id_is_listed_with_both_lines(consortium: Consortium, pack: int, files: PackFiles) -> None:
    loans = example_loans(*LOANS)
    write_rows(files.tape, changed(loans, 60, "loan_id", loans[20]["loan_id"]))
    done = submit(consortium, pack, files)
    assert_one_line(done, "loan_id", "1 bad row")
    assert "repeats line 22" in done.error
    assert_nothing_happened(consortium, pack)


def test_borrower_without_consent_is_listed(consortium: Consortium, pack: int, files: PackFiles) -> None:
    lines = files.consents.read_text().splitlines(keepends=True)
    files.consents.write_text("".join(lines[:50] + lines[51:]))
    done = submit(consortium, pack, files)
    assert_one_line(done, files.tape.name, "subject_id")
    assert "no consent" in done.error
    assert_nothing_happened(consortium, pack)


@pytest.mark.parametrize(
    ("column", "text"), [("document_sha256", "12"), ("purposes", "curiosity"), ("expires_on", "soon")]
)
def test_bad_consent_is_listed(consortium: Consortium, pack: int, files: PackFiles, column: str, text: str) -> None:
    lines = files.consents.read_text().splitlines()
    names, cells = lines[0].split(","), lines[7].split(",")
    cells[names.index(column)] = text
    files.consents.write_text("\n".join([*lines[:7], ",".join(cells), *lines[8:]]) + "\n")
    assert_one_line(submit(consortium, pack, files), files.consents.name, "1 bad row")
    assert_nothing_happened(consortium, pack)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"loan_id,loan_id\n1,2\n", b"loan_id\n"])
def test_file_that_is_no_table_is_one_line(consortium: Consortium, pack: int, files: PackFiles, content: bytes) -> None:
    files.tape.write_bytes(content)
    assert_one_line(submit(consortium, pack, files), files.tape.name)
    assert_nothing_happened(consortium, pack)


def test_missing_file_is_one_line(consortium: Consortium, pack: int, files: PackFiles) -> None:
    files.tape.unlink()
    assert_one_line(submit(consortium, pack, files), files.tape.name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--currency", "EUR"), ("another currency", "EUR")),
        (("--currency", "XYZ"), ("XYZ", "USD")),
        (("--cut-off", "2012-02-01"), ("closing", "cut-off")),
        (("--cut-off", "yesterday"), ("--cut-off", "2011-12-31")),
        (("--mapping", "no-such.toml"), ("no-such.toml",)),
        (("--class-unit", "0"), ("class",)),
    ],
)
def test_bad_option_is_one_line(
    consortium: Consortium, pack: int, files: PackFiles, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert_one_line(submit(consortium, pack, files, *options), *words)
    assert_nothing_happened(consortium, pack)


def test_corrupt_mapping_is_one_line(consortium: Consortium, pack: int, files: PackFiles, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text('[columns]\nloan_id = "')
    assert_one_line(
        submit(consortium, pack, files, "--mapping", str(tmp_path / "mapping.toml")), "mapping.toml", "TOML"
    )


def test_fewer_than_100_assets_are_refused(consortium: Consortium, pack: int, tmp_path: Path) -> None:
    small = write_pack(tmp_path, "small", example_loans(LOANS[0], 99))
    assert_one_line(submit(consortium, pack, small), "refused by AssetPackRegistry", "99", "100")
    assert_nothing_happened(consortium, pack)


def test_account_that_was_not_invited_is_refused(consortium: Consortium, pack: int, files: PackFiles) -> None:
    done = consortium.cli("risk-control", *submit_line(consortium, pack, files))
    assert_one_line(done, f"pack {pack}", "not an invitation")
    assert_nothing_happened(consortium, pack)


def test_good_rows_are_taken_on_demand_and_the_bad_ones_listed(consortium: Consortium, tmp_path: Path) -> None:
    loans = changed(example_loans(*LOANS), 3, "loan_amount", "-100.00")
    files, pack = write_pack(tmp_path, "mixed", loans), invite(consortium)
    assert submit(consortium, pack, files).code == 1
    done = submit(consortium, pack, files, "--skip-bad-rows", "--json")
    assert done.code == 0, done.error
    assert (done.document["assets_count"], done.document["left_out_count"]) == (100, 1)
    assert consortium.ask(None, "pack", "show", str(pack))["status"] == PackStatus.SUBMITTED.word
