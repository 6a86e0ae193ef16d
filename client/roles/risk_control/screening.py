"""Screening a scored pack on chain, and checking the chain's answer against the reference. Source: docs/screening.md."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from client.sdk.chain import ChainClient
from client.sdk.errors import TamperedError
from client.sdk.keystore import Identity
from client.sdk.pack.assessment import REPORT_CHUNK_SIZE
from client.sdk.pack.on_chain import read_assets, read_policy, read_report, read_tables
from client.sdk.screening import Asset, BridgeStep, Mode, ScreeningResult, bridge, compare_modes, screen

PHASE_DONE = "done"
_STEP_GAS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenedPack:
    """A run of the Screening contract, equal to the reference, with what people look at."""

    run_id: int
    policy_id: int
    assets: tuple[Asset, ...]
    result: ScreeningResult
    by_mode: dict[Mode, ScreeningResult]
    """Both modes under the same policy, as the reference has them."""
    bridge: tuple[BridgeStep, ...]
    step_count: int
    gas_used: int
