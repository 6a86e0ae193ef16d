//! Receipts as bytes, their filters, and the roots of ordered lists.

use crate::transaction::rlp::{encoded_size, put_bytes, put_list_prefix};
use alloy_primitives::{B256, Bloom, BloomInput, Log};
use alloy_rlp::Encodable;

/// Root of the trie that maps RLP(index) to each item, in the order given.
pub fn ordered_trie_root(items: &[impl AsRef<[u8]>]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(items)
}

/// 2048-bit filter over the address and topics of each log.
pub fn logs_bloom(logs: &[Log]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        for topic in log.topics() {
            bloom.accrue(BloomInput::Raw(topic.as_slice()));
        }
    }
    bloom
}

/// A receipt in the status form (Byzantium and later), under its type byte (EIP-2718).
pub fn encode_receipt(kind: u8, is_success: bool, cumulative_gas_used: u64, bloom: &Bloom, logs: &[Log]) -> Vec<u8> {
    let logs_size: usize = logs.iter().map(Encodable::length).sum();
    let list_size = logs_size + alloy_rlp::length_of_length(logs_size);
    let payload_size = 1 + cumulative_gas_used.length() + encoded_size(bloom.as_slice()) + list_size;
    let mut encoded = Vec::with_capacity(payload_size + 6);
    if kind > 0 {
        encoded.push(kind);
    }
    put_list_prefix(&mut encoded, payload_size);
    is_success.encode(&mut encoded);
    cumulative_gas_used.encode(&mut encoded);
    put_bytes(&mut encoded, bloom.as_slice());
    put_list_prefix(&mut encoded, logs_size);
    for log in logs {
        log.encode(&mut encoded);
    }
    encoded
}
