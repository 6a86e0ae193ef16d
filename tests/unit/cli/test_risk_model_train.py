"""A second country's model from data and a feature file alone, by the command a person types."""

import json
from pathlib import Path

import numpy as np
import pytest

for module in ("sklearn", "lightgbm", "xgboost", "scipy", "onnx"):
    pytest.importorskip(module)

from client.cli import risk_model_train  # noqa: E402 - after the check
from client.cli.app import run  # noqa: E402 - after the check
from client.model.errors import RecordShapeError  # noqa: E402 - after the check
from client.model.manifest import FILES, MANIFEST, OWN_RECORDS, ModelPackage  # noqa: E402 - after the check
from client.model.schema import FIELDS, MISSING  # noqa: E402 - after the check

MODELS = Path(__file__).resolve().parents[3] / "examples" / "models"
GERMAN = ("--data", str(MODELS / "germancredit.csv.gz"), "--features", str(MODELS / "german.toml"))
TRAIN = ("--json", "risk", "model", "train")


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("german")
    assert run([*TRAIN, *GERMAN, "--out", str(directory)]) == 0
    return directory


@pytest.fixture(scope="module")
def package(german: Path) -> ModelPackage:
    return ModelPackage.load(german)


def random_records(package: ModelPackage, count: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(4)
    columns = {}
    for item in package.feature_spec.inputs:
        values = generator.integers(item.minimum, min(item.maximum, 10**6) + 1, count, dtype=np.int64)
        columns[item.name] = np.where(generator.random(count) < 0.1, MISSING, values)
    return columns


def test_model_of_another_country_trains_from_its_feature_file_alone(package: ModelPackage) -> None:
    manifest = package.manifest
    assert (manifest.name, manifest.schema_version, manifest.training.loans) == ("german", OWN_RECORDS, 800)
    assert manifest.training.issue_years is None
    assert sum(manifest.validation.totals) == 200
    assert list(package.pd_ppm) == sorted(package.pd_ppm)
    assert min(package.totals) >= 1


def test_scores_of_held_out_loans_separate_good_from_bad(package: ModelPackage) -> None:
    counts = package.manifest.calibration
    bad, good = np.array(counts.defaults), np.array(counts.totals) - np.array(counts.defaults)
    below = np.cumsum(good) - good
    assert (bad * (below + good / 2)).sum() / (bad.sum() * good.sum()) > 0.76, "out of fold"


def test_same_executors_run_the_package_to_equal_scores(german: Path, package: ModelPackage) -> None:
    columns = random_records(package, 2_000)
    scores = package.score(columns)
    np.testing.assert_array_equal(ModelPackage.load(german, executor="numpy").score(columns), scores)
    assert len(set(scores.tolist())) > 50


def test_package_of_own_fields_refuses_the_assets_of_packs(package: ModelPackage) -> None:
    assets = {name: np.zeros(3, dtype=np.int64) for name in FIELDS}
    with pytest.raises(RecordShapeError, match="no such column"):
        package.score(assets)


def test_oracle_does_not_serve_with_a_package_of_own_fields(german: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["oracle", "serve", "--auditor", "nobody.json", "--model", str(german)]) == 1
    assert "german, which reads fields of its own" in capfd.readouterr().err


def test_model_card_says_that_there_is_no_time(german: Path) -> None:
    card = (german / "model_card.md").read_text()
    assert "No time column: trained on a seeded random 80%" in card
    assert "out of fold" in card
    assert "walk-forward" not in card


@pytest.mark.slow
def test_training_again_gives_the_same_bytes(german: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*TRAIN, *GERMAN, "--out", str(german), "--check"]) == 0
    assert json.loads(capfd.readouterr().out)["differs_in"] == []
    for name in (*FILES, MANIFEST):
        (tmp_path / name).write_bytes((german / name).read_bytes())
    (tmp_path / "model_card.md").write_text("another")
    assert run([*TRAIN, *GERMAN, "--out", str(tmp_path), "--check"]) == 1
    said = capfd.readouterr()
    assert json.loads(said.out)["differs_in"] == ["model_card.md"]
    assert "other bytes in model_card.md" in said.err


def test_too_little_data_is_refused_with_its_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import gzip

    with gzip.open(MODELS / "germancredit.csv.gz", "rt") as file:
        few = tmp_path / "few.csv"
        few.write_text("".join(file.readlines()[:300]))
    data = ("--data", str(few), "--features", str(MODELS / "german.toml"))
    assert run([*TRAIN, *data, "--out", str(tmp_path / "out")]) == 1
    assert "got 240 training loans" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_data_or_features_that_cannot_be_read_are_named(
    tmp_path: Path, german: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    nothing = ("--data", str(tmp_path / "nothing.csv"), "--features", GERMAN[3])
    assert run([*TRAIN, *nothing, "--out", str(tmp_path / "out")]) == 1
    assert "nothing.csv" in capfd.readouterr().err
    assert run([*TRAIN, *GERMAN[:3], str(tmp_path / "file"), "--out", str(tmp_path / "out")]) == 1
    assert "no TOML" in capfd.readouterr().err


def test_training_without_its_packages_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(risk_model_train, "find_spec", lambda name: None if name == "xgboost" else object())
    assert run([*TRAIN, *GERMAN, "--out", str(tmp_path)]) == 1
    error = capfd.readouterr().err
    assert "got no xgboost" in error
    assert "pip install 'tranchain[train]'" in error
