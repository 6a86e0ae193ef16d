//! Readers for the fields of decoded lists: each checks the one thing its name says, in the words of `core/fields.py`.

use crate::transaction::rlp::Item;
use crate::transaction::{AccessList, Flaw};
use alloy_primitives::{Address, B256, U256};

/// A list, of exactly `size` items if given.
pub fn read_list<'i, 'a>(item: &'i Item<'a>, field: &str, size: Option<usize>) -> Result<&'i [Item<'a>], Flaw> {
    let Item::List(items) = item else {
        return Err(Flaw::decode(0, format!("{field} as a list")));
    };
    match size {
        Some(size) if items.len() != size => Err(Flaw::decode(
            0,
            format!("{field} with {size} items, got {}", items.len()),
        )),
        _ => Ok(items),
    }
}

/// A byte string.
pub fn read_bytes<'a>(item: &Item<'a>, field: &str) -> Result<&'a [u8], Flaw> {
    match item {
        Item::Bytes(bytes) => Ok(bytes),
        Item::List(_) => Err(Flaw::decode(0, format!("{field} as a byte string"))),
    }
}

fn read_sized<'a>(item: &Item<'a>, field: &str, size: usize) -> Result<&'a [u8], Flaw> {
    let bytes = read_bytes(item, field)?;
    if bytes.len() != size {
        return Err(Flaw::decode(0, format!("{field} of {size} bytes, got {}", bytes.len())));
    }
    Ok(bytes)
}

/// A non-negative integer below 2^256 in its shortest form.
pub fn read_scalar(item: &Item<'_>, field: &str) -> Result<U256, Flaw> {
    let bytes = read_bytes(item, field)?;
    if bytes.first() == Some(&0) {
        return Err(Flaw::decode(0, format!("{field} without leading zeros")));
    }
    U256::try_from_be_slice(bytes).ok_or_else(|| Flaw::decode(0, format!("{field} of at most {}", U256::MAX)))
}

/// As `read_scalar`, at most `maximum`.
pub fn read_small(item: &Item<'_>, field: &str, maximum: u64) -> Result<u64, Flaw> {
    let bytes = read_bytes(item, field)?;
    if bytes.first() == Some(&0) {
        return Err(Flaw::decode(0, format!("{field} without leading zeros")));
    }
    let number = U256::try_from_be_slice(bytes).and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| *number <= maximum)
        .ok_or_else(|| Flaw::decode(0, format!("{field} of at most {maximum}")))
}

/// The called account; None creates a contract.
pub fn read_recipient(item: &Item<'_>) -> Result<Option<Address>, Flaw> {
    let bytes = read_bytes(item, "to")?;
    match bytes.len() {
        0 => Ok(None),
        20 => Ok(Some(Address::from_slice(bytes))),
        size => Err(Flaw::decode(0, format!("to of 0 or 20 bytes, got {size}"))),
    }
}

/// (account, its storage keys) in the order of the transaction.
pub fn read_access_list(item: &Item<'_>) -> Result<AccessList, Flaw> {
    read_list(item, "access list", None)?
        .iter()
        .map(read_access_entry)
        .collect()
}

fn read_access_entry(entry: &Item<'_>) -> Result<(Address, Vec<B256>), Flaw> {
    let parts = read_list(entry, "access list entry", Some(2))?;
    let address = Address::from_slice(read_sized(&parts[0], "access list address", 20)?);
    let keys = read_list(&parts[1], "storage keys", None)?
        .iter()
        .map(|key| read_sized(key, "storage key", 32).map(B256::from_slice))
        .collect::<Result<_, _>>()?;
    Ok((address, keys))
}
