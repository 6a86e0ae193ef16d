//! The native execution engine: Ethereum transactions by revm, over a versioned Merkle-Patricia trie in LMDB.
//!
//! `transaction` decodes and recovers senders, `execute` runs blocks, calls and traces, `state` is the trie, `store` the
//! chain store. `py_engine` and `py_store` are what Python sees; every entry point there releases the interpreter's
//! lock, and turns a panic into an error.

pub mod entry;
pub mod error;
pub mod state;
pub mod store;

use pyo3::prelude::*;

/// The extension module `chain_node.execution.native._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("NativeError", module.py().get_type::<error::NativeError>())?;
    Ok(())
}
