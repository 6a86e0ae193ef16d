//! Read access to one state.

use crate::error::{Error, Kind, Result};
use crate::state::{AccountRecord, Proof, StateDelta};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::BTreeMap;

/// One state, by its root. Cheap to make; may be used from any thread.
pub struct View {
    root: B256,
}

/// What a block adds to the store so that its state can be opened. Nothing of it is durable before it is committed.
#[derive(Clone, Debug)]
pub struct TrieUpdate {
    /// Root of the state after the block.
    pub root: B256,
    /// New contract codes by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

impl View {
    /// The state's root.
    pub fn root(&self) -> B256 {
        self.root
    }

    /// The account's record, or None if it does not exist.
    pub fn account(&self, _address: Address) -> Result<Option<AccountRecord>> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// The value of one slot; zero if it was never set.
    pub fn storage(&self, _address: Address, _slot: U256) -> Result<U256> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// Code by its hash.
    pub fn code(&self, _hash: B256) -> Result<Bytes> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// Merkle proofs of an account and of some of its slots.
    pub fn prove(&self, _address: Address, _slots: &[U256]) -> Result<Proof> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// The state after a block, and what must be stored with the block so that it can be opened.
    pub fn apply(&self, _delta: &StateDelta) -> Result<TrieUpdate> {
        Err(Error::new(Kind::Failed, "not there"))
    }
}
