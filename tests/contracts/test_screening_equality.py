"""Screening against the integer reference: random packs, random rules, calls of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from client.sdk.pack.report import word
from client.sdk.screening import Asset, EligibilityRule, Limit, Mode, Policy, screen
from tests.contracts.revm_screening import RevmScreening
from tests.contracts.screening_scene import Model, add_model, assert_equal, run_screening, score_pack
from tests.contracts.suite import Suite

MARGINS = (1_050_000, 1_050_000, 1_300_000, 1_050_000, 1_900_000, 1_100_000, 1_050_000, 1_050_000, 1_200_000, 1_050_000)
STEEP = (tuple(min(10**6, 40 * score**2) for score in range(1, 101)), MARGINS)
"""Tables of a model: probabilities of default and margins."""


@contextmanager
def undone(suite: Suite) -> Iterator[None]:
    """Take back what is sent inside."""
    suite.chain.tester.mine_blocks()
    snapshot = suite.chain.tester.take_snapshot()
    try:
        yield
    finally:
        suite.chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture(scope="module")
def model(module_suite: Suite) -> Model:
    """A model in force; packs may be small here."""
    module_suite.govern("AssetPackRegistry", "setMinimumAssets", 1)
    module_suite.govern("CreditFileRegistry", "setMinimumSubjects", 1)
    return add_model(module_suite, *STEEP)


def make_pack(seed: int, count: int, group_count: int, dimension_count: int, same_score: bool) -> list[Asset]:
    """Loans as they come, or all of few scores, so that most of them are equals."""
    random = Random(seed)
    scores = [random.randint(1, 100) for _ in range(3)] if same_score else list(range(1, 101))
    return [
        Asset(
            report_word=0
            if random.random() < 0.08
            else word(random.choice(scores), random.choice([0, 0, 1, 2, 3]), random.random() < 0.1),
            principal_class=random.choice([1, 1, 2, 3, 10, 35, 65_535 if random.random() < 0.02 else 7]),
            buckets=bytes(_class_of(random, group_count) for _ in range(dimension_count)),
        )
        for _ in range(count)
    ]


def _class_of(random: Random, group_count: int) -> int:
    return random.randrange(group_count) * (random.random() < 0.8) if group_count < 255 else 255


pack_terms = st.tuples(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 7, 40, 100, 256, 257]),
    st.sampled_from([1, 2, 5, 12, 255]),
    st.sampled_from([1, 4, 16]),
    st.booleans(),
)


@st.composite
def policies(draw: st.DrawFn, relation_allowed: bool = False) -> Policy:
    """Rules over dimensions below 16; `for_layout` leaves out those that a pack does not have."""
    factors = draw(st.lists(st.sampled_from([1_000_000, 1_500_000, 2**32 - 1]), min_size=3, max_size=3))
    some = st.lists(st.integers(0, 15), unique=True, max_size=4).map(sorted)
    return Policy(
        expected_bad_rate_ppm=draw(st.sampled_from([0, 5_000, 20_000, 60_000, 75_000, 90_000, 300_000])),
        mode=draw(st.sampled_from(Mode)),
        by_count=draw(st.booleans()),
        profile_ppm=draw(
            st.sampled_from([(10**6,) * 10, tuple(10**5 * n for n in range(10)), (0,) * 6 + (1, 70, 10**6, 2**32 - 1)])
        ),
        emphasis=draw(st.sampled_from([(1,) * 10, (1, 1, 2, 2, 3, 3, 4, 5, 6, 2**32 - 1)])),
        age_factor_ppm=tuple(sorted(factors)),  # type: ignore[arg-type]  # three, by the strategy
        relation_factor_ppm=draw(st.sampled_from([1_000_000, 2_000_000])) if relation_allowed else 0,
        eligible=tuple(
            EligibilityRule(dimension, draw(st.sampled_from([2**256 - 1, 2**255 | 2**5 - 1, 0b1110, 0b11111])))
            for dimension in draw(some)
        ),
        limits=tuple(
            Limit(
                dimension=dimension,
                limit_ppm=draw(st.sampled_from([1_000_000, 600_000, 350_000, 150_000, 1])),
                exempts_zero=draw(st.booleans()),
            )
            for dimension in draw(some)
        ),
    )


def for_layout(policy: Policy, dimension_count: int) -> Policy:
    """The rules that a pack of so many dimensions can have."""
    return replace(
        policy,
        eligible=tuple(rule for rule in policy.eligible if rule.dimension < dimension_count),
        limits=tuple(limit for limit in policy.limits if limit.dimension < dimension_count),
    )


@settings(
    max_examples=3,
    deadline=None,
    phases=[Stage.explicit, Stage.generate],  # one example takes a second: a failing one is reported as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(terms=pack_terms, data=st.data(), relation_allowed=st.booleans())
def test_step_on_any_pack_equals_reference(
    module_suite: Suite,
    model: Model,
    terms: tuple[int, int, int, int, bool],
    data: st.DataObject,
    relation_allowed: bool,
) -> None:
    suite, assets = module_suite, make_pack(*terms)
    scored_by = Policy(expected_bad_rate_ppm=0, relation_factor_ppm=10**6 * relation_allowed)
    policy = for_layout(data.draw(policies(relation_allowed)), terms[3])
    with undone(suite):
        pack, round_id = score_pack(suite, assets, model, scored_by)
        run = run_screening(suite, pack, round_id, policy).run_id
        assert_equal(suite, run, assets, policy, model)


@pytest.fixture(scope="module")
def revm() -> RevmScreening:
    """The contracts on the fast EVM."""
    return RevmScreening(*STEEP)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=pack_terms, data=st.data(), relation_allowed=st.booleans(), seed=st.integers(0, 2**32))
def test_step_in_calls_of_any_size_on_any_pack_equals_reference(
    revm: RevmScreening, terms: tuple[int, int, int, int, bool], data: st.DataObject, relation_allowed: bool, seed: int
) -> None:
    assets, random = make_pack(*terms), Random(seed)
    scored_by = Policy(expected_bad_rate_ppm=0, relation_factor_ppm=10**6 * relation_allowed)
    policy = for_layout(data.draw(policies(relation_allowed)), terms[3])
    run = revm.start(*revm.put_assets(assets, scored_by), policy)
    stepped = revm.finish(run, lambda _: random.randint(4_000_000, 8_000_000))
    revm.assert_equal(stepped, assets, screen(assets, policy, *STEEP))
