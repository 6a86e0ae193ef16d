"""Policies as TOML."""

from pathlib import Path

import pytest

from client.sdk.errors import ConfigError, InvalidInputError
from client.sdk.policy.layout import DEFAULT_LAYOUT
from client.sdk.policy.policy_file import read_policy_file
from client.sdk.screening import EligibilityRule, Limit, Mode

EXAMPLE = Path(__file__).parents[4] / "examples" / "policy.toml"


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return read_policy_file(path)


def test_example_is_a_policy_over_its_own_layout() -> None:
    draft = read_policy_file(EXAMPLE)
    layout = draft.layout()
    policy = draft.compile(7, layout)
    assert policy.layout_id == 7
    assert policy.expected_bad_rate_ppm == 100_000
    assert len(policy.eligible) >= 3
    assert {layout.dimensions[each.dimension].field for each in policy.limits} >= {"region_code", "subject"}


def test_without_a_file_loans_past_due_are_not_eligible_and_nothing_is_limited() -> None:
    draft = read_policy_file(None)
    assert draft.layout() == DEFAULT_LAYOUT
    policy = draft.compile(1, DEFAULT_LAYOUT)
    assert policy.eligible == (EligibilityRule(dimension=2, classes=0b1),)
    assert policy.limits == ()
    assert policy.relation_factor_ppm == 0


def test_every_key_reaches_the_policy(tmp_path: Path) -> None:
    text = """
        expected_bad_rate = "5%"
        mode = "per-level"
        by_count = true
        profile = [0, 0, 0, 0, 0.5, 1, 1, 1, 1, 2]
        emphasis = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3]
        fresh_days = 30
        max_age_days = 90
        age_factors = ["110%", "150%", "200%"]
        relations = "300%"
        sources = 4
        eligible = ["term_months <= 36"]
        limits = ["region_code 20%"]
    """
    path = tmp_path / "policy.toml"
    path.write_text(text)
    policy = read_policy_file(path).compile(1, DEFAULT_LAYOUT)
    assert policy.expected_bad_rate_ppm == 50_000
    assert policy.mode is Mode.PER_LEVEL
    assert policy.by_count
    assert policy.profile_ppm == (0, 0, 0, 0, 500_000, *[1_000_000] * 4, 2_000_000)
    assert policy.emphasis == (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)
    assert (policy.fresh_days, policy.age_days_max) == (30, 90)
    assert policy.age_factor_ppm == (1_100_000, 1_500_000, 2_000_000)
    assert policy.relation_factor_ppm == 3_000_000
    assert policy.sources_id == 4
    assert policy.eligible == (EligibilityRule(dimension=0, classes=0b111),)
    assert policy.limits == (Limit(dimension=3, limit_ppm=200_000, exempts_zero=False),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("expected_bad_rate = 10", "expected_bad_rate"),
        ('mode = "half"', "mode"),
        ("profile = [1, 2]", "profile"),
        ("emphasis = [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]", "emphasis"),
        ('age_factors = ["110%"]', "age_factors"),
        ("fresh_days = 900", "age limits"),
        ('relations = "50%"', "relation"),
        ("colour = 1", "colour"),
        ('eligible = "term_months <= 60"', "eligible"),
        ('eligible = ["term_months = 60"]', "rule of eligibility"),
        ("eligible = [", "TOML"),
    ],
)
def test_wrong_file_is_refused_with_the_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_policy_file(tmp_path / "none.toml")
