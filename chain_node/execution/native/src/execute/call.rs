//! Executing one message on a state and forgetting what it changed.

use crate::error::{Error, Result};
use crate::execute::block_state::BlockState;
use crate::execute::environment::Environment;
use crate::execute::machine::{self, Message};
use crate::execute::source::StateSource;
use crate::execute::transaction_rules::{check_balance, check_intrinsic_gas, intrinsic_gas};
use crate::execute::words::{Summary, summarise};
use crate::transaction::AccessList;
use alloy_primitives::{Address, Bytes, U256, U512};
use revm::state::EvmState;

/// A message to execute without a nonce, a fee or a signature.
#[derive(Debug, Clone, Default)]
pub struct CallRequest {
    /// Called account; None runs `data` as creation code.
    pub to: Option<Address>,
    /// Where a creation puts its contract; None where the sender's next one would go.
    pub create_at: Option<Address>,
    /// Gas limit.
    pub gas: u64,
    /// Who calls.
    pub sender: Address,
    /// Call data or creation code.
    pub data: Bytes,
    /// Wei; the sender must have it.
    pub value: U256,
    /// Wei per gas; seen by the contract, not paid.
    pub gas_price: u128,
    /// What is warm from the start.
    pub access_list: AccessList,
}

/// Pretended state of one account during a call; None leaves what is there.
#[derive(Debug, Clone, Default)]
pub struct AccountOverride {
    /// Wei.
    pub balance: Option<U256>,
    /// Count of transactions.
    pub nonce: Option<u64>,
    /// Runtime code.
    pub code: Option<Bytes>,
    /// Whether all other slots are 0; otherwise they stay.
    pub is_storage_replaced: bool,
    /// Slots to change.
    pub slots: Vec<(U256, U256)>,
}

/// Execute a call on a state.
///
/// Errors of kind `refused` and `refused_final`: the gas does not cover the intrinsic gas, or the sender lacks the value.
pub fn call<S: StateSource>(
    state: &mut BlockState<S>,
    environment: &Environment,
    request: CallRequest,
) -> Result<(Summary, EvmState)> {
    let intrinsic_gas = intrinsic_gas(&request.data, &request.access_list, request.to.is_none());
    check_intrinsic_gas(request.gas, intrinsic_gas)?;
    let balance = state
        .account(request.sender)?
        .map_or(U256::ZERO, |account| account.balance);
    check_balance(balance, U512::from(request.value)).map_err(Error::from)?;
    let message = Message {
        sender: request.sender,
        to: request.to,
        create_at: request.create_at,
        gas: request.gas,
        intrinsic_gas,
        gas_price: request.gas_price,
        value: request.value,
        data: request.data,
        access_list: request.access_list,
        is_transaction: false,
    };
    let mut machine = machine::build(state, environment);
    let (outcome, changes) = machine::run(&mut machine, message)?;
    Ok((summarise(outcome), changes))
}

/// Put pretended accounts on top of a state.
pub fn apply_overrides<S: StateSource>(
    state: &mut BlockState<S>,
    overrides: Vec<(Address, AccountOverride)>,
) -> Result<()> {
    for (address, pretended) in overrides {
        if let Some(balance) = pretended.balance {
            state.modify(address, |account| account.balance = balance)?;
        }
        if let Some(nonce) = pretended.nonce {
            state.modify(address, |account| account.nonce = nonce)?;
        }
        if let Some(code) = pretended.code {
            state.set_code(address, code)?;
        }
        if pretended.is_storage_replaced {
            state.clear_slots(address)?;
        }
        for (slot, value) in pretended.slots {
            state.set_slot(address, slot, value)?;
        }
    }
    Ok(())
}
