"""Errors: every one has a code, reverts carry their data, our own faults tell nothing."""

import importlib
import pkgutil

import pytest
from eth_abi.abi import encode

import chain_node
from chain_node.core.errors import ChainError, LocalProtocolError
from chain_node.execution import CallResult
from chain_node.rpc.errors import CODE_BY_ERROR, ExecutionFailedError, RPCError, to_rpc_error
from chain_node.rpc.revert_reason import decode_revert_reason


def all_errors(root: type[ChainError] = ChainError) -> list[type[ChainError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in all_errors(child))]


def test_every_error_of_the_tree_has_a_code() -> None:
    for module in pkgutil.walk_packages(chain_node.__path__, "chain_node."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    own = [error for error in all_errors() if error.__module__.startswith("chain_node")]
    assert len(own) > 30
    undecided = [
        error.__name__
        for error in own
        if not issubclass(error, RPCError)
        and next(parent for parent in error.__mro__ if parent in CODE_BY_ERROR) is ChainError
    ]
    # A revert of a view call never leaves the vault, which answers it itself.
    assert sorted(undecided) == ["CallRevertedError", "ChainError"]


def test_fault_of_ours_does_not_reach_the_caller() -> None:
    translated = to_rpc_error(LocalProtocolError("the secret of the house"))
    assert (translated.code, str(translated)) == (-32603, "internal error")


def failed(data: bytes, error: str = "execution reverted") -> ExecutionFailedError:
    return ExecutionFailedError(CallResult(status=0, return_data=data, gas_used=21_000, error=error))


def test_revert_with_reason_has_code_3_message_and_data() -> None:
    data = bytes.fromhex("08c379a0") + encode(["string"], ["not today"])
    error = failed(data)
    assert (error.code, str(error), error.data) == (3, "execution reverted: not today", "0x" + data.hex())


def test_revert_with_custom_error_has_its_data() -> None:
    error = failed(b"\xde\xad\xbe\xef" + bytes(32))
    assert (error.code, str(error), error.data) == (3, "execution reverted", "0xdeadbeef" + "00" * 32)


def test_revert_without_data_has_empty_data() -> None:
    assert failed(b"").data == "0x"


def test_failure_that_is_no_revert_is_a_server_error() -> None:
    error = failed(b"", "out of gas")
    assert (error.code, str(error), error.data) == (-32000, "out of gas", None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "arithmetic underflow or overflow"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x99]), "unknown panic code: 0x99"),
        (bytes.fromhex("08c379a0") + encode(["string"], [""]), ""),
        (bytes.fromhex("08c379a0"), None),
        (bytes.fromhex("08c379a0") + b"\xff" * 64, None),
        (bytes.fromhex("08c379a0") + encode(["uint256", "uint256"], [32, 2**255]), None),
        (b"", None),
    ],
)
def test_revert_reason_is_decoded_or_absent(data: bytes, reason: str | None) -> None:
    assert decode_revert_reason(data) == reason
