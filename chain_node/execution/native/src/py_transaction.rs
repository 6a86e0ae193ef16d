//! Decoding many transactions at once, for Python.

use crate::entry::{Word, run};
use crate::transaction::{self, Flaw, Transaction};
use alloy_primitives::{Address, B256};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};
use rayon::prelude::*;

/// Fewer are not worth waking other threads for.
const TRANSACTIONS_SHARED_MIN: usize = 4;

type Decoded<'a> = Result<(Transaction<'a>, B256, Address), Flaw>;

/// Decode signed transactions and recover their senders, on all cores.
///
/// Gives for each the fields of `core.types.Transaction` in their order, or `("decode", offset, expected)` or
/// `("invalid", 0, reason)`.
#[pyfunction]
pub fn decode_transactions<'py>(py: Python<'py>, raws: Vec<PyBackedBytes>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let decoded: Vec<Decoded<'_>> = run(py, || {
        Ok(if raws.len() < TRANSACTIONS_SHARED_MIN {
            raws.iter().map(decode).collect()
        } else {
            raws.par_iter().map(decode).collect()
        })
    })?;
    raws.iter()
        .zip(decoded)
        .map(|(raw, decoded)| to_tuple(py, raw, decoded))
        .collect()
}

fn decode(raw: &PyBackedBytes) -> Decoded<'_> {
    let (transaction, sender) = transaction::decode(raw)?;
    let hash = transaction.hash();
    Ok((transaction, hash, sender))
}

fn to_tuple<'py>(py: Python<'py>, raw: &PyBackedBytes, decoded: Decoded<'_>) -> PyResult<Bound<'py, PyTuple>> {
    let (transaction, hash, sender) = match decoded {
        Ok(decoded) => decoded,
        Err(Flaw::Decode { offset, expected }) => return ("decode", offset, expected).into_pyobject(py),
        Err(Flaw::Invalid(reason)) => return ("invalid", 0, reason).into_pyobject(py),
    };
    let fee = Word(transaction.max_fee_per_gas).into_pyobject(py)?;
    let is_same_fee = transaction.max_priority_fee_per_gas == transaction.max_fee_per_gas;
    let priority_fee = match is_same_fee {
        true => fee.clone(),
        false => Word(transaction.max_priority_fee_per_gas).into_pyobject(py)?,
    };
    let access_list = transaction.access_list.iter().map(|(address, keys)| {
        let keys = PyTuple::new(py, keys.iter().map(|key| PyBytes::new(py, key.as_slice())))?;
        (PyBytes::new(py, address.as_slice()), keys).into_pyobject(py)
    });
    PyTuple::new(
        py,
        [
            raw.into_pyobject(py)?.into_any(),
            PyBytes::new(py, hash.as_slice()).into_any(),
            transaction.kind.into_pyobject(py)?.into_any(),
            transaction.chain_id.map(Word).into_pyobject(py)?,
            transaction.nonce.into_pyobject(py)?.into_any(),
            fee.clone(),
            fee,
            priority_fee,
            transaction.gas.into_pyobject(py)?.into_any(),
            transaction
                .to
                .map(|to| PyBytes::new(py, to.as_slice()))
                .into_pyobject(py)?
                .into_any(),
            Word(transaction.value).into_pyobject(py)?,
            PyBytes::new(py, transaction.data).into_any(),
            PyTuple::new(py, access_list.collect::<PyResult<Vec<_>>>()?)?.into_any(),
            Word(transaction.v).into_pyobject(py)?,
            Word(transaction.r).into_pyobject(py)?,
            Word(transaction.s).into_pyobject(py)?,
            PyBytes::new(py, sender.as_slice()).into_any(),
        ],
    )
}
