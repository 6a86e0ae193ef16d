//! Where tries find their nodes: first in memory, then in the store.

use super::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::state::{Node, NodeCache, NodeId, NodeSource};
use alloy_primitives::{B256, Bytes, keccak256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longer than any node: sixteen children with hash and number.
const NODE_BYTES_MAX: usize = 4096;

/// Nodes and codes of an environment.
pub struct StoredNodes {
    pub environment: Environment,
    pub cache: NodeCache,
    /// Number of the next new node.
    pub next_id: AtomicU64,
}

impl NodeSource for StoredNodes {
    fn node(&self, hash: B256, id: NodeId) -> Result<Arc<Node>> {
        if let Some(node) = self.cache.get(hash, id) {
            return Ok(node);
        }
        let loaded = self.environment.read(|transaction, tables| {
            let stored = tables.nodes.get(transaction, &id.to_be_bytes())?;
            Ok(stored.map(|stored| {
                if stored.len() > NODE_BYTES_MAX {
                    None
                } else {
                    Node::load(stored)
                }
            }))
        })?;
        // A node that is not what its parent says is damage of the medium, whatever LMDB made of it.
        let node = match loaded {
            None => return Err(Error::missing_state(hash)),
            Some(node) => node.filter(|node| node.hash() == hash),
        };
        let node = Arc::new(node.ok_or_else(|| damaged(hash))?);
        self.cache.put(hash, id, &node);
        Ok(node)
    }

    fn code(&self, hash: B256) -> Result<Option<Bytes>> {
        let found = self.environment.read(|transaction, tables| {
            Ok(tables
                .codes
                .get(transaction, hash.as_slice())?
                .map(Bytes::copy_from_slice))
        })?;
        match found {
            Some(code) if keccak256(&code) != hash => Err(damaged(hash)),
            found => Ok(found),
        }
    }

    fn next_id(&self) -> NodeId {
        self.next_id.load(Ordering::Acquire)
    }
}

fn damaged(hash: B256) -> Error {
    Error::new(
        Kind::Unreadable,
        format!("what is stored for {hash} has another hash; restore the store from a copy"),
    )
}
