"""How screening grows with the pack: gas and time of all calls on revm, and time of the integer reference."""

import time

import numpy as np
from bench_figure import Figure, median_figure
from numpy.typing import NDArray

from client.sdk.screening import EligibilityRule, Limit, Policy, decode_assets, screen
from tests.contracts.revm_screening import RevmScreening

SMALL, LARGE = 100_000, 1_000_000
REGION_COUNT = 51
PD_PPM = tuple(2_000 + 2_500 * score for score in range(100))
MARGIN_PPM = (1_050_000,) * 10
POLICY = Policy(
    expected_bad_rate_ppm=100_000,
    age_factor_ppm=(1_100_000, 1_100_000, 1_100_000),
    eligible=(EligibilityRule(2, 0b1),),
    limits=(Limit(dimension=3, limit_ppm=100_000),),
)


def screen_growth() -> dict[str, Figure]:
    """A million loans over a hundred thousand."""
    seconds, gas, reference_s = ({SMALL: 0.0, LARGE: 0.0} for _ in range(3))
    kept = {}
    for count in (SMALL, LARGE):
        classes, buckets, report = _make_pack(count)
        chain = RevmScreening(PD_PPM, MARGIN_PPM)
        stepped = chain.finish(chain.start(*chain.put_pack(classes, buckets, report), POLICY))
        seconds[count], gas[count] = stepped.seconds, float(sum(stepped.step_gas))
        begun = time.perf_counter()
        assets = decode_assets(classes=classes, buckets=buckets, report=report)
        result = screen(assets, POLICY, PD_PPM, MARGIN_PPM)
        reference_s[count] = time.perf_counter() - begun
        kept[count] = result.after.tally.count
        if kept[count] != stepped.run["keptCount"]:
            raise SystemExit(
                f"chain and reference differ: {stepped.run['keptCount']} and {kept[count]} assets are kept"
            )
    conditions = (
        f"{LARGE:,} random loans over {SMALL:,}, {REGION_COUNT} regions with a limit, calls of 4 Mgas on revm, pack "
        f"and scores put into storage; kept {kept[LARGE]:,} and {kept[SMALL]:,}, as the reference says; "
        f"{gas[LARGE] / LARGE:,.0f} and {gas[SMALL] / SMALL:,.0f} gas a loan"
    )
    return {
        "screen_1m_over_100k": median_figure([seconds[LARGE] / seconds[SMALL]], "times", "<= 12", conditions),
        "screen_1m_over_100k_gas": median_figure([gas[LARGE] / gas[SMALL]], "times", "<= 12", conditions),
        "screen_1m_reference_s": median_figure(
            [reference_s[LARGE]], "s", "<= 60", f"{LARGE:,} loans through the integer reference, from their bytes"
        ),
    }


def _make_pack(count: int) -> tuple[bytes, bytes, bytes]:
    """Classes, buckets and report of loans as they come."""
    generator = np.random.default_rng(1)
    scores = np.clip(generator.normal(42, 20, count), 1, 100).astype(np.int64)
    bands = generator.choice([0] * 9 + [1, 2, 3], count)
    words = (bands << 8 | scores) * (generator.random(count) > 0.01)
    columns: list[NDArray[np.int64]] = [
        generator.integers(1, 7, count),
        generator.integers(0, 20, count),
        (generator.random(count) < 0.02).astype(np.int64),
        np.minimum(REGION_COUNT - 1, generator.exponential(8, count).astype(np.int64)),
    ]
    buckets = np.stack(columns, axis=1).astype(np.uint8)
    classes = generator.integers(1, 36, count)
    return classes.astype(">u2").tobytes(), buckets.tobytes(), words.astype(">u2").tobytes()
