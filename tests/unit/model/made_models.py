"""Made-up feature specs, networks and cut points that fit one another, for hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from client.model.feature_spec import Feature, FeatureSpec, Input, Lookup, MissingFlag, Ratio
from client.model.network import Network
from client.model.schema import MISSING

_INT64 = st.integers(MISSING + 1, -(MISSING + 1))
_NUMBERS = st.one_of(_INT64, st.integers(-100, 100), st.integers(-(10**13), 10**13))
_VALUES = st.integers(-300, 300)


@st.composite
def made_specs(draw: st.DrawFn) -> FeatureSpec:
    """A spec of any three operations in any order."""
    ranges = draw(st.lists(st.tuples(_NUMBERS, _NUMBERS), min_size=1, max_size=5))
    inputs = tuple(Input(f"i{index}", min(pair), max(pair)) for index, pair in enumerate(ranges))
    names = [item.name for item in inputs]
    ratios = []
    for index in range(draw(st.integers(0, 4))):
        pair = draw(st.tuples(st.sampled_from(names), st.sampled_from(names)))
        ratios.append(Ratio(f"r{index}", *pair))
        names.append(f"r{index}")
    features = tuple(draw(_feature(draw(st.sampled_from(names)))) for _ in range(draw(st.integers(1, 9))))
    return FeatureSpec(inputs=inputs, ratios=tuple(ratios), features=features)


@st.composite
def _feature(draw: st.DrawFn, source: str) -> Feature:
    if draw(st.booleans()):
        return MissingFlag(source, draw(_VALUES))
    cuts = tuple(sorted(draw(st.sets(st.one_of(_NUMBERS, st.just(MISSING)), max_size=9))))
    values = tuple(draw(st.lists(_VALUES, min_size=len(cuts) + 1, max_size=len(cuts) + 1)))
    return Lookup(source, cuts, values, draw(_VALUES))


@st.composite
def made_models(draw: st.DrawFn) -> tuple[FeatureSpec, Network, tuple[int, ...]]:
    """A spec, a network of 1 to 70 hidden units that reads it, and cut points around zero."""
    spec = draw(made_specs())
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hidden = draw(st.sampled_from([1, 7, 8, 31, 32, 33, 70]))
    small_divisors = [1, 2] if hidden <= 8 else []  # so that no output leaves 32 bits
    network = Network(
        weights_in=generator.integers(-128, 128, (len(spec.features), hidden), dtype=np.int8),
        bias_in=generator.integers(-(10**6), 10**6, hidden),
        hidden_divisor=draw(st.sampled_from([*small_divisors, 7, 128, 2**40])),
        weights_out=generator.integers(-128, 128, hidden, dtype=np.int8),
        bias_out=draw(st.integers(-(10**6), 10**6)),
        output_divisor=draw(st.sampled_from([1, 3, 1_000, 10**5, 2**40])),
        feature_limit=300,
    )
    width = draw(st.sampled_from([1, 2, 50, 10_000]))
    return spec, network, tuple(width * (index - 49) for index in range(99))
