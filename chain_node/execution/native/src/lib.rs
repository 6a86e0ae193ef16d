//! The native execution engine: Ethereum transactions by revm, over a versioned Merkle-Patricia trie in LMDB.
//!
//! `transaction` decodes and recovers senders, `execute` runs blocks, calls and traces, `state` is the trie, `store` the
//! chain store. `py_engine` and `py_store` are what Python sees; every entry point there releases the interpreter's
//! lock, and turns a panic into an error.

pub mod entry;
pub mod error;
pub mod execute;
mod py_database;
mod py_engine;
mod py_store;
mod py_trace;
mod py_transaction;
pub mod state;
pub mod store;
#[cfg(test)]
mod testing;
pub mod transaction;

use pyo3::prelude::*;

/// The extension module `chain_node.execution.native._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("NativeError", module.py().get_type::<error::NativeError>())?;
    module.add_class::<py_database::PyDatabase>()?;
    module.add_class::<py_engine::PyBlockExecution>()?;
    module.add_class::<py_engine::PyExecuted>()?;
    module.add_function(wrap_pyfunction!(py_transaction::decode_transactions, module)?)?;
    module.add_function(wrap_pyfunction!(py_engine::run_on_alloc, module)?)?;
    Ok(())
}
