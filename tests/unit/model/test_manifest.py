"""A package that was changed in any way does not load."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from client.model.committed import DEFAULT_MODEL
from client.model.errors import ArtifactError
from client.model.manifest import FEATURE_SPEC, FILES, MANIFEST, MODEL, ModelPackage

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "model"))


def rewrite(directory: Path, change: Change) -> None:
    manifest = json.loads((directory / MANIFEST).read_text())
    change(manifest)
    (directory / MANIFEST).write_text(json.dumps(manifest))


def test_package_gives_what_goes_on_chain(package: ModelPackage) -> None:
    assert package.model_hash == keccak((DEFAULT_MODEL / MODEL).read_bytes())
    assert package.manifest_hash == keccak((DEFAULT_MODEL / MANIFEST).read_bytes())
    assert package.feature_spec_hash == keccak((DEFAULT_MODEL / FEATURE_SPEC).read_bytes())
    assert len(package.pd_ppm) == len(package.totals) == len(package.defaults) == 100
    assert package.program_hash == keccak(package.program)
    assert list(package.pd_ppm) == sorted(package.pd_ppm)
    assert len(package.margin_ppm) == 10
    assert min(package.margin_ppm) >= 1_050_000


def test_package_is_small() -> None:
    assert sum(path.stat().st_size for path in DEFAULT_MODEL.iterdir()) < 300_000


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0.0, 0.5, 0.99])
def test_package_with_one_changed_byte_names_the_file_and_both_hashes(copy: Path, name: str, where: float) -> None:
    content = bytearray((copy / name).read_bytes())
    expected = keccak(bytes(content)).hex()
    content[int(where * len(content))] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"(?s){re.escape(name)}.*{keccak(bytes(content)).hex()}.*{expected}"):
        ModelPackage.load(copy)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_package_without_a_file_says_which(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=re.escape(name)):
        ModelPackage.load(copy)


def lower_a_pd(manifest: dict[str, Any]) -> None:
    manifest["pd_ppm"][50] -= 1


def move_a_default(manifest: dict[str, Any]) -> None:
    manifest["calibration"]["level_defaults"][3] += 1


def thin_the_margin(manifest: dict[str, Any]) -> None:
    manifest["margin_ppm"][0] = 1_049_999


def change_the_program(manifest: dict[str, Any]) -> None:
    manifest["program"]["keccak256"] = "00" * 32


def drop_a_cut_point(manifest: dict[str, Any]) -> None:
    manifest["cut_points"].pop()


def swap_cut_points(manifest: dict[str, Any]) -> None:
    manifest["cut_points"][3:5] = reversed(manifest["cut_points"][3:5])


def forget_a_file(manifest: dict[str, Any]) -> None:
    del manifest["files"][MODEL]


def use_another_schema(manifest: dict[str, Any]) -> None:
    manifest["schema_version"] += 1


def rename_a_field(manifest: dict[str, Any]) -> None:
    manifest["raw_fields"][0]["name"] = "something_else"


def add_an_unknown_entry(manifest: dict[str, Any]) -> None:
    manifest["surprise"] = 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lower_a_pd, "pd_ppm"),
        (move_a_default, "levels"),
        (thin_the_margin, "margin_ppm"),
        (change_the_program, "program"),
        (drop_a_cut_point, "cut_points"),
        (swap_cut_points, "cut_points"),
        (forget_a_file, "no entry in the manifest"),
        (use_another_schema, "schema_version"),
        (rename_a_field, "raw_fields"),
        (add_an_unknown_entry, "surprise"),
    ],
)
def test_manifest_that_contradicts_itself_is_refused(copy: Path, change: Change, reason: str) -> None:
    rewrite(copy, change)
    with pytest.raises(ArtifactError, match=reason):
        ModelPackage.load(copy)


def test_manifest_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / MANIFEST).write_text("{")
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        ModelPackage.load(copy)
