"""Errors of the library as ours, and what is called after a panic: nothing."""

import pytest

from chain_node.execution import EngineFault, MissingStateError, TransactionRefusedError
from tests.engines import IS_NATIVE_BUILT

pytestmark = pytest.mark.skipif(not IS_NATIVE_BUILT, reason="the native engine is not built")


def raising(kind: str, message: str):  # type: ignore[no-untyped-def]
    from chain_node.execution.native.border import open_border

    border = open_border()

    def call() -> None:
        raise border.library.NativeError(kind, message)

    return border, call


def test_missing_state_names_the_root() -> None:
    border, call = raising("missing_state", "ab" * 32)
    with pytest.raises(MissingStateError) as caught:
        border.call(call)
    assert caught.value.missing_hash == b"\xab" * 32


@pytest.mark.parametrize(("kind", "is_final"), [("refused", False), ("refused_final", True)])
def test_refusal_keeps_its_reason(kind: str, is_final: bool) -> None:
    border, call = raising(kind, "insufficient funds")
    with pytest.raises(TransactionRefusedError, match="insufficient funds") as caught:
        border.call(call)
    assert caught.value.is_final == is_final


def test_damaged_store_is_a_fault_that_says_what_to_do() -> None:
    border, call = raising("unreadable", "MDB_CORRUPTED")
    with pytest.raises(EngineFault, match=r"unreadable: MDB_CORRUPTED.*delete it and let the node sync again"):
        border.call(call)


def test_after_a_panic_nothing_is_called_any_more() -> None:
    border, call = raising("panic", "index out of bounds")
    with pytest.raises(EngineFault, match="the native engine panicked: index out of bounds"):
        border.call(call)
    called: list[int] = []
    with pytest.raises(EngineFault, match="panicked"):
        border.call(called.append, 1)
    assert called == []


def test_panic_that_the_library_did_not_catch_is_a_fault() -> None:
    border, _ = raising("panic", "")

    class PanicException(BaseException):  # as PyO3 names it; it cannot be imported
        pass

    def call() -> None:
        raise PanicException("overflow")

    with pytest.raises(EngineFault, match="panicked: overflow"):
        border.call(call)


def test_library_refuses_an_address_of_another_size() -> None:
    border, _ = raising("panic", "")
    with pytest.raises(ValueError, match="got 0 bytes, expected 20"):
        border.call(border.library.run_on_alloc, 1, "london", (0, 0, 0, b"", 0, 1), [], None, None, 0, b"\x01", b"", 0)
