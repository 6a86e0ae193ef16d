from types import SimpleNamespace
from typing import cast

import pytest

from client.report.document import Note, Table
from client.report.figures import Figure, Figures
from client.report.formatting import shown
from client.report.reading.data import ReportData, Settings
from client.report.reading.pinned import PinnedChain
from client.report.sections.measures import make

REPLACEMENT = SimpleNamespace(
    kind=3,
    status=2,
    assetCount=4,
    cashCents=123_45,
    orderedAt=1_700_000_000,
    deadline=1_700_086_400,
    carriedOutAt=1_700_040_000,
    confirmedAt=0,
    escalatedAt=0,
)


def data_with(audience: str, measures: dict[int, SimpleNamespace]) -> ReportData:
    """A pack whose measures are known already, so that no chain is asked."""
    settings = Settings(audience="investor" if audience == "investor" else "analyst")
    data = ReportData(cast(PinnedChain, None), 1, settings)
    data.__dict__.update(measures=measures, pack=SimpleNamespace(currency=b"USD"))
    return data


def line(audience: str) -> list[str | None]:
    figures = Figures("measures", lambda contract, function, arguments: REPLACEMENT)
    table = make(data_with(audience, {7: REPLACEMENT}), figures)[0]
    assert isinstance(table, Table)
    assert table.rows[0].label == "7 replacement"
    return [shown(cell) if isinstance(cell, Figure) else cell for cell in table.rows[0].cells]


def test_a_measure_is_listed_with_its_times() -> None:
    times = ["2023-11-14 22:13:20 UTC", "2023-11-15 22:13:20 UTC", "2023-11-15 09:20:00 UTC", None, None]
    assert line("analyst") == ["carried out", "4", "123.45", *times]


def test_investors_do_not_learn_what_became_of_few_loans() -> None:
    assert line("investor")[:3] == ["carried out", None, None]


@pytest.mark.parametrize("audience", ["analyst", "investor"])
def test_a_pool_without_measures_says_so(audience: str) -> None:
    blocks = make(data_with(audience, {}), Figures("measures", lambda *_: None))
    assert blocks == [Note("No measure was ordered on this pool.")]
