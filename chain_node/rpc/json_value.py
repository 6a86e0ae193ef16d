"""What JSON can hold, as a type."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

JsonValue: TypeAlias = Union[bool, int, float, str, Sequence["JsonValue"], Mapping[str, "JsonValue"], None]  # noqa: UP007 - "|" does not take forward references
"""Sequences are lists or tuples, mappings are dicts."""

JsonObject: TypeAlias = dict[str, JsonValue]
