"""Verifying a report: every byte against its figures, and every figure against the chain and the rows.

Four steps, each of which fails on one changed digit: the author's signature over the file; the page made again from the
figures inside it; the figures that single calls or other figures give, each by itself; and whole sections made again
from the chain and, where the account may read them, from the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from client.report.assembly import files_of, head_of, settings_of
from client.report.document import Report, Section
from client.report.figures import DERIVATIONS, Figure, follow
from client.report.page import make_page, read_page
from client.report.reading.data import Files, Reader, ReportData
from client.report.reading.pinned import PinnedChain
from client.report.sections.order import SECTIONS, SectionMaker, make_section
from client.report.signature import split_page
from client.sdk.chain import ChainClient
from client.sdk.errors import DecodeError, InvalidInputError, TranchainError

_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """Figures of a section that could not be recomputed."""

    section: str
    figure_count: int
    missing: str
    """What it takes: rows, model …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out."""

    report: Report
    author: str = ""
    author_roles: int = 0
    """Bitmap of the author's roles on the chain at the report's block; 0 for an account that is not enrolled."""
    figure_count: int
    recomputed_count: int
    unverified: tuple[Unverified, ...]
    problems: tuple[str, ...]
    """One line each; empty when the report is what the chain says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """A file that was read and checked against itself."""

    report: Report
    author: str
    problems: tuple[str, ...]


def verify_report(signed: str, live: ChainClient, *, reader: Reader | None, files: Files) -> Verdict:
    """Verify a file.

    Args:
        signed: content of the file.
        live: any node of the report's chain.
        reader: an account that may read the rows; None verifies what the chain shows to everybody.
        files: those that the report was made with.

    Raises:
        DecodeError: as `read_signed`.
        InvalidInputError: the node is of another chain, or does not have the block yet.
    """
    page = read_signed(signed)
    report, head = page.report, page.report.head
    if (live.chain_id, live.registry) != (head.chain_id, head.registry):
        raise InvalidInputError("report", got=f"one of chain {head.chain_id}", expected=f"chain {live.chain_id}")
    data = ReportData(
        PinnedChain(live, head.block),
        head.pack_id,
        settings_of(head),
        reader=reader,
        files=files,
        allowed=frozenset(head.given),
    )
    verdict = check_report(report, data)
    enrolled, _ = data.chain.call("Consortium", "account", page.author)
    return replace(
        verdict,
        author=page.author,
        author_roles=int(enrolled.roles),
        problems=tuple(dict.fromkeys((*page.problems, *verdict.problems))),
    )


def read_signed(signed: str) -> ReadPage:
    """Read a file and check it against itself: the signature, and every byte against the figures inside.

    Raises:
        DecodeError: the file is no report, or was drawn with another version of the plotting library.
    """
    page = split_page(signed)
    report = read_page(page.page)
    problems: list[str] = []
    try:
        page.check(report.head)
    except InvalidInputError as error:
        problems.append(str(error))
    problems += _page_problems(page.page, report)
    return ReadPage(report=report, author=page.author, problems=tuple(problems))


def check_report(report: Report, data: ReportData) -> Verdict:
    """Recompute the figures of a report from the chain at its block, and from what the reader may read."""
    recomputed, of_figures = _check_figures(data.chain, report)
    again, missing_by_section, of_sections = _check_sections(data, report)
    sure = _sure(report, recomputed | again)
    return Verdict(
        report=report,
        figure_count=sum(1 for _ in report.figures()),
        recomputed_count=len(sure),
        unverified=tuple(_unverified(report, sure, missing_by_section)),
        problems=tuple(dict.fromkeys((*_head_problems(data, report), *of_figures, *of_sections))),
    )


def _page_problems(page: str, report: Report) -> Iterator[str]:
    """Make the page again from its own figures: what is printed or drawn must be what they say."""
    try:
        again = make_page(report)
    except DecodeError:
        raise
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise DecodeError("report", got="contents that cannot be shown", expected="the contents of a report") from error
    if again == page:
        return
    for number, (found, expected) in enumerate(zip(page.splitlines(), again.splitlines(), strict=False), start=1):
        if found != expected:
            at = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), 0)
            start = max(at - _SHOWN_MAX // 2, 0)
            yield (
                f"line {number}, column {at + 1}: the file shows {found[start : start + _SHOWN_MAX]!r}, "
                f"its figures give {expected[start : start + _SHOWN_MAX]!r}"
            )
            return
    yield f"the file has {len(page.splitlines())} lines, its figures give {len(again.splitlines())}"


def _head_problems(data: ReportData, report: Report) -> Iterator[str]:
    """Compare block, time and currency; what was given is the author's to say."""
    now = head_of(data)
    for name in ("block_hash", "second", "currency"):
        if getattr(now, name) != getattr(report.head, name):
            found, expected = getattr(report.head, name), getattr(now, name)
            yield f"{name.replace('_', ' ')}: the file says {found}, the chain {expected}"
    named = dict(report.head.settings)
    for name, file in files_of(data).items():
        if named.get(name) != file:
            yield f"{name}: the report was made with {named.get(name)}, the file given is {file}"


def _check_figures(chain: PinnedChain, report: Report) -> tuple[set[str], list[str]]:
    """Recompute each figure that one call or other figures give; returns their ids, and what differs."""
    by_id = {figure.id: figure for figure in report.figures()}
    checked: set[str] = set()
    problems = []
    for figure in by_id.values():
        try:
            value = _recomputed(chain, figure, by_id)
        except (TranchainError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            problems.append(f"{figure.id}: its source cannot be read: {figure.source.describe()} ({error})")
            continue
        if value is None:
            continue
        checked.add(figure.id)
        if value != figure.value:
            problems.append(f"{figure.id}: the file says {figure.value}, {figure.source.describe()} is {value}")
    return checked, problems


def _recomputed(chain: PinnedChain, figure: Figure, by_id: dict[str, Figure]) -> int | str | None:
    source = figure.source
    if source.kind == "call":
        contract, function = source.function.split(".")
        return follow(chain.call(contract, function, *source.arguments), source.path)
    if source.kind == "derived":
        return DERIVATIONS[source.function](*(by_id[str(each)].number for each in source.arguments))
    return None


def _sure(report: Report, recomputed: set[str]) -> set[str]:
    """Return the figures that were recomputed down to their sources: a derived one only when all its parts were."""
    sure: set[str] = set()
    for figure in report.figures():  # parts come before what is derived from them
        is_derived = figure.source.kind == "derived"
        if figure.id in recomputed and (not is_derived or sure.issuperset(map(str, figure.source.arguments))):
            sure.add(figure.id)
    return sure


def _unverified(report: Report, sure: set[str], missing_by_section: dict[str, str]) -> Iterator[Unverified]:
    for section in report.sections:
        count = sum(figure.id not in sure for figure in section.figures)
        if count:
            missing = missing_by_section.get(section.key, "figures that differ")
            yield Unverified(section=section.title, figure_count=count, missing=missing)


def _check_sections(data: ReportData, report: Report) -> tuple[set[str], dict[str, str], list[str]]:
    """Make whole sections again; returns the ids of figures that were, what others lack, and what differs."""
    found = {section.key: section for section in report.sections}
    if [maker.key for maker in SECTIONS] != list(found):
        return set(), {}, ["sections: the file has others than a report of this version"]
    again: set[str] = set()
    missing_by_section: dict[str, str] = {}
    problems: list[str] = []
    for maker in SECTIONS:
        section = found[maker.key]
        missing = _missing(maker, data, report)
        if missing:
            missing_by_section[section.key] = ", ".join(missing)
            continue
        again |= {figure.id for figure in section.figures}
        problems += _differences(section, make_section(maker, data))
    return again, missing_by_section, problems


def _missing(maker: SectionMaker, data: ReportData, report: Report) -> list[str]:
    """Return what the author had for this section and we have not."""
    return sorted((maker.needs & set(report.head.given)) - data.available())


def _differences(section: Section, made: Section) -> Iterator[str]:
    if section == made:
        return
    expected = {figure.id: figure for figure in made.figures}
    for figure in section.figures:
        other = expected.pop(figure.id, None)
        if other is None:
            yield f"{figure.id}: no such figure in a report of this pack"
        elif other.value != figure.value:
            yield f"{figure.id}: the file says {figure.value}, recomputed it is {other.value}"
        elif other != figure:
            yield f"{figure.id}: the file says it is {figure.source.describe()}, it is {other.source.describe()}"
    for missing in expected:
        yield f"{missing}: not in the file"
    if section.figures == made.figures:
        yield f"section {section.title}: its words or the order of its figures are others"
