"""`python -m chain_node.node`, the same as `tranchain-node`."""

from chain_node.node.cli import main

main()
