//! What goes into a state and what comes out of it.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use std::collections::BTreeMap;

/// One account as the state trie holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Root of the trie of its slots.
    pub storage_root: B256,
    /// Hash of its code.
    pub code_hash: B256,
}

impl Default for AccountRecord {
    /// What stands for an account that does not exist.
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            storage_root: EMPTY_ROOT_HASH,
            code_hash: KECCAK_EMPTY,
        }
    }
}

/// What a block made of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Nonce, balance and code hash after the block; None if the account is removed, slots and all.
    pub record: Option<(u64, U256, B256)>,
    /// Whether its slots are cleared before `slots` apply (self-destruction and creation anew).
    pub is_wiped: bool,
    /// New values by slot; zero clears a slot.
    pub slots: BTreeMap<U256, U256>,
}

/// Everything a block changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDelta {
    /// Changed accounts.
    pub accounts: BTreeMap<Address, AccountChange>,
    /// New contract codes by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

/// An account and the encoded trie nodes that prove it. Source: EIP-1186.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// All zero and empty for an account that does not exist.
    pub account: AccountRecord,
    /// From the root down; they prove absence if the account does not exist.
    pub nodes: Vec<Bytes>,
    /// In the order asked for.
    pub storage: Vec<SlotProof>,
}

/// One slot and the encoded trie nodes that prove it against the account's storage root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// The slot asked for.
    pub slot: U256,
    /// Zero if it was never set.
    pub value: U256,
    /// From the root down; they prove absence if the value is zero.
    pub nodes: Vec<Bytes>,
}
