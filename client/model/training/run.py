"""Trains the model of a feature file and writes its package, or compares it with one that is there."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from client.model.arithmetic import PPM
from client.model.errors import FeatureFileError
from client.model.manifest import FILES, MANIFEST, OWN_RECORDS
from client.model.training import card, export, margins, pipeline
from client.model.training.assessment import Assessment, assess
from client.model.training.feature_file import FeatureFile, load_feature_file
from client.model.training.loans import LoanSet
from client.model.training.pipeline import Report
from client.model.training.reader import read_loans

TRAIN_LOANS_MIN = 500
TRAIN_DEFAULTS_MIN = 50
"""With fewer, a PD for each of 100 scores says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """A model and everything its package says of it."""

    train: LoanSet
    test: LoanSet
    model: pipeline.Calibrated
    margins_ppm: tuple[int, ...]
    figures: Assessment


def step_count(file: FeatureFile) -> int:
    """Return how often `report` is called at most."""
    networks = 1 + pipeline.FOLDS
    if file.time is None:
        return networks + 1
    years = file.time.train_years[1] - file.time.first_walk_forward_year + 1
    return networks * (1 + years * (2 if file.time.known else 1)) + (2 if file.time.known else 1)


def run(data: Path, features: Path, out: Path, *, is_check: bool, report: Report) -> dict[str, Any]:
    """Train; write the package to `out`, or with `is_check` say in which files it differs from the one there.

    Raises:
        FeatureFileError: the feature file breaks a rule, or leaves too few loans.
        RecordShapeError: the data is not what the feature file says.
    """
    file = load_feature_file(features)
    trained = _train(file, str(features), read_loans(data, file), report)
    facts = _facts(file, data, trained)
    text = card.render(file, trained.figures)
    if is_check:
        with tempfile.TemporaryDirectory() as scratch:
            _write(Path(scratch), trained, text, facts)
            different = [name for name in (*FILES, MANIFEST) if not _is_same(Path(scratch) / name, out / name)]
    else:
        _write(out, trained, text, facts)
        different = []
    network, out_of_fold = trained.figures.hindsight.network, trained.figures.out_of_fold
    return {
        "model": f"{file.name} version {file.version}",
        "package": str(out),
        "train_loans_count": len(trained.train),
        "test_loans_count": len(trained.test),
        "test": "out of time" if file.time else "seeded random split",
        "auc_ppm": round(network.auc * PPM),
        "ks_ppm": round(network.ks * PPM),
        "out_of_fold_auc_ppm": round(out_of_fold.auc * PPM),
    } | ({"differs_in": different} if is_check else {})


def _train(file: FeatureFile, name: str, loans: LoanSet, report: Report) -> _Trained:
    design, time = file.design(), file.time
    if time:
        train, test = loans.issued(*time.train_years), loans.issued(*time.test_years)
    else:
        order = np.random.default_rng(pipeline.SEED).permutation(len(loans))
        test_count = int(len(loans) * file.test_share)
        train, test = loans.where(np.sort(order[test_count:])), loans.where(np.sort(order[:test_count]))
    bad = int(train.defaulted.sum())
    rarer, has_both = min(bad, len(train) - bad), len(set(test.defaulted.tolist())) == 2
    if len(train) < TRAIN_LOANS_MIN or rarer < TRAIN_DEFAULTS_MIN or not has_both:
        raise FeatureFileError(
            file=name,
            problem=f"data: got {len(train)} training loans with {bad} bad, and {len(test)} to test on; expected at "
            f"least {TRAIN_LOANS_MIN}, {TRAIN_DEFAULTS_MIN} bad and good, and both among the tested",
        )
    model = pipeline.calibrate(design, train, report)
    knowable: tuple[margins.Promise, ...] = ()
    if time:
        promises = margins.walk_forward(design, time, train, report)
        knowable = margins.knowable_walk_forward(design, time, train, report) if time.known else ()
    else:
        promises = (margins.cross_validation(train, model),)
    margins_ppm = margins.margins_ppm(promises)
    figures = assess(
        design,
        train=train,
        test=test,
        model=model,
        margins=margins_ppm,
        promises=(promises, knowable),
        time=time,
        packs=file.packs,
        report=report,
    )
    return _Trained(train=train, test=test, model=model, margins_ppm=margins_ppm, figures=figures)


def _facts(file: FeatureFile, data: Path, trained: _Trained) -> dict[str, Any]:
    model, time = trained.model, file.time
    held_out = pipeline.count_by_score(model.scores(trained.test), trained.test.defaulted)
    train_name = f"issued {time.trained_on}" if time else "random split"
    test_name = f"issued {time.tested_on}, out of time" if time else "random split, held out"
    return {
        "name": file.name,
        "version": file.version,
        "schema_version": OWN_RECORDS if file.schema_version is None else file.schema_version,
        "default_definition": file.default_definition,
        "raw_fields": [file.raw_field(item.name).model_dump() for item in model.fitted.spec.inputs],
        "cut_points": [int(cut) for cut in model.cut_points],
        "pd_ppm": model.pd_ppm,
        "margin_ppm": trained.margins_ppm,
        "calibration": export.counts(f"{train_name}, out of fold", model.totals, model.defaults),
        "validation": export.counts(test_name, *held_out),
        "training": {
            "data_sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
            "features_sha256": file.content_sha256,
            "issue_years": time.train_years if time else None,
            "loans": len(trained.train),
            "seed": pipeline.SEED,
            "packages": export.training_packages(),
        },
    }


def _write(out: Path, trained: _Trained, text: str, facts: dict[str, Any]) -> None:
    fitted = trained.model.fitted
    export.write_package(out, network=fitted.network, spec_bytes=fitted.spec.canonical_bytes, card=text, facts=facts)


def _is_same(fresh: Path, committed: Path) -> bool:
    return committed.is_file() and fresh.read_bytes() == committed.read_bytes()
