"""Training on data with a time column: out of time, walked forward, with labels of hindsight and of the time."""

import csv
import datetime as dt
import json
import random
from pathlib import Path

import pytest

for module in ("sklearn", "lightgbm", "xgboost", "scipy", "onnx"):
    pytest.importorskip(module)

from client.cli.app import run  # noqa: E402 - after the check
from client.model.manifest import ModelPackage  # noqa: E402 - after the check

FEATURES = """
format = "tranchain-features-1"
name = "invented"
version = 3
about = "Loans that nobody made."
default_definition = "invented"
limits = ["Nothing here is real."]
[label]
column = "bad"
bad = ["yes"]
good = ["no"]
[time]
column = "issued"
pattern = "YYYY-MM-DD"
train_years = [2014, 2016]
test_years = [2017, 2017]
first_walk_forward_year = 2016
seasoned_months = 12
[time.known]
column = "last_paid"
months_later = 3
[weights]
recency = [1.0, 0.5]
[recipe]
leaf_loans = 20
[packs]
loans = 300
targets_ppm = [100_000]
balance = "amount_cents"
[[fields]]
name = "amount_cents"
read = "number"
column = "amount"
scale = 100
kind = "asset"
unit = "cents"
minimum = 1
maximum = 100_000_000
[[fields]]
name = "burden_ppm"
read = "fraction"
column = "burden"
kind = "credit"
unit = "ppm"
minimum = 0
maximum = 2_000_000
[[numeric]]
name = "amount_cents"
log = true
[[numeric]]
name = "burden_ppm"
direction = 1
"""


def write_loans(path: Path) -> None:
    """Loans whose risk grows with the burden; a bad one pays 1 to 20 months."""
    source = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["issued", "amount", "burden", "bad", "last_paid"])
        for _ in range(4_000):
            issued = dt.date(2014, 1, 1) + dt.timedelta(days=source.randrange(4 * 365))
            burden = source.random()
            is_bad = source.random() < 0.05 + 0.4 * burden**2
            paid = issued + dt.timedelta(days=30 * source.randint(1, 20)) if is_bad else ""
            row = [issued, source.randint(1_000, 9_000), f"{burden:.6f}", "yes" if is_bad else "no", paid]
            writer.writerow(row)


@pytest.mark.slow
def test_model_with_time_is_tested_later_and_reports_both_kinds_of_labels(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "features.toml").write_text(FEATURES)
    write_loans(tmp_path / "loans.csv")
    given = ["--data", str(tmp_path / "loans.csv"), "--features", str(tmp_path / "features.toml")]
    assert run(["--json", "risk", "model", "train", *given, "--out", str(tmp_path / "model")]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["test"] == "out of time"
    assert said["auc_ppm"] > 620_000
    package = ModelPackage.load(tmp_path / "model")
    assert (package.manifest.version, package.manifest.training.issue_years) == (3, (2014, 2016))
    assert sum(package.manifest.validation.totals) == said["test_loans_count"]
    assert min(package.margin_ppm) >= 1_050_000
    card = (tmp_path / "model" / "model_card.md").read_text()
    for part in (
        "Out of time, 2017",
        "hindsight",
        "knowable at the time",
        "Stability by month",
        "| 2016 |",
        "300 loans",
    ):
        assert part in card
    hindsight, knowable = (_ratios(part) for part in card.split("Knowable at the time, only defaults")[:2])
    assert sum(knowable) > sum(hindsight), "labels cut off early promise too little"


def _ratios(text: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.startswith("| 2016 |"))
    return [float(cell) for cell in line.strip("| ").split("|")[2:]]
