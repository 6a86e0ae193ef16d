"""Beginning and ending the monitoring of an issued pack. Source: docs/protocol.md, 12."""

from collections.abc import Callable

from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity
from client.sdk.monitoring.on_chain import read_terms
from client.sdk.monitoring.terms import Terms
from client.sdk.pack.status import PackStatus, check_status

_CONTRACT = "Monitoring"
_LOAD_GAS = 4_000_000


def start_monitoring(
    chain: ChainClient,
    identity: Identity,
    pack_id: int,
    terms: Terms,
    *,
    servicer: str | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> str:
    """Set the terms and load the pool; run again, it continues. Returns the servicer, by default the originator.

    `report` gets the number of assets loaded since the last call.

    Raises:
        InvalidInputError: the pack is not issued, or its monitoring was begun with other terms.
        RefusedError: not this account's pack, or the servicer has not the role.
    """
    pack = chain.call("AssetPackRegistry", "pack", pack_id)
    check_status(pack_id, pack.status, PackStatus.ISSUED, PackStatus.MONITORED)
    pool = chain.call(_CONTRACT, "pool", pack_id)
    if pool.assetCount:
        if read_terms(chain, pack_id) != terms:
            raise InvalidInputError(
                f"pack {pack_id}", got="terms other than its monitoring was begun with", expected="the same"
            )
    else:
        struct = terms.to_struct(product_id=product_of(chain, pack_id), servicer=servicer or pack.originator)
        chain.send(_CONTRACT, "start", [pack_id, struct], identity.account)
    loaded = chain.call(_CONTRACT, "pool", pack_id).loadedCount
    report(loaded)
    while loaded < pack.count:
        receipt = chain.send(_CONTRACT, "load", [pack_id], identity.account, gas=_LOAD_GAS)
        before, loaded = loaded, receipt.event("PoolLoaded").args["loadedCount"]
        report(loaded - before)
    return str(chain.call(_CONTRACT, "pool", pack_id).servicer)


def close_monitoring(chain: ChainClient, identity: Identity, pack_id: int) -> Receipt:
    """End the monitoring of a pack whose balance is gone, or small enough to be called."""
    return chain.send(_CONTRACT, "close", [pack_id], identity.account)


def set_servicer(chain: ChainClient, identity: Identity, pack_id: int, servicer: str) -> Receipt:
    """Let another account report a pack from now on."""
    return chain.send(_CONTRACT, "setServicer", [pack_id, servicer], identity.account)


def product_of(chain: ChainClient, pack_id: int) -> bytes:
    """Return the id of the product that was issued on a pack; InvalidInputError when there is none."""
    issued = next(chain.events("Exchange", "ProductIssued", filters={"packId": pack_id}), None)
    if issued is None:
        raise InvalidInputError(f"pack {pack_id}", got="no product", expected="an issued pack")
    return bytes(issued.args["productId"])
