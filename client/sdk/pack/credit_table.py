"""Credit records of a whole pack, kept as columns: one per borrower, merged where several bureaus have one. Pure.

Source: docs/protocol.md, 5 and 7.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.schema import CREDIT_FIELDS, MISSING
from client.sdk.pack.columns import decode_records
from client.sdk.pack.credit_record import OWN_RECORDS, CreditValues, FoundRecord, NoRecord, RecordRules, merge_found


class CreditTable(Mapping[bytes, CreditValues]):
    """Records by handle, in columns; as a mapping it gives each as a tuple of values."""

    def __init__(self, place_by_handle: Mapping[bytes, int], columns: Mapping[str, Int64Array]):
        """Take the row of each handle, and int64 columns by field of the credit schema, MISSING where unknown."""
        self._place_by_handle, self.columns = place_by_handle, columns

    @classmethod
    def of(cls, records: Mapping[bytes, CreditValues]) -> "CreditTable":
        """Return records as a table."""
        if isinstance(records, CreditTable):
            return records
        return cls({handle: place for place, handle in enumerate(records)}, _columns(list(records.values())))

    def __getitem__(self, handle: bytes) -> CreditValues:
        """Return the record of a borrower."""
        place = self._place_by_handle[handle]
        values = (int(column[place]) for column in self.columns.values())
        return tuple(None if value == MISSING else value for value in values)

    def __iter__(self) -> Iterator[bytes]:
        """Give the handles."""
        return iter(self._place_by_handle)

    def __len__(self) -> int:
        """Return the number of borrowers with a record."""
        return len(self._place_by_handle)

    def __contains__(self, handle: object) -> bool:
        """Tell whether a borrower has a record."""
        return handle in self._place_by_handle

    def places(self, handles: Sequence[bytes]) -> Int64Array:
        """Return the row of each handle in `columns`, -1 where it has none."""
        find = self._place_by_handle.get
        return np.fromiter((find(handle, -1) for handle in handles), dtype=np.int64, count=len(handles))


@dataclass(slots=True)
class FoundRecords:
    """Canonical records as bureaus gave them, and where each was found; parallel lists."""

    handles: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    """Organisation of the bureau, batch id, index in the batch."""

    def add(self, handle: bytes, record: bytes, *, organisation: int, batch_id: int, index: int) -> None:
        """Add one record."""
        self.handles.append(handle)
        self.records.append(record)
        self.places.append((organisation, batch_id, index))

    def merged(self, rules: RecordRules = OWN_RECORDS) -> tuple[CreditTable, dict[bytes, NoRecord]]:
        """Return one record per handle, and why the other handles have none; what `merge_found` gives for each.

        Raises:
            DecodeError: a record that is not canonical.
        """
        columns = decode_records(self.records)
        first: dict[bytes, int] = {}
        several: dict[bytes, list[int]] = {}
        for row, handle in enumerate(self.handles):
            if first.setdefault(handle, row) != row:
                several.setdefault(handle, [first[handle]]).append(row)
        reasons = self._refused_singles(first, several, columns, rules)
        merged: list[CreditValues] = []
        for handle, rows in several.items():
            values = merge_found((self._found(row, columns) for row in rows), rules)
            if isinstance(values, NoRecord):
                reasons[handle] = values
            else:
                first[handle] = len(self.records) + len(merged)
                merged.append(values)
        for handle in reasons:
            del first[handle]
        if merged:
            more = _columns(merged)
            columns = {name: np.concatenate([column, more[name]]) for name, column in columns.items()}
        return CreditTable(first, columns), reasons

    def _refused_singles(
        self,
        first: Mapping[bytes, int],
        several: Mapping[bytes, object],
        columns: Mapping[str, Int64Array],
        rules: RecordRules,
    ) -> dict[bytes, NoRecord]:
        """Return the reasons of handles with one record that does not count."""
        is_old = columns["observed_day"] < (MISSING if rules.oldest_day is None else rules.oldest_day)
        is_spread = columns["relation_distance"] > 0
        is_refused = is_old | (is_spread & (not rules.takes_relations))
        reasons = {}
        for row in np.flatnonzero(is_refused).tolist():
            handle = self.handles[row]
            if first[handle] == row and handle not in several:
                reasons[handle] = NoRecord.TOO_OLD if is_old[row] else NoRecord.RELATION
        return reasons

    def _found(self, row: int, columns: Mapping[str, Int64Array]) -> FoundRecord:
        organisation, batch_id, index = self.places[row]
        values = (int(column[row]) for column in columns.values())
        record = tuple(None if value == MISSING else value for value in values)
        return FoundRecord(organisation=organisation, batch_id=batch_id, index=index, values=record)


def _columns(records: Sequence[CreditValues]) -> dict[str, Int64Array]:
    rows = [[MISSING if value is None else value for value in values] for values in records]
    matrix = np.array(rows, dtype=np.int64).reshape(len(records), len(CREDIT_FIELDS))
    return {spec.name: matrix[:, place].copy() for place, spec in enumerate(CREDIT_FIELDS)}
