"""QBFT as Besu and GoQuorum speak it: block format, messages, and the protocol as a pure state machine.

Two halves. What a sealed block is: `extra_data.py`, `hashes.py`, `seals.py`, `header_rules.py`,
`validator_votes.py`, `verification.py`. How validators agree on one: `machine.py`, whose `step(state, event)`
gives the next state and effects, with one `upon_….py` per rule of the formal specification; `messages.py` and
`codec.py` are what travels, `record.py` is what must survive a crash. Start with `machine.py`.
"""
