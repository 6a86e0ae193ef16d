//! Versioned state: a Merkle-Patricia trie whose nodes are kept by number, so that every committed root stays readable.
//!
//! Start reading at [`View`].

mod types;
mod view;

pub use types::{AccountChange, AccountRecord, Proof, SlotProof, StateDelta};
pub use view::{TrieUpdate, View};
