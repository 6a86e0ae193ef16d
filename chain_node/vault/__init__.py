"""The vault: encrypted blobs beside the chain, addressed by their hash, that can be forgotten.

May import `chain_node.core` only; the chain is reached through the `ChainReader` of `api.py`. Start with
`vault.py` (what may be put, got, purged), then `blob_store.py` (how it is kept and made unreadable) and
`app.py` (HTTP); for what vaults do among themselves with `replication.py`. `service.py` runs a vault alone.
Source: docs/protocol.md, 9 and 11.
"""
