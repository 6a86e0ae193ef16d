//! Versioned state: Merkle-Patricia tries whose nodes are numbered as they are written, so that every committed root
//! stays readable. No I/O: nodes come from a `NodeSource`.
//!
//! Start reading at [`View`]; `update` is how a block changes a trie.

mod account;
mod cache;
mod node;
mod read;
mod rebuild;
#[cfg(test)]
mod tests;
mod types;
mod update;
mod view;

pub(crate) use cache::NodeCache;
pub(crate) use node::{Child, Node, NodeId};
pub(crate) use read::NodeSource;
pub use rebuild::Census;
pub(crate) use rebuild::{rebuild, visit_nodes};
pub use types::{AccountChange, AccountRecord, Proof, SlotProof, StateDelta};
pub use view::{TrieUpdate, View};
