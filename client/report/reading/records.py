"""What each bureau answered to the query that a pack was scored from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from client.model.schema import MISSING
from client.sdk.pack.columns import decode_records
from client.sdk.pack.credit_table import FoundRecords


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
    columns = decode_records(found.records)
    days = columns["observed_day"].tolist()
    newest: dict[tuple[int, bytes], int] = {}
    for row, (handle, (organisation, _, _)) in enumerate(zip(found.handles, found.places, strict=True)):
        known = newest.setdefault((organisation, handle), row)
        if days[known] < days[row]:
            newest[organisation, handle] = row
    counted: dict[int, BureauRecords] = {}
    for (organisation, _), row in newest.items():
        bureau = counted.setdefault(organisation, BureauRecords())
        age_days = max(cut_off_day - days[row], 0)
        bureau.count += 1
        bureau.fresh += age_days <= fresh_days
        bureau.aged += fresh_days < age_days <= age_days_max
        bureau.too_old += age_days > age_days_max
        bureau.missing_by_field.update(name for name, column in columns.items() if column[row] == MISSING)
    return dict(sorted(counted.items()))
