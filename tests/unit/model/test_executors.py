"""numpy and onnxruntime give the same integers, and both equal plain Python."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.model.arithmetic import Int64Array
from client.model.committed import DEFAULT_MODEL
from client.model.errors import ArtifactError, FeatureRangeError, RecordShapeError, SpecError
from client.model.executor_numpy import Executor, NumpyExecutor
from client.model.executor_onnx import OnnxExecutor
from client.model.manifest import MODEL, ModelPackage
from client.model.network import Network
from client.model.schema import FIELDS, MISSING
from client.model.training.export import onnx_bytes

LIMIT = 400


def random_network(seed: int) -> Network:
    generator = np.random.default_rng(seed)
    features, hidden = int(generator.integers(1, 9)), int(generator.integers(1, 9))
    return Network(
        weights_in=generator.integers(-127, 128, (features, hidden), dtype=np.int8),
        bias_in=generator.integers(-(10**5), 10**5, hidden),
        hidden_divisor=int(generator.integers(1, 300)),
        weights_out=generator.integers(-127, 128, hidden, dtype=np.int8),
        bias_out=int(generator.integers(-(10**6), 10**6)),
        output_divisor=int(generator.integers(1, 300)),
        feature_limit=LIMIT,
    )


def python_output(network: Network, row: list[int]) -> int:
    def truncated(dividend: int, divisor: int) -> int:
        return dividend // divisor if dividend >= 0 else -(-dividend // divisor)

    total = network.bias_out
    for unit in range(network.weights_in.shape[1]):
        summed = int(network.bias_in[unit]) + sum(
            value * int(weight) for value, weight in zip(row, network.weights_in[:, unit], strict=True)
        )
        total += truncated(max(summed, 0), network.hidden_divisor) * int(network.weights_out[unit])
    return truncated(total, network.output_divisor)


@given(seed=st.integers(0, 2**32), data=st.data())
@settings(deadline=None)
def test_executors_on_random_networks_equal_plain_python(seed: int, data: st.DataObject) -> None:
    network = random_network(seed)
    value = st.sampled_from([-LIMIT, LIMIT, 0]) | st.integers(-LIMIT, LIMIT)
    width = network.feature_count
    rows = data.draw(st.lists(st.lists(value, min_size=width, max_size=width), max_size=6))
    features = np.array(rows, dtype=np.int64).reshape(len(rows), width)
    expected = [python_output(network, row) for row in rows]
    assert NumpyExecutor(network).outputs(features).tolist() == expected
    assert OnnxExecutor(onnx_bytes(network), feature_limit=LIMIT).outputs(features).tolist() == expected


def both(package: ModelPackage, features: Int64Array) -> tuple[Int64Array, Int64Array]:
    onnx = OnnxExecutor((DEFAULT_MODEL / MODEL).read_bytes(), feature_limit=package.network.feature_limit)
    return NumpyExecutor(package.network).outputs(features), onnx.outputs(features)


def test_executors_on_the_example_loans_are_bit_equal(
    package: ModelPackage, example_columns: dict[str, Int64Array]
) -> None:
    numpy_outputs, onnx_outputs = both(package, package.feature_spec.features_of(example_columns))
    np.testing.assert_array_equal(numpy_outputs, onnx_outputs)
    assert (numpy_outputs < 0).any(), "negative divisions must be among the cases"


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_executors_on_random_and_extreme_features_are_bit_equal(package: ModelPackage, seed: int) -> None:
    generator = np.random.default_rng(seed)
    limit = package.network.feature_limit
    shape = (64, package.network.feature_count)
    features = generator.integers(-limit, limit + 1, shape)
    extreme = np.where(generator.random(shape) < 0.5, -limit, limit)
    for matrix in (features, extreme, np.full(shape, limit), np.full(shape, -limit)):
        numpy_outputs, onnx_outputs = both(package, matrix.astype(np.int64))
        np.testing.assert_array_equal(numpy_outputs, onnx_outputs)


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_scores_of_any_int64_records_are_equal_and_in_range(package: ModelPackage, seed: int) -> None:
    """Raw fields far outside their ranges are clamped, so every int64 has a score."""
    generator = np.random.default_rng(seed)
    edges = np.array([MISSING, MISSING + 1, -1, 0, 1, 10**12, 2**63 - 1], dtype=np.int64)
    columns = {
        name: np.concatenate([generator.choice(edges, 40), generator.integers(field.minimum, field.maximum + 1, 40)])
        for name, field in FIELDS.items()
    }
    features = package.feature_spec.features_of(columns)
    numpy_outputs, onnx_outputs = both(package, features)
    np.testing.assert_array_equal(numpy_outputs, onnx_outputs)
    scores = package.score(columns)
    assert scores.dtype == np.uint8
    assert scores.min() >= 1
    assert scores.max() <= 100


@pytest.mark.parametrize("name", ["numpy", "onnx"])
def test_executor_given_wrong_features_says_what_is_wrong(package: ModelPackage, name: str) -> None:
    executor: Executor = NumpyExecutor(package.network) if name == "numpy" else package.executor
    width, limit = package.network.feature_count, package.network.feature_limit
    with pytest.raises(RecordShapeError, match=f"expected \\(assets, {width}\\)"):
        executor.outputs(np.zeros((2, width + 1), dtype=np.int64))
    with pytest.raises(RecordShapeError, match="got float64, expected an int64 array"):
        executor.outputs(np.zeros((2, width)))  # type: ignore[arg-type]  # what a careless caller does
    with pytest.raises(FeatureRangeError, match=str(limit + 1)):
        executor.outputs(np.full((1, width), limit + 1, dtype=np.int64))
    with pytest.raises(FeatureRangeError, match=str(-limit - 1)):
        executor.outputs(np.full((1, width), -limit - 1, dtype=np.int64))
    assert executor.outputs(np.empty((0, width), dtype=np.int64)).tolist() == []


def test_network_that_could_overflow_is_refused() -> None:
    network = random_network(1)
    with pytest.raises(SpecError, match="values up to"):
        Network(
            weights_in=network.weights_in,
            bias_in=network.bias_in,
            hidden_divisor=1,
            weights_out=network.weights_out,
            bias_out=0,
            output_divisor=1,
            feature_limit=2**31,
        )


def test_network_decoded_from_its_bytes_is_the_same(package: ModelPackage) -> None:
    encoded = package.network.canonical_bytes
    assert Network.from_bytes(encoded).canonical_bytes == encoded
    with pytest.raises(SpecError, match="network"):
        Network.from_bytes(encoded[:-1])


def test_onnx_graph_is_plain_int64_and_made_of_the_network(package: ModelPackage) -> None:
    assert onnx_bytes(package.network) == (DEFAULT_MODEL / MODEL).read_bytes()


def test_onnx_executor_given_no_graph_refuses() -> None:
    with pytest.raises(ArtifactError, match=r"model\.onnx"):
        OnnxExecutor(b"not a graph", feature_limit=1)


def test_onnxruntime_is_told_to_report_nothing_before_it_is_loaded() -> None:
    """In a process of its own, because this one has loaded it long ago."""
    code = (
        "import os, sys; os.environ.pop('ORT_DISABLE_TELEMETRY', None)\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import client.model.executor_onnx\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
