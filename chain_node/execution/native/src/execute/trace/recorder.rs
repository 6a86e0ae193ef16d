//! The inspector that listens while revm executes.

use crate::error::{Error, Kind, Result};
use crate::execute::environment::Fork;
use crate::execute::trace::opcodes::mnemonic;
use crate::execute::trace::{CallFrame, Step, Trace, TraceOptions};
use crate::execute::words::{Summary, describe_result};
use alloy_primitives::{Address, Bytes, U256};
use revm::Database;
use revm::context::ContextTr;
use revm::context_interface::CreateScheme;
use revm::handler::MainnetContext;
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{Jumps, LoopControl, MemoryTr};
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
    InterpreterAction, InterpreterResult,
};
use std::collections::BTreeMap;

/// Words of stacks, memories and storages together that a trace holds, and of data of messages; as in
/// `execution/trace.py`.
const WORDS_MAX: usize = 800_000;

const SLOAD: u8 = 0x54;
const SSTORE: u8 = 0x55;
const SELF_DESTRUCT: u8 = 0xff;

/// A message that has begun and not ended.
struct Open {
    frame: CallFrame,
    heirs: Vec<(Address, Address)>,
    touched: Vec<(U256, U256)>,
    /// The step whose cost is not yet known: the last one, if it sent a message.
    pending: Option<usize>,
}

/// Collects the steps and messages of one transaction.
pub struct Recorder {
    options: TraceOptions,
    fork: Fork,
    steps: Vec<Step>,
    is_truncated: bool,
    word_count: usize,
    message_word_count: usize,
    open: Vec<Open>,
    root: Option<CallFrame>,
    balances_at_destruction: BTreeMap<Address, U256>,
}

impl Recorder {
    /// A recorder for one transaction.
    pub fn new(options: TraceOptions, fork: Fork) -> Self {
        Self {
            options,
            fork,
            steps: Vec::new(),
            is_truncated: false,
            word_count: 0,
            message_word_count: 0,
            open: Vec::new(),
            root: None,
            balances_at_destruction: BTreeMap::new(),
        }
    }

    /// The trace, after the transaction was executed.
    pub fn finish(self, summary: Summary) -> Result<Trace> {
        let Some(mut call) = self.root else {
            return Err(Error::new(Kind::Failed, "the transaction sent no message"));
        };
        set_destroyed_values(&mut call, &self.balances_at_destruction);
        Ok(Trace {
            summary,
            steps: self.steps,
            is_truncated: self.is_truncated || self.message_word_count > WORDS_MAX,
            call,
        })
    }

    /// The data of a message; nothing once all messages together have too much.
    fn keep(&mut self, data: Bytes) -> Bytes {
        self.message_word_count = self.message_word_count.saturating_add(data.len() / 32);
        if self.message_word_count > WORDS_MAX {
            return Bytes::new();
        }
        data
    }

    fn begin(&mut self, frame: CallFrame) {
        self.open.push(Open {
            frame,
            heirs: Vec::new(),
            touched: Vec::new(),
            pending: None,
        });
    }

    fn end(&mut self, result: &InterpreterResult) {
        let Some(Open { mut frame, heirs, .. }) = self.open.pop() else {
            return;
        };
        let is_kept = result.result.is_ok() || result.result == InstructionResult::Revert;
        frame.gas_used = if is_kept {
            frame.gas.saturating_sub(result.gas.remaining())
        } else {
            frame.gas
        };
        frame.return_data = if is_kept {
            self.keep(result.output.clone())
        } else {
            Bytes::new()
        };
        frame.error = describe_result(result.result);
        frame
            .calls
            .extend(heirs.into_iter().map(|(destroyed, heir)| destruction(destroyed, heir)));
        match self.open.last_mut() {
            Some(parent) if was_sent(result.result) => parent.frame.calls.push(frame),
            Some(_) => {}
            None => self.root = Some(frame),
        }
    }

    fn is_wanted(&mut self) -> bool {
        if !self.options.is_step_recorded {
            return false;
        }
        self.is_truncated |= self.steps.len() >= self.options.steps_max || self.word_count >= WORDS_MAX;
        !self.is_truncated
    }

    fn settle(&mut self, gas_left: u64, error: Option<&'static str>) {
        let Some(index) = self.open.last_mut().and_then(|open| open.pending.take()) else {
            return;
        };
        let step = &mut self.steps[index];
        let is_all_spent = error.is_some() && error != describe_result(InstructionResult::Revert);
        step.gas_cost = if is_all_spent {
            step.gas
        } else {
            step.gas.saturating_sub(gas_left)
        };
        step.error = error;
    }

    fn note_touched(&mut self, key: U256, value: U256) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        match open.touched.iter_mut().find(|(touched, _)| *touched == key) {
            Some((_, known)) => *known = value,
            None => open.touched.push((key, value)),
        }
    }
}

impl<D: Database<Error = Error>> Inspector<MainnetContext<D>> for Recorder {
    fn step(&mut self, machine: &mut Interpreter<EthInterpreter>, context: &mut MainnetContext<D>) {
        self.settle(machine.gas.remaining(), None);
        if machine.bytecode.original_bytes().is_empty() {
            return;
        }
        let opcode = machine.bytecode.opcode();
        let account = machine.input.target_address;
        if opcode == SELF_DESTRUCT {
            let balance = context
                .journaled_state
                .state
                .get(&account)
                .map_or(U256::ZERO, |known| known.info.balance);
            self.balances_at_destruction.insert(account, balance);
        }
        if !self.is_wanted() {
            return;
        }
        let stack = machine.stack.data().as_slice();
        if self.options.is_storage_recorded {
            match (opcode, stack) {
                (SLOAD, [.., key]) => self.note_touched(*key, read_slot(context, account, *key)),
                (SSTORE, [.., value, key]) => self.note_touched(*key, *value),
                _ => {}
            }
        }
        let touched = self
            .open
            .last()
            .filter(|_| matches!(opcode, SLOAD | SSTORE))
            .map(|open| open.touched.clone());
        let memory = || Bytes::copy_from_slice(&machine.memory.slice(0..machine.memory.size()));
        let step = Step {
            program_counter: machine.bytecode.pc(),
            operation: mnemonic(opcode, self.fork),
            gas: machine.gas.remaining(),
            gas_cost: 0,
            depth: self.open.len(),
            stack: self.options.is_stack_recorded.then(|| stack.to_vec()),
            memory: self.options.is_memory_recorded.then(memory),
            storage: touched.filter(|_| self.options.is_storage_recorded),
            error: None,
        };
        self.word_count += count_words(&step);
        self.steps.push(step);
        let index = self.steps.len() - 1;
        if let Some(open) = self.open.last_mut() {
            open.pending = Some(index);
        }
    }

    fn step_end(&mut self, machine: &mut Interpreter<EthInterpreter>, _context: &mut MainnetContext<D>) {
        let error = match machine.bytecode.action() {
            Some(InterpreterAction::NewFrame(_)) => return,
            Some(InterpreterAction::Return(result)) => describe_result(result.result),
            None => None,
        };
        self.settle(machine.gas.remaining(), error);
    }

    fn call(&mut self, context: &mut MainnetContext<D>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let kind = match inputs.scheme {
            CallScheme::Call => "CALL",
            CallScheme::CallCode => "CALLCODE",
            CallScheme::DelegateCall => "DELEGATECALL",
            CallScheme::StaticCall => "STATICCALL",
        };
        let call_data = self.keep(inputs.input.bytes(context));
        self.begin(CallFrame {
            kind,
            sender: inputs.caller,
            to: inputs.bytecode_address,
            value: inputs.value.get(),
            gas: inputs.gas_limit,
            gas_used: 0,
            call_data,
            return_data: Bytes::new(),
            error: None,
            calls: Vec::new(),
        });
        None
    }

    fn call_end(&mut self, _context: &mut MainnetContext<D>, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.end(&outcome.result);
    }

    fn create(&mut self, context: &mut MainnetContext<D>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let creator = context.journaled_state.state.get(&inputs.caller());
        let nonce = creator.map_or(0, |account| account.info.nonce);
        let call_data = self.keep(inputs.init_code().clone());
        self.begin(CallFrame {
            kind: if matches!(inputs.scheme(), CreateScheme::Create2 { .. }) {
                "CREATE2"
            } else {
                "CREATE"
            },
            sender: inputs.caller(),
            to: inputs.created_address(nonce),
            value: inputs.value(),
            gas: inputs.gas_limit(),
            gas_used: 0,
            call_data,
            return_data: Bytes::new(),
            error: None,
            calls: Vec::new(),
        });
        None
    }

    fn create_end(&mut self, _context: &mut MainnetContext<D>, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        // The creator's nonce was at its end: nothing was created, and revm calls it a return.
        if outcome.address.is_none() && outcome.result.result.is_ok() {
            self.open.pop();
            return;
        }
        self.end(&outcome.result);
    }

    fn selfdestruct(&mut self, contract: Address, heir: Address, _value: U256) {
        if let Some(open) = self.open.last_mut() {
            open.heirs.push((contract, heir));
        }
    }
}

fn count_words(step: &Step) -> usize {
    step.stack.as_ref().map_or(0, Vec::len)
        + step.memory.as_ref().map_or(0, |memory| memory.len() / 32)
        + step.storage.as_ref().map_or(0, |storage| 2 * storage.len())
}

/// Whether the message began: one that could not be sent is no message.
fn was_sent(result: InstructionResult) -> bool {
    use InstructionResult::{CallTooDeep, CreateCollision, OutOfFunds};
    !matches!(result, CallTooDeep | OutOfFunds | CreateCollision)
}

/// A slot as the running transaction sees it, read without making it warm.
fn read_slot<D: Database<Error = Error>>(context: &mut MainnetContext<D>, account: Address, key: U256) -> U256 {
    if let Some(known) = context.journaled_state.state.get(&account) {
        if let Some(slot) = known.storage.get(&key) {
            return slot.present_value;
        }
        if known.is_created() {
            return U256::ZERO;
        }
    }
    // An error is met again, and reported, when the instruction itself reads the slot.
    context.db_mut().storage(account, key).unwrap_or_default()
}

fn destruction(destroyed: Address, heir: Address) -> CallFrame {
    CallFrame {
        kind: "SELFDESTRUCT",
        sender: destroyed,
        to: heir,
        value: U256::ZERO,
        gas: 0,
        gas_used: 0,
        call_data: Bytes::new(),
        return_data: Bytes::new(),
        error: None,
        calls: Vec::new(),
    }
}

fn set_destroyed_values(frame: &mut CallFrame, balances: &BTreeMap<Address, U256>) {
    if frame.kind == "SELFDESTRUCT" {
        frame.value = balances.get(&frame.sender).copied().unwrap_or_default();
    }
    for call in &mut frame.calls {
        set_destroyed_values(call, balances);
    }
}
