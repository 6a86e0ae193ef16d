//! The table that says what a store belongs to, and where it ends.

use super::checksum::{check, damaged, protect};
use super::environment::Environment;
use super::tables::number;
use super::types::{Head, Identity};
use crate::error::{Error, Kind, Result};
use crate::state::NodeId;
use alloy_primitives::B256;

/// Version of the layout of stored data; another version is refused.
pub const FORMAT_VERSION: u32 = 1;

const HEAD_KEY: &[u8] = b"head";
const PRUNED_KEY: &[u8] = b"pruned";

/// The last committed block, its state, and where the next nodes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The block.
    pub head: Head,
    /// Root of its state.
    pub root: B256,
    /// Number of the root's node.
    pub root_id: NodeId,
    /// Number of the next new node.
    pub next_id: NodeId,
}

impl Tip {
    /// As the table holds it.
    fn encode(&self) -> Vec<u8> {
        let Head { height, block_hash } = self.head;
        let ids = [self.root_id.to_be_bytes(), self.next_id.to_be_bytes()].concat();
        [
            &height.to_be_bytes()[..],
            block_hash.as_slice(),
            self.root.as_slice(),
            &ids,
        ]
        .concat()
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let (numbers, ids) = (encoded.get(..72)?, encoded.get(72..88)?);
        Some(Self {
            head: Head {
                height: number(numbers),
                block_hash: B256::from_slice(&numbers[8..40]),
            },
            root: B256::from_slice(&numbers[40..72]),
            root_id: number(ids),
            next_id: number(&ids[8..]),
        })
    }

    /// Write it with the block.
    pub fn put(&self, transaction: &mut heed::RwTxn<'_>, tables: &super::tables::Tables) -> heed::Result<()> {
        tables.meta.put(transaction, HEAD_KEY, &protect(&self.encode()))
    }
}

/// Write what a new store belongs to; compare what another one says.
pub fn check_identity(environment: &Environment, identity: &Identity) -> Result<()> {
    let expected = [
        ("format version", FORMAT_VERSION.to_string()),
        ("genesis hash", identity.genesis_hash.to_string()),
        ("engine", identity.engine_name.clone()),
    ];
    let is_new = environment.read(|transaction, tables| tables.meta.is_empty(transaction))?;
    if is_new {
        return environment.write(|transaction, tables| {
            let mut fields = expected.iter();
            fields.try_for_each(|(field, value)| tables.meta.put(transaction, field.as_bytes(), value.as_bytes()))
        });
    }
    for (field, value) in &expected {
        let found = environment.read(|transaction, tables| {
            Ok(tables
                .meta
                .get(transaction, field.as_bytes())?
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        })?;
        let got = found.unwrap_or_else(|| "none".into());
        if got != *value {
            return Err(Error::new(Kind::Identity, format!("{field} {got}, expected {value}")));
        }
    }
    Ok(())
}

/// The last committed block; None for a store without genesis.
pub fn read_tip(environment: &Environment) -> Result<Option<Tip>> {
    let found =
        environment.read(|transaction, tables| Ok(tables.meta.get(transaction, HEAD_KEY)?.map(<[u8]>::to_vec)))?;
    found
        .map(|stored| Tip::decode(&check(&stored, "the head")?).ok_or_else(|| damaged("the head")))
        .transpose()
}

/// The height below which states are forgotten.
pub fn read_pruned(environment: &Environment) -> Result<u64> {
    environment.read(|transaction, tables| Ok(tables.meta.get(transaction, PRUNED_KEY)?.map_or(0, number)))
}

/// Note that states below a height are forgotten.
pub fn put_pruned(transaction: &mut heed::RwTxn<'_>, tables: &super::tables::Tables, height: u64) -> heed::Result<()> {
    tables.meta.put(transaction, PRUNED_KEY, &height.to_be_bytes())
}
