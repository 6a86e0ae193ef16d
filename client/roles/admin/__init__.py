"""Founding and governing a consortium: accounts, certificates, deployment, members, votes.

May import `client.sdk`. Start with `governance` (a proposal from its calls to its execution), then `deployment` (what
`tranchain admin deploy` does), `bootstrap` (the first three contracts where a network has none) and `status`.
"""
