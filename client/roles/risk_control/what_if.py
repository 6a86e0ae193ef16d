"""What a policy would do to a scored pack: the contract's own answer by `eth_call`, nothing is written.

Whoever gets two answers can subtract them. So the borrowers that two what-ifs of a pack leave eligible are the same, or
differ by at least ten: a database of this risk control remembers which it answered for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from client.sdk.chain import ChainClient
from client.sdk.errors import RefusedError
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import policy_struct, read_assets, read_report
from client.sdk.pack.reader import PackFile
from client.sdk.screening import Asset, Binding, Policy, Reason, Tally

if TYPE_CHECKING:
    from client.roles.risk_control.what_if_log import WhatIfLog

DIFFERENCE_MIN = 10
"""Borrowers by which what may be subtracted differs at least."""
_REACHED = 4
"""Phase of a run that met its target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What the contract answers."""

    policy: Policy
    reached: bool
    binding: Binding
    lowest_reachable_ppm: int
    bad_rate_before_ppm: int
    bad_rate_after_ppm: int
    by_count_before_ppm: int
    by_count_after_ppm: int
    bridge: dict[Reason, Tally]
    levels: tuple[Tally, ...]
    """Of what would be kept, level 1 first."""


def check_difference(chain: ChainClient, log: "WhatIfLog", pack: PackFile, round_id: int, policy: Policy) -> None:
    """Refuse a what-if whose eligible borrowers differ from those of an earlier one by one to nine.

    Raises:
        RefusedError: so it is; nothing was asked.
    """
    assets = read_assets(chain, pack.pack_id, read_report(chain, round_id, len(pack.rows)))
    eligible = [is_eligible(asset, policy) for asset in assets]
    bitmap = _bitmap(eligible)
    answered = log.answered(pack.pack_id)
    if bitmap in answered:
        return
    subjects = _subjects(pack, eligible)
    for earlier in answered:
        differing = subjects ^ _subjects(pack, _flags(earlier, len(assets)))
        if 0 < len(differing) < DIFFERENCE_MIN:
            raise RefusedError(
                "what-if",
                f"its eligible borrowers differ by {len(differing)} from those of an earlier one",
                f"rules that differ by none, or by at least {DIFFERENCE_MIN}",
            )
    log.keep(pack.pack_id, bitmap)


def is_eligible(asset: Asset, policy: Policy) -> bool:
    """Return whether every rule of eligibility lets an asset in."""
    return all(rule.classes >> asset.buckets[rule.dimension] & 1 for rule in policy.eligible)


def ask(chain: ChainClient, identity: Identity, pack_id: int, round_id: int, policy: Policy) -> WhatIf:
    """Ask the Screening contract; ContractRefusedError when the pack does not fit into one call."""
    run, counts, classes, level_counts, level_classes = chain.call_as(
        identity.address, "Screening", "whatIf", pack_id, round_id, policy_struct(policy)
    )
    return WhatIf(
        policy=policy,
        reached=run.phase == _REACHED,
        binding=Binding(run.binding),
        lowest_reachable_ppm=run.lowestReachablePpm,
        bad_rate_before_ppm=run.beforeBalancePpm,
        bad_rate_after_ppm=run.afterBalancePpm,
        by_count_before_ppm=run.beforeCountPpm,
        by_count_after_ppm=run.afterCountPpm,
        bridge={reason: Tally(counts[reason], classes[reason]) for reason in Reason},
        levels=tuple(Tally(*pair) for pair in zip(level_counts, level_classes, strict=True)),
    )


def _subjects(pack: PackFile, flags: Iterable[bool]) -> set[bytes]:
    return {row.handle for row, is_in in zip(pack.rows, flags, strict=True) if is_in}


def _bitmap(flags: list[bool]) -> bytes:
    bits = bytearray(-(-len(flags) // 8))
    for index, is_in in enumerate(flags):
        bits[index // 8] |= is_in << index % 8
    return bytes(bits)


def _flags(bitmap: bytes, count: int) -> list[bool]:
    return [bool(bitmap[index // 8] >> index % 8 & 1) for index in range(count)]
