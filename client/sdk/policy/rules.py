"""Rules about any field of the tape, as text, and what they are over the classes of a layout. Pure: no I/O.

    term_months <= 60              region_code 20%
    rate_ppm >= 5%                 borrower_age_years at 30 40 50 35%
    months_on_book >= 3            subject 1%
    region_code in CA NY TX        originator_code 50%
    purpose_code not in wedding

Left: who is eligible; a value that is missing is not. Right: the largest share of one group in what is kept, for codes
and for bands between cuts. Amounts are in currency units, ratios in percent, days are dates, codes are names.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from client.model.schema import CODE_TABLES, FIELDS, Field
from client.sdk.errors import InvalidInputError
from client.sdk.policy.layout import SUBJECT, UNKNOWN_CLASS, Dimension, Layout
from client.sdk.quantities import parse_ppm, parse_quantity
from client.sdk.screening import EligibilityRule, Limit

_CODES_MAX = 1_000
"""A field with more values than these is a number, whose groups are bands."""
_ALL_KNOWN = (1 << UNKNOWN_CLASS) - 1
_BOUND = re.compile(r"(\w+)\s*(<=|>=)\s*(\S+)")
_MEMBER = re.compile(r"(\w+)\s+(not\s+)?in\s+(\S.*)")
_SHARE = re.compile(r"(\w+)(?:\s+at\s+(\S.*?))?\s+(\S+%)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Which values of a field are eligible: from `low` up to below `high`, or the codes given (or all but them)."""

    text: str
    field: str
    low: int | None = None
    high: int | None = None
    codes: tuple[int, ...] = ()
    is_excluding: bool = False

    def needs(self) -> Dimension:
        """The dimension that a pack must have for this rule, at least."""
        if self.codes:
            return Dimension(kind="in", field=self.field, values=self.codes)
        cut = self.low if self.low is not None else self.high
        return Dimension(kind="cuts", field=self.field, values=(cut,) if cut is not None else ())

    def classes(self, dimension: Dimension) -> int | None:
        """The eligible classes of a dimension as a bitmap, or None when it cannot tell."""
        if dimension.field != self.field:
            return None
        if self.codes:
            is_same = dimension.kind == "in" and dimension.values == self.codes
            return (0b01 if self.is_excluding else 0b10) if is_same else None
        if dimension.kind != "cuts":
            return None
        if self.low is not None:
            at = _place(dimension, self.low)
            return None if at is None else _ALL_KNOWN & ~((1 << at) - 1)
        at = _place(dimension, self.high)
        return None if at is None else (1 << at) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """The largest share of one group in what is kept."""

    text: str
    field: str
    share_ppm: int
    cuts: tuple[int, ...] = ()
    """Of the bands; none for codes and the subject, where each value is a group."""

    def needs(self) -> Dimension:
        """The dimension that a pack must have for this limit."""
        if self.field == SUBJECT:
            return Dimension(kind="subject", field=SUBJECT)
        return Dimension(kind="cuts" if self.cuts else "groups", field=self.field, values=self.cuts)


def parse_eligibility(text: str) -> Eligibility:
    """Read a rule of eligibility; InvalidInputError says what is wrong with it."""
    if bound := _BOUND.fullmatch(text.strip()):
        field, sign, value = bound.groups()
        limit = parse_quantity(_field(field), value)
        if sign == "<=":
            return Eligibility(text=text, field=field, high=limit + 1)
        return Eligibility(text=text, field=field, low=limit)
    if member := _MEMBER.fullmatch(text.strip()):
        field, negation, names = member.groups()
        if field not in CODE_TABLES:
            raise InvalidInputError(f"rule {text!r}", got=f"codes of {field}", expected="a field with codes")
        codes = sorted({parse_quantity(_field(field), name) for name in names.split()})
        return Eligibility(text=text, field=field, codes=tuple(codes), is_excluding=bool(negation))
    expected = "FIELD <= VALUE, FIELD >= VALUE, FIELD in NAMES or FIELD not in NAMES"
    raise InvalidInputError("rule of eligibility", got=repr(text), expected=expected)


def parse_concentration(text: str) -> Concentration:
    """Read a concentration limit; InvalidInputError says what is wrong with it."""
    found = _SHARE.fullmatch(text.strip())
    if not found:
        raise InvalidInputError("limit", got=repr(text), expected="FIELD SHARE% or FIELD at CUT CUT… SHARE%")
    field, cuts, share = found.groups()
    share_ppm = parse_ppm(share, what=f"limit {text!r}")
    if field == SUBJECT:
        if cuts:
            raise InvalidInputError(f"limit {text!r}", got="bands of borrowers", expected="subject SHARE%")
        return Concentration(text=text, field=field, share_ppm=share_ppm)
    spec = _field(field)
    if not cuts and spec.maximum - spec.minimum >= _CODES_MAX:
        raise InvalidInputError(f"limit {text!r}", got="a number without bands", expected=f"{field} at CUT CUT… SHARE%")
    values = tuple(sorted({parse_quantity(spec, cut) for cut in (cuts or "").split()}))
    return Concentration(text=text, field=field, share_ppm=share_ppm, cuts=values)


def layout_for(eligible: Iterable[Eligibility], limits: Iterable[Concentration], *, base: Layout) -> Layout:
    """Return `base` with what the rules need beside it; cuts of one field for eligibility share a dimension."""
    dimensions = list(base.dimensions)
    for rule in eligible:
        needed = rule.needs()
        if any(rule.classes(each) is not None for each in dimensions):
            continue
        place = next((at for at, each in enumerate(dimensions) if _can_be_cut(each, needed)), None)
        if place is None:
            dimensions.append(needed)
        else:
            cuts = tuple(sorted({*dimensions[place].values, *needed.values}))
            dimensions[place] = Dimension(kind="cuts", field=needed.field, values=cuts)
    dimensions += [needed for limit in limits if (needed := limit.needs()) not in dimensions]
    return Layout(tuple(dict.fromkeys(dimensions)))


def compile_rules(
    eligible: Sequence[Eligibility], limits: Sequence[Concentration], layout: Layout
) -> tuple[tuple[EligibilityRule, ...], tuple[Limit, ...]]:
    """Write rules over the classes of a layout.

    Raises:
        InvalidInputError: the layout cannot tell: the pack was submitted without the class that a rule needs.
    """
    bitmap_by_dimension: dict[int, int] = {}
    for rule in eligible:
        found = [(at, mask) for at, each in enumerate(layout.dimensions) if (mask := rule.classes(each)) is not None]
        if not found:
            raise _cannot_tell(f"rule {rule.text!r}", rule.field, layout)
        at, mask = found[0]
        bitmap_by_dimension[at] = bitmap_by_dimension.get(at, (1 << 256) - 1) & mask
    limit_by_dimension: dict[int, Limit] = {}
    for limit in limits:
        if limit.needs() not in layout.dimensions:
            raise _cannot_tell(f"limit {limit.text!r}", limit.field, layout)
        at = layout.dimensions.index(limit.needs())
        if at in limit_by_dimension:
            raise InvalidInputError(f"limit {limit.text!r}", got="a second one of these groups", expected="one")
        is_subject = limit.field == SUBJECT
        limit_by_dimension[at] = Limit(dimension=at, limit_ppm=limit.share_ppm, exempts_zero=is_subject)
    rules = (EligibilityRule(dimension=at, classes=bitmap_by_dimension[at]) for at in sorted(bitmap_by_dimension))
    return tuple(rules), tuple(limit_by_dimension[at] for at in sorted(limit_by_dimension))


def _field(name: str) -> Field:
    if name not in FIELDS or FIELDS[name].kind != "asset":
        known = ", ".join(field.name for field in FIELDS.values() if field.kind == "asset")
        raise InvalidInputError("field of a rule", got=name, expected=f"one of {known}")
    return FIELDS[name]


def _place(dimension: Dimension, cut: int | None) -> int | None:
    """Return the first class at or above a cut, or None when the dimension has no boundary there."""
    return dimension.values.index(cut) + 1 if cut in dimension.values else None


def _can_be_cut(dimension: Dimension, needed: Dimension) -> bool:
    return dimension.kind == needed.kind == "cuts" and dimension.field == needed.field


def _cannot_tell(what: str, field: str, layout: Layout) -> InvalidInputError:
    known = [f"{each.kind} {' '.join(map(str, each.values))}" for each in layout.dimensions if each.field == field]
    return InvalidInputError(
        what,
        got=f"classes of the pack: {'; '.join(known) or f'none of {field}'}",
        expected="a boundary of them",
        remedy="the layout is fixed when the pack is invited: `tranchain risk invite --policy FILE`",
    )
