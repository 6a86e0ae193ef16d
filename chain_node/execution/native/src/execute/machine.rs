//! revm, with the rules of this chain around the message it runs.
//!
//! revm's own checks of transactions are not used: `transaction_rules` has made them in our words. The coinbase is
//! credited only when there is a fee, so that with gas prices of 0 an account that does not exist is not created; one
//! that exists and is empty is removed, as ever when a transaction touches it.

use crate::error::{Error, Kind, Result};
use crate::execute::environment::Environment;
use crate::transaction::AccessList;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction};
use revm::context::transaction::AccessListItem;
use revm::context::{BlockEnv, ContextSetters, ContextTr, JournalTr, LocalContextTr, TxEnv};
use revm::context_interface::cfg::CreateScheme;
use revm::context_interface::journaled_state::account::JournaledAccountTr;
use revm::handler::evm::FrameTr;
use revm::handler::{EthFrame, EvmTr, FrameResult, Handler, MainBuilder, MainnetContext, MainnetEvm, execution};
use revm::inspector::{Inspector, InspectorEvmTr, InspectorHandler};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_action::FrameInit;
use revm::interpreter::{FrameInput, GasTracker, InitialAndFloorGas, SharedMemory};
use revm::state::EvmState;
use revm::{Database, context::CfgEnv};

/// revm over some state, with or without an inspector.
pub type Machine<D, I = ()> = MainnetEvm<MainnetContext<D>, I>;

/// What revm reports of a message.
pub type Outcome = ExecutionResult<HaltReason>;

/// One message to run.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who sends it.
    pub sender: Address,
    /// Called account; None runs `data` as creation code.
    pub to: Option<Address>,
    /// Where a creation puts its contract; None where the sender's next one goes.
    pub create_at: Option<Address>,
    /// Gas limit with the intrinsic gas.
    pub gas: u64,
    /// Gas it costs before its code runs.
    pub intrinsic_gas: u64,
    /// Wei per gas that the code sees.
    pub gas_price: u128,
    /// Wei the sender gives.
    pub value: U256,
    /// Call data or creation code.
    pub data: Bytes,
    /// What is warm from the start.
    pub access_list: AccessList,
    /// Whether the sender's nonce counts it and its gas is paid for; otherwise it is a call.
    pub is_transaction: bool,
}

/// A machine for the messages of one block.
pub fn build<D: Database<Error = Error>>(state: D, environment: &Environment) -> Machine<D> {
    context(state, environment).build_mainnet()
}

/// A machine that reports every step to an inspector.
pub fn build_inspected<D: Database<Error = Error>, I>(
    state: D,
    environment: &Environment,
    inspector: I,
) -> Machine<D, I> {
    context(state, environment).build_mainnet_with_inspector(inspector)
}

fn context<D: Database<Error = Error>>(state: D, environment: &Environment) -> MainnetContext<D> {
    let spec = environment.fork.spec();
    let cfg = CfgEnv::new_with_spec(spec).with_chain_id(environment.chain_id);
    MainnetContext::new(state, spec).with_cfg(cfg).with_block(BlockEnv {
        number: U256::from(environment.height),
        beneficiary: environment.coinbase,
        timestamp: U256::from(environment.timestamp),
        gas_limit: environment.gas_limit,
        basefee: environment.base_fee,
        difficulty: environment.difficulty,
        ..BlockEnv::default()
    })
}

/// Run a message that `transaction_rules` or `call` has checked; gives what it did and every account it loaded.
pub fn run<D: Database<Error = Error>>(machine: &mut Machine<D>, message: Message) -> Result<(Outcome, EvmState)> {
    let mut rules = Rules::new(&message);
    machine.ctx.set_tx(transaction_environment(message));
    let outcome = rules.run(machine);
    let state = machine.ctx.journal_mut().finalize();
    Ok((outcome.map_err(narrow)?, state))
}

/// As `run`, with the inspector told of every step.
pub fn run_inspected<D, I>(machine: &mut Machine<D, I>, message: Message) -> Result<(Outcome, EvmState)>
where
    D: Database<Error = Error>,
    I: Inspector<MainnetContext<D>>,
{
    let mut rules = Rules::new(&message);
    machine.ctx.set_tx(transaction_environment(message));
    let outcome = rules.inspect_run(machine);
    let state = machine.ctx.journal_mut().finalize();
    Ok((outcome.map_err(narrow)?, state))
}

fn transaction_environment(message: Message) -> TxEnv {
    let access_list = message.access_list.into_iter();
    TxEnv {
        // The type decides only whether revm looks at the access list; prices and types were checked before.
        tx_type: 1,
        caller: message.sender,
        gas_limit: message.gas,
        gas_price: message.gas_price,
        kind: message.to.map_or(TxKind::Create, TxKind::Call),
        value: message.value,
        data: message.data,
        access_list: access_list
            .map(|(address, storage_keys)| AccessListItem { address, storage_keys })
            .collect::<Vec<_>>()
            .into(),
        ..TxEnv::default()
    }
}

fn narrow(error: EVMError<Error>) -> Error {
    match error {
        EVMError::Database(error) => error,
        other => Error::new(Kind::Failed, format!("the machine stopped: {other}")),
    }
}

/// What surrounds a message: who pays, whose nonce grows.
struct Rules<E> {
    intrinsic_gas: u64,
    is_transaction: bool,
    create_at: Option<Address>,
    machine: std::marker::PhantomData<E>,
}

impl<E> Rules<E> {
    fn new(message: &Message) -> Self {
        Self {
            intrinsic_gas: message.intrinsic_gas,
            is_transaction: message.is_transaction,
            create_at: message.create_at,
            machine: std::marker::PhantomData,
        }
    }
}

impl<E> Handler for Rules<E>
where
    E: EvmTr<
            Context: ContextTr<
                Journal: JournalTr<State = EvmState>,
                Db: Database<Error = Error>,
                Tx = TxEnv,
                Block = BlockEnv,
            >,
            Frame = EthFrame<EthInterpreter>,
        >,
    EthFrame<EthInterpreter>: FrameTr<FrameInit = FrameInit, FrameResult = FrameResult>,
{
    type Evm = E;
    type Error = EVMError<Error, InvalidTransaction>;
    type HaltReason = HaltReason;

    fn validate(&self, evm: &mut E) -> std::result::Result<InitialAndFloorGas, Self::Error> {
        let (_, tx, _, journal, _, _) = evm.ctx_mut().all_mut();
        let mut sender = journal.load_account_mut(tx.caller)?.data;
        if self.is_transaction {
            if tx.gas_price > 0 {
                let fee = U256::from(tx.gas_limit) * U256::from(tx.gas_price);
                sender.set_balance(sender.balance().saturating_sub(fee));
            }
            // A creation's nonce grows when its frame is made.
            if tx.kind.is_call() {
                sender.bump_nonce();
            }
        }
        Ok(InitialAndFloorGas::new(self.intrinsic_gas, 0))
    }

    fn first_frame_input(
        &mut self,
        evm: &mut E,
        gas: &mut GasTracker,
    ) -> std::result::Result<Option<FrameInit>, Self::Error> {
        let context = evm.ctx_mut();
        let memory = SharedMemory::new_with_buffer(context.local().shared_memory_buffer().clone());
        let Some(mut frame_input) = execution::create_init_frame(context, gas)? else {
            return Ok(None);
        };
        if let (Some(address), FrameInput::Create(inputs)) = (self.create_at, &mut frame_input) {
            inputs.set_scheme(CreateScheme::Custom { address });
        }
        Ok(Some(FrameInit {
            depth: 0,
            memory,
            frame_input,
        }))
    }

    fn reimburse_caller(&self, evm: &mut E, result: &mut FrameResult) -> std::result::Result<(), Self::Error> {
        let (_, tx, _, journal, _, _) = evm.ctx_mut().all_mut();
        if self.is_transaction && tx.gas_price > 0 {
            let gas = result.gas();
            let gas_left = U256::from(gas.remaining()) + U256::from(gas.refunded());
            journal
                .load_account_mut(tx.caller)?
                .data
                .incr_balance(gas_left * U256::from(tx.gas_price));
        }
        Ok(())
    }

    fn reward_beneficiary(&self, evm: &mut E, result: &mut FrameResult) -> std::result::Result<(), Self::Error> {
        let (block, tx, _, journal, _, _) = evm.ctx_mut().all_mut();
        let tip = tx.gas_price.saturating_sub(u128::from(block.basefee));
        if self.is_transaction {
            let mut coinbase = journal.load_account_mut(block.beneficiary)?.data;
            coinbase.touch();
            if tip > 0 {
                coinbase.incr_balance(U256::from(result.gas().used()) * U256::from(tip));
            }
        }
        Ok(())
    }
}

impl<E> InspectorHandler for Rules<E>
where
    Self: Handler<Evm = E>,
    E: InspectorEvmTr<Inspector: Inspector<<E as EvmTr>::Context, EthInterpreter>>,
{
    type IT = EthInterpreter;
}
