//! A genesis allocation as a state, and what running code on it leaves.

use crate::error::{Error, Kind, Result};
use crate::execute::block_state::{BlockState, ProgramCache};
use crate::execute::call::{CallRequest, call};
use crate::execute::environment::Environment;
use crate::execute::source::StateSource;
use crate::execute::words::Summary;
use crate::state::{AccountChange, AccountRecord, StateDelta};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use revm::primitives::KECCAK_EMPTY;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One account of an allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllocAccount {
    /// Wei.
    pub balance: U256,
    /// Count of transactions.
    pub nonce: u64,
    /// Runtime code; empty for a plain account.
    pub code: Bytes,
    /// Non-zero slots.
    pub slots: BTreeMap<U256, U256>,
}

impl AllocAccount {
    fn code_hash(&self) -> B256 {
        if self.code.is_empty() {
            KECCAK_EMPTY
        } else {
            keccak256(&self.code)
        }
    }
}

/// Accounts by address.
pub type Alloc = BTreeMap<Address, AllocAccount>;

/// The allocation as changes to the empty state.
pub fn to_delta(alloc: Alloc) -> StateDelta {
    let mut delta = StateDelta::default();
    for (address, account) in alloc {
        let code_hash = account.code_hash();
        let record = Some((account.nonce, account.balance, code_hash));
        let slots = account
            .slots
            .into_iter()
            .filter(|(_, value)| !value.is_zero())
            .collect();
        delta.accounts.insert(
            address,
            AccountChange {
                record,
                is_wiped: false,
                slots,
            },
        );
        if !account.code.is_empty() {
            delta.codes.insert(code_hash, account.code);
        }
    }
    delta
}

/// Run one call on an allocation and keep what it changed, if it succeeded.
pub fn run_on(alloc: Alloc, environment: &Environment, request: CallRequest) -> Result<(Summary, Alloc)> {
    let sender = request.sender;
    let is_placed = request.create_at.is_some();
    let codes = alloc
        .values()
        .map(|account| (account.code_hash(), account.code.clone()))
        .collect();
    let mut state = BlockState::new(AllocState { alloc, codes }, Arc::new(ProgramCache::default()));
    let (summary, mut changes) = call(&mut state, environment, request)?;
    // A contract that is put at a chosen address is nobody's next one.
    if is_placed && let Some(account) = changes.get_mut(&sender) {
        account.info.nonce = account.info.nonce.saturating_sub(1);
    }
    if summary.is_success {
        state.commit(changes);
    }
    let (AllocState { mut alloc, .. }, delta) = state.into_delta();
    merge(&mut alloc, delta);
    Ok((summary, alloc))
}

fn merge(alloc: &mut Alloc, delta: StateDelta) {
    for (address, change) in delta.accounts {
        let Some((nonce, balance, code_hash)) = change.record else {
            alloc.remove(&address);
            continue;
        };
        let account = alloc.entry(address).or_default();
        (account.nonce, account.balance) = (nonce, balance);
        if let Some(code) = delta.codes.get(&code_hash) {
            account.code = code.clone();
        } else if code_hash == KECCAK_EMPTY {
            account.code = Bytes::new();
        }
        if change.is_wiped {
            account.slots.clear();
        }
        account.slots.extend(change.slots);
        account.slots.retain(|_, value| !value.is_zero());
    }
}

struct AllocState {
    alloc: Alloc,
    codes: BTreeMap<B256, Bytes>,
}

impl StateSource for AllocState {
    fn account(&self, address: Address) -> Result<Option<AccountRecord>> {
        Ok(self.alloc.get(&address).map(|account| AccountRecord {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash(),
            ..AccountRecord::default()
        }))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256> {
        Ok(self
            .alloc
            .get(&address)
            .and_then(|account| account.slots.get(&slot))
            .copied()
            .unwrap_or_default())
    }

    fn code(&self, hash: B256) -> Result<Bytes> {
        let code = self.codes.get(&hash).cloned();
        code.ok_or_else(|| Error::new(Kind::Failed, format!("no code with hash {hash}")))
    }

    fn block_hash(&self, _height: u64) -> Result<Option<B256>> {
        Ok(None)
    }
}
