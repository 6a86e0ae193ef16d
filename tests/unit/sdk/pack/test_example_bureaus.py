"""The example's three bureaus together know what its one file says, and neither more nor less."""

from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.sdk.pack.credit_record import CreditValues, FoundRecord, merge_found
from client.sdk.table_mapping import load_mapping
from client.sdk.tabular import read_table
from tests.e2e.pack_files import EXAMPLES


def read(name: str) -> dict[str, CreditValues]:
    mapping = load_mapping(EXAMPLES / f"mapping_{name}.toml")
    table = read_table(EXAMPLES / "credit_files.csv", CREDIT_FIELDS, keys=CREDIT_KEYS, mapping=mapping)
    rows = table.frame.select(*CREDIT_KEYS, *(field.name for field in CREDIT_FIELDS)).iter_rows()
    assert table.bad_rows == ()
    return {subject: tuple(values) for subject, *values in rows}


def test_records_of_the_three_bureaus_merge_to_those_of_the_whole_file() -> None:
    parts = [read(f"{name}_bureau") for name in ("bank", "card", "account")]
    whole = read("credit_files")
    assert len(whole) == 6_008
    for subject, values in whole.items():
        found = [
            FoundRecord(organisation=at, batch_id=at, index=0, values=part[subject])
            for at, part in enumerate(parts, start=1)
        ]
        assert merge_found(found) == values
    for index in range(1, len(CREDIT_FIELDS)):
        assert sum(any(values[index] is not None for values in part.values()) for part in parts) <= 1
