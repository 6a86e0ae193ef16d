//! The class `Database`: one open store, and the rules of its chain. Its methods are in `py_engine` and `py_store`.

use crate::entry::{Word, address_of, hash_of, run};
use crate::error::{Error, Kind, Result};
use crate::execute::block_state::{BlockState, ProgramCache};
use crate::execute::source::StoredState;
use crate::execute::{Environment, Fork, Schedule};
use crate::store::{Database, Identity, Limits};
use alloy_primitives::B256;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Recorded in the store, which refuses to be opened with another engine.
pub const ENGINE_NAME: &str = "native";

const MEBIBYTE: usize = 1024 * 1024;
const MAP_BYTES_START: usize = 1024 * MEBIBYTE;
const MAP_BYTES_MAX: usize = 16 * 1024 * 1024 * MEBIBYTE;

/// (height, timestamp, gas limit, coinbase, base fee or None, difficulty).
pub type Context = (u64, u64, u64, PyBackedBytes, Option<u64>, Word);

/// One open store.
#[pyclass(name = "Database", module = "chain_node.execution.native._native", frozen)]
pub struct PyDatabase {
    store: RwLock<Option<Arc<Database>>>,
    chain_id: u64,
    schedule: Schedule,
    programs: Arc<ProgramCache>,
}

#[pymethods]
impl PyDatabase {
    #[new]
    #[pyo3(signature = (path, genesis_hash, chain_id, schedule, *, cache_mb=64))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        genesis_hash: &[u8],
        chain_id: u64,
        schedule: Vec<(u64, String)>,
        cache_mb: usize,
    ) -> PyResult<Self> {
        let identity = Identity {
            genesis_hash: hash_of(genesis_hash)?,
            engine_name: ENGINE_NAME.to_owned(),
        };
        let limits = Limits {
            cache_bytes: cache_mb * MEBIBYTE,
            map_bytes_start: MAP_BYTES_START,
            map_bytes_max: MAP_BYTES_MAX,
        };
        run(py, || {
            let forks = schedule
                .iter()
                .map(|(height, name)| Ok((*height, Fork::from_name(name)?)));
            Ok(Self {
                schedule: Schedule::new(forks.collect::<Result<_>>()?)?,
                store: RwLock::new(Some(Arc::new(Database::open(&path, &identity, limits)?))),
                chain_id,
                programs: Arc::default(),
            })
        })
    }

    /// Close the store; everything else then fails.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || {
            if let Some(store) = self.store.write().unwrap_or_else(PoisonError::into_inner).take() {
                store.close();
            }
            Ok(())
        })
    }
}

impl PyDatabase {
    /// The store, while it is open.
    pub fn store(&self) -> Result<Arc<Database>> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        store.ok_or_else(|| Error::new(Kind::Failed, "the store is closed"))
    }

    /// Analysed contract code.
    pub fn programs(&self) -> Arc<ProgramCache> {
        self.programs.clone()
    }

    /// A state to execute on.
    pub fn state(&self, root: B256) -> Result<BlockState<StoredState>> {
        Ok(BlockState::new(
            StoredState::open(self.store()?, root)?,
            self.programs(),
        ))
    }

    /// The environment of a block of this chain.
    pub fn environment(&self, context: &Context) -> PyResult<Environment> {
        environment(self.chain_id, self.schedule.fork_at(context.0), context)
    }
}

/// The environment of a block.
pub fn environment(chain_id: u64, fork: Fork, context: &Context) -> PyResult<Environment> {
    let (height, timestamp, gas_limit, coinbase, base_fee, difficulty) = context;
    Ok(Environment {
        chain_id,
        fork,
        height: *height,
        timestamp: *timestamp,
        gas_limit: *gas_limit,
        coinbase: address_of(coinbase)?,
        base_fee: base_fee.unwrap_or(0),
        difficulty: difficulty.0,
    })
}
