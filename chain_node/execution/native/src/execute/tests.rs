//! Tests of what surrounds a message, on states in memory. That both engines agree is checked from Python.

use super::alloc::{Alloc, AllocAccount, run_on};
use super::block_state::{BlockState, ProgramCache};
use super::call::CallRequest;
use super::environment::{Environment, Fork};
use super::machine::{self, Message};
use super::source::StateSource;
use super::transaction_rules::intrinsic_gas;
use crate::error::{Error, Kind, Result};
use crate::state::{AccountRecord, StateDelta};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use std::sync::Arc;

const SENDER: Address = Address::repeat_byte(0x55);
const CONTRACT: Address = Address::repeat_byte(0xaa);
const COINBASE: Address = Address::repeat_byte(0xcc);

/// Stores 7 under slot 1.
const STORE: [u8; 5] = hex!("6007600155");
/// Gives its balance to the zero address and ends.
const DESTROY: [u8; 3] = hex!("6000ff");

struct OneContract(Bytes);

impl StateSource for OneContract {
    fn account(&self, address: Address) -> Result<Option<AccountRecord>> {
        let code_hash = alloy_primitives::keccak256(&self.0);
        let funded = AccountRecord {
            balance: U256::from(1_000_000_000),
            ..AccountRecord::default()
        };
        Ok(match address {
            SENDER => Some(funded),
            CONTRACT => Some(AccountRecord {
                nonce: 1,
                code_hash,
                ..AccountRecord::default()
            }),
            _ => None,
        })
    }

    fn storage(&self, _address: Address, slot: U256) -> Result<U256> {
        match slot.to::<u64>() {
            9 => Err(Error::new(Kind::Unreadable, "a torn page")),
            slot => Ok(U256::from(slot)),
        }
    }

    fn code(&self, _hash: B256) -> Result<Bytes> {
        Ok(self.0.clone())
    }

    fn block_hash(&self, _height: u64) -> Result<Option<B256>> {
        Ok(None)
    }
}

fn environment() -> Environment {
    Environment {
        chain_id: 1,
        fork: Fork::Berlin,
        height: 1,
        timestamp: 1,
        gas_limit: 1_000_000,
        coinbase: COINBASE,
        base_fee: 0,
        difficulty: U256::from(1),
    }
}

fn transact(code: &[u8], gas_price: u128) -> Result<StateDelta> {
    let code = Bytes::copy_from_slice(code);
    let mut state = BlockState::new(OneContract(code), Arc::new(ProgramCache::default()));
    let environment = environment();
    let mut machine = machine::build(&mut state, &environment);
    let message = Message {
        sender: SENDER,
        to: Some(CONTRACT),
        create_at: None,
        gas: 100_000,
        intrinsic_gas: intrinsic_gas(&[], &Vec::new(), false),
        gas_price,
        value: U256::ZERO,
        data: Bytes::new(),
        access_list: Vec::new(),
        is_transaction: true,
    };
    let (_, changes) = machine::run(&mut machine, message)?;
    drop(machine);
    state.commit(changes);
    Ok(state.into_delta().1)
}

#[test]
fn free_transaction_leaves_the_coinbase_alone() {
    let delta = transact(&STORE, 0).unwrap();
    assert_eq!(delta.accounts.keys().collect::<Vec<_>>(), [&SENDER, &CONTRACT]);
    let slots: Vec<_> = delta.accounts[&CONTRACT].slots.clone().into_iter().collect();
    assert_eq!(slots, [(U256::from(1), U256::from(7))]);
}

#[test]
fn paid_transaction_pays_the_coinbase_what_the_sender_loses() {
    let delta = transact(&STORE, 2).unwrap();
    let balance = |address| delta.accounts[&address].record.unwrap().1;
    assert_eq!(balance(SENDER) + balance(COINBASE), U256::from(1_000_000_000));
    assert!(balance(COINBASE) > U256::from(2 * 21_000));
}

#[test]
fn slot_set_to_what_it_was_is_no_change() {
    // SSTORE(1, 1), where slot 1 is 1.
    let delta = transact(&hex!("6001600155"), 0).unwrap();
    assert_eq!(delta.accounts.keys().collect::<Vec<_>>(), [&SENDER]);
}

#[test]
fn destroyed_account_is_removed_with_its_slots() {
    let delta = transact(&DESTROY, 0).unwrap();
    let change = &delta.accounts[&CONTRACT];
    assert_eq!((change.record, change.is_wiped, change.slots.len()), (None, true, 0));
}

#[test]
fn store_that_cannot_be_read_is_an_error_and_no_result() {
    // SLOAD(9).
    let error = transact(&hex!("600954"), 0).unwrap_err();
    assert_eq!(error.kind, Kind::Unreadable);
}

#[test]
fn contract_put_at_a_chosen_address_is_nobodys_next_one() {
    let alloc = Alloc::from([(
        SENDER,
        AllocAccount {
            nonce: 4,
            ..AllocAccount::default()
        },
    )]);
    // Creation code that stores 7 under slot 1 and leaves the code 0x00.
    let data = Bytes::from_static(&hex!("600760015560016000f3"));
    let request = CallRequest {
        create_at: Some(CONTRACT),
        gas: 200_000,
        sender: SENDER,
        data,
        ..CallRequest::default()
    };
    let (summary, alloc) = run_on(alloc, &environment(), request).unwrap();
    assert_eq!(summary.error, None);
    assert_eq!(alloc[&SENDER].nonce, 4);
    assert_eq!(alloc[&CONTRACT].code, Bytes::from_static(&[0]));
    assert_eq!(alloc[&CONTRACT].slots.get(&U256::from(1)), Some(&U256::from(7)));
}
