"""Compiles a model for the chain: feature spec, integer network and cut points as the bytes that RiskModel executes.

Hidden units lie side by side in words of 256 bits, eight lanes of 32 bits: the signed weights of one feature are one
integer, sum of w_j * 2^(32 j) modulo 2^256, so that one multiplication by the feature serves eight units. Lanes do not
disturb one another as long as no hidden sum leaves 32 bits, which `Network` proves when it is made; biases carry 2^31
more, so that no finished lane is negative. Layout and limits: docs/protocol.md, 7. No I/O, no floats.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.calibration import SCORE_COUNT
from client.model.errors import SpecError
from client.model.feature_spec import FeatureSpec, SourceTable
from client.model.network import Network

FORMAT: Final = 1
CHUNK_SIZE: Final = 16_384
"""Bytes of a program that one transaction publishes."""
PROGRAM_SIZE_MAX: Final = 6 * CHUNK_SIZE
"""Longest program; reading more would cost a call more than scoring."""
NUMBER_COUNT_MAX: Final = 255
"""Most inputs and ratios together; also most features of one source."""
HIDDEN_MAX: Final = 256
BLOCK_UNITS: Final = 32
"""Hidden units are padded to whole blocks of four words."""

_LANE_BITS: Final = 32
_LANES: Final = 8
_OFFSET: Final = 2**31
_WORD: Final = 2**256
_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)


def compile_program(spec: FeatureSpec, network: Network, cut_points: Sequence[int]) -> bytes:
    """Compile a model.

    Args:
        spec: what is computed of a raw record; its inputs, in their order, are a row of RiskModel.score.
        network: reads the features of `spec`.
        cut_points: 99 strictly rising outputs; score = 1 + number of cut points <= output.

    Raises:
        SpecError: the parts do not fit one another, or the model is larger than a program can say.
    """
    hidden = network.weights_in.shape[1]
    _check_parts(spec, network, cut_points)
    blocks = -(-hidden // BLOCK_UNITS)
    tables = spec.tables
    columns = [column for table in tables for column in _columns_of(table)]
    names = [item.name for item in spec.inputs] + [ratio.name for ratio in spec.ratios]
    place = {name: index for index, name in enumerate(names)}
    parts = [
        struct.pack(">BBBBB", FORMAT, len(spec.inputs), len(spec.ratios), len(tables), blocks),
        struct.pack(">QQq3x", network.hidden_divisor, network.output_divisor, network.bias_out),
        struct.pack(f">{len(cut_points)}q", *cut_points),
        _weights_out(network, blocks),
        _words([int(bias) + _OFFSET for bias in network.bias_in], blocks, padding=_OFFSET),
        b"".join(struct.pack(">qq", item.minimum, item.maximum) for item in spec.inputs),
        b"".join(struct.pack(">BB", place[r.numerator], place[r.denominator]) for r in spec.ratios),
        b"".join(_table(place[table.source], table) for table in tables),
        _weights_in(network, columns, blocks),
    ]
    program = b"".join(parts)
    _within("program", len(program), range(PROGRAM_SIZE_MAX + 1))
    return program


def chunks_of(program: bytes) -> list[bytes]:
    """Cut a program into what RiskModel.publish takes, first chunk first."""
    return [program[at : at + CHUNK_SIZE] for at in range(0, len(program), CHUNK_SIZE)]


def rows_of(spec: FeatureSpec, columns: Mapping[str, Int64Array]) -> bytes:
    """Encode raw records as rows of RiskModel.score: int64 big-endian per input, in the order of the spec.

    Raises:
        RecordShapeError: as for `FeatureSpec.row_count`.
    """
    spec.row_count(columns)
    return np.stack([columns[name] for name in spec.input_names], axis=1).astype(">i8").tobytes()


def _check_parts(spec: FeatureSpec, network: Network, cut_points: Sequence[int]) -> None:
    counts = (len(spec.features), network.feature_count)
    if counts[0] != counts[1]:
        raise SpecError(part="program", got=f"{counts[0]} features", expected=f"{counts[1]}, as the network reads")
    if spec.feature_limit > network.feature_limit:
        expected = f"at most {network.feature_limit}, for which the network is proven"
        raise SpecError(part="program", got=f"features up to {spec.feature_limit}", expected=expected)
    if len(cut_points) != SCORE_COUNT - 1 or list(cut_points) != sorted(set(cut_points)):
        raise SpecError(part="cut points", got=f"{len(cut_points)}", expected=f"{SCORE_COUNT - 1}, strictly rising")
    _within("inputs", len(spec.inputs), range(1, NUMBER_COUNT_MAX + 1))
    _within("inputs and ratios", len(spec.inputs) + len(spec.ratios), range(NUMBER_COUNT_MAX + 1))
    _within("hidden units", network.weights_in.shape[1], range(1, HIDDEN_MAX + 1))
    _within("feature values", spec.feature_limit, _INT32)
    for part, value in (
        ("first cut point", cut_points[0]),
        ("last cut point", cut_points[-1]),
        ("hidden divisor", network.hidden_divisor),
        ("output divisor", network.output_divisor),
    ):
        _within(part, value, _INT64)
    for table in spec.tables:
        _within(f"features of {table.source}", table.rows.shape[1], range(NUMBER_COUNT_MAX + 1))
        _within(f"cuts of {table.source}", len(table.cuts), range(2**16))


def _within(part: str, got: int, allowed: range) -> None:
    if got not in allowed:
        raise SpecError(part=part, got=str(got), expected=f"{allowed.start} to {allowed.stop - 1} in a program")


def _columns_of(table: SourceTable) -> list[int]:
    if isinstance(table.columns, list):
        return table.columns
    return list(range(table.columns.start, table.columns.stop))


def _table(source: int, table: SourceTable) -> bytes:
    head = struct.pack(">BBH", source, table.rows.shape[1], len(table.cuts))
    return head + table.cuts.astype(">i8").tobytes() + table.rows.astype(">i4").tobytes()


def _words(lanes: Sequence[int], blocks: int, *, padding: int = 0) -> bytes:
    """Pack one number a hidden unit into words, unit 0 in the lowest lane of the first word."""
    padded = [*lanes, *[padding] * (blocks * BLOCK_UNITS - len(lanes))]
    words = (padded[at : at + _LANES] for at in range(0, len(padded), _LANES))
    sums = (sum(lane << (_LANE_BITS * place) for place, lane in enumerate(word)) for word in words)
    return b"".join((total % _WORD).to_bytes(32, "big") for total in sums)


def _weights_out(network: Network, blocks: int) -> bytes:
    """One byte a hidden unit, the first unit of each word in its last byte, as lanes are read from below."""
    padded = np.zeros((blocks * BLOCK_UNITS // _LANES, _LANES), dtype=np.int8)
    padded.reshape(-1)[: len(network.weights_out)] = network.weights_out
    return padded[:, ::-1].tobytes()


def _weights_in(network: Network, columns: Sequence[int], blocks: int) -> bytes:
    """Pack the weights block by block; inside a block four words a feature, in the order of the tables."""
    size = BLOCK_UNITS // _LANES * 32
    rows = [_words([int(weight) for weight in network.weights_in[column]], blocks) for column in columns]
    return b"".join(row[block * size : (block + 1) * size] for block in range(blocks) for row in rows)
