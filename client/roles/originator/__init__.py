"""The originator: submits packs, reports at closing, assigns title.

May import `client.sdk` and `client.model`; never another role. Start reading at `submission`; `tape` reads the files,
`store` remembers what an interrupted submission needs, `registrar_client` asks for nullifiers and attestations.
"""
