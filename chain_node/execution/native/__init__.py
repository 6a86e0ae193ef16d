"""The native engine: a Rust crate (`src`) behind the same seams as py-evm and the LMDB store.

`_native` is built from the crate when the package is installed, or by `scripts/build_native.py` in a working copy;
without it everything here but the import of `_native` still works, and the node runs on py-evm.
"""
