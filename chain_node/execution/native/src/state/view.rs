//! Read access to one state, and the way to the next.

use super::account::{account_key, account_leaf, read_account, read_slot, root_child, root_of, slot_key, slot_leaf};
use super::node::{Child, NodeId};
use super::read::{NodeSource, find_leaf, prove_leaf};
use super::types::{AccountChange, AccountRecord, Proof, SlotProof, StateDelta};
use super::update::{Change, NewNode, Updater};
use crate::error::{Error, Result};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::KECCAK_EMPTY;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Accounts a view remembers.
const ACCOUNTS_KEPT_MAX: usize = 4096;

/// One state, by its root. Cheap to make; may be used from any thread.
pub struct View {
    source: Arc<dyn NodeSource>,
    root: B256,
    root_id: NodeId,
    accounts: Mutex<HashMap<Address, Option<(AccountRecord, Child)>>>,
}

/// What a block adds to the store so that its state can be opened. Nothing of it is durable before it is committed.
#[derive(Clone, Debug)]
pub struct TrieUpdate {
    /// Root of the state after the block.
    pub root: B256,
    /// New contract codes by hash.
    pub codes: BTreeMap<B256, Bytes>,
    /// Number of the root's node.
    pub(crate) root_id: NodeId,
    /// Number of the root's node before the block.
    pub(crate) parent_id: NodeId,
    /// The number from which the new nodes are numbered.
    pub(crate) first_id: NodeId,
    /// Ascending.
    pub(crate) nodes: Vec<NewNode>,
    /// Nodes that this state no longer refers to.
    pub(crate) stale: Vec<NodeId>,
    /// Roots of storage tries of which this state refers to nothing any more.
    pub(crate) wiped: Vec<(B256, NodeId)>,
}

impl View {
    pub(crate) fn new(source: Arc<dyn NodeSource>, root: B256, root_id: NodeId) -> Self {
        Self {
            source,
            root,
            root_id,
            accounts: Mutex::default(),
        }
    }

    /// The state's root.
    pub fn root(&self) -> B256 {
        self.root
    }

    /// The account's record, or None if it does not exist.
    pub fn account(&self, address: Address) -> Result<Option<AccountRecord>> {
        Ok(self.find_account(address)?.map(|(record, _)| record))
    }

    /// The value of one slot; zero if it was never set.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256> {
        let Some((_, storage)) = self.find_account(address)? else {
            return Ok(U256::ZERO);
        };
        find_leaf(&*self.source, &storage, &slot_key(slot))?.map_or(Ok(U256::ZERO), |leaf| read_slot(&leaf))
    }

    /// Code by its hash.
    pub fn code(&self, hash: B256) -> Result<Bytes> {
        if hash == KECCAK_EMPTY {
            return Ok(Bytes::new());
        }
        self.source.code(hash)?.ok_or_else(|| Error::missing_state(hash))
    }

    /// Merkle proofs of an account and of some of its slots.
    pub fn prove(&self, address: Address, slots: &[U256]) -> Result<Proof> {
        let (leaf, nodes) = prove_leaf(&*self.source, &self.root_child(), &account_key(address))?;
        let (account, storage) =
            leaf.map_or(Ok((AccountRecord::default(), Child::None)), |leaf| read_account(&leaf))?;
        let prove_slot = |&slot: &U256| {
            let (leaf, nodes) = prove_leaf(&*self.source, &storage, &slot_key(slot))?;
            let value = leaf.map_or(Ok(U256::ZERO), |leaf| read_slot(&leaf))?;
            Ok(SlotProof { slot, value, nodes })
        };
        Ok(Proof {
            account,
            nodes,
            storage: slots.iter().map(prove_slot).collect::<Result<_>>()?,
        })
    }

    /// The state after a block, and what must be stored with the block so that it can be opened.
    pub fn apply(&self, delta: &StateDelta) -> Result<TrieUpdate> {
        let first_id = self.source.next_id();
        let mut updater = Updater::new(&*self.source, first_id);
        let mut wiped = Vec::new();
        let mut changes: Vec<Change> = Vec::with_capacity(delta.accounts.len());
        for (address, change) in &delta.accounts {
            let storage = self.apply_to_storage(*address, change, &mut updater, &mut wiped)?;
            let leaf = change
                .record
                .map(|(nonce, balance, code)| account_leaf(nonce, balance, code, &storage));
            changes.push((account_key(*address), leaf));
        }
        changes.sort_unstable_by_key(|change| change.0);
        let (root, root_id) = root_of(&updater.update(self.root_child(), &changes)?);
        let Updater { nodes, stale, .. } = updater;
        let codes = delta.codes.clone();
        Ok(TrieUpdate {
            root,
            codes,
            root_id,
            parent_id: self.root_id,
            first_id,
            nodes,
            stale,
            wiped,
        })
    }

    fn apply_to_storage(
        &self,
        address: Address,
        change: &AccountChange,
        updater: &mut Updater<'_>,
        wiped: &mut Vec<(B256, NodeId)>,
    ) -> Result<Child> {
        let before = self.find_account(address)?.map_or(Child::None, |(_, storage)| storage);
        let before = if change.is_wiped || change.record.is_none() {
            if let Child::Stored { hash, id } = before {
                wiped.push((hash, id));
            }
            Child::None
        } else {
            before
        };
        if change.record.is_none() {
            return Ok(Child::None);
        }
        let mut slots: Vec<Change> = change
            .slots
            .iter()
            .map(|(&slot, &value)| (slot_key(slot), slot_leaf(value)))
            .collect();
        slots.sort_unstable_by_key(|slot| slot.0);
        updater.update(before, &slots)
    }

    /// The state trie.
    pub(crate) fn root_child(&self) -> Child {
        root_child(self.root, self.root_id)
    }

    /// The storage trie of an account.
    #[cfg(test)]
    pub(crate) fn storage_root(&self, address: Address) -> Result<Child> {
        Ok(self.find_account(address)?.map_or(Child::None, |(_, storage)| storage))
    }

    fn find_account(&self, address: Address) -> Result<Option<(AccountRecord, Child)>> {
        if let Some(known) = self
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&address)
        {
            return Ok(known.clone());
        }
        let leaf = find_leaf(&*self.source, &self.root_child(), &account_key(address))?;
        let found = leaf.map(|leaf| read_account(&leaf)).transpose()?;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS_KEPT_MAX {
            accounts.clear();
        }
        accounts.insert(address, found.clone());
        Ok(found)
    }
}
