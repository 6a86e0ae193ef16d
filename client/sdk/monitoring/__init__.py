"""What becomes of an issued pack: the integer reference that the Monitoring contract equals, period by period.

Pure functions, no I/O, but for `on_chain` and `tape`, which read the chain; imports `client.sdk` alone. Servicers check
and encode their tapes with it, risk control recomputes the chain's figures, the contract's tests take it as the oracle.
Start with `pool.Pool` (periods one after the other), then `entries` (what may follow what), `tallies`, `triggers`;
`life` derives what the chain does not hold: roll rates, prepayment speeds, recovery, arrears. `promise` and `shadow`:
what closing promised and what became of the removed; `ledger` reads both.
Source: docs/protocol.md, 12.
"""

from client.sdk.monitoring.entries import Entry, State
from client.sdk.monitoring.pool import Asset, Pool, PoolPeriod
from client.sdk.monitoring.terms import Terms
from client.sdk.monitoring.totals import Totals
from client.sdk.monitoring.triggers import Trigger, TriggerKind

__all__ = ["Asset", "Entry", "Pool", "PoolPeriod", "State", "Terms", "Totals", "Trigger", "TriggerKind"]
