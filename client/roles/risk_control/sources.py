"""Defining in which order bureaus are preferred. Source: docs/protocol.md, 5."""

import tomllib
from pathlib import Path
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.pack.sources import SourceOrder, read_sources


def load_sources(chain: ChainClient, path: Path) -> SourceOrder:
    """Read an order of sources from TOML: a table `fields`, field = [organisations by id or name, preferred first].

    Raises:
        InvalidInputError: the file cannot be read, or names a field or organisation that there is not.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(str(path), got=str(error), expected="TOML") from error
    fields = document.get("fields")
    if (
        not isinstance(fields, dict)
        or set(document) != {"fields"}
        or not all(isinstance(each, list) for each in fields.values())
    ):
        raise InvalidInputError(str(path), got="another shape", expected="[fields] with FIELD = [ORGANISATION, ...]")
    ids = organisation_ids(chain)
    return SourceOrder({name: tuple(_organisation(ids, each) for each in listed) for name, listed in fields.items()})


def define_sources(chain: ChainClient, identity: Identity, order: SourceOrder) -> int:
    """Return the id of an order on the chain that says exactly this; defines it when there is none."""
    for sources_id in range(1, int(chain.call("CreditFileRegistry", "sourcesCount")) + 1):
        if read_sources(chain, sources_id) == order:
            return sources_id
    receipt = chain.send("CreditFileRegistry", "defineSources", [order.to_bytes()], identity.account)
    return int(receipt.event("SourcesDefined").args["sourcesId"])


def organisation_ids(chain: ChainClient) -> dict[str, int]:
    """Return the ids of the members by their names."""
    count = int(chain.call("Consortium", "organisationCount"))
    return {chain.call("Consortium", "organisation", each).name: each for each in range(1, count + 1)}


def _organisation(ids: dict[str, int], given: Any) -> int:
    if isinstance(given, str) and given in ids:
        return ids[given]
    if isinstance(given, int) and not isinstance(given, bool) and given in ids.values():
        return given
    known = ", ".join(f"{name} ({each})" for name, each in ids.items())
    raise InvalidInputError("organisation", got=given, expected=f"one of {known}")
