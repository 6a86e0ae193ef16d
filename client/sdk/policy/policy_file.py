"""A policy as a TOML file: everything that grading and screening go by, as data.

    expected_bad_rate = "10%"             # target
    mode = "whole-pack"                   # or per-level
    by_count = false                      # weigh every asset 1 instead of its principal
    profile = [0, 0, 0, 1, 1, 2, 3, 4, 6, 10]   # k of levels 1 to 10, for per-level
    emphasis = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]   # m of levels 1 to 10, not falling
    fresh_days = 365                      # records up to this age at cut-off count as they are
    max_age_days = 730                    # older ones are not used
    age_factors = ["110%", "120%", "130%"]      # on the pd of records in the thirds between the two ages
    relations = "150%"                    # factor on the pd of data spread by relations; left out: not allowed
    sources = 0                           # id of the order of bureaus; 0: by organisation
    eligible = ["term_months <= 60", "days_past_due <= 0"]
    limits = ["region_code 20%", "borrower_age_years at 30 40 50 40%", "subject 1%"]

Every key may be left out but the target where one is needed. Rules: `client.sdk.policy.rules`.
"""

import tomllib
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from client.sdk.errors import ConfigError, InvalidInputError
from client.sdk.policy.layout import DEFAULT_LAYOUT, Layout
from client.sdk.policy.rules import (
    Concentration,
    Eligibility,
    compile_rules,
    layout_for,
    parse_concentration,
    parse_eligibility,
)
from client.sdk.quantities import parse_ppm
from client.sdk.screening import Mode, Policy

MODES = {"whole-pack": Mode.WHOLE_PACK, "per-level": Mode.PER_LEVEL}
_PPM = 1_000_000


def _ppm(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError('a share in quotes such as "10%"')  # noqa: TRY004  # what pydantic takes
    return parse_ppm(value, what="share")


def _factor_ppm(value: Any) -> Any:
    return int(Decimal(str(value)) * _PPM) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _mode(value: Any) -> Any:
    if value not in MODES:
        raise InvalidInputError("mode", got=value, expected=" or ".join(MODES))
    return MODES[value]


Ppm = Annotated[int, BeforeValidator(_ppm)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    expected_bad_rate: Ppm = _PPM
    mode: Annotated[Mode, BeforeValidator(_mode)] = Mode.WHOLE_PACK
    by_count: bool = False
    profile: list[Annotated[int, BeforeValidator(_factor_ppm)]] = Field(
        default=[0, 0, 0, _PPM, _PPM, 2 * _PPM, 3 * _PPM, 4 * _PPM, 6 * _PPM, 10 * _PPM]
    )
    emphasis: list[int] = Field(default=[1] * 10)
    fresh_days: int = 365
    max_age_days: int = 730
    age_factors: list[Ppm] = Field(default=[1_100_000, 1_200_000, 1_300_000], min_length=3, max_length=3)
    relations: Ppm = 0
    sources: int = 0
    eligible: list[str] = Field(default=["days_past_due <= 0"])
    limits: list[str] = Field(default=[])


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """A policy whose rules are not written over the classes of a pack yet."""

    base: Policy
    """Everything but layout and rules."""
    eligible: tuple[Eligibility, ...]
    limits: tuple[Concentration, ...]

    def layout(self) -> Layout:
        """Return the layout that a pack needs to be screened by these rules: the default one and what they add."""
        return layout_for(self.eligible, self.limits, base=DEFAULT_LAYOUT)

    def compile(self, layout_id: int, layout: Layout) -> Policy:
        """Return the policy for packs of a layout; InvalidInputError when its classes cannot tell."""
        eligible, limits = compile_rules(self.eligible, self.limits, layout)
        return replace(self.base, layout_id=layout_id, eligible=eligible, limits=limits)


def read_policy_file(path: Path | None) -> PolicyDraft:
    """Read a policy file; without one, the policy that every key has by default.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of another kind.
        InvalidInputError: a value or a rule that cannot be used.
    """
    try:
        document = _Document.model_validate(tomllib.loads(path.read_text()) if path else {})
    except OSError as error:
        raise ConfigError(str(path), got=error.strerror or "a file that cannot be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), got=str(error), expected="TOML") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}", got=repr(first["input"]), expected=first["msg"]) from error
    return PolicyDraft(
        base=Policy(
            layout_id=0,
            expected_bad_rate_ppm=document.expected_bad_rate,
            mode=document.mode,
            by_count=document.by_count,
            profile_ppm=tuple(document.profile),
            emphasis=tuple(document.emphasis),
            fresh_days=document.fresh_days,
            age_days_max=document.max_age_days,
            age_factor_ppm=(document.age_factors[0], document.age_factors[1], document.age_factors[2]),
            relation_factor_ppm=document.relations,
            sources_id=document.sources,
        ),
        eligible=tuple(map(parse_eligibility, document.eligible)),
        limits=tuple(map(parse_concentration, document.limits)),
    )
