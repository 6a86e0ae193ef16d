"""The registrar: keeps the key of the double-pledge nullifiers and attests the chunks of packs.

May import `client.sdk` and `client.model`. Start with `attestor.py` (what is attested and what is refused), then
`service.py` (HTTP) and `key_file.py`. Source: docs/protocol.md, 6.
"""
