"""RiskModel: programs are published as they were voted on, and score as numpy and onnxruntime do, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.calibration import scores_of
from client.model.executor_numpy import NumpyExecutor
from client.model.executor_onnx import OnnxExecutor
from client.model.feature_spec import FeatureSpec
from client.model.manifest import ModelPackage
from client.model.network import Network
from client.model.program import CHUNK_SIZE, chunks_of, compile_program, rows_of
from client.model.records import columns_of
from client.model.sample import sample_columns
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS, MISSING
from client.model.training.export import onnx_bytes
from tests.contracts.chain import refused
from tests.contracts.journey import PD_TABLE, PROGRAM, make_model
from tests.contracts.revm import RevmScorer
from tests.contracts.suite import Suite
from tests.unit.model.conftest import read_mapped
from tests.unit.model.made_models import made_models

ROWS_PER_CALL = 1_000
RANDOM_ROWS = 90_000
GAS_MAX = 60_000
"""Of one record in a call of many; 400,000 were promised."""


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return ModelPackage.load()


@pytest.fixture(scope="module")
def revm(package: ModelPackage) -> RevmScorer:
    """The committed model as version 1, on revm."""
    scorer = RevmScorer()
    scorer.add_model(package.program)
    return scorer


@pytest.fixture(scope="module")
def example_columns() -> dict[str, Int64Array]:
    """The example loans whose borrower has a credit file."""
    assets = read_mapped("loans.csv", "mapping_loans.toml", ASSET_FIELDS, "loan_id")
    subjects = read_mapped("loans.csv", "mapping_loans.toml", (), "subject_id")
    credit = read_mapped("credit_files.csv", "mapping_credit_files.toml", CREDIT_FIELDS, "subject_id")
    pairs = [(loan, subject) for loan, subject in zip(assets, subjects, strict=True) if subject in credit]
    return columns_of([assets[loan] for loan, _ in pairs], [credit[subject] for _, subject in pairs])


def propose(suite: Suite, program: bytes) -> int:
    call = suite.RiskModelRegistry.functions.propose(make_model(suite, programHash=keccak(program)))
    return suite.event("RiskModelRegistry", "ModelProposed", suite.send("risk_control", call))["modelId"]


def publish(suite: Suite, model: int, index: int, chunk: bytes) -> Any:
    return suite.send("risk_control", suite.RiskModel.functions.publish(model, index, chunk))


def scores_on_revm(
    revm: RevmScorer, model: int, spec: FeatureSpec, columns: dict[str, Int64Array]
) -> NDArray[np.uint8]:
    """Scores by the contract; its probabilities are checked against the table on the way."""
    rows, size = rows_of(spec, columns), 8 * len(spec.inputs) * ROWS_PER_CALL
    found = [revm.call("RiskModel", "score", model, rows[at : at + size]) for at in range(0, len(rows), size)]
    scores = np.frombuffer(b"".join(part for part, _ in found), dtype=np.uint8)
    pd_ppm = np.frombuffer(b"".join(part for _, part in found), dtype=">u4")
    assert np.array_equal(pd_ppm, np.frombuffer(PD_TABLE, dtype=">u4")[scores - 1])
    return scores


def edge_columns(spec: FeatureSpec, seed: int) -> dict[str, Int64Array]:
    """A record at each cut of each number, one below and one above; ratios of inputs are steered by the numerator."""
    ratios = {ratio.name: ratio for ratio in spec.ratios}
    names = set(spec.input_names)
    targets: list[tuple[str, int, str | None]] = []
    for table in spec.tables:
        ratio = ratios.get(table.source)
        numerator = ratio.numerator if ratio is not None else table.source
        denominator = ratio.denominator if ratio is not None else None
        if numerator in names and (denominator is None or denominator in names):
            targets += [(numerator, int(cut) + step, denominator) for cut in table.cuts for step in (-1, 0, 1)]
    columns = sample_columns(spec, len(targets), seed=seed)
    for row, (numerator, value, denominator) in enumerate(targets):
        columns[numerator][row] = value
        if denominator is not None:
            columns[denominator][row] = 1_000_000
    return columns


def test_contract_scores_100_000_records_as_both_executors(
    package: ModelPackage, revm: RevmScorer, example_columns: dict[str, Int64Array]
) -> None:
    spec = package.feature_spec
    reference = ModelPackage.load(executor="numpy")
    made = sample_columns(spec, RANDOM_ROWS, seed=1), *(edge_columns(spec, seed) for seed in range(3))
    real = {name: example_columns[name] for name in spec.input_names}
    columns = {name: np.concatenate([real[name], *(part[name] for part in made)]) for name in spec.input_names}
    expected = package.score(columns)
    assert len(expected) >= 100_000
    assert np.array_equal(reference.score(columns), expected)
    assert np.array_equal(scores_on_revm(revm, 1, spec, columns), expected)
    assert len(np.unique(expected)) == 100


def test_contract_scores_records_of_nothing_but_extremes(package: ModelPackage, revm: RevmScorer) -> None:
    spec = package.feature_spec
    values = [MISSING, MISSING + 1, -(2**40), -1, 0, 1, 2**40, 2**63 - 1]
    generator = np.random.default_rng(7)
    mixed = [generator.permutation(np.repeat(values, 250)) for _ in spec.inputs]
    columns = {
        name: np.array([*values, *row.tolist()], dtype=np.int64)
        for name, row in zip(spec.input_names, mixed, strict=True)
    }
    assert np.array_equal(scores_on_revm(revm, 1, spec, columns), package.score(columns))


def test_gas_of_a_score_is_bounded(package: ModelPackage, revm: RevmScorer) -> None:
    columns = sample_columns(package.feature_spec, 101, seed=3)
    rows = rows_of(package.feature_spec, columns)
    size = len(rows) // 101
    one, many = (revm.gas("RiskModel", "score", 1, part) for part in (rows[:size], rows))
    assert (many - one) / 100 < GAS_MAX
    assert one < 2 * GAS_MAX


@pytest.mark.parametrize("row_count", [200, pytest.param(4_000, marks=pytest.mark.slow)])
def test_py_evm_scores_as_the_executors(
    suite: Suite, package: ModelPackage, example_columns: dict[str, Int64Array], row_count: int
) -> None:
    spec, half = package.feature_spec, row_count // 2
    model = propose(suite, package.program)
    for index, chunk in enumerate(chunks_of(package.program)):
        publish(suite, model, index, chunk)
    made = sample_columns(spec, half, seed=2)
    columns = {name: np.concatenate([example_columns[name][:half], made[name]]) for name in spec.input_names}
    rows, size = rows_of(spec, columns), 8 * len(spec.inputs) * 100
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    call = suite.RiskModel.functions.score
    found = [call(model, part).call({"gas": 50_000_000}) for part in parts]
    assert np.array_equal(np.frombuffer(b"".join(part for part, _ in found), dtype=np.uint8), package.score(columns))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=made_models(), seed=st.integers(0, 2**32 - 1))
def test_any_model_scores_as_the_executors(
    revm: RevmScorer, made: tuple[FeatureSpec, Network, tuple[int, ...]], seed: int
) -> None:
    spec, network, cut_points = made
    model = revm.add_model(compile_program(spec, network, cut_points))
    columns = sample_columns(spec, 40, seed=seed)
    features = spec.features_of(columns)
    outputs = NumpyExecutor(network).outputs(features)
    onnx = OnnxExecutor(onnx_bytes(network), feature_limit=network.feature_limit)
    assert np.array_equal(onnx.outputs(features), outputs)
    expected = scores_of(outputs, np.array(cut_points, dtype=np.int64))
    assert np.array_equal(scores_on_revm(revm, model, spec, columns), expected)


def test_program_is_kept_chunk_by_chunk_and_whole_when_its_hash_is_right(suite: Suite) -> None:
    program = bytes(range(256)) * 130
    model = propose(suite, program)
    first, second, third = chunks_of(program)
    publish(suite, model, 0, second)
    receipt = publish(suite, model, 0, first)
    kept = suite.event("RiskModel", "ProgramChunkPublished", receipt)
    assert (kept["modelId"], kept["chunkIndex"]) == (model, 0)
    publish(suite, model, 1, second)
    assert suite.RiskModel.functions.isPublished(model).call() is False
    receipt = publish(suite, model, 2, third)
    event = {"modelId": model, "programHash": keccak(program), "size": len(program)}
    assert suite.event("RiskModel", "ProgramPublished", receipt) == event
    assert suite.RiskModel.functions.isPublished(model).call() is True
    assert suite.RiskModel.functions.program(model).call() == program
    with refused("RiskProgramComplete", model):
        publish(suite, model, 0, first)


def test_program_of_whole_chunks_is_complete_with_its_last_one(suite: Suite) -> None:
    program = b"\1" * CHUNK_SIZE
    model = propose(suite, program)
    publish(suite, model, 0, program)
    assert suite.RiskModel.functions.isPublished(model).call() is True


def test_chunk_that_does_not_fit_is_refused(suite: Suite) -> None:
    model = propose(suite, PROGRAM)
    with refused("RiskProgramUnknownModel", 99):
        publish(suite, 99, 0, PROGRAM)
    with refused("RiskProgramBadChunk", 1, 0, len(PROGRAM)):
        publish(suite, model, 1, PROGRAM)
    with refused("RiskProgramBadChunk", 0, 0, 0):
        publish(suite, model, 0, b"")
    with refused("RiskProgramBadChunk", 0, 0, CHUNK_SIZE + 1):
        publish(suite, model, 0, bytes(CHUNK_SIZE + 1))
    for index in range(6):
        publish(suite, model, index, b"\1" * CHUNK_SIZE)
    with refused("RiskProgramBadChunk", 6, 6, CHUNK_SIZE):
        publish(suite, model, 6, b"\1" * CHUNK_SIZE)


def test_program_with_one_changed_byte_is_refused(suite: Suite) -> None:
    model = propose(suite, PROGRAM)
    changed = PROGRAM[:-1] + b"?"
    with refused("RiskProgramBadHash", keccak(PROGRAM), keccak(changed)):
        publish(suite, model, 0, changed)


def test_score_without_a_program_or_whole_rows_is_refused(suite: Suite, package: ModelPackage) -> None:
    model = propose(suite, package.program)
    score = suite.RiskModel.functions.score
    first, second = chunks_of(package.program)
    publish(suite, model, 0, first)
    with refused("RiskProgramMissing", model):
        suite.call("stranger", score(model, b""))
    publish(suite, model, 1, second)
    assert score(model, b"").call() == [b"", b""]
    with refused("RiskProgramBadRows", 151, 152):
        suite.call("stranger", score(model, bytes(151)))
