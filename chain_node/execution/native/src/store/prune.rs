//! Forgetting old states, on demand. Blocks, receipts and codes stay; by default every state does too.

use super::checksum::{check, damaged};
use super::database::Database;
use super::meta::{put_pruned, read_pruned};
use super::tables::{Tables, number};
use crate::error::{Error, Kind, Result};
use crate::state::{Child, NodeId, TrieUpdate, visit_nodes};
use alloy_primitives::B256;
use heed::RwTxn;
use std::sync::PoisonError;

/// What the state of a height no longer refers to and that of the height before it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaleRecord {
    /// Single nodes.
    nodes: Vec<NodeId>,
    /// Roots of storage tries, with everything below.
    tries: Vec<(B256, NodeId)>,
}

/// Hash and number of a root.
const TRIE_BYTES: usize = 40;

impl StaleRecord {
    /// What an update left behind.
    pub fn of(update: &TrieUpdate) -> Self {
        Self {
            nodes: update.stale.clone(),
            tries: update.wiped.clone(),
        }
    }

    /// Whether nothing is stale.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.tries.is_empty()
    }

    /// Number of tries, tries, nodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoded = (self.tries.len() as u64).to_be_bytes().to_vec();
        for (hash, id) in &self.tries {
            encoded.extend_from_slice(hash.as_slice());
            encoded.extend_from_slice(&id.to_be_bytes());
        }
        self.nodes
            .iter()
            .for_each(|id| encoded.extend_from_slice(&id.to_be_bytes()));
        encoded
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let tries_end = usize::try_from(number(encoded))
            .ok()?
            .checked_mul(TRIE_BYTES)?
            .checked_add(8)?;
        let tries = encoded.get(8..tries_end)?.chunks_exact(TRIE_BYTES);
        Some(Self {
            tries: tries
                .map(|trie| (B256::from_slice(&trie[..32]), number(&trie[32..])))
                .collect(),
            nodes: encoded[tries_end..].chunks_exact(8).map(number).collect(),
        })
    }
}

impl Database {
    /// Forget the states of heights below `height`; gives the number of nodes that were removed.
    ///
    /// One transaction per height, so that it may be stopped and taken up again; reads of kept states go on meanwhile.
    /// An error of kind `failed` if `height` is above the head.
    pub fn prune_below(&self, height: u64) -> Result<u64> {
        if self.head().is_none_or(|head| height > head.height) {
            return Err(Error::new(
                Kind::Failed,
                format!("states below {height} reach beyond the head"),
            ));
        }
        let mut removed = 0;
        for next in read_pruned(self.environment())?..height {
            removed += self.prune_one(next)?;
        }
        Ok(removed)
    }

    /// Forget the state of one height; those before it are forgotten already.
    fn prune_one(&self, height: u64) -> Result<u64> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = self.stale_nodes(height + 1)?;
        let root = self.get(|tables| tables.roots, &height.to_be_bytes())?;
        self.environment().write(|transaction, tables| {
            for id in &stale {
                tables.nodes.delete(transaction, &id.to_be_bytes())?;
            }
            tables.stale.delete(transaction, &(height + 1).to_be_bytes())?;
            if let Some(root) = &root {
                forget_root(transaction, tables, height, root)?;
            }
            put_pruned(transaction, tables, height + 1)
        })?;
        stale.iter().for_each(|&id| self.nodes.cache.forget(id));
        Ok(stale.len() as u64)
    }

    /// Numbers of all nodes that the state of a height no longer refers to.
    fn stale_nodes(&self, height: u64) -> Result<Vec<NodeId>> {
        let Some(encoded) = self.get(|tables| tables.stale, &height.to_be_bytes())? else {
            return Ok(Vec::new());
        };
        let what = format!("the list of stale nodes of {height}");
        let StaleRecord { mut nodes, tries } =
            StaleRecord::decode(&check(&encoded, &what)?).ok_or_else(|| damaged(&what))?;
        for (hash, id) in tries {
            visit_nodes(&*self.nodes, &Child::Stored { hash, id }, &mut |id| {
                nodes.push(id);
                Ok(())
            })?;
        }
        Ok(nodes)
    }
}

/// Forget the way to a state, unless a later height has it again.
fn forget_root(transaction: &mut RwTxn<'_>, tables: &Tables, height: u64, root: &[u8]) -> heed::Result<()> {
    let last = tables
        .states
        .get(transaction, root)?
        .and_then(|state| state.get(8..))
        .map(number);
    if last == Some(height) {
        tables.states.delete(transaction, root)?;
    }
    tables.roots.delete(transaction, &height.to_be_bytes())?;
    Ok(())
}
