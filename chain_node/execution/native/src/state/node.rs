//! One node of a trie: in memory, as Ethereum hashes it, and as the store keeps it.
//!
//! Stored nodes have a number. A parent knows its children by hash and number: the hash is what Ethereum's rules ask
//! for, the number is where the child is found. Only tries whose keys are all 32 bytes long exist here, so a branch never
//! holds a value of its own.
//! Source: Ethereum Yellow Paper, appendices B, C, D.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, Header};
use alloy_trie::Nibbles;
use alloy_trie::nodes::encode_path_leaf;

/// Where a stored node is found: ascending in the order in which nodes were written. 0 stands for no node.
pub type NodeId = u64;

/// How a parent, or the table of roots, holds a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Child {
    /// Nothing below.
    #[default]
    None,
    /// A node of its own.
    Stored {
        /// Hash of its encoding.
        hash: B256,
        /// Where it is kept.
        id: NodeId,
    },
    /// A node whose encoding is shorter than a hash, and therefore part of its parent.
    Inline(Box<Node>),
}

/// What a key leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// Root of the storage trie of the account that `value` encodes; 0 if that is empty, and for slots.
    pub link: NodeId,
    /// What the trie commits to.
    pub value: Vec<u8>,
}

/// A node of a trie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// The end of a key.
    Leaf {
        /// What is left of the key.
        path: Nibbles,
        /// What it leads to.
        leaf: Leaf,
    },
    /// What all keys below have in common.
    Extension {
        /// Not empty.
        path: Nibbles,
        /// A branch.
        child: Child,
    },
    /// At least two children, by the next nibble.
    Branch(Box<[Child; 16]>),
}

/// A child with a hash and a number in bytes: 32 and 6.
const STORED_CHILD_BYTES: usize = 38;
const NODE_ID_BYTES: usize = 6;
const HASH_ITEM_BYTES: usize = 33;
const KIND_LEAF: u8 = 0;
const KIND_LINKED_LEAF: u8 = 1;
const KIND_EXTENSION: u8 = 2;
const KIND_BRANCH: u8 = 3;

impl Node {
    /// The node's encoding, which is what its hash is taken of.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoded = Vec::with_capacity(self.room());
        self.encode_to(&mut encoded);
        encoded
    }

    /// The hash of the node's encoding.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf { path, leaf } => {
                let path = encode_path_leaf(path, true);
                list_header(path.as_slice().length() + leaf.value.as_slice().length(), out);
                path.as_slice().encode(out);
                leaf.value.as_slice().encode(out);
            }
            Self::Extension { path, child } => {
                let path = encode_path_leaf(path, false);
                list_header(path.as_slice().length() + child.encoded_length(), out);
                path.as_slice().encode(out);
                child.encode_to(out);
            }
            Self::Branch(children) => {
                list_header(children.iter().map(Child::encoded_length).sum::<usize>() + 1, out);
                for child in children.iter() {
                    child.encode_to(out);
                }
                out.push(alloy_rlp::EMPTY_STRING_CODE);
            }
        }
    }

    /// The form in which the store keeps the node.
    pub fn store(&self) -> Vec<u8> {
        let mut stored = Vec::with_capacity(self.room());
        self.store_to(&mut stored);
        stored
    }

    fn store_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf { path, leaf } => {
                out.push(if leaf.link == 0 { KIND_LEAF } else { KIND_LINKED_LEAF });
                store_path(path, out);
                if leaf.link != 0 {
                    store_id(leaf.link, out);
                }
                out.extend_from_slice(&leaf.value);
            }
            Self::Extension { path, child } => {
                out.push(KIND_EXTENSION);
                store_path(path, out);
                out.push(u8::from(matches!(child, Child::Inline(_))));
                child.store_to(out);
            }
            Self::Branch(children) => {
                out.push(KIND_BRANCH);
                out.extend_from_slice(&mask(children, |child| *child != Child::None).to_be_bytes());
                out.extend_from_slice(&mask(children, |child| matches!(child, Child::Inline(_))).to_be_bytes());
                for child in children.iter() {
                    child.store_to(out);
                }
            }
        }
    }

    /// Read what `store` wrote; None if it is something else.
    pub fn load(stored: &[u8]) -> Option<Self> {
        let mut rest = stored;
        let kind = take(&mut rest, 1)?[0];
        match kind {
            KIND_LEAF | KIND_LINKED_LEAF => {
                let path = load_path(&mut rest)?;
                let link = if kind == KIND_LEAF { 0 } else { load_id(&mut rest)? };
                Some(Self::Leaf {
                    path,
                    leaf: Leaf {
                        link,
                        value: rest.to_vec(),
                    },
                })
            }
            KIND_EXTENSION => {
                let path = load_path(&mut rest)?;
                let is_inline = take(&mut rest, 1)?[0] == 1;
                Some(Self::Extension {
                    path,
                    child: Child::load(&mut rest, is_inline)?,
                })
            }
            KIND_BRANCH => {
                let present = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
                let inline = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
                let mut children: Box<[Child; 16]> = Box::default();
                for (digit, child) in children.iter_mut().enumerate() {
                    if present >> digit & 1 == 1 {
                        *child = Child::load(&mut rest, inline >> digit & 1 == 1)?;
                    }
                }
                rest.is_empty().then_some(Self::Branch(children))
            }
            _ => None,
        }
    }

    /// Enough bytes for both encodings, so that most are written without growing.
    fn room(&self) -> usize {
        match self {
            Self::Leaf { leaf, .. } => 48 + leaf.value.len(),
            Self::Extension { .. } => 80,
            Self::Branch(children) => {
                24 + children.iter().filter(|child| **child != Child::None).count() * STORED_CHILD_BYTES
            }
        }
    }

    /// About how much memory the node takes.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Leaf { leaf, .. } => size_of::<Self>() + leaf.value.len(),
            Self::Extension { .. } => size_of::<Self>(),
            Self::Branch(_) => size_of::<Self>() + size_of::<[Child; 16]>(),
        }
    }
}

impl Child {
    fn encoded_length(&self) -> usize {
        match self {
            Self::None => 1,
            Self::Stored { .. } => HASH_ITEM_BYTES,
            Self::Inline(node) => node.encode().len(),
        }
    }

    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.push(alloy_rlp::EMPTY_STRING_CODE),
            Self::Stored { hash, .. } => hash.encode(out),
            Self::Inline(node) => node.encode_to(out),
        }
    }

    fn store_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Stored { hash, id } => {
                out.extend_from_slice(hash.as_slice());
                store_id(*id, out);
            }
            Self::Inline(node) => {
                let stored = node.store();
                // An inline node encodes to less than 32 bytes, and to not many more here.
                out.push(stored.len() as u8);
                out.extend_from_slice(&stored);
            }
        }
    }

    fn load(rest: &mut &[u8], is_inline: bool) -> Option<Self> {
        if is_inline {
            let length = take(rest, 1)?[0] as usize;
            return Some(Self::Inline(Box::new(Node::load(take(rest, length)?)?)));
        }
        let hash = B256::from_slice(take(rest, 32)?);
        Some(Self::Stored {
            hash,
            id: load_id(rest)?,
        })
    }
}

fn list_header(payload_length: usize, out: &mut Vec<u8>) {
    Header {
        list: true,
        payload_length,
    }
    .encode(out);
}

fn mask(children: &[Child; 16], is_in: impl Fn(&Child) -> bool) -> u16 {
    children
        .iter()
        .enumerate()
        .filter(|(_, child)| is_in(child))
        .fold(0, |mask, (digit, _)| mask | 1 << digit)
}

fn store_id(id: NodeId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.to_be_bytes()[8 - NODE_ID_BYTES..]);
}

fn load_id(rest: &mut &[u8]) -> Option<NodeId> {
    Some(
        take(rest, NODE_ID_BYTES)?
            .iter()
            .fold(0, |id, &byte| id << 8 | NodeId::from(byte)),
    )
}

fn store_path(path: &Nibbles, out: &mut Vec<u8>) {
    out.push(path.len() as u8);
    out.extend_from_slice(&path.pack());
}

fn load_path(rest: &mut &[u8]) -> Option<Nibbles> {
    let length = take(rest, 1)?[0] as usize;
    if length > 64 {
        return None;
    }
    let mut path = Nibbles::unpack(take(rest, length.div_ceil(2))?);
    path.truncate(length);
    Some(path)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}
