//! Late seals: those that arrived after their block was decided.

use super::database::Database;
use super::tables::{Tables, number};
use super::types::LateSeal;
use crate::error::{Error, Kind, Result};
use alloy_primitives::{Address, B256};
use heed::RwTxn;
use std::sync::PoisonError;

/// Late seals are kept for this many heights below the head.
const SEALED_HEIGHTS_KEPT: u64 = 256;

/// Height, block hash, round and signer.
const KEY_BYTES: usize = 8 + 32 + 8 + 20;

impl Database {
    /// Add late seals; those far below the head are dropped here and on every commit. Errors as `commit`.
    pub fn put_seals(&self, seals: &[LateSeal]) -> Result<()> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let head = self.head();
        self.environment().write(|transaction, tables| {
            for seal in seals {
                tables.seals.put(transaction, &seal_key(seal), &seal.seal)?;
            }
            head.map_or(Ok(()), |head| drop_old_seals(transaction, tables, head.height))
        })
    }

    /// Late seals of a height, by block hash, round and signer.
    pub fn seals(&self, height: u64) -> Result<Vec<LateSeal>> {
        let first = height.to_be_bytes();
        let last = [&first[..], &[0xff; KEY_BYTES - 8]].concat();
        let pairs = self.range(|tables| tables.seals, &first, &last)?;
        pairs.into_iter().map(|(key, seal)| read_seal(&key, seal)).collect()
    }
}

/// Drop the seals of heights far below the head.
pub fn drop_old_seals(transaction: &mut RwTxn<'_>, tables: &Tables, head: u64) -> heed::Result<()> {
    let Some(last) = head.checked_sub(SEALED_HEIGHTS_KEPT) else {
        return Ok(());
    };
    while let Some((key, _)) = tables.seals.first(transaction)?
        && number(key) <= last
    {
        let key = key.to_vec();
        tables.seals.delete(transaction, &key)?;
    }
    Ok(())
}

fn seal_key(seal: &LateSeal) -> Vec<u8> {
    let LateSeal {
        height,
        block_hash,
        round,
        signer,
        ..
    } = seal;
    [
        &height.to_be_bytes()[..],
        block_hash.as_slice(),
        &round.to_be_bytes(),
        signer.as_slice(),
    ]
    .concat()
}

fn read_seal(key: &[u8], seal: Vec<u8>) -> Result<LateSeal> {
    if key.len() != KEY_BYTES {
        return Err(Error::new(Kind::Unreadable, "a late seal does not decode"));
    }
    Ok(LateSeal {
        height: number(key),
        block_hash: B256::from_slice(&key[8..40]),
        round: number(&key[40..]),
        signer: Address::from_slice(&key[48..]),
        seal: seal.into(),
    })
}
