"""The JSON of a report: the list of its figures with their sources, and the sections that name them. Pure: no I/O.

    {"format": 1, "head": {...}, "sources": [...], "figures": [{"id", "value", "unit", "source"}...], "sections": [...]}

A figure's `source` is a place in `sources`; sections name figures as {"figure": id}. One report has one encoding.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from client.report.document import (
    AUDIENCES,
    FORMAT,
    PICTURE_KINDS,
    Cards,
    Head,
    Mark,
    Note,
    Picture,
    Report,
    Row,
    Section,
    Series,
    Table,
    sources_of,
)
from client.report.figures import KINDS, UNITS, Figure, Source
from client.sdk.errors import DecodeError

_PARTS: Final = {each.__name__.lower(): each for each in (Table, Row, Picture, Series, Mark, Cards, Note, Section)}


def encode_report(report: Report) -> str:
    """Return the one JSON text of a report; `<` is escaped, so that it can stand inside HTML."""
    figures = list(report.figures())
    place_by_source = {source: place for place, source in enumerate(sources_of(figures))}
    document = {
        "format": FORMAT,
        "head": _plain(report.head),
        "sources": [_plain(source) for source in place_by_source],
        "figures": [
            {"id": each.id, "value": each.value, "unit": each.unit, "source": place_by_source[each.source]}
            for each in figures
        ],
        "sections": [
            {**_part(section), "figures": [figure.id for figure in section.figures]} for section in report.sections
        ],
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace('},{"id"', '},\n{"id"')


def decode_report(text: str) -> Report:
    """Read the JSON of a report; DecodeError for anything that is not exactly the encoding of one."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise DecodeError("report", got=f"format {document['format']}", expected=str(FORMAT))
        sources = [_source(each) for each in document["sources"]]
        figures = {each["id"]: _figure(each, sources) for each in document["figures"]}
        sections = tuple(_section(each, figures) for each in document["sections"])
        report = Report(head=_head(document["head"]), sections=sections)
        again = encode_report(report)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DecodeError("report", got="another shape", expected="the JSON of a report") from error
    if again != text:
        raise DecodeError("report", got="another encoding", expected="the one that its contents have")
    return report


def _plain(value: Any) -> Any:
    """Return a data class without figures as a map of its fields."""
    return {each.name: _listed(getattr(value, each.name)) for each in fields(value)}


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value


def _part(value: Any) -> Any:
    if isinstance(value, Figure):
        return {"figure": value.id}
    if isinstance(value, tuple):
        return [_part(each) for each in value]
    if is_dataclass(value):
        parts = {each.name: _part(getattr(value, each.name)) for each in fields(value)}
        return {"type": type(value).__name__.lower(), **parts}
    return value


def _read_part(value: Any, figures: Mapping[str, Figure]) -> Any:
    if isinstance(value, list):
        return tuple(_read_part(each, figures) for each in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"figure"}:
        return figures[value["figure"]]
    parts = {name: _read_part(each, figures) for name, each in value.items() if name != "type"}
    return _PARTS[value["type"]](**parts)


def _section(value: Any, figures: Mapping[str, Figure]) -> Section:
    own = tuple(figures[each] for each in value["figures"])
    section = _read_part({**value, "figures": []}, figures)
    if not isinstance(section, Section):
        raise DecodeError("report", got=type(section).__name__, expected="a section")
    for block in section.blocks:
        if isinstance(block, Picture) and block.kind not in PICTURE_KINDS:
            raise DecodeError("picture", got=block.kind, expected=", ".join(PICTURE_KINDS))
    return Section(key=section.key, title=section.title, blocks=section.blocks, figures=own)


def _figure(value: Mapping[str, Any], sources: Sequence[Source]) -> Figure:
    figure = Figure(id=value["id"], value=value["value"], unit=value["unit"], source=sources[value["source"]])
    if figure.unit not in UNITS or type(figure.value) not in (int, str):
        raise DecodeError(f"figure {figure.id}", got=f"unit {figure.unit}", expected=", ".join(UNITS))
    return figure


def _source(value: Mapping[str, Any]) -> Source:
    source = Source(**{**value, "arguments": tuple(value["arguments"])})
    if source.kind not in KINDS:
        raise DecodeError("kind of source", got=source.kind, expected=", ".join(KINDS))
    return source


def _head(value: Mapping[str, Any]) -> Head:
    settings = tuple((name, setting) for name, setting in value["settings"])
    head = Head(**{**value, "settings": settings, "given": tuple(value["given"])})
    if head.audience not in AUDIENCES or not all(isinstance(each, int) for each in (head.pack_id, head.block)):
        raise DecodeError("head of a report", got="another shape", expected="pack, block and audience")
    return head
