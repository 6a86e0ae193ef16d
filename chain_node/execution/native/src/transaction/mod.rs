//! Signed transactions: strict decoding, and recovery of the sender.
//!
//! Rules and words are those of `core/transaction_codec.py`, because what one engine takes the other must take.
//! Source: EIP-155 (legacy chain id), EIP-2718 (envelope), EIP-2930 (type 1), EIP-1559 (type 2), EIP-2 (low s),
//! EIP-2681 (nonce bound).

mod fields;
pub mod rlp;
mod signature;
#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, U256, keccak256};
use fields::{read_access_list, read_bytes, read_list, read_recipient, read_scalar, read_small};
use rlp::Item;

/// (account, its storage keys) in the order of the transaction.
pub type AccessList = Vec<(Address, Vec<B256>)>;

/// Why bytes are not a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// Not the canonical encoding: `DecodeError(offset, expected)` in Python.
    Decode {
        /// Bytes from the start of the buffer.
        offset: usize,
        /// What should have been there.
        expected: String,
    },
    /// Well encoded and wrong all the same: `InvalidTransactionError(reason)` in Python.
    Invalid(String),
}

impl Flaw {
    fn decode(offset: usize, expected: impl Into<String>) -> Self {
        Flaw::Decode {
            offset,
            expected: expected.into(),
        }
    }
}

/// The fields of a transaction as its bytes give them; the signature is not yet checked.
#[derive(Debug, Clone)]
pub struct Transaction<'a> {
    /// Type byte and payload, or the bare list of a legacy transaction.
    pub raw: &'a [u8],
    /// 0 legacy, 1 with access list, 2 with fee cap.
    pub kind: u8,
    /// None for a legacy transaction without replay protection.
    pub chain_id: Option<U256>,
    /// Count of the sender's earlier transactions.
    pub nonce: u64,
    /// Wei at most; the gas price for types 0 and 1.
    pub max_fee_per_gas: U256,
    /// Wei above the base fee at most; the gas price for types 0 and 1.
    pub max_priority_fee_per_gas: U256,
    /// Gas limit of this transaction.
    pub gas: u64,
    /// Called account; None creates a contract.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Call data or creation code.
    pub data: &'a [u8],
    /// Empty for type 0.
    pub access_list: AccessList,
    /// As encoded.
    pub v: U256,
    /// As encoded.
    pub r: U256,
    /// As encoded.
    pub s: U256,
}

/// Decode a transaction of type 0, 1 or 2 without looking at its signature.
pub fn parse(raw: &[u8]) -> Result<Transaction<'_>, Flaw> {
    match raw.first() {
        None => Err(Flaw::decode(0, "a transaction")),
        Some(0xc0..) => parse_legacy(raw),
        Some(1) => parse_access_list(raw),
        Some(2) => parse_fee_cap(raw),
        Some(first) => Err(Flaw::Invalid(format!(
            "transaction type {first} is not supported, expected 0, 1 or 2"
        ))),
    }
}

/// Decode a transaction, check its signature and recover its sender.
pub fn decode(raw: &[u8]) -> Result<(Transaction<'_>, Address), Flaw> {
    let transaction = parse(raw)?;
    let sender = signature::recover(
        transaction.signing_hash(),
        transaction.is_parity_odd(),
        transaction.r,
        transaction.s,
    )?;
    Ok((transaction, sender))
}

impl Transaction<'_> {
    /// keccak of the raw bytes.
    pub fn hash(&self) -> B256 {
        keccak256(self.raw)
    }

    /// What the sender signed: all fields but the signature, under the type byte or (EIP-155) with the chain id.
    fn signing_hash(&self) -> B256 {
        let payload = self.unsigned_payload();
        let mut signed = Vec::with_capacity(payload.len() + 48);
        if self.kind > 0 {
            signed.push(self.kind);
        }
        let mut suffix = Vec::new();
        if let (0, Some(chain_id)) = (self.kind, self.chain_id) {
            rlp::put_scalar(&mut suffix, chain_id);
            suffix.extend([0x80, 0x80]);
        }
        rlp::put_list_prefix(&mut signed, payload.len() + suffix.len());
        signed.extend_from_slice(payload);
        signed.extend(suffix);
        keccak256(signed)
    }

    /// The encodings of all fields before v, r and s. The form is canonical, so they are where their sizes say.
    fn unsigned_payload(&self) -> &[u8] {
        let body = if self.kind > 0 { &self.raw[1..] } else { self.raw };
        let prefix_size = if body[0] > 0xf7 {
            1 + usize::from(body[0] - 0xf7)
        } else {
            1
        };
        let signature_size: usize = [self.v, self.r, self.s].iter().map(alloy_rlp::Encodable::length).sum();
        &body[prefix_size..body.len() - signature_size]
    }

    fn is_parity_odd(&self) -> bool {
        // Legacy: 27 and 35 + 2 * chain id mean even; typed: the parity itself.
        self.v.bit(0) != (self.kind == 0)
    }
}

fn parse_legacy(raw: &[u8]) -> Result<Transaction<'_>, Flaw> {
    let list = rlp::decode(raw)?;
    let items = read_list(&list, "legacy transaction", Some(9))?;
    let nonce = read_nonce(&items[0])?;
    let gas_price = read_scalar(&items[1], "gas price")?;
    let common = read_common(&items[2..6])?;
    let v = read_scalar(&items[6], "v")?;
    let (r, s) = (read_scalar(&items[7], "r")?, read_scalar(&items[8], "s")?);
    let chain_id = if v == U256::from(27) || v == U256::from(28) {
        None
    } else if v >= U256::from(35) {
        Some((v - U256::from(35)) >> 1)
    } else {
        return Err(Flaw::Invalid(format!("v is {v}, expected 27, 28 or at least 35")));
    };
    Ok(common.build(Rest {
        raw,
        kind: 0,
        chain_id,
        nonce,
        fee: gas_price,
        priority_fee: gas_price,
        access_list: Vec::new(),
        signature: (v, r, s),
    }))
}

fn parse_access_list(raw: &[u8]) -> Result<Transaction<'_>, Flaw> {
    let list = rlp::decode(&raw[1..])?;
    let items = read_list(&list, "type 1 transaction", Some(11))?;
    let gas_price = read_scalar(&items[2], "gas price")?;
    let common = read_common(&items[3..7])?;
    let signature = read_signature(&items[8..11])?;
    Ok(common.build(Rest {
        raw,
        kind: 1,
        chain_id: Some(read_scalar(&items[0], "chain id")?),
        nonce: read_nonce(&items[1])?,
        fee: gas_price,
        priority_fee: gas_price,
        access_list: read_access_list(&items[7])?,
        signature,
    }))
}

fn parse_fee_cap(raw: &[u8]) -> Result<Transaction<'_>, Flaw> {
    let list = rlp::decode(&raw[1..])?;
    let items = read_list(&list, "type 2 transaction", Some(12))?;
    let priority_fee = read_scalar(&items[2], "max priority fee per gas")?;
    let fee = read_scalar(&items[3], "max fee per gas")?;
    if priority_fee > fee {
        return Err(Flaw::Invalid(format!(
            "max priority fee {priority_fee} is above max fee {fee}"
        )));
    }
    let common = read_common(&items[4..8])?;
    let signature = read_signature(&items[9..12])?;
    Ok(common.build(Rest {
        raw,
        kind: 2,
        chain_id: Some(read_scalar(&items[0], "chain id")?),
        nonce: read_nonce(&items[1])?,
        fee,
        priority_fee,
        access_list: read_access_list(&items[8])?,
        signature,
    }))
}

/// The four fields that every type has in the same order.
struct Common<'a> {
    gas: u64,
    to: Option<Address>,
    value: U256,
    data: &'a [u8],
}

/// The fields that differ from type to type.
struct Rest<'a> {
    raw: &'a [u8],
    kind: u8,
    chain_id: Option<U256>,
    nonce: u64,
    fee: U256,
    priority_fee: U256,
    access_list: AccessList,
    signature: (U256, U256, U256),
}

impl<'a> Common<'a> {
    fn build(self, rest: Rest<'a>) -> Transaction<'a> {
        let (v, r, s) = rest.signature;
        Transaction {
            raw: rest.raw,
            kind: rest.kind,
            chain_id: rest.chain_id,
            nonce: rest.nonce,
            max_fee_per_gas: rest.fee,
            max_priority_fee_per_gas: rest.priority_fee,
            gas: self.gas,
            to: self.to,
            value: self.value,
            data: self.data,
            access_list: rest.access_list,
            v,
            r,
            s,
        }
    }
}

fn read_nonce(item: &Item<'_>) -> Result<u64, Flaw> {
    read_small(item, "nonce", u64::MAX - 1)
}

fn read_common<'a>(items: &[Item<'a>]) -> Result<Common<'a>, Flaw> {
    let to = read_recipient(&items[1])?;
    Ok(Common {
        gas: read_small(&items[0], "gas", u64::MAX)?,
        to,
        value: read_scalar(&items[2], "value")?,
        data: read_bytes(&items[3], "data")?,
    })
}

fn read_signature(items: &[Item<'_>]) -> Result<(U256, U256, U256), Flaw> {
    let parity = read_small(&items[0], "signature parity", 1)?;
    Ok((
        U256::from(parity),
        read_scalar(&items[1], "r")?,
        read_scalar(&items[2], "s")?,
    ))
}
