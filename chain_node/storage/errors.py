"""Errors of storage. The tree they belong to is drawn in `core/errors.py`."""

from chain_node.core.errors import ConfigError, UnavailableError


class StoreFullError(UnavailableError):
    """There is no room to write. Nothing of the write was kept and everything before it was."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"room to write in {path} ({reason}; free some space)")


class StoreFailedError(UnavailableError):
    """The medium failed while writing. Nothing of the write was kept and everything before it was."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"the store in {path} ({reason}; check the disk)")


class StoreLockedError(UnavailableError):
    """Another process has the store open."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"the store in {path} (in use by another process)")


class StoreIdentityError(ConfigError):
    """The store was written for something else."""

    def __init__(self, path: str, field: str, *, got: str, expected: str) -> None:
        self.field = field
        self.got = got
        self.expected = expected
        super().__init__("data_dir", f"{path} has {field} {got}, expected {expected}; choose another data directory")


class StoreUnreadableError(ConfigError):
    """The files are not a store, or the medium is damaged."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__("data_dir", f"{path} cannot be read as a chain store: {reason}")


class VoteRecordCorruptError(ConfigError):
    """A record that was durable is damaged. Going on could mean signing against an earlier vote."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(
            "data_dir",
            f"the vote record is damaged at byte {offset} and has valid records after it; restore it from a copy, "
            "or remove it only after the network has passed every height this validator may have voted at",
        )
