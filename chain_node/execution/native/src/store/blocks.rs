//! Reading blocks, receipts, and where things are.

use super::checksum::{check, damaged};
use super::database::Database;
use super::tables::{Table, Tables, number};
use super::types::Location;
use crate::error::Result;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Header};
use std::cmp::Ordering;
use std::ops::Bound;

/// Keys and values of a range, ascending.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

impl Database {
    /// The encoded block.
    pub fn block(&self, height: u64) -> Result<Option<Bytes>> {
        self.get_at(|tables| tables.blocks, height)
    }

    /// The hash of the block at this height.
    pub fn block_hash(&self, height: u64) -> Result<Option<B256>> {
        let found = self.get_at(|tables| tables.block_hashes, height)?;
        found
            .map(|hash| B256::try_from(&hash[..]).map_err(|_| damaged("a block hash")))
            .transpose()
    }

    /// The height of a block.
    pub fn height_of(&self, block_hash: B256) -> Result<Option<u64>> {
        let Some(height) = self
            .get(|tables| tables.heights, block_hash.as_slice())?
            .map(|height| number(&height))
        else {
            return Ok(None);
        };
        if self.block_hash(height)? != Some(block_hash) {
            return Err(damaged("the height of a block"));
        }
        Ok(Some(height))
    }

    /// The encoded receipts of a block.
    pub fn receipts(&self, height: u64) -> Result<Option<Vec<Bytes>>> {
        let found = self.get_at(|tables| tables.receipts, height)?;
        found
            .map(|list| split_list(&list).map_err(|_| damaged("a list of receipts")))
            .transpose()
    }

    /// Where a transaction was included.
    pub fn transaction_location(&self, hash: B256) -> Result<Option<Location>> {
        let found = self.get(|tables| tables.transactions, hash.as_slice())?;
        let read = |place: Bytes| {
            let index = place
                .get(8..)
                .and_then(|index| index.try_into().ok())
                .map(u32::from_be_bytes);
            let location = Location {
                height: number(&place),
                index: index.ok_or_else(|| damaged("a location"))?,
            };
            // A block that is being added is in the store a moment before it is the head.
            let next = self.head().map_or(0, |head| head.height + 1);
            match location.height.cmp(&next) {
                Ordering::Less => Ok(Some(location)),
                Ordering::Equal => Ok(None),
                Ordering::Greater => Err(damaged("a location")),
            }
        };
        found.map_or(Ok(None), read)
    }

    /// Height and filter of each block of the range, both ends included.
    pub fn logs_blooms(&self, first: u64, last: u64) -> Result<Vec<(u64, Bytes)>> {
        let Some(head) = self.head().filter(|head| first <= head.height) else {
            return Ok(Vec::new());
        };
        let last = last.min(head.height);
        let pairs = self.range(|tables| tables.blooms, &first.to_be_bytes(), &last.to_be_bytes())?;
        if !pairs.iter().map(|(height, _)| number(height)).eq(first..=last) {
            return Err(damaged("the list of filters"));
        }
        pairs
            .iter()
            .map(|(height, bloom)| Ok((number(height), check(bloom, "a filter")?)))
            .collect()
    }

    /// Heights in the range, both ends included, at which the contract logged; ascending.
    pub fn heights_with_logs(&self, address: Address, first: u64, last: u64) -> Result<Vec<u64>> {
        let [first, last] = [first, last].map(|height| [address.as_slice(), &height.to_be_bytes()].concat());
        let pairs = self.range(|tables| tables.log_addresses, &first, &last)?;
        Ok(pairs.iter().map(|(key, _)| number(&key[20..])).collect())
    }

    /// A value with a checksum that every height up to the head has.
    fn get_at(&self, table: impl Fn(&Tables) -> Table, height: u64) -> Result<Option<Bytes>> {
        // Asked before: the head may be another one after the read.
        let head = self.head();
        match self.get(table, &height.to_be_bytes())? {
            Some(stored) => Ok(Some(check(&stored, &format!("what is stored of block {height}"))?)),
            None if head.is_some_and(|head| height <= head.height) => {
                Err(damaged(&format!("the list of blocks at {height}")))
            }
            None => Ok(None),
        }
    }

    pub(super) fn get(&self, table: impl Fn(&Tables) -> Table, key: &[u8]) -> Result<Option<Bytes>> {
        self.environment()
            .read(|transaction, tables| Ok(table(tables).get(transaction, key)?.map(Bytes::copy_from_slice)))
    }

    pub(super) fn range(&self, table: impl Fn(&Tables) -> Table, first: &[u8], last: &[u8]) -> Result<Pairs> {
        if first > last {
            return Ok(Vec::new());
        }
        self.environment().read(|transaction, tables| {
            let pairs = table(tables).range(transaction, &(Bound::Included(first), Bound::Included(last)))?;
            pairs
                .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }
}

/// The byte strings of an encoded list.
fn split_list(list: &[u8]) -> alloy_rlp::Result<Vec<Bytes>> {
    let mut rest = Header::decode_bytes(&mut &list[..], true)?;
    let mut items = Vec::new();
    while !rest.is_empty() {
        items.push(Bytes::decode(&mut rest)?);
    }
    Ok(items)
}
