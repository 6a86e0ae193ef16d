//! Tests of decoding. That both engines say the same of any bytes is checked from Python.

use super::{Flaw, decode, parse};
use alloy_primitives::{Address, U256, address, hex};

/// The example of EIP-155: nonce 9, one ether to 0x3535…35, chain id 1, key 0x4646…46.
const EXAMPLE: [u8; 110] = hex!(
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025"
    "a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
    "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
);
const SIGNER: Address = address!("9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");

fn expected(flaw: Result<impl Sized, Flaw>) -> String {
    match flaw.map(|_| ()) {
        Err(Flaw::Decode { expected, .. }) => expected,
        Err(Flaw::Invalid(reason)) => reason,
        Ok(()) => "nothing wrong".to_owned(),
    }
}

#[test]
fn example_of_eip_155_is_decoded_and_its_signer_recovered() {
    let (transaction, sender) = decode(&EXAMPLE).unwrap();
    assert_eq!(sender, SIGNER);
    assert_eq!((transaction.nonce, transaction.gas), (9, 21_000));
    assert_eq!(transaction.chain_id, Some(U256::from(1)));
    assert_eq!(transaction.value, U256::from(10).pow(U256::from(18)));
    assert_eq!(transaction.to, Some(Address::repeat_byte(0x35)));
}

#[test]
fn every_shorter_and_every_longer_input_is_refused() {
    for size in 0..EXAMPLE.len() {
        assert!(
            matches!(parse(&EXAMPLE[..size]), Err(Flaw::Decode { .. })),
            "{size} bytes"
        );
    }
    assert_eq!(
        expected(parse(&[&EXAMPLE[..], &[0]].concat())),
        "the end of the RLP item"
    );
}

#[test]
fn scalar_with_a_leading_zero_is_refused() {
    let mut raw = EXAMPLE;
    raw[2] = 0;
    assert_eq!(expected(parse(&raw)), "nonce without leading zeros");
}

#[test]
fn signature_with_a_high_s_is_refused() {
    let mut raw = EXAMPLE;
    raw[78] = 0xf7;
    assert_eq!(expected(decode(&raw)), "signature: s is above n/2");
}

#[test]
fn changed_field_changes_the_sender() {
    let mut raw = EXAMPLE;
    raw[2] = 10;
    let recovered = decode(&raw).map(|(_, sender)| sender);
    assert_ne!(recovered.ok(), Some(SIGNER));
}

#[test]
fn unknown_type_is_named() {
    assert_eq!(
        expected(parse(&[3, 0xc0])),
        "transaction type 3 is not supported, expected 0, 1 or 2"
    );
}

#[test]
fn lists_nested_too_deeply_are_refused_before_the_stack_is() {
    // 20,000 lists, each around the next.
    let mut raw: Vec<u8> = Vec::new();
    for _ in 0..20_000 {
        let mut outer = Vec::with_capacity(raw.len() + 4);
        super::rlp::put_list_prefix(&mut outer, raw.len());
        outer.extend(&raw);
        raw = outer;
    }
    assert_eq!(expected(parse(&raw)), "at most 16 nested lists");
}
