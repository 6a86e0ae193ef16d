//! Recording one transaction as revm executes it: steps and messages, in the form of `execution/trace.py`.

mod opcodes;
mod recorder;

use crate::error::{Error, Kind, Result};
use crate::execute::block_state::BlockState;
use crate::execute::environment::Environment;
use crate::execute::machine::{self, Message};
use crate::execute::source::StateSource;
use crate::execute::transaction_rules::{check_intrinsic_gas, intrinsic_gas, to_message};
use crate::execute::words::{Summary, summarise};
use crate::transaction;
use alloy_primitives::{Address, Bytes, U256};
use recorder::Recorder;

/// How much to record.
#[derive(Debug, Clone, Copy)]
pub struct TraceOptions {
    /// Steps, or only messages.
    pub is_step_recorded: bool,
    /// The stack before each step.
    pub is_stack_recorded: bool,
    /// The memory before each step.
    pub is_memory_recorded: bool,
    /// The slots a message has touched so far.
    pub is_storage_recorded: bool,
    /// Execution goes on after that many steps, but nothing more is recorded.
    pub steps_max: usize,
}

/// The machine before one instruction.
#[derive(Debug, Clone)]
pub struct Step {
    /// Position in the code.
    pub program_counter: usize,
    /// Mnemonic.
    pub operation: &'static str,
    /// Left before the instruction.
    pub gas: u64,
    /// Spent by the instruction; all that was left if it failed.
    pub gas_cost: u64,
    /// 1 for the transaction's own message.
    pub depth: usize,
    /// From the bottom; None if not recorded.
    pub stack: Option<Vec<U256>>,
    /// Whole words; None if not recorded.
    pub memory: Option<Bytes>,
    /// Slots read or written in this message so far; None if not recorded.
    pub storage: Option<Vec<(U256, U256)>>,
    /// Why the instruction failed.
    pub error: Option<&'static str>,
}

/// One message and those it sent.
#[derive(Debug, Clone)]
pub struct CallFrame {
    /// CALL, CALLCODE, DELEGATECALL, STATICCALL, CREATE, CREATE2 or SELFDESTRUCT.
    pub kind: &'static str,
    /// Who sent it.
    pub sender: Address,
    /// The called or created account.
    pub to: Address,
    /// Wei.
    pub value: U256,
    /// Handed to the message.
    pub gas: u64,
    /// Of those.
    pub gas_used: u64,
    /// Or creation code.
    pub call_data: Bytes,
    /// What came back.
    pub return_data: Bytes,
    /// Why it failed.
    pub error: Option<&'static str>,
    /// Messages it sent, then accounts it destroyed.
    pub calls: Vec<CallFrame>,
}

/// The record of one transaction.
#[derive(Debug)]
pub struct Trace {
    /// Of the transaction, as its receipt would tell.
    pub summary: Summary,
    /// In order of execution.
    pub steps: Vec<Step>,
    /// Whether steps were left out because of the limit.
    pub is_truncated: bool,
    /// The transaction's own message.
    pub call: CallFrame,
}

/// Execute transactions of a block that were valid there, and record the last one.
///
/// Prices are what the transactions say, and nothing is checked but the intrinsic gas.
pub fn trace<S: StateSource, R: AsRef<[u8]>>(
    state: &mut BlockState<S>,
    environment: &Environment,
    transactions: &[(R, Address)],
    options: TraceOptions,
) -> Result<Trace> {
    let Some(((last, sender), earlier)) = transactions.split_last() else {
        return Err(Error::new(Kind::Failed, "no transaction to trace"));
    };
    let mut plain = machine::build(&mut *state, environment);
    for (raw, sender) in earlier {
        let (_, changes) = machine::run(&mut plain, message_of(raw.as_ref(), *sender, environment)?)?;
        plain.ctx.journaled_state.database.commit(changes);
    }
    drop(plain);
    let message = message_of(last.as_ref(), *sender, environment)?;
    let mut inspected = machine::build_inspected(state, environment, Recorder::new(options, environment.fork));
    let (outcome, _) = machine::run_inspected(&mut inspected, message)?;
    inspected.inspector.finish(summarise(outcome))
}

fn message_of(raw: &[u8], sender: Address, environment: &Environment) -> Result<Message> {
    let transaction = transaction::parse(raw).map_err(|flaw| Error::new(Kind::Failed, format!("{flaw:?}")))?;
    let intrinsic = intrinsic_gas(transaction.data, &transaction.access_list, transaction.to.is_none());
    check_intrinsic_gas(transaction.gas, intrinsic)?;
    let base_fee = U256::from(environment.base_fee);
    let price = transaction
        .max_fee_per_gas
        .min(base_fee.saturating_add(transaction.max_priority_fee_per_gas));
    Ok(to_message(transaction, sender, intrinsic, price.saturating_to()))
}
