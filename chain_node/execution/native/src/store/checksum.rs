//! Values with a checksum, for what no hash in the store vouches for.
//!
//! LMDB has none: a page that the medium damaged would be believed.

use crate::error::{Error, Kind, Result};
use alloy_primitives::Bytes;

const CHECKSUM_BYTES: usize = 8;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The value as it is stored.
pub fn protect(value: &[u8]) -> Vec<u8> {
    [value, &checksum(value).to_be_bytes()].concat()
}

/// The value that was protected; an error of kind `unreadable` if it is not what was stored. `what` is for people.
pub fn check(stored: &[u8], what: &str) -> Result<Bytes> {
    let parts = stored.len().checked_sub(CHECKSUM_BYTES).map(|end| stored.split_at(end));
    match parts {
        Some((value, sum)) if checksum(value).to_be_bytes() == sum => Ok(Bytes::copy_from_slice(value)),
        _ => Err(damaged(what)),
    }
}

/// The error for something that is not as it was stored.
pub fn damaged(what: &str) -> Error {
    Error::new(
        Kind::Unreadable,
        format!("{what} is damaged; restore the store from a copy"),
    )
}

/// Finds damage, not forgery. Every step is a multiplication to twice the width, folded.
fn checksum(value: &[u8]) -> u64 {
    let mut sum = FACTOR ^ value.len() as u64;
    for chunk in value.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let product = u128::from(sum ^ u64::from_le_bytes(word)) * u128::from(FACTOR);
        sum = product as u64 ^ (product >> 64) as u64;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{check, protect};

    #[test]
    fn value_with_any_bit_changed_is_damaged() {
        for length in [0, 1, 7, 8, 9, 100] {
            let stored = protect(&vec![0; length]);
            assert_eq!(check(&stored, "it").unwrap().len(), length);
            for place in 0..stored.len() * 8 {
                let mut damaged = stored.clone();
                damaged[place / 8] ^= 1 << (place % 8);
                assert!(check(&damaged, "it").is_err());
            }
            assert!(check(&stored[1..], "it").is_err());
        }
    }
}
