//! The state while a block is executed: what was read, and what its transactions left.

use crate::error::{Error, Result};
use crate::execute::source::StateSource;
use crate::state::{AccountChange, AccountRecord, StateDelta};
use alloy_primitives::map::{AddressMap, B256Map, U256Map};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use revm::Database;
use revm::bytecode::Bytecode;
use revm::database_interface::DBErrorMarker;
use revm::primitives::KECCAK_EMPTY;
use revm::state::{Account, AccountInfo, EvmState};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Analysed programs kept from block to block; at the maximum of 24 kB each they take some 15 MB.
const PROGRAMS_MAX: usize = 512;

impl DBErrorMarker for Error {}

/// Contract code with its jump targets, shared by all executions of one engine.
#[derive(Default)]
pub struct ProgramCache(Mutex<B256Map<Bytecode>>);

impl ProgramCache {
    fn get_or_insert(&self, hash: B256, load: impl FnOnce() -> Result<Bytes>) -> Result<Bytecode> {
        if let Some(program) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(program.clone());
        }
        // Never as a delegation: code that begins like one means nothing under the rules in force here.
        let program = Bytecode::new_legacy(load()?);
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.len() >= PROGRAMS_MAX {
            programs.clear();
        }
        programs.insert(hash, program.clone());
        Ok(program)
    }
}

#[derive(Default)]
struct Slot {
    before: U256,
    now: U256,
}

#[derive(Default)]
struct Entry {
    before: Option<AccountInfo>,
    now: Option<AccountInfo>,
    is_wiped: bool,
    slots: U256Map<Slot>,
}

impl Entry {
    fn remove(&mut self) {
        self.now = None;
        self.wipe();
    }

    fn wipe(&mut self) {
        self.is_wiped = true;
        self.slots.clear();
    }

    fn into_change(self) -> Option<AccountChange> {
        let Some(now) = self.now else {
            let is_removed = self.before.is_some();
            return is_removed.then(|| AccountChange {
                record: None,
                is_wiped: true,
                slots: BTreeMap::new(),
            });
        };
        let is_wiped = self.is_wiped;
        let changed = self
            .slots
            .into_iter()
            .filter(|(_, slot)| is_wiped || slot.before != slot.now);
        let slots: BTreeMap<U256, U256> = changed.map(|(key, slot)| (key, slot.now)).collect();
        if slots.is_empty() && !is_wiped && self.before.as_ref() == Some(&now) {
            return None;
        }
        Some(AccountChange {
            record: Some((now.nonce, now.balance, now.code_hash)),
            is_wiped,
            slots,
        })
    }
}

/// Accounts and slots on top of a source. Reads fall through and are kept; writes come in whole transactions.
pub struct BlockState<S> {
    source: S,
    programs: Arc<ProgramCache>,
    entries: AddressMap<Entry>,
    /// Analysed code of this block's accounts.
    code: B256Map<Bytecode>,
    new_codes: BTreeMap<B256, Bytes>,
}

impl<S: StateSource> BlockState<S> {
    /// The state before the first transaction.
    pub fn new(source: S, programs: Arc<ProgramCache>) -> Self {
        Self {
            source,
            programs,
            entries: AddressMap::default(),
            code: B256Map::default(),
            new_codes: BTreeMap::new(),
        }
    }

    /// Where reads fall through to.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The account as it is now, or None if it does not exist.
    pub fn account(&mut self, address: Address) -> Result<Option<&AccountInfo>> {
        Ok(self.entry(address)?.now.as_ref())
    }

    /// Change an account outside of any transaction; one that does not exist is created.
    pub fn modify(&mut self, address: Address, change: impl FnOnce(&mut AccountInfo)) -> Result<()> {
        // By default an account has its empty code at hand, which would hide what is set later.
        let make = || AccountInfo {
            code: None,
            ..AccountInfo::default()
        };
        change(self.entry(address)?.now.get_or_insert_with(make));
        Ok(())
    }

    /// Give an account code outside of any transaction.
    pub fn set_code(&mut self, address: Address, code: Bytes) -> Result<()> {
        let hash = if code.is_empty() {
            KECCAK_EMPTY
        } else {
            alloy_primitives::keccak256(&code)
        };
        self.code.insert(hash, Bytecode::new_legacy(code.clone()));
        self.new_codes.insert(hash, code);
        self.modify(address, |account| account.code_hash = hash)
    }

    /// Set all slots of an account to 0 outside of any transaction.
    pub fn clear_slots(&mut self, address: Address) -> Result<()> {
        self.entry(address)?.wipe();
        Ok(())
    }

    /// Set a slot outside of any transaction.
    pub fn set_slot(&mut self, address: Address, key: U256, value: U256) -> Result<()> {
        self.storage(address, key)?;
        self.entry(address)?.slots.entry(key).or_default().now = value;
        Ok(())
    }

    /// Keep what a transaction changed.
    pub fn commit(&mut self, changes: EvmState) {
        for (address, account) in changes {
            if account.is_touched() {
                self.commit_account(address, account);
            }
        }
    }

    fn commit_account(&mut self, address: Address, account: Account) {
        let entry = self.entries.entry(address).or_default();
        if account.is_selfdestructed() {
            return entry.remove();
        }
        if account.is_created() {
            entry.wipe();
            if let Some(code) = account.info.code.as_ref().filter(|code| !code.is_empty()) {
                self.code.insert(account.info.code_hash, code.clone());
                self.new_codes.insert(account.info.code_hash, code.original_bytes());
            }
        } else if account.is_empty() {
            // Touched and empty: removed by EIP-161.
            return entry.remove();
        }
        let code_hash = if account.info.code_hash.is_zero() {
            KECCAK_EMPTY
        } else {
            account.info.code_hash
        };
        entry.now = Some(AccountInfo {
            code: None,
            code_hash,
            ..account.info
        });
        for (key, slot) in account.storage {
            if slot.is_changed() {
                entry.slots.entry(key).or_default().now = slot.present_value;
            }
        }
    }

    /// What all transactions changed together.
    pub fn into_delta(self) -> (S, StateDelta) {
        let accounts = self.entries.into_iter();
        let accounts = accounts
            .filter_map(|(address, entry)| Some((address, entry.into_change()?)))
            .collect();
        (
            self.source,
            StateDelta {
                accounts,
                codes: self.new_codes,
            },
        )
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry> {
        use std::collections::hash_map::Entry as Place;
        match self.entries.entry(address) {
            Place::Occupied(place) => Ok(place.into_mut()),
            Place::Vacant(place) => {
                let before = self.source.account(address)?.map(info_of);
                Ok(place.insert(Entry {
                    now: before.clone(),
                    before,
                    ..Entry::default()
                }))
            }
        }
    }
}

fn info_of(record: AccountRecord) -> AccountInfo {
    // An account with slots alone cannot be overwritten by a creation (EIP-7610). revm looks at nonce and code only,
    // and takes a code hash of zero for no code, but also for something that is there.
    let is_slots_alone =
        record.code_hash == KECCAK_EMPTY && record.nonce == 0 && record.storage_root != EMPTY_ROOT_HASH;
    AccountInfo {
        balance: record.balance,
        nonce: record.nonce,
        code_hash: if is_slots_alone { B256::ZERO } else { record.code_hash },
        account_id: None,
        code: None,
    }
}

impl<S: StateSource> Database for BlockState<S> {
    type Error = Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>> {
        Ok(self.entry(address)?.now.clone())
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode> {
        if hash == KECCAK_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.code.get(&hash) {
            return Ok(code.clone());
        }
        let source = &self.source;
        let code = self.programs.get_or_insert(hash, || source.code(hash))?;
        self.code.insert(hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256> {
        let entry = self.entry(address)?;
        if let Some(slot) = entry.slots.get(&key) {
            return Ok(slot.now);
        }
        if entry.is_wiped || entry.before.is_none() {
            return Ok(U256::ZERO);
        }
        let value = self.source.storage(address, key)?;
        self.entry(address)?.slots.insert(
            key,
            Slot {
                before: value,
                now: value,
            },
        );
        Ok(value)
    }

    fn block_hash(&mut self, height: u64) -> Result<B256> {
        Ok(self.source.block_hash(height)?.unwrap_or_default())
    }
}
