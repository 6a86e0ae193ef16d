//! Executing transactions: rules around a message, the machine that runs it, blocks, calls and traces.
//!
//! Start reading at `block`. What surrounds a message (which transactions can be included, what they pay, in which words
//! they are refused) follows `pyevm_transaction.py` step by step; what happens inside is revm's.

pub mod alloc;
pub mod block;
pub mod block_state;
pub mod call;
pub mod environment;
pub mod machine;
pub mod receipt;
pub mod source;
pub mod trace;
pub mod transaction_rules;
pub mod words;

#[cfg(test)]
mod tests;

pub use block::{BlockExecution, Executed};
pub use environment::{Environment, Fork, Schedule};
