"""Programs: what does not fit into one is refused when it is compiled; tests/contracts/test_risk_model.py runs them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from client.model.errors import RecordShapeError, SpecError
from client.model.feature_spec import Feature, FeatureSpec, Input, Lookup, MissingFlag, Ratio
from client.model.manifest import ModelPackage
from client.model.network import Network
from client.model.program import CHUNK_SIZE, chunks_of, compile_program, rows_of
from client.model.schema import MISSING

CUT_POINTS = tuple(range(-49, 50))


def make_spec(feature_count: int = 3, input_count: int = 1, ratio_count: int = 0, cut_count: int = 0) -> FeatureSpec:
    """Inputs, then ratios of the first input, then features of the first one."""
    cuts = tuple(range(cut_count))
    lookup = Lookup("i0", cuts, tuple(index % 10 for index in range(cut_count + 1)), 0)
    features: tuple[Feature, ...] = (lookup, *[MissingFlag("i0", 10)] * (feature_count - 1))
    return FeatureSpec(
        inputs=tuple(Input(f"i{index}", 0, 100) for index in range(input_count)),
        ratios=tuple(Ratio(f"r{index}", "i0", "i0") for index in range(ratio_count)),
        features=features,
    )


def make_network(feature_count: int = 3, hidden: int = 2, **changes: Any) -> Network:
    """A network that does next to nothing."""
    network = Network(
        weights_in=np.ones((feature_count, hidden), dtype=np.int8),
        bias_in=np.zeros(hidden, dtype=np.int64),
        hidden_divisor=1,
        weights_out=np.ones(hidden, dtype=np.int8),
        bias_out=0,
        output_divisor=1,
        feature_limit=10,
    )
    return replace(network, **changes)


def test_program_lays_out_a_tiny_model_as_the_protocol_says() -> None:
    spec = FeatureSpec(
        inputs=(Input("i0", -1, 5), Input("i1", 0, 9)),
        ratios=(Ratio("r0", "i0", "i1"),),
        features=(Lookup("r0", (7,), (-3, 4), 2), MissingFlag("i1", 6)),
    )
    network = make_network(
        feature_count=2,
        hidden=9,
        weights_in=np.arange(-9, 9, dtype=np.int8).reshape(2, 9),
        bias_in=np.arange(9, dtype=np.int64) - 4,
        weights_out=np.arange(9, dtype=np.int8) - 4,
        hidden_divisor=3,
        bias_out=-2,
        output_divisor=5,
    )
    program = compile_program(spec, network, CUT_POINTS)
    header, rest = program[:32], program[32:]
    assert header == bytes([1, 2, 1, 2, 1]) + b"".join(n.to_bytes(8, "big", signed=True) for n in (3, 5, -2)) + bytes(3)
    assert rest[:792] == b"".join(point.to_bytes(8, "big", signed=True) for point in CUT_POINTS)
    assert rest[792:824] == bytes([3, 2, 1, 0, 255, 254, 253, 252]) + bytes(7) + b"\x04" + bytes(16)
    biases = [2**31 + bias for bias in range(-4, 5)] + [2**31] * 23
    assert rest[824:952] == b"".join(
        b"".join(bias.to_bytes(4, "big") for bias in reversed(biases[at : at + 8])) for at in range(0, 32, 8)
    )
    ranges = b"".join(edge.to_bytes(8, "big", signed=True) for edge in (-1, 5, 0, 9))
    assert rest[952:986] == ranges + bytes([0, 1])
    first = bytes([2, 1, 0, 1]) + (7).to_bytes(8, "big")
    assert rest[986:1010] == first + b"".join(value.to_bytes(4, "big", signed=True) for value in (-3, 4, 2))
    assert rest[1010:1022] == bytes([1, 1, 0, 0]) + (0).to_bytes(4, "big") + (6).to_bytes(4, "big")
    word = sum(weight << (32 * lane) for lane, weight in enumerate(range(-9, -1))) % 2**256
    assert rest[1022:1054] == word.to_bytes(32, "big")
    assert rest[1054:1086] == (2**256 - 1).to_bytes(32, "big")
    assert len(rest) == 1022 + 2 * 128


@pytest.mark.parametrize(
    ("spec", "network", "cut_points", "message"),
    [
        (make_spec(2), make_network(3), CUT_POINTS, "got 2 features, expected 3"),
        (make_spec(), make_network(feature_limit=9), CUT_POINTS, "got features up to 10, expected at most 9"),
        (make_spec(), make_network(), CUT_POINTS[1:], "cut points: got 98, expected 99"),
        (make_spec(), make_network(), (0, 0, *CUT_POINTS[2:]), "cut points"),
        (make_spec(), make_network(), (*CUT_POINTS[1:], 2**63), f"last cut point: got {2**63}"),
        (make_spec(input_count=256), make_network(), CUT_POINTS, "inputs: got 256, expected 1 to 255"),
        (make_spec(input_count=200, ratio_count=56), make_network(), CUT_POINTS, "inputs and ratios: got 256"),
        (make_spec(256), make_network(256), CUT_POINTS, "features of i0: got 256"),
        (make_spec(cut_count=2**16), make_network(), CUT_POINTS, "cuts of i0: got 65536"),
        (make_spec(), make_network(hidden=257), CUT_POINTS, "hidden units: got 257, expected 1 to 256"),
        (make_spec(), make_network(hidden_divisor=2**63), CUT_POINTS, "hidden divisor"),
        (make_spec(), make_network(output_divisor=2**63), CUT_POINTS, "output divisor"),
        (make_spec(cut_count=9_000), make_network(), CUT_POINTS, "program: got"),
    ],
)
def test_program_that_cannot_be_says_why(
    spec: FeatureSpec, network: Network, cut_points: tuple[int, ...], message: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        compile_program(spec, network, cut_points)


def test_chunks_are_the_program_in_order(package: ModelPackage) -> None:
    chunks = chunks_of(package.program)
    assert b"".join(chunks) == package.program
    assert {len(chunk) for chunk in chunks[:-1]} == {CHUNK_SIZE}


def test_rows_are_inputs_in_the_order_of_the_spec() -> None:
    columns = {"i1": np.array([1, MISSING]), "i0": np.array([2, -1]), "other": np.array([0, 0])}
    rows = rows_of(make_spec(input_count=2), columns)
    assert rows == b"".join(value.to_bytes(8, "big", signed=True) for value in (2, 1, -1, MISSING))
    with pytest.raises(RecordShapeError, match="i1"):
        rows_of(make_spec(input_count=2), {"i0": columns["i0"]})
