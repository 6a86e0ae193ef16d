//! What goes into a store and what comes out of it.

use alloy_primitives::{Address, B256, Bytes};

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

/// The last committed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub block_hash: B256,
}

/// Where a transaction was included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Height of the block.
    pub height: u64,
    /// Place in the block, from 0.
    pub index: u32,
}

/// A commit seal that arrived after the block was decided. Identified by all fields but the seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateSeal {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Round in which it was decided.
    pub round: u64,
    /// Who signed.
    pub signer: Address,
    /// 65 bytes.
    pub seal: Bytes,
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            map_bytes_start: 256 << 20,
            map_bytes_max: 16 << 40,
        }
    }
}
