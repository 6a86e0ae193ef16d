"""Functions of our contracts, and answers as web3 gives them."""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_abi.grammar import ABIType, BasicType, TupleType, parse
from eth_utils.abi import get_abi_output_types
from web3 import Web3
from web3._utils.abi import map_abi_data, named_tree, recursive_dict_to_namedtuple
from web3._utils.normalizers import addresses_checksummed

from client.sdk.artifacts import artifact_names, load_artifact
from client.sdk.errors import InvalidInputError
from client.sdk.function_codec import find_codec


def functions() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in artifact_names():
        yield from ((name, entry) for entry in load_artifact(name).abi if entry["type"] == "function")


def some_value(kind: ABIType, seed: int) -> Any:
    """A value of a type, another for each seed; arrays have two elements."""
    if kind.is_array:
        return [some_value(kind.item_type, seed + place) for place in range((*kind.arrlist[-1], 2)[0])]
    if isinstance(kind, TupleType):
        return tuple(some_value(each, seed + place) for place, each in enumerate(kind.components))
    assert isinstance(kind, BasicType)
    match kind.base:
        case "uint" | "int":
            return seed % 100
        case "bool":
            return seed % 2 == 1
        case "address":
            return f"0x{seed + 0xABCDEF:040x}"
        case "string":
            return f"text {seed}"
        case _:
            return bytes([seed % 256]) * (kind.sub or 5)


def as_web3(abi: Any, values: tuple[Any, ...]) -> Any:
    named = named_tree(abi["outputs"], map_abi_data([addresses_checksummed], get_abi_output_types(abi), values))
    found = recursive_dict_to_namedtuple(named)
    return found[0] if len(found) == 1 else found


def shape(value: Any) -> Any:
    """A value with the names of its structs."""
    if isinstance(value, tuple):
        return getattr(value, "_fields", None), [shape(each) for each in value]
    return [shape(each) for each in value] if isinstance(value, list) else value


def test_answers_of_all_functions_are_what_web3_makes_of_them() -> None:
    with_answers = 0
    for name, abi in functions():
        kinds = get_abi_output_types(abi)  # type: ignore[arg-type]  # plain dicts of the ABI
        values = tuple(some_value(parse(kind), place) for place, kind in enumerate(kinds))
        if values:
            found = find_codec(name, abi["name"]).decode(encode(kinds, values))
            assert shape(found) == shape(as_web3(abi, values)), (name, abi["name"])
            with_answers += 1
    assert with_answers > 200


def test_selectors_are_those_of_the_signatures() -> None:
    codec = find_codec("ScoringRounds", "revealReport")
    assert codec.selector == Web3.keccak(text="revealReport(uint256,bytes32,bytes32[])")[:4]
    assert codec.input_types == ["uint256", "bytes32", "bytes32[]"]


@pytest.mark.parametrize("function", ["nothing", "constructor", "RoundOpened"])
def test_what_is_no_function_is_invalid_input(function: str) -> None:
    with pytest.raises(InvalidInputError, match=f"ScoringRounds.{function}: got no such function"):
        find_codec("ScoringRounds", function)
