"""Risk control: invites packs, queries credit, asks for scores, screens.

May import `client.sdk` and `client.model`; never another role. The steps in order: `invitation`, `query`, `scoring`,
`screening`; `store` keeps pack keys until their packs end.
"""
