"""What every role needs: protocol bytes, keys, the chain, the vault, tables in and a database.

Imports nothing else of the project. Start with `errors`, then the pure encodings (`canonical`, `leaf`, `merkle`,
`handle`, `hpke`, `cipher`, `consent`, `attestation`), then `chain.ChainClient` and `vault_client.VaultClient`,
which are the only modules that talk to others. docs/protocol.md is the rule; sections are named where they apply.
"""
