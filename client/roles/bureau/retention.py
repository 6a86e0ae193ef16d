"""How long a credit record may be used. Pure: no I/O."""

from dataclasses import dataclass

from client.model.schema import CREDIT_FIELDS
from client.sdk.errors import InvalidInputError
from client.sdk.pack.credit_record import CreditValues, observed_day

_INDEX = {field.name: index for index, field in enumerate(CREDIT_FIELDS)}
_MONTH_DAYS_MAX = 31
"""Days a month is counted as, rounded up: the end of an event is never taken to be later than it was."""

RETENTION_DAYS_DEFAULT = 1_826
"""Five years from the upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseRule:
    """When data about an adverse event expires, counted from the end of the event."""

    delinquency_days: int
    public_record_days: int
    bankruptcy_days: int
    """Of a person whose public records include a bankruptcy."""


ADVERSE_RULES = {
    "none": None,
    "cn": AdverseRule(delinquency_days=1_826, public_record_days=1_826, bankruptcy_days=1_826),
    "us": AdverseRule(delinquency_days=2_557, public_record_days=2_557, bankruptcy_days=3_653),
}
"""By jurisdiction: China five years for all, the United States seven, and ten for bankruptcies.

Source: Regulation on the Administration of Credit Investigation Industry, art. 16; 15 U.S.C. 1681c.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The rule of one upload."""

    days: int = RETENTION_DAYS_DEFAULT
    """From the day of the upload."""
    jurisdiction: str = "none"
    """A key of ADVERSE_RULES."""

    def __post_init__(self) -> None:
        if self.jurisdiction not in ADVERSE_RULES:
            raise InvalidInputError("adverse rule", got=self.jurisdiction, expected=" or ".join(ADVERSE_RULES))
        if not 1 <= self.days <= 36_525:
            raise InvalidInputError("retention", got=f"{self.days} days", expected="1 to 36525")

    def expires_day(self, values: CreditValues, *, today: int) -> int:
        """Return the first day on which the record may not be used any more; in the past for one that came too late."""
        ends = [today + self.days]
        rule = ADVERSE_RULES[self.jurisdiction]
        if rule is not None:
            observed = observed_day(values)
            is_bankrupt = bool(values[_INDEX["bankruptcies"]])
            for name, days in (
                ("months_since_delinquency", rule.delinquency_days),
                ("months_since_public_record", rule.bankruptcy_days if is_bankrupt else rule.public_record_days),
            ):
                months = values[_INDEX[name]]
                if months is not None:
                    ends.append(observed - months * _MONTH_DAYS_MAX + days)
        return min(ends)
