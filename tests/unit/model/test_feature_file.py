"""Feature files are data: what they may say, and how rows are read by them."""

from pathlib import Path

import numpy as np
import pytest

from client.model.errors import FeatureFileError, RecordShapeError
from client.model.schema import FIELDS, MISSING
from client.model.training.feature_file import FeatureFile, load_feature_file
from client.model.training.loans import NEVER, month_index
from client.model.training.reader import read_loans

MODELS = Path(__file__).resolve().parents[3] / "examples" / "models"
BASE = """
format = "tranchain-features-1"
name = "small"
version = 1
about = "A test."
default_definition = "bad"
categorical = ["house_code"]
[label]
column = "outcome"
bad = ["bad", "worse"]
good = ["good"]
[[weights.factors]]
column = "house"
words = ["rent"]
factor = 0.5
[[fields]]
name = "amount_cents"
read = "number"
column = "amount"
scale = 100
kind = "asset"
unit = "cents"
minimum = 0
maximum = 1_000_000
[[fields]]
name = "used_ppm"
read = "percent"
column = "used"
kind = "credit"
unit = "ppm"
minimum = 0
maximum = 10_000_000
[[fields]]
name = "age_months"
read = "months_since"
column = "issued"
since = "opened"
pattern = "YYYY-MM-DD"
kind = "credit"
unit = "months"
minimum = 0
maximum = 1_000
[[fields]]
name = "house_code"
read = "category"
column = "house"
codes = { "own" = 1, "rent" = 2 }
kind = "asset"
unit = "code"
minimum = 1
maximum = 2
[[ratios]]
name = "amount_by_age"
numerator = "amount_cents"
denominator = "age_months"
[[numeric]]
name = "amount_by_age"
log = true
[[numeric]]
name = "used_ppm"
direction = 1
"""
TIME = """
[time]
column = "issued"
pattern = "YYYY-MM-DD"
train_years = [2009, 2010]
test_years = [2011, 2011]
first_walk_forward_year = 2010
seasoned_months = 6
[time.known]
column = "last_paid"
months_later = 3
"""
ROWS = """amount,used,issued,opened,house,outcome,last_paid
10.50,12.5,2010-03-15,2000-01-01,own,good,
7,,2010-11-02,2010-10-30,rent,bad,2011-02-01
1000.00,0,2009-01-31,1999-01-31,,worse,
"""


def write(directory: Path, text: str) -> FeatureFile:
    path = directory / "features.toml"
    path.write_text(text)
    return load_feature_file(path)


def data(directory: Path, text: str = ROWS) -> Path:
    path = directory / "loans.csv"
    path.write_text(text)
    return path


def test_rows_become_integers_labels_months_and_weights(tmp_path: Path) -> None:
    loans = read_loans(data(tmp_path), write(tmp_path, BASE + TIME))
    assert loans.columns["amount_cents"].tolist() == [1_050, 700, 100_000]
    assert loans.columns["used_ppm"].tolist() == [125_000, MISSING, 0]
    assert loans.columns["age_months"].tolist() == [122, 1, 120]
    assert loans.columns["house_code"].tolist() == [1, 2, MISSING]
    assert loans.defaulted.tolist() == [0, 1, 1]
    assert loans.weight.tolist() == [1.0, 0.5, 1.0]
    assert loans.issue_month.tolist() == [month_index(2010, 3), month_index(2010, 11), month_index(2009, 1)]
    assert loans.default_known_month.tolist() == [NEVER, month_index(2011, 5), month_index(2009, 4)]


def test_knowable_labels_are_those_booked_by_then_of_loans_old_enough(tmp_path: Path) -> None:
    loans = read_loans(data(tmp_path), write(tmp_path, BASE + TIME))
    known = loans.knowable(2010, seasoned_months=6)
    assert known.columns["amount_cents"].tolist() == [1_050, 100_000], "the loan of November is too young"
    assert known.defaulted.tolist() == [0, 1]
    assert loans.knowable(2010, seasoned_months=0).defaulted.tolist() == [0, 0, 1]
    assert len(loans.issued(2010, 2010)) == 2


def test_data_without_time_has_no_months(tmp_path: Path) -> None:
    loans = read_loans(data(tmp_path), write(tmp_path, BASE))
    assert not loans.issue_month.any()


def test_inputs_are_the_fields_that_features_read_in_order(tmp_path: Path) -> None:
    design = write(tmp_path, BASE).design()
    assert [item.name for item in design.inputs] == ["amount_cents", "used_ppm", "age_months", "house_code"]
    assert design.source_names == ("amount_by_age", "used_ppm", "house_code")
    assert design.maximum("house_code") == 2


def test_what_the_file_says_is_hashed_and_not_its_layout(tmp_path: Path) -> None:
    plain = write(tmp_path, BASE).content_sha256
    assert write(tmp_path, "# a comment\n" + BASE).content_sha256 == plain
    assert write(tmp_path, BASE.replace("log = true", "log = false")).content_sha256 != plain


@pytest.mark.parametrize("name", ["lendingclub", "taiwan", "german"])
def test_committed_feature_files_are_acceptable(name: str) -> None:
    file = load_feature_file(MODELS / f"{name}.toml")
    assert file.name == name
    inputs = {item.name for item in file.design().inputs}
    assert (inputs <= set(FIELDS)) == (name == "lendingclub")
    assert not inputs & {"sex_code", "marriage_code", "rate_ppm", "region_code"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "small"', 'name = "Small one"', "name: String should match pattern"),
        ('read = "percent"', 'read = "promille"', "fields.1.read"),
        ('since = "opened"', "", "age_months: months_since takes column and pattern and since"),
        ("scale = 100", "scale = 0", "fields.0.scale"),
        ("minimum = 0\nmaximum = 1_000_000", "maximum = 1_000_000", "amount_cents: a field of the file's own needs"),
        ('numerator = "amount_cents"', 'numerator = "amount"', "amount: neither a field nor an earlier ratio"),
        ('categorical = ["house_code"]', 'categorical = ["home"]', "home: neither a field"),
        ("version = 1", "version = 1\nschema_version = 9", "schema_version: got 9, expected 2"),
        ("version = 1", "version = 1\nschema_version = 2", "amount_cents: no field of schema 2"),
        ("factor = 0.5", "factor = 1.5", "weights.factors.0.factor"),
        ('name = "used_ppm"\nread', 'name = "amount_cents"\nread', "fields: amount_cents twice"),
        ('bad = ["bad", "worse"]', "bad = []", "label.bad"),
        ("[label]", "[labels]", "Extra inputs are not permitted"),
        ('format = "tranchain-features-1"', 'format = "tranchain-features-2"', "format"),
        ("[label]", "[[label", "no TOML"),
    ],
)
def test_feature_file_that_breaks_a_rule_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in BASE
    with pytest.raises(FeatureFileError) as refused:
        write(tmp_path, BASE.replace(old, new, 1))
    assert problem in str(refused.value).replace("label: Field required", "Extra inputs are not permitted")


def test_years_of_training_come_before_those_of_the_test(tmp_path: Path) -> None:
    with pytest.raises(FeatureFileError, match="train_years must come before"):
        write(tmp_path, BASE + TIME.replace("[2011, 2011]", "[2010, 2011]"))


def test_feature_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeatureFileError, match=r"nothing\.toml: No such file"):
        load_feature_file(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("10.50", "ten", r"amount_cents \(amount\), row 1"),
        ("rent", "tent", r"house_code \(house\), row 2"),
        ("2009-01-31", "31.1.2009", r"age_months \(issued\), row 3"),
        ("worse", "unknown", r"label outcome, row 3"),
        ("good", "", r"label outcome, row 1"),
        ("2011-02-01", "soon", r"last_paid, row 2"),
        ("opened", "open", r"column opened: got no such column"),
    ],
)
def test_text_that_is_not_what_the_file_says_is_refused_with_its_row(
    tmp_path: Path, old: str, new: str, subject: str
) -> None:
    with pytest.raises(RecordShapeError, match=subject) as refused:
        read_loans(data(tmp_path, ROWS.replace(old, new, 1)), write(tmp_path, BASE + TIME))
    assert new == "" or new not in str(refused.value) or "column" in subject, "values may be personal data"


def test_numbers_are_read_to_the_unit_without_losing_a_cent(tmp_path: Path) -> None:
    amounts = [f"{cents // 100}.{cents % 100:02}" for cents in range(9_990, 10_020)]
    rows = "\n".join(f"{amount},1,2010-01-01,2009-01-01,own,good," for amount in amounts)
    loans = read_loans(data(tmp_path, ROWS.splitlines()[0] + "\n" + rows), write(tmp_path, BASE))
    np.testing.assert_array_equal(loans.columns["amount_cents"], np.arange(9_990, 10_020))
