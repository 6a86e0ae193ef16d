import datetime as dt
import decimal
import gzip
from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.sdk.errors import BadRowsError, ConfigError, InvalidInputError
from client.sdk.table_mapping import TableMapping, load_mapping
from client.sdk.table_units import convert
from client.sdk.tabular import read_table


@dataclass(frozen=True)
class Field:
    name: str
    unit: str
    minimum: int = 0
    maximum: int = 10**12
    nullable: bool = False


FIELDS = (
    Field("amount_cents", "cents", minimum=1),
    Field("rate_ppm", "ppm", maximum=1_000_000),
    Field("term_months", "months", minimum=1, maximum=600),
    Field("start_day", "day", maximum=73_049),
    Field("home_code", "code", minimum=1, maximum=5, nullable=True),
    Field("past_due_days", "days", maximum=36_500),
)
MAPPING = TableMapping(
    missing=("", "NA"),
    columns={"amount_cents": "Amount", "start_day": "issued", "home_code": "home"},
    units={"amount_cents": "dollars", "rate_ppm": "percent", "start_day": "date"},
    values={"home_code": {"RENT": 1, "OWN": 2}},
)
HEADER = "loan_id,Amount,rate_ppm,term_months,issued,home,past_due_days"
GOOD = "L1,1500.50,10.65,36,2011-03-01,RENT,0"
OTHER = "L2,20,0,60,2011-04-30,,5"


def _write(tmp_path, *lines, name="tape.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def _read(path, **changes):
    options = {"keys": ("loan_id",), "unique": ("loan_id",), "mapping": MAPPING} | changes
    return read_table(path, FIELDS, **options)


def test_good_rows_become_integers_in_the_order_of_the_fields(tmp_path):
    table = _read(_write(tmp_path, HEADER, GOOD, OTHER))
    assert table.bad_rows == ()
    assert table.accepted(skip_bad_rows=False).rows() == [
        ("L1", 150_050, 106_500, 36, 15_034, 1, 0, 2),
        ("L2", 2_000, 0, 60, 15_094, None, 5, 3),
    ]
    assert table.frame.columns == ["loan_id", *(field.name for field in FIELDS), "line"]


BAD_VALUES = [
    ("L1,,10,36,2011-03-01,RENT,0", "amount_cents", "", "missing"),
    ("L1,NA,10,36,2011-03-01,RENT,0", "amount_cents", "NA", "missing"),
    ("L1,-5,10,36,2011-03-01,RENT,0", "amount_cents", "-5", "negative"),
    ("L1,0,10,36,2011-03-01,RENT,0", "amount_cents", "0", "out of range, expected 1 to 1000000000000 (cents)"),
    ("L1,1.005,10,36,2011-03-01,RENT,0", "amount_cents", "1.005", "has a fraction of a cent"),
    ("L1,abc,10,36,2011-03-01,RENT,0", "amount_cents", "abc", "not a number"),
    ("L1,1e5,10,36,2011-03-01,RENT,0", "amount_cents", "1e5", "not a number"),
    ('L1,"1,50",10,36,2011-03-01,RENT,0', "amount_cents", "1,50", "not a number"),
    ("L1,99999999999999999999,10,36,2011-03-01,RENT,0", "amount_cents", "99999999999999999999", "out of range"),
    ("L1,٣,10,36,2011-03-01,RENT,0", "amount_cents", "٣", "not a number"),
    ("L1,10,100.01,36,2011-03-01,RENT,0", "rate_ppm", "100.01", "out of range, expected 0 to 1000000 (ppm)"),
    ("L1,10,$5,36,2011-03-01,RENT,0", "rate_ppm", "$5", "not a number"),
    ("L1,10,10,36.5,2011-03-01,RENT,0", "term_months", "36.5", "not a whole number"),
    ("L1,10,10,0,2011-03-01,RENT,0", "term_months", "0", "out of range, expected 1 to 600 (months)"),
    ("L1,10,10,36,2011-02-30,RENT,0", "start_day", "2011-02-30", "not a date (date)"),
    ("L1,10,10,36,03/01/2011,RENT,0", "start_day", "03/01/2011", "not a date (date)"),
    ("L1,10,10,36,1969-12-31,RENT,0", "start_day", "1969-12-31", "negative"),
    ("L1,10,10,36,2011-03-01,rent,0", "home_code", "rent", "not a word of the mapping's [values]"),
    ("L1,10,10,36,2011-03-01,RENT,-1", "past_due_days", "-1", "negative"),
    (",10,10,36,2011-03-01,RENT,0", "loan_id", "", "missing"),
    ("L1,10,10,36,2011-03-01,RENT", "row", "", "6 values, expected 7"),
    ("L1,10,10,36,2011-03-01,RENT,0,9", "row", "", "8 values, expected 7"),
    ("L2,10,10,36,2011-03-01,RENT,0", "loan_id", "L2", "repeats line 2"),
]


@pytest.mark.parametrize(("line", "field", "value", "reason"), BAD_VALUES)
def test_bad_value_is_listed_and_the_good_row_kept(tmp_path, line, field, value, reason):
    table = _read(_write(tmp_path, HEADER, OTHER, line))
    assert [(row.line, row.field, row.value, row.reason) for row in table.bad_rows] == [(3, field, value, reason)]
    assert table.accepted(skip_bad_rows=True)["loan_id"].to_list() == ["L2"]
    with pytest.raises(BadRowsError) as caught:
        table.accepted(skip_bad_rows=False)
    assert (
        str(caught.value)
        == f"{table.path}: 1 bad row ({field}); correct them, or take the good ones with --skip-bad-rows"
    )


def test_bad_row_shows_its_value_to_the_person_but_not_in_its_repr(tmp_path):
    table = _read(_write(tmp_path, HEADER, "L1,secret-income,10,36,2011-03-01,RENT,0"))
    assert table.bad_rows[0].value == "secret-income"
    assert "secret-income" not in repr(table.bad_rows)


def test_every_bad_value_of_a_row_is_listed(tmp_path):
    table = _read(_write(tmp_path, HEADER, "L1,-5,abc,0,x,y,-1"))
    assert len(table.bad_rows) == 6
    assert table.bad_line_count == 1
    with pytest.raises(InvalidInputError, match="no good row of 1"):
        table.accepted(skip_bad_rows=True)


def test_lines_are_those_of_the_file_with_blank_lines_and_quoted_line_breaks(tmp_path):
    quoted = '"L\n1",10,10,36,2011-03-01,RENT,0'
    table = _read(_write(tmp_path, HEADER, quoted, "", OTHER, "L3,x,10,36,2011-03-01,RENT,0"))
    assert [row.line for row in table.bad_rows] == [6]
    assert table.frame["line"].to_list() == [2, 5]


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "tape.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\n{GOOD}\r\n".encode())
    assert _read(path).frame["loan_id"].to_list() == ["L1"]


def test_gzip_is_read_like_the_file_in_it(tmp_path):
    path = tmp_path / "tape.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode()))
    assert _read(path).frame["amount_cents"].to_list() == [150_050]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "an empty file"),
        (HEADER.encode() + b"\n", "got no rows"),
        (HEADER.encode() + b"\nL\xe9,1,1,1,2011-01-01,RENT,0\n", "not UTF-8"),
        (HEADER.encode("utf-16"), "not UTF-8"),
        (HEADER.encode() + b'\n"L1,1\n', "not CSV"),
        (b"loan_id,Amuont,rate_ppm,term_months,issued,home,past_due_days\n", "no column Amount; did you mean Amuont?"),
        (b"a,b\n1,2\n", "no columns loan_id, Amount, rate_ppm, term_months, issued, home, past_due_days"),
        (b"loan_id,loan_id\n", "two columns named loan_id"),
    ],
)
def test_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, content, problem):
    path = tmp_path / "tape.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        _read(path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_damaged_gzip_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="No such file"):
        _read(tmp_path / "nothing.csv")
    (tmp_path / "tape.csv.gz").write_bytes(gzip.compress(HEADER.encode())[:-9])
    with pytest.raises(InvalidInputError):
        _read(tmp_path / "tape.csv.gz")


def test_parquet_is_read_like_csv(tmp_path):
    path = tmp_path / "tape.parquet"
    pl.DataFrame(
        {
            "loan_id": ["L1", "L2", "L3"],
            "Amount": [1500.5, 20.0, -1.0],
            "rate_ppm": [decimal.Decimal("10.65"), decimal.Decimal("0"), decimal.Decimal("1")],
            "term_months": [36, 60, 60],
            "issued": [dt.date(2011, 3, 1), dt.date(2011, 4, 30), dt.date(2011, 4, 30)],
            "home": ["RENT", None, "OWN"],
            "past_due_days": [0, 5, 5],
            "unused": [[1], [2], [3]],
        }
    ).write_parquet(path)
    table = _read(path)
    assert table.frame.rows() == [
        ("L1", 150_050, 106_500, 36, 15_034, 1, 0, 2),
        ("L2", 2_000, 0, 60, 15_094, None, 5, 3),
    ]
    assert [(row.line, row.reason) for row in table.bad_rows] == [(4, "negative")]


def test_parquet_that_is_none_is_refused(tmp_path):
    (tmp_path / "tape.parquet").write_text("no")
    with pytest.raises(InvalidInputError, match="expected Parquet"):
        _read(tmp_path / "tape.parquet")


def test_duplicates_are_found_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("client.sdk.tabular._CHUNK_ROWS", 2)
    lines = [GOOD.replace("L1", name) for name in ("L1", "L2", "L3", "L1", "L4", "L3")]
    table = _read(_write(tmp_path, HEADER, *lines))
    assert [(row.line, row.reason) for row in table.bad_rows] == [(5, "repeats line 2"), (7, "repeats line 4")]
    assert table.frame["line"].to_list() == [2, 3, 4, 6]


def test_constants_and_absent_fields_need_no_column(tmp_path):
    mapping = TableMapping(
        constants={"past_due_days": 7},
        absent=frozenset({"home_code"}),
        units={"amount_cents": "cents"},
    )
    path = _write(tmp_path, "loan_id,amount_cents,rate_ppm,term_months,start_day", "L1,5,6,7,8")
    assert _read(path, mapping=mapping).frame.rows() == [("L1", 5, 6, 7, 8, None, 7, 2)]


def test_mapping_may_leave_out_all_nullable_fields_it_does_not_mention(tmp_path):
    mapping_file = tmp_path / "mapping.toml"
    mapping_file.write_text('absent = "others"\n')
    path = _write(tmp_path, "loan_id,amount_cents,rate_ppm,term_months,start_day,past_due_days", "L1,5,6,7,8,9")
    assert _read(path, mapping=load_mapping(mapping_file)).frame.rows() == [("L1", 5, 6, 7, 8, None, 9, 2)]


def test_mapping_that_mentions_a_nullable_field_needs_its_column(tmp_path):
    mapping_file = tmp_path / "mapping.toml"
    mapping_file.write_text('absent = "others"\n[columns]\nhome_code = "home"\n')
    path = _write(tmp_path, "loan_id,amount_cents,rate_ppm,term_months,start_day,past_due_days", "L1,5,6,7,8,9")
    with pytest.raises(InvalidInputError, match="no column home"):
        _read(path, mapping=load_mapping(mapping_file))


@given(st.decimals(min_value=0, max_value=10**9, places=2))
@settings(max_examples=200)
def test_dollars_become_exact_cents(amount):
    field = Field("amount_cents", "cents")
    cells = convert(pl.Series([str(amount), f"${amount:,}", f"-{amount}"]), field, "dollars", None)
    cents = int(amount * 100)
    assert cells["value"].to_list() == [cents, cents, -cents]


@given(st.decimals(min_value=0, max_value=1000, places=9))
@settings(max_examples=200)
def test_fractions_are_rounded_half_up_to_the_ppm(fraction):
    field = Field("rate_ppm", "ppm", maximum=10**10)
    value = convert(pl.Series([format(fraction, "f")]), field, "fraction", None)["value"][0]
    assert value == int((fraction * 10**6).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("unit", "text", "day"),
    [
        ("day", "15034", 15_034),
        ("date", "2011-03-01", 15_034),
        ("month:YYYY-MM", "2011-03", 15_034),
        ("month:MMM-YYYY", "Mar-2011", 15_034),
        ("date:DD.MM.YYYY", "01.03.2011", 15_034),
    ],
)
def test_days_are_read_in_each_unit(unit, text, day):
    assert convert(pl.Series([text]), Field("start_day", "day"), unit, None).row(0) == (day, None)


def test_terms_may_carry_their_unit():
    assert convert(pl.Series(["36 months"]), Field("term_months", "months"), "months", None).row(0) == (36, None)


MAPPING_TEXT = """
missing = ["", "n/a"]
delimiter = ";"
[columns]
amount_cents = "loan_amnt"
[units]
amount_cents = "dollars"
[values.home_code]
RENT = 1
"""


def test_mapping_file_is_read(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING_TEXT)
    mapping = load_mapping(path)
    assert mapping.column_of("amount_cents") == "loan_amnt"
    assert mapping.values == {"home_code": {"RENT": 1}}
    assert (mapping.missing, mapping.delimiter) == (("", "n/a"), ";")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[colums]\n", "got colums, expected a known name; did you mean columns?"),
        ("[columns]\namount_cent = 'x'", "did you mean amount_cents?"),
        ("[columns]\namount_cents = 3", "expected str values"),
        ("[units]\namount_cents = 'euros'", "got euros, expected cents or dollars"),
        ("[units]\nterm_months = 'years'", "got years, expected months"),
        ("[units]\nstart_day = 'month:QQ'", "expected day, date, date:PATTERN or month:PATTERN"),
        ("[values.home_code]\nRENT = '1'", "expected int values"),
        ("[values]\nhome_code = 3", "expected dict values"),
        ("absent = ['amount_cents']", "expected fields that may be missing"),
        ("missing = [3]", "expected a list of texts"),
        ("delimiter = 'ab'", "expected one character"),
        ("not toml", "expected TOML"),
    ],
)
def test_mapping_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, problem):
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_mapping(path).validate(FIELDS, ("loan_id",))
    assert problem in str(caught.value)


def test_mapping_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_mapping(tmp_path / "nothing.toml")
