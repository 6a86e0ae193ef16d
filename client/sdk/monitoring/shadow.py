"""The shadow pool: what became of the loans that screening removed, beside those it kept. Pure: no I/O.

Originators report counts by level, never a loan; the ratio shows whether screening really chose.
Source: docs/protocol.md, 12; docs/adr/0028.
"""

from dataclasses import dataclass

PPM = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Default rates of the loans kept and of the loans removed, by count."""

    kept_count: int
    kept_defaults: int
    removed_count: int
    """Of those removed that the originator still reports."""
    removed_defaults: int

    @property
    def kept_rate_ppm(self) -> int:
        """Defaulted of those kept, rounded down; 0 of none."""
        return self.kept_defaults * PPM // self.kept_count if self.kept_count else 0

    @property
    def removed_rate_ppm(self) -> int:
        """Defaulted of those removed, rounded down; 0 of none."""
        return self.removed_defaults * PPM // self.removed_count if self.removed_count else 0

    @property
    def chose(self) -> bool | None:
        """Whether the removed default more often than the kept; None while there is nothing to compare."""
        if not self.kept_count or not self.removed_count or not (self.kept_defaults or self.removed_defaults):
            return None
        return self.removed_defaults * self.kept_count > self.kept_defaults * self.removed_count
