"""The rules of the screening, and how close the largest groups of what is kept come to the limits."""

from collections import Counter, defaultdict
from typing import Final

from client.report.document import Block, Cell, Mark, Note, Picture, Row, Series, Table
from client.report.figures import Figure, Figures
from client.report.reading.data import CELL_MIN, ReportData
from client.sdk.policy.layout import Dimension
from client.sdk.policy.on_chain import layout_of_pack

_LISTED: Final = 10
_POLICY: Final = "Screening.policy"


def make(data: ReportData, figures: Figures) -> list[Block]:
    """Return the largest groups of each dimension that the policy limits."""
    limits = data.screened.policy.limits
    if not limits:
        return [Note("The policy of this screening has no concentration limits.")]
    _, layout = layout_of_pack(data.chain, data.pack_id)
    blocks: list[Block] = []
    for place, limit in enumerate(limits):
        field = layout.dimensions[limit.dimension].field.replace("_", " ")
        blocks += _of_limit(data, figures, place, field)
    return [*blocks, Note("Shares are of the principal classes that are kept, as the contract weighs them.")]


def make_rules(data: ReportData, figures: Figures) -> list[Block]:
    """Return what the policy says."""
    policy_id = data.screened.run.policyId
    policy = data.screened.policy

    def of(name: str, unit: str, path: str) -> Figure:
        return figures.call(name, unit, _POLICY, policy_id, path=path)  # type: ignore[arg-type]  # a Unit

    rows: list[tuple[str, Cell]] = [
        ("target: bad rate at most", of("target", "ppm", "expectedBadRatePpm")),
        ("mode", policy.mode.name.lower().replace("_", " ")),
        ("weighed by", "count" if policy.by_count else "balance"),
        ("records are fresh up to, days", of("fresh", "number", "freshDays")),
        ("records are used up to, days", of("oldest", "number", "maxAgeDays")),
        *((f"factor on pd, age band {n + 1}", of(f"age_{n}", "factor", f"ageFactorPpm.{n}")) for n in range(3)),
    ]
    if policy.relation_factor_ppm:
        rows.append(("factor on pd, data by relations", of("relation", "factor", "relationFactorPpm")))
    else:
        rows.append(("data by relations", "not used"))
    _, layout = layout_of_pack(data.chain, data.pack_id)
    for rule in policy.eligible:
        dimension = layout.dimensions[rule.dimension]
        rows.append((f"eligible: {dimension.field.replace('_', ' ')}", _classes(dimension, rule.classes)))
    for place, limit in enumerate(policy.limits):
        field = layout.dimensions[limit.dimension].field.replace("_", " ")
        rows.append((f"largest share of one {field}", of(f"limit_{place}", "ppm", f"limits.{place}.limitPpm")))
    margins = [
        figures.call(
            f"margin_{level}",
            "factor",
            "RiskModelRegistry.model",
            data.screened.run.modelId,
            path=f"marginPpm.{level - 1}",
        )
        for level in range(1, 11)
    ]
    emphasis = [of(f"emphasis_{level}", "number", f"emphasis.{level - 1}") for level in range(1, 11)]
    return [
        Table(
            title="The policy on the chain",
            label_head="rule",
            heads=("value",),
            rows=tuple(Row(label=label, cells=(cell,)) for label, cell in rows),
        ),
        Table(
            title="Margin on the probability of default and emphasis, by level",
            label_head="level",
            heads=tuple(data.level_name(level) for level in range(1, 11)),
            rows=(Row(label="margin", cells=tuple(margins)), Row(label="emphasis", cells=tuple(emphasis))),
        ),
    ]


def _classes(dimension: Dimension, classes: int) -> str:
    """Return which classes are eligible, in words where the layout has them."""
    names = dimension.class_names
    if not names:
        return "some groups"
    return ", ".join(name for place, name in enumerate(names) if classes >> place & 1) or "none"


def _of_limit(data: ReportData, figures: Figures, place: int, field: str) -> list[Block]:
    screening = data.screened
    limit = screening.policy.limits[place]
    loans: Counter[int] = Counter()
    classes: dict[int, int] = defaultdict(int)
    for index in screening.kept:
        asset = screening.assets[index]
        group = asset.buckets[limit.dimension]
        loans[group] += 1
        classes[group] += asset.principal_class
    order = sorted(classes, key=lambda group: (-classes[group], group))
    if limit.exempts_zero:
        order = [group for group in order if group]
    if data.is_for_investors:
        order = [group for group in order if loans[group] >= CELL_MIN]
    if not order:
        return [Note(f"Limit of {field}: no group that it is about is left.")]
    what = "kept loans by bucket byte and principal class"
    total = figures.of("chain", f"{place}.all", "count", sum(classes.values()), what, field, "all")
    at_most = figures.call(f"{place}.limit", "ppm", _POLICY, screening.run.policyId, path=f"limits.{place}.limitPpm")
    rows, shares = [], []
    for group in order[:_LISTED]:
        count = figures.of("chain", f"{place}.{group}.loans", "count", loans[group], what, field, group)
        weight = figures.of("chain", f"{place}.{group}.classes", "count", classes[group], what, field, group, "classes")
        share = figures.derive(f"{place}.{group}.share", "ppm", "share_ppm", weight, total)
        cushion = figures.derive(f"{place}.{group}.cushion", "ppm", "difference", at_most, share)
        rows.append(Row(label=f"group {group}", cells=(count, weight, share, at_most, cushion)))
        shares.append(share)
    title = f"Largest groups by {field}, against the limit"
    return [
        Picture(
            kind="bars",
            title=title,
            alt=f"Bars of the shares of the largest groups by {field}, and the limit as a line. Figures: table below.",
            x_label="group",
            y_label="of what is kept",
            categories=tuple(row.label.removeprefix("group ") for row in rows),
            series=(Series(label="share", tone="after", values=tuple(shares)),),
            marks=(Mark(label="limit", figure=at_most, axis="y"),),
        ),
        Table(
            title=title,
            label_head="group on the chain",
            heads=("loans", "principal classes", "share", "limit", "cushion"),
            rows=tuple(rows),
        ),
    ]
