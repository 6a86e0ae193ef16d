//! Accounts and slots as leaves of their tries.

use super::node::{Child, Leaf, NodeId};
use super::types::AccountRecord;
use crate::error::{Error, Kind, Result};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};

/// The key of an account in the state trie.
pub fn account_key(address: Address) -> Nibbles {
    Nibbles::unpack(keccak256(address))
}

/// The key of a slot in its account's storage trie.
pub fn slot_key(slot: U256) -> Nibbles {
    Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()))
}

/// The leaf of an account whose storage trie has this root.
pub fn account_leaf(nonce: u64, balance: U256, code_hash: B256, storage: &Child) -> Leaf {
    let (storage_root, link) = root_of(storage);
    let mut value = Vec::with_capacity(112);
    TrieAccount::new(nonce, balance, storage_root, code_hash).encode(&mut value);
    Leaf { link, value }
}

/// What `account_leaf` made, with the root of the account's storage trie.
pub fn read_account(leaf: &Leaf) -> Result<(AccountRecord, Child)> {
    let account = TrieAccount::decode(&mut &leaf.value[..]).map_err(unreadable)?;
    let TrieAccount {
        nonce,
        balance,
        storage_root,
        code_hash,
    } = account;
    Ok((
        AccountRecord {
            nonce,
            balance,
            storage_root,
            code_hash,
        },
        root_child(storage_root, leaf.link),
    ))
}

/// The leaf of a slot; None for zero, which is not stored.
pub fn slot_leaf(value: U256) -> Option<Leaf> {
    (!value.is_zero()).then(|| Leaf {
        link: 0,
        value: alloy_rlp::encode(value),
    })
}

/// The value of a slot's leaf.
pub fn read_slot(leaf: &Leaf) -> Result<U256> {
    U256::decode(&mut &leaf.value[..]).map_err(unreadable)
}

/// A root by hash and number, as a trie starts with it.
pub fn root_child(hash: B256, id: NodeId) -> Child {
    if hash == EMPTY_ROOT_HASH {
        Child::None
    } else {
        Child::Stored { hash, id }
    }
}

/// Hash and number of a root.
pub fn root_of(root: &Child) -> (B256, NodeId) {
    match root {
        Child::Stored { hash, id } => (*hash, *id),
        _ => (EMPTY_ROOT_HASH, 0),
    }
}

fn unreadable(error: alloy_rlp::Error) -> Error {
    Error::new(Kind::Unreadable, format!("a leaf of a trie does not decode: {error}"))
}
