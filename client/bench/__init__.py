"""Load for any Ethereum network, and what it did there: send rate, throughput, latency, failures, CPU and memory.

Start with `run.measure`: accounts, workload, signing, then the load (`load`) while `watch` looks at blocks and
`resources` at processes; afterwards `checks` reads every receipt, and `report` makes one document of it, which `plot`
draws. `wire` is HTTP made cheap, because load and nodes may share a machine. `packs` drives whole life cycles of packs
instead, on a Tranchain network. Imports `client.sdk`, and `packs` the roles; only the command line imports this.
"""
