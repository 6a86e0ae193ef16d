"""Calldata in words, for people who are asked to approve it. Pure: no I/O."""

from typing import Any

from web3 import Web3
from web3.exceptions import Web3Exception

from client.sdk.artifacts import ABI


def describe_call(abi: ABI, data: bytes) -> str | None:
    """Return calldata as `function(name=value, …)` if the interface has the function, else None.

    Nothing is shortened: who approves a call must be able to see all of it.
    """
    try:
        function, arguments = Web3().eth.contract(abi=abi).decode_function_input(data)
    except (Web3Exception, ValueError):
        return None
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in arguments.items())
    return f"{function.fn_name}({shown})"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_shown(each) for each in value)}]"
    return str(value)
