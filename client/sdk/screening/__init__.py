"""Grading and screening of a pack: the integer reference that the Screening contract equals, asset by asset.

Pure functions, no I/O; imports `client.sdk.errors` alone. Risk control shows and re-checks with it, the exchange
verifies with it, the contract's tests take it as the oracle. Start with `rules.screen`, then `types`, `risk`
(order and probability of default) and `report` (curve, histograms, bridge, both modes side by side).
Source: docs/screening.md; docs/protocol.md, 8.
"""

from client.sdk.screening.report import BridgeStep, CurvePoint, bridge, compare_modes, curve, histogram, levels
from client.sdk.screening.risk import RiskTable
from client.sdk.screening.rules import bring_down, screen
from client.sdk.screening.types import (
    Asset,
    Binding,
    EligibilityRule,
    Figures,
    Limit,
    Mode,
    PackBytes,
    Policy,
    Reason,
    ScreeningResult,
    Tally,
    decode_assets,
)

__all__ = [
    "Asset",
    "Binding",
    "BridgeStep",
    "CurvePoint",
    "EligibilityRule",
    "Figures",
    "Limit",
    "Mode",
    "PackBytes",
    "Policy",
    "Reason",
    "RiskTable",
    "ScreeningResult",
    "Tally",
    "bridge",
    "bring_down",
    "compare_modes",
    "curve",
    "decode_assets",
    "histogram",
    "levels",
    "screen",
]
