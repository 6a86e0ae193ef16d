"""Made-up raw records that reach every corner of a feature spec, the same for the same seed.

A fifth of the values are missing, a tenth the ends of int64, a tenth the edges of the declared range and one beyond;
the rest is spread over the range, evenly on a logarithmic scale, as amounts of money are. No I/O.
"""

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.feature_spec import FeatureSpec, Input
from client.model.schema import MISSING


def sample_columns(spec: FeatureSpec, count: int, *, seed: int) -> dict[str, Int64Array]:
    """Return int64 columns of `count` records for every input of the spec."""
    generator = np.random.default_rng(seed)
    return {item.name: _column(generator, item, count) for item in spec.inputs}


def _column(generator: np.random.Generator, item: Input, count: int) -> Int64Array:
    low, high = item.minimum, item.maximum
    edges = [max(value, MISSING + 1) for value in (low - 1, low, low + 1, high - 1, high, high + 1)]
    ends = [MISSING + 1, -1, 0, 1, -(MISSING + 1)]
    shift = generator.integers(0, max(1, (high - low).bit_length()), count, dtype=np.uint64)
    spread = np.uint64(high - low) >> shift
    within = low + (generator.integers(0, 2**63, count, dtype=np.uint64) % (spread + np.uint64(1))).astype(np.int64)
    kind = generator.integers(0, 10, count)
    choices = [
        np.full(count, MISSING, dtype=np.int64),
        generator.choice(np.array(ends, dtype=np.int64), count),
        generator.choice(np.array([min(edge, 2**63 - 1) for edge in edges], dtype=np.int64), count),
    ]
    return np.select([kind < 2, kind == 2, kind == 3], choices, within)
