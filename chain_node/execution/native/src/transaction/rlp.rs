//! Recursive length prefix: decoding that accepts the canonical form only, and the few encoders the crate needs.
//!
//! Rules, order of checks and words are those of `core/rlp.py`: both engines must refuse the same bytes.

use crate::transaction::Flaw;
use alloy_primitives::U256;

/// Nesting of lists in anything we decode.
const DEPTH_MAX: usize = 16;
const NEEDED_PREFIX: &str = "a complete RLP item";

/// One decoded item, borrowed from the buffer.
#[derive(Debug)]
pub enum Item<'a> {
    /// A byte string's payload.
    Bytes(&'a [u8]),
    /// The items of a list.
    List(Vec<Item<'a>>),
}

/// Decode exactly one item that fills the buffer.
pub fn decode(raw: &[u8]) -> Result<Item<'_>, Flaw> {
    let (item, end) = decode_at(raw, 0, raw.len(), 0)?;
    if end != raw.len() {
        return Err(Flaw::decode(end, "the end of the RLP item"));
    }
    Ok(item)
}

fn decode_at(raw: &[u8], offset: usize, end: usize, depth: usize) -> Result<(Item<'_>, usize), Flaw> {
    let (is_list, mut position, stop) = read_prefix(raw, offset, end)?;
    if !is_list {
        return Ok((Item::Bytes(&raw[position..stop]), stop));
    }
    if depth >= DEPTH_MAX {
        return Err(Flaw::decode(offset, format!("at most {DEPTH_MAX} nested lists")));
    }
    let mut items = Vec::new();
    while position < stop {
        let (item, next) = decode_at(raw, position, stop, depth + 1)?;
        items.push(item);
        position = next;
    }
    Ok((Item::List(items), stop))
}

/// (is a list, start of the payload, end of the payload) of the item at `offset`, which must end at or before `end`.
fn read_prefix(raw: &[u8], offset: usize, end: usize) -> Result<(bool, usize, usize), Flaw> {
    if offset >= end {
        return Err(Flaw::decode(offset, NEEDED_PREFIX));
    }
    let prefix = raw[offset];
    if prefix < 0x80 {
        return Ok((false, offset, offset + 1));
    }
    let is_list = prefix >= 0xc0;
    let mut size = usize::from(prefix - if is_list { 0xc0 } else { 0x80 });
    let mut start = offset + 1;
    if size > 55 {
        (start, size) = read_long_size(raw, start, size - 55, end)?;
    }
    let stop = start.saturating_add(size);
    if stop > end {
        return Err(Flaw::decode(offset, NEEDED_PREFIX));
    }
    if size == 1 && !is_list && raw[start] < 0x80 {
        return Err(Flaw::decode(offset, "a single byte below 0x80 without a prefix"));
    }
    Ok((is_list, start, stop))
}

fn read_long_size(raw: &[u8], start: usize, width: usize, end: usize) -> Result<(usize, usize), Flaw> {
    let payload_start = start + width;
    if payload_start > end {
        return Err(Flaw::decode(start, NEEDED_PREFIX));
    }
    let size = raw[start..payload_start]
        .iter()
        .fold(0usize, |size, byte| size << 8 | usize::from(*byte));
    if raw[start] == 0 || size < 56 {
        return Err(Flaw::decode(start, "the shortest form of a length"));
    }
    Ok((payload_start, size))
}

/// Append the prefix of a list with this many bytes of payload.
pub fn put_list_prefix(out: &mut Vec<u8>, payload_size: usize) {
    alloy_rlp::Header {
        list: true,
        payload_length: payload_size,
    }
    .encode(out);
}

/// Append a byte string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    alloy_rlp::Encodable::encode(bytes, out);
}

/// Append a number in its shortest form.
pub fn put_scalar(out: &mut Vec<u8>, number: U256) {
    alloy_rlp::Encodable::encode(&number, out);
}

/// Size in bytes of a byte string's canonical encoding.
pub fn encoded_size(bytes: &[u8]) -> usize {
    alloy_rlp::Encodable::length(bytes)
}
