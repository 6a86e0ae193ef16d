"""Layouts as the chain records them."""

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.policy.layout import Layout, parse_layout


def read_layout(chain: ChainClient, layout_id: int) -> Layout:
    """Return a layout; InvalidInputError when no layout has this id."""
    event = next(chain.events("AssetPackRegistry", "LayoutDefined", filters={"layoutId": layout_id}), None)
    if event is None:
        raise InvalidInputError(f"layout {layout_id}", got="no such layout", expected="a defined one")
    return parse_layout(bytes(event.args["document"]))


def layout_of_pack(chain: ChainClient, pack_id: int) -> tuple[int, Layout]:
    """Return the layout that a pack was invited with, and its id."""
    layout_id = int(chain.call("AssetPackRegistry", "pack", pack_id).layoutId)
    return layout_id, read_layout(chain, layout_id)


def find_layout(chain: ChainClient, layout: Layout) -> int | None:
    """Return the id of a layout with exactly these dimensions, or None when nobody defined it yet."""
    document = layout.to_bytes()
    for event in chain.events("AssetPackRegistry", "LayoutDefined"):
        if bytes(event.args["document"]) == document:
            return int(event.args["layoutId"])
    return None
