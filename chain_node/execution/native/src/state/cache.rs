//! Decoded nodes kept in memory, bounded in bytes.

use super::node::{Node, NodeId};
use alloy_primitives::B256;
use alloy_primitives::map::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Locks, so that threads rarely wait for one another.
const SHARDS: usize = 16;

/// Nodes by number. A node that is not asked for while half of the room fills up is forgotten.
pub struct NodeCache {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    young: HashMap<NodeId, (B256, Arc<Node>)>,
    old: HashMap<NodeId, (B256, Arc<Node>)>,
    young_bytes: usize,
    young_bytes_max: usize,
}

impl NodeCache {
    /// A cache that holds about this many bytes of nodes.
    pub fn new(bytes: usize) -> Self {
        let young_bytes_max = bytes / SHARDS / 2;
        let shards = (0..SHARDS)
            .map(|_| {
                Mutex::new(Shard {
                    young_bytes_max,
                    ..Shard::default()
                })
            })
            .collect();
        Self { shards }
    }

    /// The node with this number and hash, if it is kept.
    pub fn get(&self, hash: B256, id: NodeId) -> Option<Arc<Node>> {
        let found = self.with_shard(id, |shard| {
            if let Some(found) = shard.young.get(&id) {
                return Some(found.clone());
            }
            let found = shard.old.remove(&id)?;
            shard.put(id, found.clone());
            Some(found)
        });
        found.filter(|(kept, _)| *kept == hash).map(|(_, node)| node)
    }

    /// Keep a node.
    pub fn put(&self, hash: B256, id: NodeId, node: &Arc<Node>) {
        self.with_shard(id, |shard| shard.put(id, (hash, node.clone())));
    }

    /// Forget a node that is unlikely to be asked for again.
    pub fn forget(&self, id: NodeId) {
        self.with_shard(id, |shard| {
            if let Some((_, node)) = shard.young.remove(&id) {
                shard.young_bytes -= cost(&node);
            }
            shard.old.remove(&id);
        });
    }

    fn with_shard<T>(&self, id: NodeId, act: impl FnOnce(&mut Shard) -> T) -> T {
        let shard = &self.shards[id as usize % SHARDS];
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn put(&mut self, id: NodeId, found: (B256, Arc<Node>)) {
        let added = cost(&found.1);
        if added > self.young_bytes_max {
            return;
        }
        if self.young_bytes + added > self.young_bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(id, found).is_none() {
            self.young_bytes += added;
        }
    }
}

/// The node with its entry in the table.
fn cost(node: &Node) -> usize {
    node.size_bytes() + 2 * size_of::<(NodeId, B256, Arc<Node>)>()
}
