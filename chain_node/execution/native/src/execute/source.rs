//! Where execution reads the state before a block.

use crate::error::Result;
use crate::state::{AccountRecord, View};
use crate::store::Database;
use alloy_primitives::{Address, B256, Bytes, U256};
use std::sync::Arc;

/// A state to read from, and the hashes of the blocks before it.
pub trait StateSource: Send + Sync {
    /// The account's record, or None if it does not exist.
    fn account(&self, address: Address) -> Result<Option<AccountRecord>>;
    /// The value of one slot; 0 if it was never set.
    fn storage(&self, address: Address, slot: U256) -> Result<U256>;
    /// The code with this hash.
    fn code(&self, hash: B256) -> Result<Bytes>;
    /// The hash of the block at this height, or None where there is none.
    fn block_hash(&self, height: u64) -> Result<Option<B256>>;
}

/// A committed state of the store.
pub struct StoredState {
    view: View,
    database: Arc<Database>,
}

impl StoredState {
    /// The state with this root.
    pub fn open(database: Arc<Database>, root: B256) -> Result<Self> {
        Ok(Self {
            view: database.view(root)?,
            database,
        })
    }

    /// The state itself.
    pub fn view(&self) -> &View {
        &self.view
    }
}

impl StateSource for StoredState {
    fn account(&self, address: Address) -> Result<Option<AccountRecord>> {
        self.view.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256> {
        self.view.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes> {
        self.view.code(hash)
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>> {
        self.database.block_hash(height)
    }
}
