"""Which bureau is preferred for which field: risk control defines it on chain, and everybody merges by it.

Source: docs/protocol.md, 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from client.model.schema import CREDIT_FIELDS
from client.sdk import canonical
from client.sdk.chain import ChainClient
from client.sdk.errors import DecodeError, InvalidInputError

SOURCES_VERSION = 1
BY_ORGANISATION = 0
"""Id of the default order: ascending organisation ids for every field."""

_ORGANISATION_MAX = 255
_ORDERED_FIELDS = frozenset(spec.name for spec in CREDIT_FIELDS[1:] if spec.adverse is None)
"""Fields that have an order: of adverse ones the worst value counts, whoever says it."""


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """Organisations of bureaus per credit field, preferred first; those not named follow by ascending id."""

    organisations_by_field: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InvalidInputError for a field without order, and for organisations that are none or named twice."""
        for name, organisations in self.organisations_by_field.items():
            if name not in _ORDERED_FIELDS:
                expected = f"one of {', '.join(sorted(_ORDERED_FIELDS))} (of other fields the worst value counts)"
                raise InvalidInputError("field of an order of sources", got=name, expected=expected)
            are_ids = all(1 <= each <= _ORGANISATION_MAX for each in organisations)
            if not organisations or not are_ids or len(set(organisations)) != len(organisations):
                raise InvalidInputError(
                    f"sources of {name}", got=list(organisations), expected="distinct organisation ids from 1 to 255"
                )

    def rank(self, name: str, organisation: int) -> tuple[int, int]:
        """Return what orders organisations for a field, the preferred one lowest."""
        named = self.organisations_by_field.get(name, ())
        return (named.index(organisation) if organisation in named else len(named)), organisation

    def to_bytes(self) -> bytes:
        """Return the canonical document."""
        entries: list[canonical.Value] = [
            [name, list(each)] for name, each in sorted(self.organisations_by_field.items())
        ]
        return canonical.encode([SOURCES_VERSION, entries])


def parse_sources(document: bytes) -> SourceOrder:
    """Read a canonical document; DecodeError when it is not one of this version."""
    match canonical.decode_array(document, what="order of sources"):
        case [1, list(entries)]:
            found = dict(_entry(entry) for entry in entries)
        case _:
            raise DecodeError("order of sources", got="another shape", expected="version 1 of docs/protocol.md, 5")
    order = SourceOrder(found)
    if order.to_bytes() != document:
        raise DecodeError("order of sources", got="fields twice or unsorted", expected="ascending field names")
    return order


def read_sources(chain: ChainClient, sources_id: int) -> SourceOrder:
    """Return an order of sources of the chain; InvalidInputError when there is none of this id."""
    if sources_id == BY_ORGANISATION:
        return SourceOrder()
    document = bytes(chain.call("CreditFileRegistry", "sources", sources_id))
    if not document:
        raise InvalidInputError(
            f"order of sources {sources_id}", got="none", expected="one", remedy="`tranchain risk sources define`"
        )
    return parse_sources(document)


def _entry(entry: canonical.Value) -> tuple[str, tuple[int, ...]]:
    match entry:
        case [str(name), list(organisations)]:
            ids = tuple(each for each in organisations if isinstance(each, int))
            if len(ids) == len(organisations):
                return name, ids
        case _:
            pass
    raise DecodeError("order of sources", got="another shape", expected="[field name, [organisation ids]]")
