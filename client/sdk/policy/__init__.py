"""Policies as people write them: rules about any field of the tape, and the layout of classes that the chain sees.

`layout` says which coarse classes of an asset are on the chain; `rules` reads rules and writes them over those classes;
`policy_file` reads a whole policy from TOML. Imports the schema, the rest of `client.sdk` and its integer screening;
no I/O but reading a policy file. Start with `rules`. Source: docs/screening.md; docs/adr/0026.
"""
