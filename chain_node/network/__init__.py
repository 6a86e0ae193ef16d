"""Nodes talking to nodes: TCP with mutual TLS 1.3, frames, gossip, range sync.

May import txpool, consensus, execution, storage and core. Start reading at `api.py` (the seams) and `frames.py` (what
is said); `peers.py` decides what is said to whom, `transport.py` makes links over sockets,
`tls_session.py` is the only file that knows TLS.
"""
