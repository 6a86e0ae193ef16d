//! Executing blocks, calls and traces, for Python.

use crate::entry::{Word, address_of, hash_of, run};
use crate::error::{Error, Kind, Result};
use crate::execute::alloc::{Alloc, AllocAccount, run_on, to_delta};
use crate::execute::block::{BlockExecution, Executed, Stop};
use crate::execute::call::{AccountOverride, CallRequest, apply_overrides, call};
use crate::execute::source::StoredState;
use crate::execute::trace::{TraceOptions, trace};
use crate::execute::words::Summary;
use crate::execute::{Fork, transaction_rules::Refusal};
use crate::py_database::{Context, PyDatabase, environment};
use crate::py_trace::{PyTrace, to_trace};
use crate::transaction::AccessList;
use alloy_primitives::{Address, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex, PoisonError};

/// [(address, its storage keys)].
type PyAccessList = Vec<(PyBackedBytes, Vec<PyBackedBytes>)>;
/// [(slot, value)].
type PySlots = Vec<(Word, Word)>;
/// [(address, balance, nonce, code, slots)].
type PyAlloc = Vec<(PyBackedBytes, Word, u64, PyBackedBytes, PySlots)>;
/// (address, balance, nonce, code, whether all other slots are 0, slots); None leaves what is there.
type PyOverride = (
    PyBackedBytes,
    Option<Word>,
    Option<u64>,
    Option<PyBackedBytes>,
    bool,
    PySlots,
);
/// (status, return data, gas used, error).
type PySummary<'py> = (u8, Bound<'py, PyBytes>, u64, Option<&'static str>);
/// (candidates reached, [(index, reason, whether it is final)]).
type PyProgress = (usize, Vec<(usize, String, bool)>);

#[pymethods]
impl PyDatabase {
    /// The state that a genesis allocation describes, as the result of a block without transactions.
    fn initialise(&self, py: Python<'_>, alloc: PyAlloc) -> PyResult<PyExecuted> {
        let alloc = read_alloc(alloc)?;
        run(py, || {
            let update = self.store()?.view(EMPTY_ROOT_HASH)?.apply(&to_delta(alloc))?;
            Ok(PyExecuted(Arc::new(Executed::of_genesis(update))))
        })
    }

    /// Begin a block on top of a committed state.
    fn start_block(
        &self,
        py: Python<'_>,
        parent_root: &[u8],
        context: Context,
        gas_per_transaction: u64,
    ) -> PyResult<PyBlockExecution> {
        let (root, environment) = (hash_of(parent_root)?, self.environment(&context)?);
        run(py, || {
            let source = StoredState::open(self.store()?, root)?;
            let block = BlockExecution::new(source, self.programs(), environment, gas_per_transaction);
            Ok(PyBlockExecution(Mutex::new(Some(block))))
        })
    }

    /// Execute one message on a state and forget what it changed.
    #[allow(clippy::too_many_arguments)]
    fn call<'py>(
        &self,
        py: Python<'py>,
        root: &[u8],
        context: Context,
        to: Option<&[u8]>,
        gas: u64,
        sender: &[u8],
        data: PyBackedBytes,
        value: Word,
        gas_price: Word,
        access_list: PyAccessList,
        overrides: Vec<PyOverride>,
    ) -> PyResult<PySummary<'py>> {
        let (root, environment) = (hash_of(root)?, self.environment(&context)?);
        let request = CallRequest {
            to: to.map(address_of).transpose()?,
            create_at: None,
            gas,
            sender: address_of(sender)?,
            data: Bytes::copy_from_slice(&data),
            value: value.0,
            gas_price: narrow_price(gas_price)?,
            access_list: read_access_list(access_list)?,
        };
        let overrides = overrides.into_iter().map(read_override).collect::<PyResult<Vec<_>>>()?;
        let summary = run(py, || {
            let mut state = self.state(root)?;
            apply_overrides(&mut state, overrides)?;
            Ok(call(&mut state, &environment, request)?.0)
        })?;
        Ok(to_summary(py, &summary))
    }

    /// Execute transactions of a block and record the last one.
    ///
    /// `options`: whether steps, stack, memory, storage are recorded, and how many steps at most.
    fn trace<'py>(
        &self,
        py: Python<'py>,
        root: &[u8],
        context: Context,
        raws: Vec<PyBackedBytes>,
        senders: Vec<PyBackedBytes>,
        options: (bool, bool, bool, bool, usize),
    ) -> PyResult<PyTrace<'py>> {
        let (root, environment) = (hash_of(root)?, self.environment(&context)?);
        let transactions = pair(raws, &senders)?;
        let (is_step_recorded, is_stack_recorded, is_memory_recorded, is_storage_recorded, steps_max) = options;
        let options = TraceOptions {
            is_step_recorded,
            is_stack_recorded,
            is_memory_recorded,
            is_storage_recorded,
            steps_max,
        };
        let trace = run(py, || {
            trace(&mut self.state(root)?, &environment, &transactions, options)
        })?;
        to_trace(py, trace)
    }
}

/// Run one call on a genesis allocation; gives what it did, and the allocation with what it changed if it succeeded.
///
/// `create_at` is where a creation puts its contract; None where the sender's next one would go.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn run_on_alloc<'py>(
    py: Python<'py>,
    chain_id: u64,
    fork: &str,
    context: Context,
    alloc: PyAlloc,
    to: Option<&[u8]>,
    create_at: Option<&[u8]>,
    gas: u64,
    sender: &[u8],
    data: PyBackedBytes,
    value: Word,
) -> PyResult<(PySummary<'py>, Vec<PyAllocAccount<'py>>)> {
    let environment = environment(chain_id, Fork::from_name(fork)?, &context)?;
    let request = CallRequest {
        to: to.map(address_of).transpose()?,
        create_at: create_at.map(address_of).transpose()?,
        gas,
        sender: address_of(sender)?,
        data: Bytes::copy_from_slice(&data),
        value: value.0,
        ..CallRequest::default()
    };
    let alloc = read_alloc(alloc)?;
    let (summary, alloc) = run(py, || run_on(alloc, &environment, request))?;
    Ok((
        to_summary(py, &summary),
        alloc.into_iter().map(|account| to_alloc_account(py, account)).collect(),
    ))
}

/// A block being filled or replayed. One thread at a time.
#[pyclass(name = "BlockExecution", module = "chain_node.execution.native._native", frozen)]
pub struct PyBlockExecution(Mutex<Option<BlockExecution<StoredState>>>);

#[pymethods]
impl PyBlockExecution {
    /// Execute transactions that `decode_transactions` has taken, each with its sender.
    ///
    /// With a gas budget, what cannot be included is left out, and nothing begins after that much gas, or when the
    /// block is full; `size_left` bytes of transactions still fit. Without one it stops at the first refusal.
    fn execute(
        &self,
        py: Python<'_>,
        raws: Vec<PyBackedBytes>,
        senders: Vec<PyBackedBytes>,
        gas_budget: Option<u64>,
        size_left: usize,
    ) -> PyResult<PyProgress> {
        let candidates = pair(raws, &senders)?;
        let progress = run(py, || {
            self.with(|block| {
                let stop = gas_budget.map_or(Stop::AtRefusal, |gas| Stop::AfterGas {
                    gas,
                    size_bytes_max: block.size_bytes() + size_left,
                });
                block.execute(&candidates, stop)
            })
        })?;
        let skipped = progress.skipped.into_iter();
        let skipped = skipped.map(|skipped| {
            let Refusal { reason, is_final } = skipped.refusal;
            (skipped.index, reason, is_final)
        });
        Ok((progress.reached, skipped.collect()))
    }

    /// Gas of the transactions included so far.
    #[getter]
    fn gas_used(&self) -> PyResult<u64> {
        Ok(self.with(|block| Ok(block.gas_used()))?)
    }

    /// Gas the block has left.
    #[getter]
    fn gas_left(&self) -> PyResult<u64> {
        Ok(self.with(|block| Ok(block.gas_left()))?)
    }

    /// Bytes of the transactions included so far.
    #[getter]
    fn size_bytes(&self) -> PyResult<usize> {
        Ok(self.with(|block| Ok(block.size_bytes()))?)
    }

    /// The block's results; nothing more can be executed.
    fn finish(&self, py: Python<'_>) -> PyResult<PyExecuted> {
        run(py, || {
            let block = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            let block = block.ok_or_else(finished)?;
            Ok(PyExecuted(Arc::new(block.finish()?)))
        })
    }
}

impl PyBlockExecution {
    fn with<T>(&self, work: impl FnOnce(&mut BlockExecution<StoredState>) -> Result<T>) -> Result<T> {
        // A poisoned lock means that a panic left the block half-changed.
        let mut block = self
            .0
            .lock()
            .map_err(|_| Error::new(Kind::Panic, "an earlier call panicked"))?;
        let result = work(block.as_mut().ok_or_else(finished)?);
        if result.is_err() {
            *block = None;
        }
        result
    }
}

fn finished() -> Error {
    Error::new(Kind::Failed, "the block is finished, or failed")
}

/// What a block's transactions did.
#[pyclass(name = "Executed", module = "chain_node.execution.native._native", frozen)]
pub struct PyExecuted(pub Arc<Executed>);

#[pymethods]
impl PyExecuted {
    #[getter]
    fn state_root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.update.root.as_slice())
    }

    #[getter]
    fn transactions_root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.transactions_root.as_slice())
    }

    #[getter]
    fn receipts_root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.receipts_root.as_slice())
    }

    /// Union of the receipts' filters, 256 bytes.
    #[getter]
    fn logs_bloom<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.logs_bloom.as_slice())
    }

    #[getter]
    fn gas_used(&self) -> u64 {
        self.0.gas_used
    }

    /// Transactions of the block.
    #[getter]
    fn count(&self) -> usize {
        self.0.receipts.len()
    }

    /// Contracts that logged, each once, ascending.
    #[getter]
    fn log_addresses<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0
            .log_addresses
            .iter()
            .map(|address| PyBytes::new(py, address.as_slice()))
            .collect()
    }

    /// Encoded receipts in the order of the transactions.
    fn receipts<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0
            .receipts
            .iter()
            .map(|receipt| PyBytes::new(py, receipt))
            .collect()
    }
}

fn pair(raws: Vec<PyBackedBytes>, senders: &[PyBackedBytes]) -> PyResult<Vec<(PyBackedBytes, Address)>> {
    if raws.len() != senders.len() {
        let message = format!("got {} transactions and {} senders", raws.len(), senders.len());
        return Err(Error::new(Kind::Failed, message).into());
    }
    raws.into_iter()
        .zip(senders)
        .map(|(raw, sender)| Ok((raw, address_of(sender)?)))
        .collect()
}

fn narrow_price(price: Word) -> PyResult<u128> {
    let refusal = || {
        Error::new(
            Kind::RefusedFinal,
            format!("gas price {} does not fit 128 bits", price.0),
        )
    };
    u128::try_from(price.0).map_err(|_| refusal().into())
}

fn read_access_list(access_list: PyAccessList) -> PyResult<AccessList> {
    let entries = access_list.into_iter();
    entries
        .map(|(address, keys)| {
            let keys = keys.iter().map(|key| hash_of(key)).collect::<PyResult<_>>()?;
            Ok((address_of(&address)?, keys))
        })
        .collect()
}

fn read_override(
    (address, balance, nonce, code, is_storage_replaced, slots): PyOverride,
) -> PyResult<(Address, AccountOverride)> {
    let pretended = AccountOverride {
        balance: balance.map(|balance| balance.0),
        nonce,
        code: code.map(|code| Bytes::copy_from_slice(&code)),
        is_storage_replaced,
        slots: slots.into_iter().map(|(slot, value)| (slot.0, value.0)).collect(),
    };
    Ok((address_of(&address)?, pretended))
}

fn read_alloc(alloc: PyAlloc) -> PyResult<Alloc> {
    let accounts = alloc.into_iter();
    accounts
        .map(|(address, balance, nonce, code, slots)| {
            let account = AllocAccount {
                balance: balance.0,
                nonce,
                code: Bytes::copy_from_slice(&code),
                slots: slots.into_iter().map(|(slot, value)| (slot.0, value.0)).collect(),
            };
            Ok((address_of(&address)?, account))
        })
        .collect()
}

/// As an item of `PyAlloc`.
type PyAllocAccount<'py> = (Bound<'py, PyBytes>, Word, u64, Bound<'py, PyBytes>, PySlots);

fn to_alloc_account<'py>(py: Python<'py>, (address, account): (Address, AllocAccount)) -> PyAllocAccount<'py> {
    let slots = account
        .slots
        .into_iter()
        .map(|(slot, value)| (Word(slot), Word(value)))
        .collect();
    let code = PyBytes::new(py, &account.code);
    (
        PyBytes::new(py, address.as_slice()),
        Word(account.balance),
        account.nonce,
        code,
        slots,
    )
}

fn to_summary<'py>(py: Python<'py>, summary: &Summary) -> PySummary<'py> {
    (
        u8::from(summary.is_success),
        PyBytes::new(py, &summary.return_data),
        summary.gas_used,
        summary.error,
    )
}
