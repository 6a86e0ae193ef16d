"""The institutions' work, one package for each role of the consortium.

A role may import `client.sdk` and `client.model`, never another role, and never prints: `client.cli` does. Start
with `admin` (setting up and governing a consortium), then `bureau` and `originator`.
"""
