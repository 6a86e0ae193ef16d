//! Find one leaf of a trie, or prove what is there.

use super::node::{Child, Leaf, Node, NodeId};
use crate::error::Result;
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;
use std::sync::Arc;

/// Where nodes and codes are kept. Answers from any thread.
pub trait NodeSource: Send + Sync {
    /// A stored node; an error if it is not there or does not have this hash.
    fn node(&self, hash: B256, id: NodeId) -> Result<Arc<Node>>;

    /// A contract's code by its hash.
    fn code(&self, hash: B256) -> Result<Option<Bytes>>;

    /// The number of the first node that is not there yet.
    fn next_id(&self) -> NodeId;
}

/// The leaf at a key, or None.
pub fn find_leaf(source: &dyn NodeSource, root: &Child, key: &Nibbles) -> Result<Option<Leaf>> {
    descend(source, root, key, |_| {})
}

/// The encoded nodes from the root to the key, or to where it would be. Empty for an empty trie.
///
/// Nodes that are part of their parent are not listed. Source: EIP-1186.
pub fn prove_leaf(source: &dyn NodeSource, root: &Child, key: &Nibbles) -> Result<(Option<Leaf>, Vec<Bytes>)> {
    let mut nodes = Vec::new();
    let leaf = descend(source, root, key, |node| nodes.push(node.encode().into()))?;
    Ok((leaf, nodes))
}

fn descend(
    source: &dyn NodeSource,
    root: &Child,
    key: &Nibbles,
    mut visit_stored: impl FnMut(&Node),
) -> Result<Option<Leaf>> {
    let mut next = root.clone();
    let mut depth = 0;
    loop {
        let node = match next {
            Child::None => return Ok(None),
            Child::Inline(node) => Arc::new(*node),
            Child::Stored { hash, id } => {
                let node = source.node(hash, id)?;
                visit_stored(&node);
                node
            }
        };
        match &*node {
            Node::Leaf { path, leaf } => return Ok((*path == key.slice(depth..)).then(|| leaf.clone())),
            Node::Extension { path, child } => {
                if !key.slice(depth..).starts_with(path) {
                    return Ok(None);
                }
                depth += path.len();
                next = child.clone();
            }
            Node::Branch(children) => {
                next = match key.get(depth) {
                    Some(digit) => children[digit as usize].clone(),
                    None => return Ok(None),
                };
                depth += 1;
            }
        }
    }
}
