//! Writing a block: one transaction, durable when it returns.

use super::checksum::protect;
use super::database::Database;
use super::meta::Tip;
use super::prune::StaleRecord;
use super::seals::drop_old_seals;
use super::tables::{Table, Tables};
use super::types::{BlockRecord, Head};
use crate::error::{Error, Kind, Result};
use crate::state::{Node, TrieUpdate};
use heed::{PutFlags, RwTxn};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Pages of the store that stay mapped after a commit, in bytes; more are given back to the system's page cache.
const MAPPED_BYTES_MAX: usize = 256 << 20;

impl Database {
    /// Store a block with everything it adds, in one transaction, durable on return.
    ///
    /// Errors of kind `full` (no room) and `failed` (the height does not follow the head, the update was made on
    /// another state than the head's, or the medium failed); the store is then as it was before.
    pub fn commit(&self, block: &BlockRecord, update: &TrieUpdate) -> Result<()> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.tip();
        self.check_order(before, block, update)?;
        let tip = Tip {
            head: Head {
                height: block.height,
                block_hash: block.block_hash,
            },
            root: update.root,
            root_id: update.root_id,
            next_id: update.nodes.last().map_or(self.next_id(), |node| node.id + 1),
        };
        let encoded = EncodedBlock::new(block);
        self.environment().write(|transaction, tables| {
            encoded.put(transaction, tables, block)?;
            put_state(transaction, tables, block.height, update)?;
            drop_old_seals(transaction, tables, block.height)?;
            tip.put(transaction, tables)
        })?;
        self.nodes.next_id.store(tip.next_id, Ordering::Release);
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        for new in update
            .nodes
            .iter()
            .filter(|new| !matches!(*new.node, Node::Leaf { .. }))
        {
            self.nodes.cache.put(new.hash, new.id, &new.node);
        }
        for &id in &update.stale {
            self.nodes.cache.forget(id);
        }
        self.data.release_above(MAPPED_BYTES_MAX);
        Ok(())
    }

    fn next_id(&self) -> u64 {
        self.nodes.next_id.load(Ordering::Acquire)
    }

    fn check_order(&self, before: Option<Tip>, block: &BlockRecord, update: &TrieUpdate) -> Result<()> {
        let expected = before.map_or(0, |tip| tip.head.height + 1);
        if block.height != expected {
            let message = format!("commit of height {}, expected {expected}", block.height);
            return Err(Error::new(Kind::Failed, message));
        }
        if update.parent_id != before.map_or(0, |tip| tip.root_id) || update.first_id != self.next_id() {
            let message = format!(
                "the state of height {} was not made from that of the head",
                block.height
            );
            return Err(Error::new(Kind::Failed, message));
        }
        Ok(())
    }
}

/// What can be done before the store is locked.
struct EncodedBlock {
    height: [u8; 8],
    block: Vec<u8>,
    receipts: Vec<u8>,
    locations: Vec<([u8; 32], [u8; 12])>,
}

impl EncodedBlock {
    fn new(block: &BlockRecord) -> Self {
        let height = block.height.to_be_bytes();
        let mut receipts = Vec::new();
        alloy_rlp::encode_list::<_, [u8]>(&block.receipts, &mut receipts);
        let locate = |(index, hash): (usize, &alloy_primitives::B256)| {
            let mut location = [0; 12];
            location[..8].copy_from_slice(&height);
            location[8..].copy_from_slice(&(index as u32).to_be_bytes());
            (hash.0, location)
        };
        // Ascending keys touch each page once.
        let mut locations: Vec<_> = block.transaction_hashes.iter().enumerate().map(locate).collect();
        locations.sort_unstable();
        Self {
            height,
            block: protect(&block.block),
            receipts: protect(&receipts),
            locations,
        }
    }

    fn put(&self, transaction: &mut RwTxn<'_>, tables: &Tables, block: &BlockRecord) -> heed::Result<()> {
        let height = &self.height;
        append(tables.blocks, transaction, height, &self.block)?;
        append(
            tables.block_hashes,
            transaction,
            height,
            &protect(block.block_hash.as_slice()),
        )?;
        tables.heights.put(transaction, block.block_hash.as_slice(), height)?;
        append(tables.receipts, transaction, height, &self.receipts)?;
        append(tables.blooms, transaction, height, &protect(&block.logs_bloom))?;
        for (hash, location) in &self.locations {
            tables.transactions.put(transaction, hash, location)?;
        }
        for address in &block.log_addresses {
            tables
                .log_addresses
                .put(transaction, &[address.as_slice(), height].concat(), &[])?;
        }
        Ok(())
    }
}

fn put_state(transaction: &mut RwTxn<'_>, tables: &Tables, height: u64, update: &TrieUpdate) -> heed::Result<()> {
    for node in &update.nodes {
        append(tables.nodes, transaction, &node.id.to_be_bytes(), &node.stored)?;
    }
    for (hash, code) in &update.codes {
        tables.codes.put(transaction, hash.as_slice(), code)?;
    }
    let height = height.to_be_bytes();
    append(tables.roots, transaction, &height, update.root.as_slice())?;
    tables.states.put(
        transaction,
        update.root.as_slice(),
        &[update.root_id.to_be_bytes(), height].concat(),
    )?;
    let stale = StaleRecord::of(update);
    if stale.is_empty() {
        Ok(())
    } else {
        append(tables.stale, transaction, &height, &protect(&stale.encode()))
    }
}

/// Put a pair whose key is greater than all in the table.
fn append(table: Table, transaction: &mut RwTxn<'_>, key: &[u8], value: &[u8]) -> heed::Result<()> {
    table.put_with_flags(transaction, PutFlags::APPEND, key, value)
}
