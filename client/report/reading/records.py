"""What each bureau answered to the query that a pack was scored from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from client.model.schema import CREDIT_FIELDS
from client.sdk.pack.credit_record import observed_day
from client.sdk.pack.reader import FoundRecords


@dataclass(slots=True)
class BureauRecords:
    """The newest record of each borrower at one bureau, counted."""

    count: int = 0
    fresh: int = 0
    aged: int = 0
    """Older than the fresh limit of the policy and still usable."""
    too_old: int = 0
    missing_by_field: Counter[str] = field(default_factory=Counter)


def by_bureau(
    found: FoundRecords, *, cut_off_day: int, fresh_days: int, age_days_max: int
) -> Mapping[int, BureauRecords]:
    """Return the records of each organisation, ascending; of several records of a borrower its newest counts."""
    newest: dict[tuple[int, bytes], tuple[int | None, ...]] = {}
    for handle, records in found.by_handle.items():
        for record in records:
            key = (record.organisation, handle)
            if key not in newest or observed_day(newest[key]) < observed_day(record.values):
                newest[key] = record.values
    counted: dict[int, BureauRecords] = {}
    for (organisation, _), values in newest.items():
        bureau = counted.setdefault(organisation, BureauRecords())
        age_days = max(cut_off_day - observed_day(values), 0)
        bureau.count += 1
        bureau.fresh += age_days <= fresh_days
        bureau.aged += fresh_days < age_days <= age_days_max
        bureau.too_old += age_days > age_days_max
        bureau.missing_by_field.update(
            each.name for each, value in zip(CREDIT_FIELDS, values, strict=True) if value is None
        )
    return dict(sorted(counted.items()))
