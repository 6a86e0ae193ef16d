"""Measures on monitored pools: what risk control orders, servicer and originator carry out, the trustee confirms.

Used by all of them, so it is here and not in a role. Imports `client.sdk` alone. Start with `types` (what a measure
is), then `on_chain` (orders and steps as transactions), `candidates` (replacements by what the chain knows) and
`exact` (what only the rows of both packs show, for the trustee). Source: docs/protocol.md, 15; docs/adr/0027.
"""
