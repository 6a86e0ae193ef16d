//! One block being filled or replayed.

use crate::error::{Error, Kind, Result};
use crate::execute::block_state::{BlockState, ProgramCache};
use crate::execute::environment::Environment;
use crate::execute::machine::{self, Machine, Message, Outcome};
use crate::execute::receipt::{encode_receipt, logs_bloom, ordered_trie_root};
use crate::execute::source::{StateSource, StoredState};
use crate::execute::transaction_rules::{self, GAS_TRANSACTION_MIN, GasBounds, Refusal};
use crate::state::TrieUpdate;
use crate::transaction::{self, Transaction};
use alloy_primitives::{Address, B256, Bloom, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use revm::context::ContextTr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a block's transactions did. Nothing of it is durable before the block is committed.
pub struct Executed {
    /// The state after the block, ready to be stored with it.
    pub update: TrieUpdate,
    /// Root of the encoded receipts by index.
    pub receipts_root: B256,
    /// Root of the encoded transactions by index.
    pub transactions_root: B256,
    /// Gas of all transactions.
    pub gas_used: u64,
    /// Union of the receipts' filters.
    pub logs_bloom: Bloom,
    /// Contracts that logged, each once, ascending.
    pub log_addresses: Vec<Address>,
    /// Encoded, in the order of the transactions.
    pub receipts: Vec<Bytes>,
    /// In the order of the transactions.
    pub transaction_hashes: Vec<B256>,
}

impl Executed {
    /// The result of a block without transactions that leaves this state.
    pub fn of_genesis(update: TrieUpdate) -> Self {
        Self {
            update,
            receipts_root: EMPTY_ROOT_HASH,
            transactions_root: EMPTY_ROOT_HASH,
            gas_used: 0,
            logs_bloom: Bloom::ZERO,
            log_addresses: Vec::new(),
            receipts: Vec::new(),
            transaction_hashes: Vec::new(),
        }
    }
}

/// A candidate that was not included.
pub struct Skipped {
    /// Its place among those given.
    pub index: usize,
    /// Why.
    pub refusal: Refusal,
}

/// How far one call of `execute` got.
pub struct Progress {
    /// Candidates looked at; those from here on were not reached.
    pub reached: usize,
    /// Those among them that were not included.
    pub skipped: Vec<Skipped>,
}

/// When `execute` stops before the last candidate.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// A proposer's turn: after this much gas, or when the block is full; what cannot be included is left out.
    AfterGas {
        /// Gas after which no further transaction begins.
        gas: u64,
        /// Bytes of transactions the whole block may have.
        size_bytes_max: usize,
    },
    /// A proposed block: at the first transaction that cannot be there.
    AtRefusal,
}

/// A block in the making.
pub struct BlockExecution<S> {
    state: BlockState<S>,
    tally: Tally,
}

/// What the transactions included so far add up to.
struct Tally {
    environment: Environment,
    gas_per_transaction: u64,
    gas_used: u64,
    size_bytes: usize,
    raws: Vec<Bytes>,
    hashes: Vec<B256>,
    receipts: Vec<Bytes>,
    bloom: Bloom,
    log_addresses: BTreeSet<Address>,
}

impl<S: StateSource> BlockExecution<S> {
    /// A block on top of a state; `gas_per_transaction` is what one transaction may ask for.
    pub fn new(source: S, programs: Arc<ProgramCache>, environment: Environment, gas_per_transaction: u64) -> Self {
        let tally = Tally {
            environment,
            gas_per_transaction,
            gas_used: 0,
            size_bytes: 0,
            raws: Vec::new(),
            hashes: Vec::new(),
            receipts: Vec::new(),
            bloom: Bloom::ZERO,
            log_addresses: BTreeSet::new(),
        };
        Self {
            state: BlockState::new(source, programs),
            tally,
        }
    }

    /// Gas of the transactions included so far.
    pub fn gas_used(&self) -> u64 {
        self.tally.gas_used
    }

    /// Gas the block has left.
    pub fn gas_left(&self) -> u64 {
        self.tally.gas_left()
    }

    /// Bytes of the transactions included so far.
    pub fn size_bytes(&self) -> usize {
        self.tally.size_bytes
    }

    /// Execute transactions in their order.
    ///
    /// `candidates` are encoded transactions that were decoded before, each with the sender that was recovered then.
    pub fn execute<R: AsRef<[u8]>>(&mut self, candidates: &[(R, Address)], stop: Stop) -> Result<Progress> {
        let gas_start = self.tally.gas_used;
        let mut machine = machine::build(&mut self.state, &self.tally.environment);
        let mut skipped = Vec::new();
        for (index, (raw, sender)) in candidates.iter().enumerate() {
            if self.tally.is_over(stop, gas_start) {
                return Ok(Progress {
                    reached: index,
                    skipped,
                });
            }
            if let Err(refusal) = self.tally.include(&mut machine, raw.as_ref(), *sender, stop)? {
                skipped.push(Skipped { index, refusal });
                if matches!(stop, Stop::AtRefusal) {
                    return Ok(Progress {
                        reached: index + 1,
                        skipped,
                    });
                }
            }
        }
        Ok(Progress {
            reached: candidates.len(),
            skipped,
        })
    }
}

impl BlockExecution<StoredState> {
    /// The block's results, with the trie brought up to date.
    pub fn finish(self) -> Result<Executed> {
        let (source, delta) = self.state.into_delta();
        let tally = self.tally;
        let roots = || rayon::join(|| ordered_trie_root(&tally.receipts), || ordered_trie_root(&tally.raws));
        let (update, (receipts_root, transactions_root)) = rayon::join(|| source.view().apply(&delta), roots);
        Ok(Executed {
            update: update?,
            receipts_root,
            transactions_root,
            gas_used: tally.gas_used,
            logs_bloom: tally.bloom,
            log_addresses: tally.log_addresses.into_iter().collect(),
            receipts: tally.receipts,
            transaction_hashes: tally.hashes,
        })
    }
}

impl Tally {
    fn gas_left(&self) -> u64 {
        self.environment.gas_limit - self.gas_used
    }

    fn is_over(&self, stop: Stop, gas_start: u64) -> bool {
        match stop {
            Stop::AfterGas { gas, .. } => self.gas_used - gas_start >= gas || self.gas_left() < GAS_TRANSACTION_MIN,
            Stop::AtRefusal => false,
        }
    }

    fn include<S: StateSource>(
        &mut self,
        machine: &mut Machine<&mut BlockState<S>>,
        raw: &[u8],
        sender: Address,
        stop: Stop,
    ) -> Result<std::result::Result<(), Refusal>> {
        if let Stop::AfterGas { size_bytes_max, .. } = stop
            && self.size_bytes + raw.len() > size_bytes_max
        {
            return Ok(Err(Refusal::no_room()));
        }
        let transaction = transaction::parse(raw).map_err(|flaw| Error::new(Kind::Failed, format!("{flaw:?}")))?;
        let (kind, hash) = (transaction.kind, transaction.hash());
        let message = match self.check(machine, transaction, sender)? {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (outcome, changes) = machine::run(machine, message)?;
        machine.ctx.db_mut().commit(changes);
        self.add(raw, kind, hash, outcome);
        Ok(Ok(()))
    }

    fn check<S: StateSource>(
        &self,
        machine: &mut Machine<&mut BlockState<S>>,
        transaction: Transaction<'_>,
        sender: Address,
    ) -> Result<std::result::Result<Message, Refusal>> {
        let bounds = GasBounds {
            available: self.gas_left(),
            per_transaction: self.gas_per_transaction,
        };
        let intrinsic_gas = match transaction_rules::check_place(&transaction, &self.environment, bounds) {
            Ok(intrinsic_gas) => intrinsic_gas,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let account = machine.ctx.db_mut().account(sender)?;
        let gas_price = transaction_rules::check_sender(&transaction, account, &self.environment);
        Ok(gas_price.map(|price| transaction_rules::to_message(transaction, sender, intrinsic_gas, price)))
    }

    fn add(&mut self, raw: &[u8], kind: u8, hash: B256, outcome: Outcome) {
        self.gas_used += outcome.tx_gas_used();
        let is_success = outcome.is_success();
        let logs = if is_success { outcome.into_logs() } else { Vec::new() };
        let bloom = logs_bloom(&logs);
        self.bloom.accrue_bloom(&bloom);
        self.log_addresses.extend(logs.iter().map(|log| log.address));
        self.receipts
            .push(encode_receipt(kind, is_success, self.gas_used, &bloom, &logs).into());
        self.hashes.push(hash);
        self.size_bytes += raw.len();
        self.raws.push(Bytes::copy_from_slice(raw));
    }
}
