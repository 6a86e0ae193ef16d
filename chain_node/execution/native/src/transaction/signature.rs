//! Recovery of a transaction's sender by libsecp256k1.

use crate::transaction::Flaw;
use alloy_primitives::{Address, B256, U256, keccak256, uint};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};

const CURVE_ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const HALF_CURVE_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// Address of the key that signed the digest; s must be low (EIP-2).
pub fn recover(digest: B256, is_parity_odd: bool, r: U256, s: U256) -> Result<Address, Flaw> {
    if r.is_zero() || r >= CURVE_ORDER {
        return Err(flaw("r is not in [1, n)"));
    }
    if s.is_zero() || s >= CURVE_ORDER {
        return Err(flaw("s is not in [1, n)"));
    }
    if s > HALF_CURVE_ORDER {
        return Err(flaw("s is above n/2"));
    }
    let mut compact = [0u8; 64];
    compact[..32].copy_from_slice(&r.to_be_bytes::<32>());
    compact[32..].copy_from_slice(&s.to_be_bytes::<32>());
    let parity = if is_parity_odd {
        RecoveryId::One
    } else {
        RecoveryId::Zero
    };
    let key = RecoverableSignature::from_compact(&compact, parity)
        .and_then(|signature| SECP256K1.recover_ecdsa(Message::from_digest(digest.0), &signature))
        .map_err(|_| flaw("recovers to no public key"))?;
    Ok(Address::from_slice(
        &keccak256(&key.serialize_uncompressed()[1..])[12..],
    ))
}

fn flaw(reason: &str) -> Flaw {
    Flaw::Invalid(format!("signature: {reason}"))
}
