"""Loans in bands, and bands joined until nobody can read fewer than ten loans out of them. Pure: no I/O.

A table for investors shows a set of loans and a part of it (what was offered and what is kept). Its bands are joined
until each holds, of the whole, of the part and of the rest, either no loan or at least the minimum; since nothing is
left out, no total gives away what a gap would hide. Source: docs/report.md.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from client.report.reading.data import CELL_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Some loans and what they have in common."""

    key: str
    label: str
    members: tuple[int, ...]
    """Indices of loans."""
    last_label: str = ""
    """Of joined bands: the label of the last one."""

    @property
    def text(self) -> str:
        """Return the label as it is printed."""
        return f"{self.label} … {self.last_label}" if self.last_label else self.label


def cut_bands(values: Sequence[int | None], cuts: Sequence[int], labels: Sequence[str], unknown: str) -> list[Band]:
    """Return one band a label: of values below the first cut, from each cut on, and of values that are missing."""
    members: list[list[int]] = [[] for _ in labels]
    missing: list[int] = []
    for index, value in enumerate(values):
        if value is None:
            missing.append(index)
        else:
            members[sum(cut <= value for cut in cuts)].append(index)
    bands = [
        Band(key=f"band_{place}", label=label, members=tuple(each))
        for place, (label, each) in enumerate(zip(labels, members, strict=True))
    ]
    return [*bands, Band(key="missing", label=unknown, members=tuple(missing))] if missing else bands


def join_neighbours(bands: Sequence[Band], part: Collection[int]) -> list[Band]:
    """Join bands in their order until no cell is small."""
    joined: list[Band] = []
    current: Band | None = None
    for band in bands:
        current = _join(current, band) if current else band
        if current.members and is_safe(current.members, part):
            joined.append(current)
            current = None
    while current is not None:
        if not joined or is_safe(current.members, part):
            return [*joined, current] if current.members else joined
        current = _join(joined.pop(), current)
    return joined


def join_smallest(bands: Sequence[Band], part: Collection[int], label: str) -> list[Band]:
    """Join the bands with small cells, and the smallest of the others as long as that is not enough."""
    safe = [band for band in bands if band.members and is_safe(band.members, part)]
    small = [band for band in bands if band.members and band not in safe]
    if not small:
        return safe
    by_size = sorted(safe, key=lambda band: (len(band.members), band.key))
    members = [index for band in small for index in band.members]
    while by_size and not is_safe(members, part):
        members += by_size.pop(0).members
    rest = [band for band in safe if band in by_size]
    return [*rest, Band(key="others", label=label, members=tuple(sorted(members)))]


def is_safe(members: Sequence[int], part: Collection[int]) -> bool:
    """Return whether a set of loans, its part and its rest each have no loan or at least CELL_MIN."""
    inside = sum(index in part for index in members)
    return all(size == 0 or size >= CELL_MIN for size in (len(members), inside, len(members) - inside))


def _join(first: Band, second: Band) -> Band:
    return Band(
        key=first.key,
        label=first.label,
        last_label=second.last_label or second.label,
        members=first.members + second.members,
    )


def join_columns(lines: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Join neighbouring columns until in every line each has no loan or at least CELL_MIN.

    Returns:
        First and last column of each joined one; a single pair when only the whole is safe.
    """
    width = len(lines[0]) if lines else 0
    groups = [(column, column) for column in range(width)]
    while len(groups) > 1:
        sums = [[sum(line[first : last + 1]) for first, last in groups] for line in lines]
        small = [place for place in range(len(groups)) if any(0 < line[place] < CELL_MIN for line in sums)]
        if not small:
            break
        left = max(small[-1] - 1, 0)
        groups[left : left + 2] = [(groups[left][0], groups[left + 1][1])]
    return groups
