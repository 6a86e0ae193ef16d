"""Finding the library of the native engine, and refusing one that is not of this version."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from chain_node.core.errors import ConfigError, UnavailableError

_HOW_TO_BUILD = (
    "install Rust (https://rustup.rs) and a C compiler and install the package again, or run "
    "`python scripts/build_native.py` in a working copy"
)


class LibraryMissingError(UnavailableError):
    """The native engine is not installed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
        self.args = (f"the native engine is not installed ({reason}); {_HOW_TO_BUILD}",)


@cache
def load_library() -> ModuleType:
    """The extension module.

    Raises:
        LibraryMissingError: it was not built, or cannot be loaded on this machine.
        ConfigError: it was built for another version of this program.
    """
    try:
        library = importlib.import_module("chain_node.execution.native._native")
    except ModuleNotFoundError as error:
        raise LibraryMissingError("no library was built") from error
    except ImportError as error:
        raise LibraryMissingError(f"its library cannot be loaded: {error}") from error
    found, expected = getattr(library, "VERSION", "unknown"), package_version()
    if expected is not None and found != expected:
        raise ConfigError(
            "engine",
            f"{Path(str(library.__file__))} is the native engine of version {found}, this program is {expected}; "
            f"remove the file to run on py-evm, or build it again: {_HOW_TO_BUILD}",
        )
    return library


def package_version() -> str | None:
    """Version of the installed package; None in a source tree that was never installed."""
    try:
        return version("tranchain")
    except PackageNotFoundError:
        return None
