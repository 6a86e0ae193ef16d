"""What a model is trained on and how: the parts of a feature file that encoder, teacher and student need."""

from dataclasses import dataclass
from typing import Literal

from client.model.feature_spec import Input, Ratio

Start = Literal["normal", "unit"]
"""How a network's weights begin: drawn around 0 at the scale of its layers, or evenly between 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How a number is turned into features."""

    name: str
    logarithmic: bool = False
    direction: int = 0
    """1 when risk cannot fall as the number grows, -1 when it cannot rise, 0 when free."""
    evidence: bool = True
    """Whether it also gets a weight-of-evidence table."""
    flag: bool = True
    """Whether it also gets a missing flag, when enough values are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Inputs, ratios and sources of a model, and the weight of old loans."""

    inputs: tuple[Input, ...]
    """Every raw field that a ratio or source reads, with its range."""
    ratios: tuple[Ratio, ...]
    numeric: tuple[Source, ...]
    categorical: tuple[str, ...]
    """Inputs whose values are codes from 1 to their maximum."""
    recency: tuple[float, ...]
    """Weight of loans of the last year, the year before, ...; the last one counts for all older loans."""
    leaf_loans: int
    """Fewest loans in a leaf of the teacher's trees."""
    penalty: float
    """Of the student's squared weights."""
    start: Start
    """How the student's weights begin."""

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the numbers that features are made of, in order."""
        return (*(source.name for source in self.numeric), *self.categorical)

    def maximum(self, name: str) -> int:
        """Return the largest value of an input."""
        return next(item.maximum for item in self.inputs if item.name == name)
