"""Solidity sources and their committed artifacts (`artifacts/<Name>.json`: abi, bytecode, deployedBytecode)."""
