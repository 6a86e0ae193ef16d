"""All sections of a report in their order, and what each needs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from client.report.document import Block, Note, Section
from client.report.figures import Figures
from client.report.reading.data import Need, ReportData
from client.report.sections import (
    acquisition,
    arrears,
    bridge,
    calibration,
    concentration,
    curve,
    levels,
    measures,
    obligors,
    overview,
    performance,
    pool,
    promises,
    spread,
    stratification,
    triggers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionMaker:
    """How a section is made."""

    key: str
    title: str
    make: Callable[[ReportData, Figures], list[Block]]
    needs: frozenset[Need] = frozenset()


def _maker(key: str, title: str, make: Callable[[ReportData, Figures], list[Block]], *needs: Need) -> SectionMaker:
    return SectionMaker(key=key, title=title, make=make, needs=frozenset(needs))


SECTIONS = (
    _maker("overview", "At a glance", overview.make),
    _maker("bridge", "Bridge from offered to issued", bridge.make, "screening", "rows"),
    _maker("rules", "The rules of the screening", concentration.make_rules, "screening"),
    _maker("levels", "Risk levels before and after", levels.make, "screening"),
    _maker("curve", "Bad rate against removed share", curve.make, "screening"),
    _maker("spread", "Modes of screening and excess spread", spread.make, "screening", "rows"),
    _maker("pool", "The pool against the originator's book", pool.make, "screening", "rows"),
    _maker("book", "The pool against the book file", pool.make_with_book, "screening", "rows", "book"),
    _maker("stratification", "Stratification", stratification.make, "screening", "rows"),
    _maker("concentration", "Concentration against limits", concentration.make, "screening"),
    _maker("obligors", "Largest borrowers", obligors.make, "screening", "rows"),
    _maker("acquisition", "Missing and stale data", acquisition.make, "screening"),
    _maker("bureaus", "Records by bureau", acquisition.make_by_bureau, "screening", "records"),
    _maker("calibration", "Calibration of the model", calibration.make, "screening", "model"),
    _maker("performance", "Static pool: losses, recoveries, prepayments", performance.make, "monitoring"),
    _maker("arrears", "Arrears and levels month by month", arrears.make, "monitoring"),
    _maker("rolls", "Roll rates", arrears.make_rolls, "monitoring"),
    _maker("vintages", "Defaults by vintage", arrears.make_vintages, "monitoring", "screening", "rows"),
    _maker("triggers", "Triggers", triggers.make, "monitoring"),
    _maker("measures", "Measures", measures.make, "monitoring"),
    _maker("promises", "Promise ledger and shadow pool", promises.make),
    _maker("outcomes", "What became of the loans", calibration.make_for_pack, "screening", "rows", "outcomes"),
)

_MISSING: dict[Need, str] = {
    "monitoring": "Not monitored yet: this section appears once the servicer has closed a period.",
    "screening": "Not screened yet: this section appears once the pack has passed a screening.",
    "rows": "Not shown: the account that made this report may not read the rows of this pack.",
    "records": "Not shown: the account that made this report may not read the credit records, or they were erased.",
    "model": "Not shown: the files of the model that scored this pack are not here.",
    "outcomes": "Not shown: no file of outcomes was given (--outcomes).",
    "book": "Not shown: no tape of the whole book was given (--book).",
}


def make_section(maker: SectionMaker, data: ReportData) -> Section:
    """Make a section; where something that it needs is missing, it says so in one line."""
    figures = Figures(maker.key, data.view)
    missing = sorted(maker.needs - data.available())
    blocks = [Note(_MISSING[missing[-1]])] if missing else maker.make(data, figures)
    return Section(key=maker.key, title=maker.title, blocks=tuple(blocks), figures=tuple(figures.made.values()))


def sections_of(data: ReportData, makers: Iterable[SectionMaker] = SECTIONS) -> tuple[Section, ...]:
    """Make all sections."""
    return tuple(make_section(maker, data) for maker in makers)
