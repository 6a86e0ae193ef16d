//! The tables of a store. Numbers in keys and values are big endian, so that keys sort as numbers do.

use heed::types::Bytes;
use heed::{Database, Env, RwTxn, WithoutTls};

/// Keys and values are bytes.
pub type Table = Database<Bytes, Bytes>;

/// The tables of one environment.
pub struct Tables {
    /// What the store belongs to, and its head.
    pub meta: Table,
    /// Encoded block by height.
    pub blocks: Table,
    /// Block hash by height.
    pub block_hashes: Table,
    /// Height by block hash.
    pub heights: Table,
    /// List of encoded receipts by height.
    pub receipts: Table,
    /// Height and place by transaction hash.
    pub transactions: Table,
    /// Filter by height.
    pub blooms: Table,
    /// Nothing by address and height.
    pub log_addresses: Table,
    /// Late seal by height, block hash, round and signer.
    pub seals: Table,
    /// Trie node by number.
    pub nodes: Table,
    /// Code by its hash.
    pub codes: Table,
    /// State root by height.
    pub roots: Table,
    /// Number of the root's node, and the last height that has the root, by state root.
    pub states: Table,
    /// Numbers of nodes, and roots of tries, that the state of a height no longer refers to.
    pub stale: Table,
}

impl Tables {
    /// How many there are.
    pub const COUNT: u32 = 14;

    /// Open the tables, or create those that are not there.
    pub fn create(environment: &Env<WithoutTls>, transaction: &mut RwTxn<'_>) -> heed::Result<Self> {
        let mut table = |name| environment.create_database(transaction, Some(name));
        Ok(Self {
            meta: table("meta")?,
            blocks: table("blocks")?,
            block_hashes: table("block_hashes")?,
            heights: table("heights")?,
            receipts: table("receipts")?,
            transactions: table("transactions")?,
            blooms: table("blooms")?,
            log_addresses: table("log_addresses")?,
            seals: table("seals")?,
            nodes: table("nodes")?,
            codes: table("codes")?,
            roots: table("roots")?,
            states: table("states")?,
            stale: table("stale")?,
        })
    }
}

/// The first eight bytes as a number; 0 if there are fewer.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
