//! The store on disk: blocks with their state, all or nothing.

use crate::error::{Error, Kind, Result};
use crate::state::{TrieUpdate, View};
use alloy_primitives::{Address, B256, Bytes};
use std::path::Path;

/// Everything a decided block adds to the store beside its state.
#[derive(Clone, Debug)]
pub struct BlockRecord {
    /// Follows the head, from 0.
    pub height: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Encoded block with its seals.
    pub block: Bytes,
    /// Encoded, in the order of the transactions.
    pub receipts: Vec<Bytes>,
    /// In the order of the block.
    pub transaction_hashes: Vec<B256>,
    /// 256 bytes.
    pub logs_bloom: Bytes,
    /// Contracts that logged in this block, each once.
    pub log_addresses: Vec<Address>,
}

/// What a store belongs to. Written when it is created, compared whenever it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// Name of the engine that writes it.
    pub engine_name: String,
}

/// How much room a store may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of trie nodes kept decoded.
    pub cache_bytes: usize,
    /// Address space reserved at first; grows by doubling.
    pub map_bytes_start: usize,
    /// It does not grow beyond this.
    pub map_bytes_max: usize,
}

/// A store in a directory.
pub struct Database {}

impl Database {
    /// Open the store, or create it where there is none.
    pub fn open(_path: &Path, _identity: &Identity, _limits: Limits) -> Result<Self> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// Read access to the state with this root: a committed one, or that of the empty state.
    pub fn view(&self, _root: B256) -> Result<View> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// Store a block with everything it adds, in one transaction, durable on return.
    pub fn commit(&self, _block: &BlockRecord, _update: &TrieUpdate) -> Result<()> {
        Err(Error::new(Kind::Failed, "not there"))
    }

    /// The hash of the block at this height.
    pub fn block_hash(&self, _height: u64) -> Result<Option<B256>> {
        Err(Error::new(Kind::Failed, "not there"))
    }
}
