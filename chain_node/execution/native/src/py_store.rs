//! Blocks, seals and states of a store, for Python.

use crate::entry::{Word, address_of, hash_of, run};
use crate::py_database::PyDatabase;
use crate::py_engine::PyExecuted;
use crate::state::AccountRecord;
use crate::store::{BlockRecord, LateSeal};
use alloy_primitives::{B256, Bytes};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

type Raw<'py> = Bound<'py, PyBytes>;
/// (height, block hash, round, signer, seal).
type PySeal = (u64, PyBackedBytes, u64, PyBackedBytes, PyBackedBytes);
/// As `PySeal`, on the way out.
type PySealOut<'py> = (u64, Raw<'py>, u64, Raw<'py>, Raw<'py>);
/// (nonce, balance, storage root, code hash).
type PyAccount<'py> = (u64, Word, Raw<'py>, Raw<'py>);
/// (slot, value, nodes).
type PySlotProof<'py> = (Word, Word, Vec<Raw<'py>>);

#[pymethods]
impl PyDatabase {
    /// (height, hash) of the last committed block; None for a store without genesis.
    fn head<'py>(&self, py: Python<'py>) -> PyResult<Option<(u64, Raw<'py>)>> {
        let head = self.store()?.head();
        Ok(head.map(|head| (head.height, raw(py, head.block_hash))))
    }

    /// Store a block with its state and receipts, in one transaction, durable on return.
    fn commit(
        &self,
        py: Python<'_>,
        height: u64,
        block_hash: &[u8],
        block: PyBackedBytes,
        executed: &PyExecuted,
    ) -> PyResult<()> {
        let (block_hash, executed) = (hash_of(block_hash)?, executed.0.clone());
        run(py, || {
            let record = BlockRecord {
                height,
                block_hash,
                block: Bytes::copy_from_slice(&block),
                receipts: executed.receipts.clone(),
                transaction_hashes: executed.transaction_hashes.clone(),
                logs_bloom: Bytes::copy_from_slice(executed.logs_bloom.as_slice()),
                log_addresses: executed.log_addresses.clone(),
            };
            self.store()?.commit(&record, &executed.update)
        })
    }

    /// The encoded block.
    fn block<'py>(&self, py: Python<'py>, height: u64) -> PyResult<Option<Raw<'py>>> {
        let found = run(py, || self.store()?.block(height))?;
        Ok(found.map(|block| raw(py, block)))
    }

    /// The hash of the block at this height.
    fn block_hash<'py>(&self, py: Python<'py>, height: u64) -> PyResult<Option<Raw<'py>>> {
        let found = run(py, || self.store()?.block_hash(height))?;
        Ok(found.map(|hash| raw(py, hash)))
    }

    /// The height of a block.
    fn height_of(&self, py: Python<'_>, block_hash: &[u8]) -> PyResult<Option<u64>> {
        let block_hash = hash_of(block_hash)?;
        run(py, || self.store()?.height_of(block_hash))
    }

    /// The encoded receipts of a block.
    fn receipts<'py>(&self, py: Python<'py>, height: u64) -> PyResult<Option<Vec<Raw<'py>>>> {
        let found = run(py, || self.store()?.receipts(height))?;
        Ok(found.map(|receipts| raws(py, &receipts)))
    }

    /// (height, index) of a transaction.
    fn transaction_location(&self, py: Python<'_>, transaction_hash: &[u8]) -> PyResult<Option<(u64, u32)>> {
        let hash = hash_of(transaction_hash)?;
        let found = run(py, || self.store()?.transaction_location(hash))?;
        Ok(found.map(|location| (location.height, location.index)))
    }

    /// [(height, filter)] of a range, both ends included.
    fn logs_blooms<'py>(&self, py: Python<'py>, first: u64, last: u64) -> PyResult<Vec<(u64, Raw<'py>)>> {
        let found = run(py, || self.store()?.logs_blooms(first, last))?;
        Ok(found
            .into_iter()
            .map(|(height, bloom)| (height, raw(py, bloom)))
            .collect())
    }

    /// Heights in the range, both ends included, at which the contract logged; ascending.
    fn heights_with_logs(&self, py: Python<'_>, address: &[u8], first: u64, last: u64) -> PyResult<Vec<u64>> {
        let address = address_of(address)?;
        run(py, || self.store()?.heights_with_logs(address, first, last))
    }

    /// Add late seals; those far below the head are dropped.
    fn put_seals(&self, py: Python<'_>, seals: Vec<PySeal>) -> PyResult<()> {
        let read = |(height, block_hash, round, signer, seal): PySeal| {
            let (block_hash, signer) = (hash_of(&block_hash)?, address_of(&signer)?);
            Ok(LateSeal {
                height,
                block_hash,
                round,
                signer,
                seal: Bytes::copy_from_slice(&seal),
            })
        };
        let seals: Vec<_> = seals.into_iter().map(read).collect::<PyResult<_>>()?;
        run(py, || self.store()?.put_seals(&seals))
    }

    /// Late seals of a height, by block hash, round and signer.
    fn seals<'py>(&self, py: Python<'py>, height: u64) -> PyResult<Vec<PySealOut<'py>>> {
        let seals = run(py, || self.store()?.seals(height))?;
        let write = |seal: LateSeal| {
            let (block_hash, signer) = (raw(py, seal.block_hash), raw(py, seal.signer));
            (seal.height, block_hash, seal.round, signer, raw(py, seal.seal))
        };
        Ok(seals.into_iter().map(write).collect())
    }

    /// Forget the states of heights below `height`; gives the number of trie nodes that were removed.
    fn prune_below(&self, py: Python<'_>, height: u64) -> PyResult<u64> {
        run(py, || self.store()?.prune_below(height))
    }

    /// (accounts, slots) of a state after every root in it was computed anew from its leaves.
    fn rebuild(&self, py: Python<'_>, root: &[u8]) -> PyResult<(u64, u64)> {
        let root = hash_of(root)?;
        let census = run(py, || self.store()?.rebuild(root))?;
        Ok((census.accounts, census.slots))
    }

    /// Raises `missing_state` unless the state with this root can be read.
    fn require_state(&self, py: Python<'_>, root: &[u8]) -> PyResult<()> {
        let root = hash_of(root)?;
        run(py, || self.store()?.view(root).map(drop))
    }

    /// (nonce, balance, storage root, code hash), or None if the account does not exist.
    fn account<'py>(&self, py: Python<'py>, root: &[u8], address: &[u8]) -> PyResult<Option<PyAccount<'py>>> {
        let (root, address) = (hash_of(root)?, address_of(address)?);
        let found = run(py, || self.store()?.view(root)?.account(address))?;
        Ok(found.map(|account| account_tuple(py, &account)))
    }

    /// The value of one slot; 0 if it was never set.
    fn storage(&self, py: Python<'_>, root: &[u8], address: &[u8], slot: Word) -> PyResult<Word> {
        let (root, address) = (hash_of(root)?, address_of(address)?);
        run(py, || self.store()?.view(root)?.storage(address, slot.0).map(Word))
    }

    /// The contract's code; empty if there is none.
    fn code<'py>(&self, py: Python<'py>, root: &[u8], address: &[u8]) -> PyResult<Raw<'py>> {
        let (root, address) = (hash_of(root)?, address_of(address)?);
        let code = run(py, || {
            let view = self.store()?.view(root)?;
            view.account(address)?
                .map_or(Ok(Bytes::new()), |account| view.code(account.code_hash))
        })?;
        Ok(raw(py, code))
    }

    /// (account, nodes, [(slot, value, nodes)]): Merkle proofs of an account and of some of its slots.
    fn prove<'py>(
        &self,
        py: Python<'py>,
        root: &[u8],
        address: &[u8],
        slots: Vec<Word>,
    ) -> PyResult<(PyAccount<'py>, Vec<Raw<'py>>, Vec<PySlotProof<'py>>)> {
        let (root, address) = (hash_of(root)?, address_of(address)?);
        let slots: Vec<_> = slots.into_iter().map(|slot| slot.0).collect();
        let proof = run(py, || self.store()?.view(root)?.prove(address, &slots))?;
        let storage = proof
            .storage
            .iter()
            .map(|slot| (Word(slot.slot), Word(slot.value), raws(py, &slot.nodes)));
        Ok((
            account_tuple(py, &proof.account),
            raws(py, &proof.nodes),
            storage.collect(),
        ))
    }
}

fn account_tuple<'py>(py: Python<'py>, account: &AccountRecord) -> PyAccount<'py> {
    let AccountRecord {
        nonce,
        balance,
        storage_root,
        code_hash,
    } = *account;
    (
        nonce,
        Word(balance),
        raw::<B256>(py, storage_root),
        raw::<B256>(py, code_hash),
    )
}

fn raw<T: AsRef<[u8]>>(py: Python<'_>, bytes: T) -> Raw<'_> {
    PyBytes::new(py, bytes.as_ref())
}

fn raws<'py>(py: Python<'py>, items: &[Bytes]) -> Vec<Raw<'py>> {
    items.iter().map(|item| raw(py, item)).collect()
}
