"""The oracle: runs the model off chain and reports scores, committed first and revealed later.

May import `client.sdk` and `client.model`; never another role. Start reading at `service`; `store` keeps the salts.
"""
