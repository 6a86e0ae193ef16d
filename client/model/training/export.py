"""Writes a model package: ONNX graph, feature spec, network, model card and the manifest that binds them."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from eth_hash.auto import keccak
from onnx import TensorProto, helper, numpy_helper

from client.model import manifest as package
from client.model.calibration import by_level
from client.model.executor_onnx import INPUT_NAME, OUTPUT_NAME
from client.model.feature_spec import FeatureSpec
from client.model.network import Network
from client.model.program import compile_program

OPSET: Final = 13
IR_VERSION: Final = 8
TRAINING_PACKAGES: Final = ("lightgbm", "numpy", "scikit-learn", "scipy", "xgboost-cpu")


def onnx_bytes(network: Network) -> bytes:
    """Build the graph: MatMul, Add, Max, Div, MatMul, Add, Div on int64, nothing else."""
    constants = {
        "weights_in": network.weights_in.astype(np.int64),
        "bias_in": network.bias_in,
        "zero": np.array(0, dtype=np.int64),
        "hidden_divisor": np.array(network.hidden_divisor, dtype=np.int64),
        "weights_out": network.weights_out.astype(np.int64)[:, None],
        "bias_out": np.array([network.bias_out], dtype=np.int64),
        "output_divisor": np.array(network.output_divisor, dtype=np.int64),
    }
    steps = [
        ("MatMul", [INPUT_NAME, "weights_in"], "sum_in"),
        ("Add", ["sum_in", "bias_in"], "before_relu"),
        ("Max", ["before_relu", "zero"], "after_relu"),
        ("Div", ["after_relu", "hidden_divisor"], "hidden"),
        ("MatMul", ["hidden", "weights_out"], "sum_out"),
        ("Add", ["sum_out", "bias_out"], "before_division"),
        ("Div", ["before_division", "output_divisor"], OUTPUT_NAME),
    ]
    graph = helper.make_graph(
        nodes=[helper.make_node(kind, inputs, [output], name=output) for kind, inputs, output in steps],
        name="three_layer_integer_network",
        inputs=[helper.make_tensor_value_info(INPUT_NAME, TensorProto.INT64, ["assets", network.feature_count])],
        outputs=[helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.INT64, ["assets", 1])],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, producer_name="tranchain", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def training_packages() -> dict[str, str]:
    """Return the versions of the libraries whose arithmetic the weights depend on."""
    return {name: version(name) for name in TRAINING_PACKAGES}


def counts(basis: str, totals: tuple[int, ...], defaults: tuple[int, ...]) -> dict[str, Any]:
    """Return a `Counts` entry of the manifest."""
    return {
        "basis": basis,
        "totals": totals,
        "defaults": defaults,
        "level_totals": by_level(totals),
        "level_defaults": by_level(defaults),
    }


def write_package(directory: Path, *, network: Network, spec_bytes: bytes, card: str, facts: dict[str, Any]) -> None:
    """Write all files of a package and load it once.

    Args:
        directory: made if absent; files of the same names are replaced.
        network: the integer network.
        spec_bytes: canonical bytes of the feature spec.
        card: text of the model card.
        facts: every field of `Manifest` but `format`, `files` and `program`.
    """
    files = {
        package.MODEL: onnx_bytes(network),
        package.NETWORK: network.canonical_bytes,
        package.FEATURE_SPEC: spec_bytes,
        package.MODEL_CARD: card.encode(),
    }
    program = compile_program(FeatureSpec.from_bytes(spec_bytes), network, facts["cut_points"])
    manifest = {
        "format": package.FORMAT,
        "files": {name: _entry(content) for name, content in files.items()},
        "program": _entry(program),
        **facts,
    }
    files[package.MANIFEST] = (json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n").encode()
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    package.ModelPackage.load(directory)


def _entry(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "keccak256": keccak(content).hex()}
