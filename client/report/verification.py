"""Verifying a report: every byte against its figures, and every figure against the chain and the rows.

Four steps, each of which fails on one changed digit: the author's signature over the file; the page made again from the
figures inside it; the figures that single calls or other figures give, each by itself; and whole sections made again
from the chain and, where the account may read them, from the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from client.report.assembly import head_of, settings_of
from client.report.document import Report, Section
from client.report.figures import DERIVATIONS, Figure, follow
from client.report.page import make_page, read_page
from client.report.reading.data import Reader, ReportData
from client.report.reading.pinned import PinnedChain
from client.report.sections.order import SECTIONS, SectionMaker, make_section
from client.report.signature import split_page
from client.sdk.chain import ChainClient
from client.sdk.errors import DecodeError, InvalidInputError, TamperedError, TranchainError

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
    author: str
    author_roles: int
    """Bitmap of the author's roles on the chain at the report's block; 0 for an account that is not enrolled."""
    figure_count: int
    recomputed_count: int
    unverified: tuple[Unverified, ...]
    problems: tuple[str, ...]
    """One line each; empty when the report is what the chain says."""


def verify_report(
    signed: str, live: ChainClient, *, reader: Reader | None, model: Path | None, outcomes: Path | None
) -> Verdict:
    """Verify a file.

    Args:
        signed: content of the file.
        live: any node of the report's chain.
        reader: an account that may read the rows; None verifies what the chain shows to everybody.
        model: directory of the model's files.
        outcomes: the file of outcomes that the report was made with.

    Raises:
        DecodeError: the file is no report, or was drawn with another version of the plotting library.
        InvalidInputError: the node is of another chain, or does not have the block yet.
    """
    page = split_page(signed)
    report = read_page(page.page)
    head = report.head
    if (live.chain_id, live.registry) != (head.chain_id, head.registry):
        raise InvalidInputError("report", got=f"one of chain {head.chain_id}", expected=f"chain {live.chain_id}")
    problems: list[str] = []
    try:
        page.check(head)
    except InvalidInputError as error:
        problems.append(str(error))
    problems += _page_problems(page.page, report)
    chain = PinnedChain(live, head.block)
    data = ReportData(
        chain,
        head.pack_id,
        settings_of(head),
        reader=reader,
        model_directory=model,
        outcomes_path=outcomes,
        allowed=frozenset(head.given),
    )
    recomputed, of_figures = _check_figures(chain, report)
    unverified, again, of_sections = _check_sections(data, report)
    problems += [*_head_problems(data, report), *of_figures, *of_sections]
    recomputed |= again
    enrolled, _ = chain.call("Consortium", "account", page.author)
    return Verdict(
        report=report,
        author=page.author,
        author_roles=int(enrolled.roles),
        figure_count=sum(1 for _ in report.figures()),
        recomputed_count=len(recomputed),
        unverified=tuple(unverified),
        problems=tuple(dict.fromkeys(problems)),
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
            yield f"{name.replace('_', ' ')}: the file says {getattr(report.head, name)}, the chain {getattr(now, name)}"
    named = dict(report.head.settings)
    if "outcomes" in data.available() and named.get("outcomes") != data.outcomes_name:
        yield f"outcomes: the file says {named.get('outcomes')}, the one given is {data.outcomes_name}"


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


def _check_sections(data: ReportData, report: Report) -> tuple[list[Unverified], set[str], list[str]]:
    """Make whole sections again; returns what could not be, the ids of figures that were, and what differs."""
    found = {section.key: section for section in report.sections}
    if [maker.key for maker in SECTIONS] != list(found):
        return [], set(), ["sections: the file has others than a report of this version"]
    unverified, again, problems = [], set(), []
    for maker in SECTIONS:
        section = found[maker.key]
        missing = _missing(maker, data, report)
        if missing:
            count = sum(figure.source.kind not in ("call", "derived") for figure in section.figures)
            unverified.append(Unverified(section=section.title, figure_count=count, missing=", ".join(missing)))
            continue
        made = make_section(maker, data)
        again |= {figure.id for figure in section.figures}
        problems += _differences(section, made)
    return unverified, again, problems


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
            yield f"{figure.id}: the file says it comes from {figure.source.describe()}, it is {other.source.describe()}"
    for missing in expected:
        yield f"{missing}: not in the file"
    if section.figures == made.figures:
        yield f"section {section.title}: its words or the order of its figures are others"
