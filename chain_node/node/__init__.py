"""The process: configuration, keys, clock, the driver of the consensus, and the command line.

The only package that knows all others, and the only one with a clock, threads and an event loop. `wiring.py` puts
the parts together, `driver.py` performs what the state machine asks for, `chain.py` is the chain over store and
engine, `block_maker.py` builds and checks blocks. Start reading with `wiring.py`; `cli.py` is `tranchain-node`.
"""
