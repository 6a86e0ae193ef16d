//! A check of a whole state: its root computed anew from all its leaves.

use super::account::{read_account, root_child};
use super::node::{Child, Leaf, Node, NodeId};
use super::read::NodeSource;
use crate::error::{Error, Kind, Result};
use alloy_primitives::B256;
use alloy_trie::{HashBuilder, Nibbles};

/// What a state holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts that exist.
    pub accounts: u64,
    /// Slots that are not zero.
    pub slots: u64,
}

/// Read every leaf of a state and build its tries anew, with other code than what wrote them.
///
/// An error of kind `unreadable` if a root comes out different, or if something is missing. O(state).
pub(crate) fn rebuild(source: &dyn NodeSource, root: B256, root_id: NodeId) -> Result<Census> {
    let mut census = Census::default();
    let mut builder = HashBuilder::default();
    visit_leaves(
        source,
        &root_child(root, root_id),
        Nibbles::default(),
        &mut |key, leaf| {
            let (record, storage) = read_account(leaf)?;
            let mut slots = HashBuilder::default();
            visit_leaves(source, &storage, Nibbles::default(), &mut |key, leaf| {
                slots.add_leaf(key, &leaf.value);
                census.slots += 1;
                Ok(())
            })?;
            compare(record.storage_root, slots.root())?;
            builder.add_leaf(key, &leaf.value);
            census.accounts += 1;
            Ok(())
        },
    )?;
    compare(root, builder.root())?;
    Ok(census)
}

/// Call `visit` with every leaf below a node, ascending by key.
pub fn visit_leaves(
    source: &dyn NodeSource,
    child: &Child,
    prefix: Nibbles,
    visit: &mut dyn FnMut(Nibbles, &Leaf) -> Result<()>,
) -> Result<()> {
    let stored;
    let node = match child {
        Child::None => return Ok(()),
        Child::Inline(node) => &**node,
        Child::Stored { hash, id } => {
            stored = source.node(*hash, *id)?;
            &stored
        }
    };
    match node {
        Node::Leaf { path, leaf } => visit(prefix.join(path), leaf),
        Node::Extension { path, child } => visit_leaves(source, child, prefix.join(path), visit),
        Node::Branch(children) => children.iter().enumerate().try_for_each(|(digit, child)| {
            let mut prefix = prefix;
            prefix.push(digit as u8);
            visit_leaves(source, child, prefix, visit)
        }),
    }
}

/// Call `visit` with the number of every stored node of a trie, children before their parent.
pub fn visit_nodes(source: &dyn NodeSource, child: &Child, visit: &mut dyn FnMut(NodeId) -> Result<()>) -> Result<()> {
    let Child::Stored { hash, id } = child else {
        return Ok(());
    };
    match &*source.node(*hash, *id)? {
        Node::Leaf { .. } => {}
        Node::Extension { child, .. } => visit_nodes(source, child, visit)?,
        Node::Branch(children) => children
            .iter()
            .try_for_each(|child| visit_nodes(source, child, visit))?,
    }
    visit(*id)
}

fn compare(expected: B256, got: B256) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::new(
        Kind::Unreadable,
        format!("the leaves of a trie give the root {got}, expected {expected}"),
    ))
}
