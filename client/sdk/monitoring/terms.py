"""What a pool was promised to be, and when its members are to be warned. Pure: no I/O. Source: docs/protocol.md, 12."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from client.sdk.errors import ConfigError, InvalidInputError
from client.sdk.monitoring.months import parse_month

PPM = 1_000_000
MONTH_MAX = 2759
CURVE_LENGTH_MAX = 360
_RANGES = {
    "first_month": (0, MONTH_MAX),
    "top_share_floor_ppm": (1, PPM),
    "top_share_rise_ppm": (0, PPM),
    "rising_periods": (1, 12),
    "rising_errors": (1, 10),
    "loss_factor_ppm": (PPM, 100 * PPM),
    "loss_periods": (1, 12),
    "arrears_limit_ppm": (1, PPM),
    "arrears_periods": (1, 6),
    "clear_periods": (1, 12),
    "clean_up_ppm": (0, PPM),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of a monitoring as `Monitoring.start` takes them, but for product and servicer; defaults of docs 12."""

    first_month: int
    """Month of period 1, since January 1970."""
    top_share_floor_ppm: int = 100_000
    """Top levels: levels 8 to 10 may have this share of the live balance,"""
    top_share_rise_ppm: int = 50_000
    """or that at closing and this, whichever is more."""
    rising_periods: int = 3
    """Rising: the share went up in each of so many periods,"""
    rising_errors: int = 2
    """and by more than so many standard errors in all."""
    loss_factor_ppm: int = 1_250_000
    """Loss: cumulative net loss is above this multiple of the promised curve,"""
    loss_periods: int = 2
    """in so many periods running."""
    arrears_limit_ppm: int
    """Arrears: mean share of live balances 61 or more days past due,"""
    arrears_periods: int = 3
    """over so many periods, or as many as there are."""
    clear_periods: int = 3
    """Back to normal after so many periods without a trigger."""
    clean_up_ppm: int = 100_000
    """Share of the cut-off balance at or below which what is left may be called."""
    loss_curve_ppm: tuple[int, ...]
    """Promised cumulative net loss after each period, in ppm of the cut-off balance; the last holds on."""

    def __post_init__(self) -> None:
        """Refuse what the contract refuses."""
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise InvalidInputError(name, got=getattr(self, name), expected=f"{least} to {most}")
        curve = self.loss_curve_ppm
        is_possible = 1 <= len(curve) <= CURVE_LENGTH_MAX and 0 <= curve[0] <= curve[-1] <= PPM
        if not is_possible or list(curve) != sorted(curve):
            raise InvalidInputError("loss_curve_ppm", got=f"{len(curve)} values", expected="1 to 360, not falling")

    def promised_ppm(self, period: int) -> int:
        """Return the promised cumulative net loss after a period."""
        return self.loss_curve_ppm[min(period, len(self.loss_curve_ppm)) - 1]

    def month_of(self, period: int) -> int:
        """Return the month of a period."""
        return self.first_month + period - 1

    def to_struct(self, *, product_id: bytes, servicer: str) -> dict[str, Any]:
        """Return the struct of the contract."""
        values = {_camel(spec.name): getattr(self, spec.name) for spec in fields(self)}
        return {"productId": product_id, "servicer": servicer, **values}


def terms_from_chain(struct: Any) -> Terms:
    """Return the terms that a `Terms` struct of the contract says."""
    values = {spec.name: getattr(struct, _camel(spec.name)) for spec in fields(Terms)}
    return Terms(**values | {"loss_curve_ppm": tuple(struct.lossCurvePpm)})


def read_terms(path: Path) -> Terms:
    """Read terms from TOML: keys are the names of the fields; `first_month` is a text YYYY-MM.

    Raises:
        ConfigError: no such file, not TOML, an unknown or missing key, a value of another kind.
        InvalidInputError: a value is out of its range.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"terms {path}", got=error.strerror or "a file that cannot be read") from error
    except ValueError as error:
        raise ConfigError(f"terms {path}", got=str(error), expected="TOML") from error
    return _parse(document, str(path))


def _parse(document: Mapping[str, Any], where: str) -> Terms:
    known = {spec.name for spec in fields(Terms)}
    for key, value in document.items():
        if key not in known:
            raise ConfigError(f"terms {where}", got=key, expected=f"one of {', '.join(sorted(known))}")
        kind = {"first_month": str, "loss_curve_ppm": list}.get(key, int)
        if type(value) is not kind:
            raise ConfigError(f"terms {where}: {key}", got=value, expected=kind.__name__)
    missing = {"first_month", "arrears_limit_ppm", "loss_curve_ppm"} - document.keys()
    if missing:
        raise ConfigError(f"terms {where}", got=f"no {', '.join(sorted(missing))}", expected="all of them")
    curve = document["loss_curve_ppm"]
    if not all(type(value) is int for value in curve):
        raise ConfigError(f"terms {where}: loss_curve_ppm", got=curve, expected="integers")
    changed = {"first_month": parse_month(document["first_month"]), "loss_curve_ppm": tuple(curve)}
    return Terms(**dict(document) | changed)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
