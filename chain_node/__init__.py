"""The node: a QBFT validator with an EVM, a transaction pool, JSON-RPC and the vault.

Imports point one way: node -> rpc, vault -> txpool -> consensus, execution, storage -> core. `core` and
`consensus` are pure. Start with `core/types.py`, then `consensus/qbft/machine.py`, then `node/`.
"""
