"""The credit bureau: uploads credit files, answers queries, erases, and tells people who read their file.

May import `client.sdk` and `client.model`. Start with `store.py` (what a bureau keeps), then `upload.py`, `query.py`
and `decision.py` (which queries are answered), `daemon.py`, `revocation.py`, `relations.py` and `notices.py`.
Everything a bureau does can be interrupted at any point and done again: the database says what is still to be done, the
chain what has been.
"""
