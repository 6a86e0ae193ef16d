"""The exchange and the trustee beside it: take title, issue the product, show it, recompute its every figure.

May import `client.sdk` and `client.model`; never another role. Start reading at `issuance`, then `verification`.
"""
