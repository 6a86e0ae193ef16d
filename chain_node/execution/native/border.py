"""Calls into the library: its errors become ours, and after a panic nothing is called any more."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import ParamSpec, TypeVar

from chain_node.core.types import Hash32
from chain_node.execution.errors import EngineFault, MissingStateError, TransactionRefusedError
from chain_node.execution.native.library import load_library

_P = ParamSpec("_P")
_T = TypeVar("_T")
_PANIC_CLASS = "PanicException"
"""What PyO3 raises for a panic that the library itself did not catch; a BaseException that cannot be imported."""


class Border:
    """One for each open database: engine and store share it, so that a panic in one stops the other."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library
        self._native_error: type[Exception] = library.NativeError
        self._fault: EngineFault | None = None

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the library as an engine.

        Raises:
            MissingStateError: the root is not in the store.
            TransactionRefusedError: the call cannot be executed on this state.
            EngineFault: the engine failed, now or earlier, or what it reads is damaged.
        """
        return self.guard(_translate, function, *args, **kwargs)

    def guard(
        self,
        translate: Callable[[str, str], BaseException],
        function: Callable[_P, _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call the library; errors that are no panic are what `translate` makes of kind and message."""
        if self._fault is not None:
            raise self._fault
        try:
            return function(*args, **kwargs)
        except self._native_error as error:
            kind, message = error.args
            if kind == "panic":
                raise self._stop(message) from error
            raise translate(kind, message) from error
        except BaseException as error:
            if type(error).__name__ == _PANIC_CLASS:
                raise self._stop(str(error)) from error
            raise

    def _stop(self, message: str) -> EngineFault:
        self._fault = EngineFault(f"the native engine panicked: {message}")
        return self._fault


def open_border() -> Border:
    """A border to the installed library.

    Raises:
        LibraryMissingError: there is none.
        ConfigError: it is of another version.
    """
    return Border(load_library())


def _translate(kind: str, message: str) -> BaseException:
    if kind == "missing_state":
        return MissingStateError(Hash32(bytes.fromhex(message)))
    if kind in ("refused", "refused_final"):
        return TransactionRefusedError(message, is_final=kind == "refused_final")
    return EngineFault(
        f"the native engine cannot go on ({kind}: {message}); if the chain store is damaged, delete it and let the "
        "node sync again"
    )
