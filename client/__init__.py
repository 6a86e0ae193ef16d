"""What the institutions run: the SDK, the roles, the credit model and the `tranchain` command.

Imports point one way: cli -> roles -> sdk, model; console only prints. Roles do not import one another. Nothing
here imports the node: both sides share bytes, which docs/protocol.md pins. Start with `sdk`, then one role.
"""

from client.deferred import defer_pairings

defer_pairings()
