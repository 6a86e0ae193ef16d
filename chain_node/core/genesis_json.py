"""A JSON object that remembers which of its keys were read, so that the rest can be refused. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator

from chain_node.core.errors import ConfigError

_UINT256_MAX = 2**256 - 1


class JsonObject:
    """One object of a genesis file. Keys are compared in lower case; errors name the dotted path."""

    def __init__(self, path: str, pairs: dict[str, object]) -> None:
        self._path = path
        self._values: dict[str, object] = {}
        self._spelling: dict[str, str] = {}
        for key, value in pairs.items():
            folded = key.lower()
            if folded in self._values:
                raise ConfigError(self._key_path(key), "given twice")
            self._values[folded] = value
            self._spelling[folded] = key
        self._unread = set(self._values)

    def read_object(self, key: str, *, is_required: bool = True) -> JsonObject:
        """A nested object; an empty one when absent and not required.

        Raises:
            ConfigError: absent, or not an object.
        """
        value = self._take(key)
        if value is None and not is_required:
            return JsonObject(self._key_path(key), {})
        if not isinstance(value, dict):
            raise ConfigError(self._key_path(key), "expected an object")
        return JsonObject(self._key_path(key), value)

    def read_integer(
        self, key: str, *, default: int | None = None, minimum: int = 0, maximum: int = _UINT256_MAX
    ) -> int:
        """A number in range, as JSON number, decimal string or 0x string; `default` when absent.

        Raises:
            ConfigError: absent without a default, not a number, or out of range.
        """
        value = self._take(key)
        if value is None and default is not None:
            return default
        number = _integer_of(value, self._key_path(key))
        if not minimum <= number <= maximum:
            bound = f"exactly {minimum}" if minimum == maximum else f"{minimum} to {maximum}"
            raise ConfigError(self._key_path(key), f"got {number}, expected {bound}")
        return number

    def read_optional_integer(self, key: str) -> int | None:
        """As `read_integer`; None when absent."""
        return self.read_integer(key) if self._values.get(key) is not None else None

    def read_boolean(self, key: str, *, default: bool) -> bool:
        """A JSON boolean; `default` when absent.

        Raises:
            ConfigError: anything else.
        """
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ConfigError(self._key_path(key), "expected true or false")
        return value

    def read_string(self, key: str, *, default: str) -> str:
        """A JSON string; `default` when absent.

        Raises:
            ConfigError: anything else.
        """
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ConfigError(self._key_path(key), "expected a string")
        return value

    def read_bytes(self, key: str, *, size: int | None = None, default: bytes | None = None) -> bytes:
        """A 0x string, of exactly `size` bytes if given; `default` when absent.

        Raises:
            ConfigError: absent without a default, not hex, or another length.
        """
        value = self._take(key)
        if value is None and default is not None:
            return default
        return _bytes_of(value, self._key_path(key), size)

    def read_optional_bytes(self, key: str, *, size: int) -> bytes | None:
        """As `read_bytes`; None when absent."""
        return self.read_bytes(key, size=size) if self._values.get(key) is not None else None

    def read_entries_by_hex_key(self, *, size: int) -> Iterator[tuple[bytes, JsonObject]]:
        """(key bytes, object) for each entry of this object; keys are hex with or without 0x.

        Raises:
            ConfigError: a key is not `size` bytes of hex or appears twice, or a value is not an object.
        """
        seen: set[bytes] = set()
        for folded in list(self._values):
            path = self._key_path(folded)
            raw = _bytes_of(folded, path, size)
            if raw in seen:
                raise ConfigError(path, "given twice")
            seen.add(raw)
            yield raw, self.read_object(folded)

    def read_integers_by_hex_key(self) -> dict[int, int]:
        """All entries of this object, whose keys and values are numbers of up to 256 bits.

        Raises:
            ConfigError: not such an object, or a key that appears twice in two spellings.
        """
        numbers: dict[int, int] = {}
        for folded in list(self._values):
            path = self._key_path(folded)
            slot = _integer_of(folded if folded.startswith("0x") else f"0x{folded}", path)
            if slot in numbers or slot > _UINT256_MAX:
                raise ConfigError(path, "given twice or above 256 bits")
            numbers[slot] = self.read_integer(folded)
        return numbers

    def ignore(self, key: str) -> None:
        """Count a key as read without using it."""
        self._unread.discard(key)

    def refuse_unread(self) -> None:
        """Refuse keys that nothing has read.

        Raises:
            ConfigError: names the first of them.
        """
        for folded in self._values:
            if folded in self._unread:
                raise ConfigError(self._key_path(folded), "is not supported by this node")

    def _take(self, key: str) -> object:
        self._unread.discard(key)
        return self._values.get(key)

    def _key_path(self, key: str) -> str:
        spelled = self._spelling.get(key, key)
        return f"{self._path}.{spelled}" if self._path else spelled


def parse_json_object(text: str) -> JsonObject:
    """Parse text that must be one JSON object without repeated keys.

    Raises:
        ConfigError: not JSON, not an object, or a key given twice in one object.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique_pairs)
    except ValueError as error:
        raise ConfigError("genesis", f"not JSON: {error}") from error
    except RecursionError as error:
        raise ConfigError("genesis", "nested too deeply") from error
    if not isinstance(value, dict):
        raise ConfigError("genesis", "expected a JSON object")
    return JsonObject("", value)


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ConfigError(next(key for key in keys if keys.count(key) > 1), "given twice")
    return unique


def _integer_of(value: object, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii():
        digits = value[2:] if value[:2] in ("0x", "0X") else value
        base = 16 if digits is not value else 10
        if digits.isalnum() and len(digits) <= 80:
            try:
                return int(digits, base)
            except ValueError:
                pass
    raise ConfigError(path, f"got {value!r}, expected a number" if value is not None else "is missing")


def _bytes_of(value: object, path: str, size: int | None) -> bytes:
    if value is None:
        raise ConfigError(path, "is missing")
    text = value.removeprefix("0x") if isinstance(value, str) else None
    try:
        raw = bytes.fromhex(text) if text is not None and (text.isalnum() or not text) else None
    except ValueError:
        raw = None
    if raw is None or (size is not None and len(raw) != size):
        raise ConfigError(path, f"expected {'' if size is None else f'{size} bytes of '}hex")
    return raw
