"""Measures ordered on a pool, from the chain alone."""

from collections.abc import Mapping
from typing import Any

from client.report.reading.pinned import PinnedChain
from client.sdk.errors import RefusedError


def read_measures(chain: PinnedChain, pack_id: int) -> Mapping[int, Any]:
    """Return the measures of a pack by their numbers, ascending; none where the network keeps none at this block."""
    try:
        count = int(chain.call("Measures", "measureCount"))
    except RefusedError:  # no such contract on this network at this block
        return {}
    found = {number: chain.call("Measures", "measure", number) for number in range(1, count + 1)}
    return {number: measure for number, measure in found.items() if measure.packId == pack_id}
