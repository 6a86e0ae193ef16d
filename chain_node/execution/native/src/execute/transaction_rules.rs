//! Whether a transaction can be included at a place of a block, and in which words it is refused otherwise.
//!
//! Source: Ethereum Yellow Paper, section 6; EIP-1559, EIP-2028, EIP-2930, EIP-3607.

use crate::error::{Error, Kind};
use crate::execute::environment::Environment;
use crate::execute::machine::Message;
use crate::transaction::{AccessList, Transaction};
use alloy_primitives::{Address, Bytes, U256, U512};
use revm::state::AccountInfo;

/// Gas of the cheapest transaction.
pub const GAS_TRANSACTION_MIN: u64 = 21_000;
const GAS_CREATION: u64 = 32_000;
const GAS_ZERO_BYTE: u64 = 4;
const GAS_BYTE: u64 = 16;
const GAS_LISTED_ADDRESS: u64 = 2_400;
const GAS_LISTED_SLOT: u64 = 1_900;

/// Why a transaction or call cannot be executed on a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first rule that is broken.
    pub reason: String,
    /// Whether no later state of this chain can take it.
    pub is_final: bool,
}

impl Refusal {
    fn new(is_final: bool, reason: String) -> Self {
        Self { reason, is_final }
    }

    /// The block has no room for the transaction's bytes.
    pub fn no_room() -> Self {
        Self::new(false, "no room left in the block".to_owned())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::new(
            if refusal.is_final {
                Kind::RefusedFinal
            } else {
                Kind::Refused
            },
            refusal.reason,
        )
    }
}

/// Gas a message costs before its code runs.
pub fn intrinsic_gas(data: &[u8], access_list: &AccessList, is_creation: bool) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let slots: usize = access_list.iter().map(|(_, keys)| keys.len()).sum();
    GAS_TRANSACTION_MIN
        + if is_creation { GAS_CREATION } else { 0 }
        + GAS_ZERO_BYTE * zeros
        + GAS_BYTE * (data.len() as u64 - zeros)
        + GAS_LISTED_ADDRESS * access_list.len() as u64
        + GAS_LISTED_SLOT * slots as u64
}

/// Gas that bounds a transaction.
#[derive(Debug, Clone, Copy)]
pub struct GasBounds {
    /// Left in the block.
    pub available: u64,
    /// What one transaction may ask for.
    pub per_transaction: u64,
}

/// Check a transaction against its place, before its sender is read; gives its intrinsic gas.
pub fn check_place(transaction: &Transaction<'_>, environment: &Environment, gas: GasBounds) -> Result<u64, Refusal> {
    let fork = environment.fork;
    if transaction.kind > fork.transaction_type_max() {
        let reason = format!("transaction type {} is not known to {}", transaction.kind, fork.name());
        return Err(Refusal::new(true, reason));
    }
    if let Some(chain_id) = transaction
        .chain_id
        .filter(|chain_id| *chain_id != U256::from(environment.chain_id))
    {
        return Err(Refusal::new(
            true,
            format!("chain id {chain_id}, expected {}", environment.chain_id),
        ));
    }
    let asked = transaction.gas;
    if asked > gas.per_transaction {
        return Err(Refusal::new(
            true,
            format!("gas {asked}, at most {} per transaction", gas.per_transaction),
        ));
    }
    let intrinsic = intrinsic_gas(transaction.data, &transaction.access_list, transaction.to.is_none());
    check_intrinsic_gas(asked, intrinsic)?;
    if asked > gas.available {
        return Err(Refusal::new(
            false,
            format!("gas {asked}, {} left in the block", gas.available),
        ));
    }
    Ok(intrinsic)
}

/// The gas must cover what a message costs before its code runs.
pub fn check_intrinsic_gas(gas: u64, intrinsic: u64) -> Result<(), Refusal> {
    if gas < intrinsic {
        return Err(Refusal::new(
            true,
            format!("intrinsic gas too low: have {gas}, want {intrinsic}"),
        ));
    }
    Ok(())
}

/// Check a transaction against its sender's account; gives the wei per gas it pays.
pub fn check_sender(
    transaction: &Transaction<'_>,
    sender: Option<&AccountInfo>,
    environment: &Environment,
) -> Result<u128, Refusal> {
    let (nonce, balance) = sender.map_or((0, U256::ZERO), |account| (account.nonce, account.balance));
    if transaction.nonce != nonce {
        let is_low = transaction.nonce < nonce;
        let relation = if is_low { "low" } else { "high" };
        let reason = format!("nonce too {relation}: got {}, expected {nonce}", transaction.nonce);
        return Err(Refusal::new(is_low, reason));
    }
    if sender.is_some_and(|account| !account.is_empty_code_hash() && !account.code_hash.is_zero()) {
        return Err(Refusal::new(false, "the sender is a contract".to_owned()));
    }
    let base_fee = U256::from(environment.base_fee);
    if transaction.max_fee_per_gas < base_fee {
        let reason = format!(
            "max fee per gas {} below base fee {base_fee}",
            transaction.max_fee_per_gas
        );
        return Err(Refusal::new(false, reason));
    }
    let cost = U512::from(transaction.gas) * U512::from(transaction.max_fee_per_gas) + U512::from(transaction.value);
    check_balance(balance, cost)?;
    let gas_price = transaction
        .max_fee_per_gas
        .min(base_fee.saturating_add(transaction.max_priority_fee_per_gas));
    // Only an account with 2^142 wei and more gets this far: revm keeps gas prices in 128 bits.
    u128::try_from(gas_price).map_err(|_| Refusal::new(true, format!("gas price {gas_price} does not fit 128 bits")))
}

/// The sender must have what a message costs.
pub fn check_balance(balance: U256, cost: U512) -> Result<(), Refusal> {
    if U512::from(balance) < cost {
        return Err(Refusal::new(
            false,
            format!("insufficient funds: have {balance}, want {cost}"),
        ));
    }
    Ok(())
}

/// The message of a transaction that was checked.
pub fn to_message(transaction: Transaction<'_>, sender: Address, intrinsic_gas: u64, gas_price: u128) -> Message {
    Message {
        sender,
        to: transaction.to,
        create_at: None,
        gas: transaction.gas,
        intrinsic_gas,
        gas_price,
        value: transaction.value,
        data: Bytes::copy_from_slice(transaction.data),
        access_list: transaction.access_list,
        is_transaction: true,
    }
}
