"""Screening against the integer reference: random packs, random rules, calls of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from client.sdk.screening import Asset, Mode, Policy, ScreeningResult, bridge, histogram
from tests.contracts.screening_scene import Model, add_model, assert_equal, run_screening, score_pack, tallies
from tests.contracts.suite import Suite

MARGINS = (1_050_000, 1_050_000, 1_300_000, 1_050_000, 1_900_000, 1_100_000, 1_050_000, 1_050_000, 1_200_000, 1_050_000)
VIEW_GAS = 60_000_000


class Scene:
    """A suite with three models, and packs that are undone after use."""

    def __init__(self, suite: Suite, models: tuple[Model, ...]) -> None:
        self.suite = suite
        self.models = models

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back what is sent inside."""
        self.suite.chain.tester.mine_blocks()
        snapshot = self.suite.chain.tester.take_snapshot()
        try:
            yield
        finally:
            self.suite.chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture(scope="module")
def scene(module_suite: Suite) -> Scene:
    """Packs may be small here."""
    module_suite.govern("AssetPackRegistry", "setMinimumAssets", 1)
    module_suite.govern("CreditFileRegistry", "setMinimumSubjects", 1)
    rising = [1_500 * score for score in range(1, 101)]
    steep = [min(10**6, 40 * score**2) for score in range(1, 101)]
    flat = [5_000] * 60 + [900_000] * 40
    return Scene(
        module_suite,
        tuple(
            add_model(module_suite, pd, margins)
            for pd, margins in ((rising, (1_050_000,) * 10), (steep, MARGINS), (flat, MARGINS))
        ),
    )


def make_pack(seed: int, count: int, group_count: int, same_score: bool) -> list[Asset]:
    """Loans as they come, or all of few scores, so that most of them are equals."""
    random = Random(seed)
    scores = [random.randint(1, 100) for _ in range(3)] if same_score else list(range(1, 101))
    return [
        Asset(
            report_byte=random.choice([0, *[random.choice(scores) | random.choice([0, 0, 0x80]) for _ in range(12)]]),
            principal_class=random.choice([1, 1, 2, 3, 10, 35, 65_535 if random.random() < 0.02 else 7]),
            term_class=random.choice([1, 3, 5]),
            rate_class=random.randint(0, 6),
            dpd_class=random.choice([0, 0, 0, 0, 0, 1, 4]),
            region_group=random.randrange(group_count) * (random.random() < 0.8) if group_count < 255 else 255,
        )
        for _ in range(count)
    ]


pack_terms = st.tuples(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 7, 40, 100, 256, 257]),
    st.sampled_from([1, 2, 5, 12, 255]),
    st.booleans(),
)
policies = st.builds(
    Policy,
    expected_bad_rate_ppm=st.sampled_from([0, 5_000, 20_000, 60_000, 75_000, 90_000, 300_000]),
    mode=st.sampled_from(Mode),
    by_count=st.booleans(),
    profile_ppm=st.sampled_from(
        [(10**6,) * 10, tuple(10**5 * n for n in range(10)), (0,) * 6 + (1, 70, 10**6, 2**32 - 1)]
    ),
    emphasis=st.sampled_from([(1,) * 10, (1, 1, 2, 2, 3, 3, 4, 5, 6, 2**32 - 1)]),
    age_factor_ppm=st.sampled_from([1_000_000, 1_500_000, 2**32 - 1]),
    term_class_max=st.sampled_from([3, 255]),
    rate_class_max=st.sampled_from([5, 255]),
    dpd_class_max=st.sampled_from([0, 255]),
    region_limit_ppm=st.sampled_from([1_000_000, 600_000, 350_000, 150_000, 1]),
)


@settings(
    max_examples=6,
    deadline=None,
    phases=[Stage.explicit, Stage.generate],  # one example takes a second: a failing one is reported as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(terms=pack_terms, rules=st.lists(policies, min_size=2, max_size=2), model_index=st.integers(0, 2))
def test_step_on_any_pack_equals_reference(
    scene: Scene, terms: tuple[int, int, int, bool], rules: list[Policy], model_index: int
) -> None:
    suite, model, assets = scene.suite, scene.models[model_index], make_pack(*terms)
    with scene.undone():
        pack, round_id = score_pack(suite, assets, model)
        for policy in rules:
            with scene.undone():
                run = run_screening(suite, pack, round_id, policy).run_id
                expected = assert_equal(suite, run, assets, policy, model)
                check_views(suite, run, assets, expected)


def check_views(suite: Suite, run: int, assets: list[Asset], expected: ScreeningResult) -> None:
    """Histograms and bridge of an ended run."""
    views = suite.Screening.functions
    for after in (False, True):
        answer = views.histogram(run, after).call({"gas": VIEW_GAS})
        assert tallies(answer) == histogram(assets, expected.reasons, after=after)
    assert tallies(views.bridge(run).call()) == tuple(step.tally for step in bridge(assets, expected.reasons))
