"""The errors of the client side. Pure: no I/O.

    TranchainError
    ├─ InvalidInputError            what was given is wrong: correct it (exit code 1)
    │   ├─ DecodeError              bytes that are not in the form the protocol pins
    │   ├─ ConfigError              a profile, mapping or option cannot be used
    │   ├─ KeystoreError            a key file is missing, broken, or the password is wrong
    │   ├─ BadRowsError             rows of a table are not acceptable
    │   └─ TamperedError            bytes from elsewhere do not match their commitment
    ├─ RefusedError                 somebody entitled to say no said no (exit code 1)
    │   ├─ ContractRefusedError     a contract reverted
    │   └─ RequestRefusedError      the vault or a service refused a signed request
    ├─ ConflictError                the chain says two things that exclude each other (exit code 1)
    └─ UnavailableError             not there now: the caller may try again (exit code 3)

Messages never contain keys, passwords, personal data or whole payloads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field


class TranchainError(Exception):
    """Expected in normal work; the message is one line for the person at the console."""


class InvalidInputError(TranchainError):
    """Something given to us is wrong; trying again without a change is pointless."""

    def __init__(self, what: str, *, got: object = None, expected: str | None = None, remedy: str | None = None):
        """Compose `what: got X, expected Y; remedy`; parts left out are not mentioned."""
        self.what, self.got, self.expected, self.remedy = what, got, expected, remedy
        details = []
        if got is not None:
            details.append(f"got {got}")
        if expected is not None:
            details.append(f"expected {expected}")
        text = f"{what}: {', '.join(details)}" if details else what
        super().__init__(f"{text}; {remedy}" if remedy else text)


class DecodeError(InvalidInputError):
    """Bytes are not in the form that the protocol pins."""


class ConfigError(InvalidInputError):
    """A profile, mapping or option cannot be used."""


class KeystoreError(InvalidInputError):
    """A key file is missing or broken, or its password is wrong."""


class TamperedError(InvalidInputError):
    """Bytes that came from elsewhere do not match the commitment that was made to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """One value of a table that cannot be taken."""

    line: int
    """Line in the file, the header being line 1; for Parquet the row number counted the same way."""
    field: str
    """Schema field, or `row` when the row as a whole is wrong."""
    value: str = dataclass_field(repr=False)
    """The text found. For the operator's own console only: it may be personal data, so it never enters a log."""
    reason: str


class BadRowsError(InvalidInputError):
    """Rows of a table are not acceptable. `rows` lists each one; the message only counts them."""

    def __init__(self, path: str, rows: Sequence[BadRow]):
        """Count the lines concerned and name the fields, without any value."""
        self.rows = tuple(rows)
        lines = len({row.line for row in rows})
        fields = ", ".join(sorted({row.field for row in rows}))
        super().__init__(
            f"{path}: {lines} bad row{'s' if lines != 1 else ''} ({fields})",
            remedy="correct them, or take the good ones with --skip-bad-rows",
        )


class RefusedError(TranchainError):
    """Somebody entitled to say no said no."""

    def __init__(self, by: str, why: str, remedy: str | None = None):
        """Compose `refused by BY: WHY; REMEDY`."""
        self.by, self.why, self.remedy = by, why, remedy
        super().__init__(f"refused by {by}: {why}" + (f"; {remedy}" if remedy else ""))


class ContractRefusedError(RefusedError):
    """A contract reverted. `error` is the custom error's name ("" when the revert carried none)."""

    def __init__(self, by: str, why: str, *, error: str, arguments: Mapping[str, object], remedy: str | None = None):
        """Keep the decoded error beside the sentence composed from it."""
        self.error, self.arguments = error, dict(arguments)
        super().__init__(by, why, remedy)


class RequestRefusedError(RefusedError):
    """The vault or a service refused a signed request. `status` is the HTTP status, `code` its short reason."""

    def __init__(self, by: str, why: str, *, status: int, code: str):
        """Keep the status and code beside the sentence."""
        self.status, self.code = status, code
        super().__init__(by, why)


class ConflictError(TranchainError):
    """The chain has two blocks of which it can have one; nothing in either may be relied on."""

    def __init__(self, what: str, *, first: str, second: str):
        """Name both blocks by their hashes."""
        self.what, self.first, self.second = what, first, second
        super().__init__(
            f"{what} was {first} and is {second} now; rely on neither, and tell the operators of the nodes"
        )


class UnavailableError(TranchainError):
    """A service cannot be reached or is not ready; the same call may succeed later."""

    def __init__(self, service: str, why: str):
        """Compose `SERVICE is not available: WHY`."""
        self.service, self.why = service, why
        super().__init__(f"{service} is not available: {why}")
