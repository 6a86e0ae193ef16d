"""Errors of the credit model.

ModelError
├── SpecError            a feature spec or network that breaks its own rules
├── RecordShapeError     raw records that do not have the fields, types or lengths of the schema
├── FeatureRangeError    features outside the range for which the integer network is exact
├── FeatureFileError     a feature file that breaks a rule, or a training that cannot be made
└── ArtifactError        a model package that is incomplete or was changed
"""


class ModelError(Exception):
    """Root of everything this package raises on purpose."""


class SpecError(ModelError):
    """A feature spec or network that breaks its own rules; the artifact must be rebuilt."""

    def __init__(self, *, part: str, got: str, expected: str) -> None:
        self.part = part
        self.got = got
        self.expected = expected
        super().__init__(f"{part}: got {got}, expected {expected}")


class RecordShapeError(ModelError):
    """Raw records that do not have the fields, types or lengths of the schema."""

    def __init__(self, *, subject: str, got: str, expected: str) -> None:
        self.subject = subject
        self.got = got
        self.expected = expected
        super().__init__(f"{subject}: got {got}, expected {expected}")


class FeatureRangeError(ModelError):
    """Features outside the range for which the integer network is exact."""

    def __init__(self, *, got: int, limit: int) -> None:
        self.got = got
        self.limit = limit
        super().__init__(
            f"feature value {got} is outside -{limit} to {limit}; features must come from the feature spec"
        )


class FeatureFileError(ModelError):
    """A feature file that cannot be read or breaks a rule, or whose data is too little to train on."""

    def __init__(self, *, file: str, problem: str) -> None:
        self.file = file
        self.problem = problem
        super().__init__(f"feature file {file}: {problem}")


class ArtifactError(ModelError):
    """A model package that is incomplete or was changed; `file` says which part."""

    def __init__(self, *, file: str, got: str, expected: str) -> None:
        self.file = file
        self.got = got
        self.expected = expected
        super().__init__(f"{file}: got {got}, expected {expected}; use the model package as it was published")
