//! Apply all changes of a block to a trie in one pass.
//!
//! The sorted changes descend together, and every changed node is encoded, hashed and numbered once, on the way up.
//! Nodes that the new trie no longer refers to are listed, not removed: earlier roots still need them.

use super::node::{Child, Leaf, Node, NodeId};
use super::read::NodeSource;
use crate::error::{Error, Kind, Result};
use alloy_primitives::{B256, keccak256};
use alloy_trie::Nibbles;
use std::sync::Arc;

/// A new leaf for a key, or None to delete it, whether or not it is there.
pub type Change = (Nibbles, Option<Leaf>);

/// A node that an update made.
#[derive(Clone, Debug)]
pub struct NewNode {
    /// Its number.
    pub id: NodeId,
    /// Its hash.
    pub hash: B256,
    /// As the store keeps it.
    pub stored: Vec<u8>,
    /// The node itself.
    pub node: Arc<Node>,
}

/// Collects what the updates of one block's tries make and drop.
pub struct Updater<'a> {
    source: &'a dyn NodeSource,
    next_id: NodeId,
    /// New nodes, ascending.
    pub nodes: Vec<NewNode>,
    /// Nodes that the tries no longer refer to.
    pub stale: Vec<NodeId>,
}

/// A subtree while it is worked on.
enum Tree {
    Empty,
    /// As it was before the update.
    Kept(Child),
    /// Not yet encoded.
    New(Node),
}

const HASH_BYTES: usize = 32;

impl<'a> Updater<'a> {
    /// An update that numbers its nodes from `first_id` on.
    pub fn new(source: &'a dyn NodeSource, first_id: NodeId) -> Self {
        Self {
            source,
            next_id: first_id,
            nodes: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// Change many leaves of the trie at `root`; gives its new root.
    ///
    /// `changes` are sorted by key and have no key twice.
    pub fn update(&mut self, root: Child, changes: &[Change]) -> Result<Child> {
        if changes.is_empty() {
            return Ok(root);
        }
        Ok(match self.apply(Tree::Kept(root), changes, 0)? {
            Tree::Empty => Child::None,
            Tree::Kept(child) => child,
            Tree::New(node) => {
                let hash = node.hash();
                self.put(hash, node)
            }
        })
    }

    /// Give a subtree after `changes`, which share their first `depth` nibbles. A kept tree stays kept if nothing in it
    /// changes.
    fn apply(&mut self, tree: Tree, changes: &[Change], depth: usize) -> Result<Tree> {
        let (node, origin) = match tree {
            Tree::Empty | Tree::Kept(Child::None) => return Ok(self.build(changes, depth)),
            Tree::New(node) => (node, None),
            Tree::Kept(child) => (self.load(&child)?, Some(child)),
        };
        let (after, is_changed) = match node {
            Node::Leaf { path, leaf } => self.apply_to_leaf(path, leaf, changes, depth),
            Node::Extension { path, child } => self.apply_to_extension(path, child, changes, depth)?,
            Node::Branch(children) => {
                let trees = (*children).map(|child| {
                    if child == Child::None {
                        Tree::Empty
                    } else {
                        Tree::Kept(child)
                    }
                });
                self.apply_to_branch(trees, changes, depth)?
            }
        };
        match origin {
            Some(child) if !is_changed => Ok(Tree::Kept(child)),
            Some(child) => {
                self.drop_stored(&child);
                Ok(after)
            }
            None => Ok(after),
        }
    }

    fn apply_to_branch(&mut self, mut trees: [Tree; 16], changes: &[Change], depth: usize) -> Result<(Tree, bool)> {
        let mut is_changed = false;
        for group in groups(changes, depth) {
            let tree = &mut trees[digit(&group[0].0, depth)];
            let (was_empty, was_kept) = (matches!(tree, Tree::Empty), matches!(tree, Tree::Kept(_)));
            *tree = self.apply(std::mem::replace(tree, Tree::Empty), group, depth + 1)?;
            let is_same = (was_kept && matches!(tree, Tree::Kept(_))) || (was_empty && matches!(tree, Tree::Empty));
            is_changed |= !is_same;
        }
        let live = trees.iter().filter(|tree| !matches!(tree, Tree::Empty)).count();
        if live > 1 {
            let children = trees.map(|tree| self.reference(tree));
            return Ok((Tree::New(Node::Branch(Box::new(children))), is_changed));
        }
        let only = trees
            .into_iter()
            .enumerate()
            .find(|(_, tree)| !matches!(tree, Tree::Empty));
        Ok(match only {
            None => (Tree::Empty, true),
            Some((digit, tree)) => (self.prefixed(&Nibbles::from_nibbles([digit as u8]), tree)?, true),
        })
    }

    fn apply_to_leaf(&mut self, path: Nibbles, leaf: Leaf, changes: &[Change], depth: usize) -> (Tree, bool) {
        let key = changes[0].0.slice(..depth).join(&path);
        let place = changes.partition_point(|(other, _)| *other < key);
        let is_named = changes.get(place).is_some_and(|(other, _)| *other == key);
        let mut merged: Vec<Change> = changes.to_vec();
        if !is_named {
            merged.insert(place, (key, Some(leaf.clone())));
        }
        merged.retain(|(_, value)| value.is_some());
        let is_same = matches!(&merged[..], [(only, Some(value))] if *only == key && *value == leaf);
        (self.build(&merged, depth), !is_same)
    }

    fn apply_to_extension(
        &mut self,
        path: Nibbles,
        child: Child,
        changes: &[Change],
        depth: usize,
    ) -> Result<(Tree, bool)> {
        let end = depth + path.len();
        // Deleting a key that is not below the extension changes nothing.
        let kept: Vec<Change> = changes
            .iter()
            .filter(|(key, value)| value.is_some() || key.slice(depth..end) == path)
            .cloned()
            .collect();
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
            return Ok((Tree::New(Node::Extension { path, child }), false));
        };
        let shared = [first, last].map(|(key, _)| path.common_prefix_length(&key.slice(depth..end)));
        let shared = shared[0].min(shared[1]);
        if shared == path.len() {
            let below = self.apply(Tree::Kept(child), &kept, end)?;
            let is_changed = !matches!(below, Tree::Kept(_));
            if let Tree::Kept(child) = below {
                return Ok((Tree::New(Node::Extension { path, child }), is_changed));
            }
            return Ok((self.prefixed(&path, below)?, is_changed));
        }
        let mut trees = [const { Tree::Empty }; 16];
        let rest = path.slice(shared + 1..);
        trees[digit(&path, shared)] = if rest.is_empty() {
            Tree::Kept(child)
        } else {
            Tree::New(Node::Extension { path: rest, child })
        };
        let (branch, _) = self.apply_to_branch(trees, &kept, depth + shared)?;
        Ok((self.prefixed(&path.slice(..shared), branch)?, true))
    }

    /// A fresh subtree of the changes that have a value.
    fn build(&mut self, changes: &[Change], depth: usize) -> Tree {
        let mut leaves = changes.iter().filter(|(_, value)| value.is_some());
        let Some((first, Some(leaf))) = leaves.next() else {
            return Tree::Empty;
        };
        let Some((last, _)) = leaves.next_back() else {
            return Tree::New(Node::Leaf {
                path: first.slice(depth..),
                leaf: leaf.clone(),
            });
        };
        let fork = depth + first.slice(depth..).common_prefix_length(&last.slice(depth..));
        let mut children: Box<[Child; 16]> = Box::default();
        for group in groups(changes, fork) {
            // Groups of deletions alone may lie outside the common path; they build nothing.
            let tree = self.build(group, fork + 1);
            if !matches!(tree, Tree::Empty) {
                children[digit(&group[0].0, fork)] = self.reference(tree);
            }
        }
        let branch = Node::Branch(children);
        if fork == depth {
            return Tree::New(branch);
        }
        let child = self.reference(Tree::New(branch));
        Tree::New(Node::Extension {
            path: first.slice(depth..fork),
            child,
        })
    }

    /// Put a path before a subtree, joining it with a path that is already there.
    fn prefixed(&mut self, path: &Nibbles, tree: Tree) -> Result<Tree> {
        if path.is_empty() {
            return Ok(tree);
        }
        let (node, origin) = match tree {
            Tree::Empty | Tree::Kept(Child::None) => return Ok(Tree::Empty),
            Tree::New(node) => (node, None),
            Tree::Kept(child) => (self.load(&child)?, Some(child)),
        };
        if let (Node::Branch(_), Some(child)) = (&node, &origin) {
            return Ok(Tree::New(Node::Extension {
                path: *path,
                child: child.clone(),
            }));
        }
        if let Some(child) = &origin {
            self.drop_stored(child);
        }
        Ok(Tree::New(match node {
            Node::Leaf { path: rest, leaf } => Node::Leaf {
                path: path.join(&rest),
                leaf,
            },
            Node::Extension { path: rest, child } => Node::Extension {
                path: path.join(&rest),
                child,
            },
            branch => Node::Extension {
                path: *path,
                child: self.reference(Tree::New(branch)),
            },
        }))
    }

    fn reference(&mut self, tree: Tree) -> Child {
        let node = match tree {
            Tree::Empty => return Child::None,
            Tree::Kept(child) => return child,
            Tree::New(node) => node,
        };
        let encoded = node.encode();
        if encoded.len() < HASH_BYTES {
            return Child::Inline(Box::new(node));
        }
        self.put(keccak256(&encoded), node)
    }

    fn put(&mut self, hash: B256, node: Node) -> Child {
        let id = self.next_id;
        self.next_id += 1;
        self.nodes.push(NewNode {
            id,
            hash,
            stored: node.store(),
            node: Arc::new(node),
        });
        Child::Stored { hash, id }
    }

    fn load(&self, child: &Child) -> Result<Node> {
        match child {
            Child::Stored { hash, id } => Ok((*self.source.node(*hash, *id)?).clone()),
            Child::Inline(node) => Ok((**node).clone()),
            Child::None => Err(Error::new(Kind::Failed, "there is no node where one was expected")),
        }
    }

    fn drop_stored(&mut self, child: &Child) {
        if let Child::Stored { id, .. } = child {
            self.stale.push(*id);
        }
    }
}

/// Split sorted changes by their nibble at `depth`.
fn groups(changes: &[Change], depth: usize) -> impl Iterator<Item = &[Change]> {
    changes.chunk_by(move |a, b| digit(&a.0, depth) == digit(&b.0, depth))
}

fn digit(key: &Nibbles, depth: usize) -> usize {
    usize::from(key.get_unchecked(depth))
}
