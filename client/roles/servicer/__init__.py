"""The servicer: reports what became of a monitored pack's loans, month by month.

May import `client.sdk`; never another role. `tape_file` reads the servicer's own file into months, `reconcile` joins a
month with the pack and what the chain has of the month before, `report` sends it, from wherever the chain already is.
"""
