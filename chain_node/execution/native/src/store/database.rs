//! A store in a directory.

use super::checksum::damaged;
use super::environment::Environment;
use super::meta::{Tip, check_identity, read_tip};
use super::nodes::StoredNodes;
use super::system::MappedFile;
use super::tables::number;
use super::types::{Head, Identity, Limits};
use crate::error::{Error, Result};
use crate::state::{Census, NodeCache, NodeId, View, rebuild};
use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Blocks with their states, all or nothing. Every method may be called from any thread; writers wait for one another.
pub struct Database {
    pub(super) nodes: Arc<StoredNodes>,
    pub(super) tip: RwLock<Option<Tip>>,
    pub(super) writer: Mutex<()>,
    pub(super) data: MappedFile,
}

impl Database {
    /// Open the store, or create it where there is none.
    ///
    /// Errors of kind `locked` (another process has it open), `identity` (it belongs to another genesis, engine or
    /// format), `unreadable` (the files are not a store), `full` (no room to create it).
    pub fn open(path: &Path, identity: &Identity, limits: Limits) -> Result<Self> {
        let environment = Environment::open(path, limits)?;
        check_identity(&environment, identity)?;
        let tip = read_tip(&environment)?;
        let next_id = AtomicU64::new(tip.map_or(1, |tip| tip.next_id));
        let nodes = StoredNodes {
            environment,
            cache: NodeCache::new(limits.cache_bytes),
            next_id,
        };
        Ok(Self {
            nodes: Arc::new(nodes),
            tip: RwLock::new(tip),
            writer: Mutex::new(()),
            data: MappedFile::new(path.join("data.mdb")),
        })
    }

    /// Release files; every later call is an error.
    pub fn close(&self) {
        self.nodes.environment.close();
    }

    /// The last committed block; None for a store without genesis.
    pub fn head(&self) -> Option<Head> {
        self.tip().map(|tip| tip.head)
    }

    /// Read access to the state with this root: a committed one, or that of the empty state.
    pub fn view(&self, root: B256) -> Result<View> {
        Ok(View::new(self.nodes.clone(), root, self.root_id(root)?))
    }

    /// Root of the state of a block; None if there is none or it is forgotten.
    pub fn state_root(&self, height: u64) -> Result<Option<B256>> {
        let found = self.get(|tables| tables.roots, &height.to_be_bytes())?;
        found
            .map(|root| B256::try_from(&root[..]).map_err(|_| damaged("a state root")))
            .transpose()
    }

    /// Read every leaf of a state and compute its root anew; an error of kind `unreadable` if it differs. O(state).
    pub fn rebuild(&self, root: B256) -> Result<Census> {
        rebuild(&*self.nodes, root, self.root_id(root)?)
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.nodes.environment
    }

    pub(super) fn tip(&self) -> Option<Tip> {
        *self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn root_id(&self, root: B256) -> Result<NodeId> {
        if root == EMPTY_ROOT_HASH {
            return Ok(0);
        }
        if let Some(tip) = self.tip().filter(|tip| tip.root == root) {
            return Ok(tip.root_id);
        }
        let found = self
            .environment()
            .read(|transaction, tables| Ok(tables.states.get(transaction, root.as_slice())?.map(number)))?;
        found.ok_or_else(|| Error::missing_state(root))
    }
}
