//! Tries against a full rebuild from their leaves, and states against a plain model.

use super::account::root_of;
use super::node::{Child, Leaf, Node, NodeId};
use super::read::{NodeSource, find_leaf, prove_leaf};
use super::rebuild::{rebuild, visit_nodes};
use super::update::{Change, Updater};
use super::{AccountChange, StateDelta, TrieUpdate, View};
use crate::error::{Error, Result};
use crate::testing::{Random, hash};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, KECCAK_EMPTY, Nibbles, TrieAccount};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

/// Nodes in memory, through the form in which the store keeps them.
#[derive(Default)]
struct Memory(Mutex<HashMap<NodeId, Vec<u8>>>);

impl NodeSource for Memory {
    fn node(&self, hash: B256, id: NodeId) -> Result<Arc<Node>> {
        let nodes = self.0.lock().unwrap();
        let node = Node::load(nodes.get(&id).ok_or_else(|| Error::missing_state(hash))?).unwrap();
        assert_eq!(node.hash(), hash);
        Ok(Arc::new(node))
    }

    fn code(&self, _hash: B256) -> Result<Option<Bytes>> {
        Ok(None)
    }

    fn next_id(&self) -> NodeId {
        self.0.lock().unwrap().len() as NodeId + 1
    }
}

fn expected_root(leaves: &BTreeMap<Nibbles, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    leaves.iter().for_each(|(key, value)| builder.add_leaf(*key, value));
    builder.root()
}

fn reachable(memory: &Memory, root: &Child) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    visit_nodes(memory, root, &mut |id| {
        assert!(found.insert(id), "node {id} has two parents");
        Ok(())
    })
    .unwrap();
    found
}

/// Keys that differ in few nibbles, so that paths are long, branches share and leaves become part of their parents.
fn close_key(random: &mut Random, spread: u64) -> Nibbles {
    let mut key = [0x11; 32];
    key[31] = random.below(spread) as u8;
    key[30] = random.below(3) as u8;
    key[(random.below(4) * 7) as usize] = random.below(2) as u8;
    Nibbles::unpack(key)
}

fn random_change(random: &mut Random, key: Nibbles) -> Change {
    let length = if random.one_in(2) {
        1
    } else {
        1 + random.below(40) as usize
    };
    let value = Leaf {
        link: 0,
        value: vec![1 + random.below(5) as u8; length],
    };
    (key, (!random.one_in(2)).then_some(value))
}

#[test]
fn updated_trie_has_the_root_of_its_leaves_and_the_nodes_it_needs() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let spread = 1 + random.below(256);
        let (memory, mut root) = (Memory::default(), Child::None);
        let mut leaves = BTreeMap::new();
        let mut alive = BTreeSet::new();
        for _ in 0..40 {
            let count = 1 + random.below(20);
            let keys: BTreeSet<_> = (0..count).map(|_| close_key(&mut random, spread)).collect();
            let changes: Vec<_> = keys.into_iter().map(|key| random_change(&mut random, key)).collect();
            let mut updater = Updater::new(&memory, memory.next_id());
            root = updater.update(root, &changes).unwrap();
            let Updater { nodes, stale, .. } = updater;
            for (key, leaf) in changes {
                match leaf {
                    Some(leaf) => leaves.insert(key, leaf.value),
                    None => leaves.remove(&key),
                };
            }
            for new in nodes {
                memory.0.lock().unwrap().insert(new.id, new.stored);
                alive.insert(new.id);
            }
            stale
                .iter()
                .for_each(|id| assert!(alive.remove(id), "node {id} is stale twice"));
            assert_eq!(root_of(&root).0, expected_root(&leaves));
            assert_eq!(reachable(&memory, &root), alive);
        }
        for (key, value) in &leaves {
            assert_eq!(find_leaf(&memory, &root, key).unwrap().unwrap().value, *value);
        }
    }
}

#[test]
fn changes_that_change_nothing_make_no_nodes() {
    let (memory, mut random) = (Memory::default(), Random(7));
    let keys: BTreeSet<_> = (0..50).map(|_| close_key(&mut random, 200)).collect();
    let changes: Vec<Change> = keys
        .iter()
        .map(|&key| {
            (
                key,
                Some(Leaf {
                    link: 0,
                    value: vec![9; 33],
                }),
            )
        })
        .collect();
    let mut updater = Updater::new(&memory, 1);
    let root = updater.update(Child::None, &changes).unwrap();
    for new in updater.nodes {
        memory.0.lock().unwrap().insert(new.id, new.stored);
    }
    let mut again = changes;
    for digit in 0..200 {
        again.push((Nibbles::unpack([digit; 32]), None));
    }
    again.sort_by_key(|change| change.0);
    again.dedup_by(|a, b| a.0 == b.0);
    let mut updater = Updater::new(&memory, memory.next_id());
    assert_eq!(updater.update(root.clone(), &again).unwrap(), root);
    assert!(updater.nodes.is_empty() && updater.stale.is_empty());
}

#[test]
fn proofs_verify_for_keys_that_are_there_and_keys_that_are_not() {
    let (memory, mut random) = (Memory::default(), Random(11));
    let keys: BTreeSet<_> = (0..80).map(|_| close_key(&mut random, 250)).collect();
    let value = |key: &Nibbles| vec![1 + key.get(62).unwrap(); 1 + key.get(63).unwrap() as usize];
    let changes: Vec<Change> = keys
        .iter()
        .map(|key| {
            (
                *key,
                Some(Leaf {
                    link: 0,
                    value: value(key),
                }),
            )
        })
        .collect();
    let mut updater = Updater::new(&memory, 1);
    let root = updater.update(Child::None, &changes).unwrap();
    for new in updater.nodes {
        memory.0.lock().unwrap().insert(new.id, new.stored);
    }
    for key in (0..300).map(|_| close_key(&mut random, 250)) {
        let (leaf, proof) = prove_leaf(&memory, &root, &key).unwrap();
        assert_eq!(leaf.is_some(), keys.contains(&key));
        verify_proof(root_of(&root).0, key, leaf.map(|leaf| leaf.value), &proof).unwrap();
    }
}

/// A state as plain maps.
#[derive(Default)]
struct Model(BTreeMap<Address, (u64, U256, B256, BTreeMap<U256, U256>)>);

impl Model {
    fn apply(&mut self, delta: &StateDelta) {
        for (address, change) in &delta.accounts {
            let Some((nonce, balance, code_hash)) = change.record else {
                self.0.remove(address);
                continue;
            };
            let account = self.0.entry(*address).or_default();
            (account.0, account.1, account.2) = (nonce, balance, code_hash);
            if change.is_wiped {
                account.3.clear();
            }
            account.3.extend(&change.slots);
            account.3.retain(|_, value| !value.is_zero());
        }
    }

    fn root(&self) -> B256 {
        state_root_unhashed(self.0.iter().map(|(address, (nonce, balance, code_hash, slots))| {
            let slots = slots.iter().map(|(slot, value)| (B256::from(*slot), *value));
            (
                *address,
                TrieAccount::new(*nonce, *balance, storage_root_unhashed(slots), *code_hash),
            )
        }))
    }
}

fn random_delta(random: &mut Random) -> StateDelta {
    let mut delta = StateDelta::default();
    for _ in 0..1 + random.below(6) {
        let record = (!random.one_in(6)).then(|| (random.below(9), U256::from(random.next()), KECCAK_EMPTY));
        let slots = (0..random.below(30)).map(|_| {
            let value = if random.one_in(3) {
                0
            } else {
                random.next() >> random.below(64)
            };
            (U256::from(random.below(60)), U256::from(value))
        });
        let slots = slots.collect();
        let is_wiped = random.one_in(5);
        let address = Address::with_last_byte(random.below(12) as u8);
        delta.accounts.insert(
            address,
            AccountChange {
                record,
                is_wiped,
                slots,
            },
        );
    }
    delta
}

fn commit(memory: &Memory, update: &TrieUpdate) {
    update.nodes.iter().for_each(|new| {
        memory.0.lock().unwrap().insert(new.id, new.stored.clone());
    });
}

#[test]
fn state_after_random_blocks_is_that_of_a_plain_model_and_old_states_stay() {
    let (memory, mut random, mut model) = (Arc::new(Memory::default()), Random(3), Model::default());
    let mut states = vec![(EMPTY_ROOT_HASH, 0, BTreeMap::new())];
    for _ in 0..200 {
        let &(root, root_id, _) = states.last().unwrap();
        let delta = random_delta(&mut random);
        let update = View::new(memory.clone(), root, root_id).apply(&delta).unwrap();
        commit(&memory, &update);
        model.apply(&delta);
        assert_eq!(update.root, model.root());
        states.push((update.root, update.root_id, model.0.clone()));
    }
    for (root, root_id, accounts) in states {
        let view = View::new(memory.clone(), root, root_id);
        for (address, (nonce, _, _, slots)) in &accounts {
            assert_eq!(view.account(*address).unwrap().unwrap().nonce, *nonce);
            for slot in (0..60).map(U256::from) {
                assert_eq!(
                    view.storage(*address, slot).unwrap(),
                    slots.get(&slot).copied().unwrap_or_default()
                );
            }
        }
        assert_eq!(view.account(Address::with_last_byte(200)).unwrap(), None);
        let census = rebuild(&*memory, root, root_id).unwrap();
        assert_eq!(
            census.slots as usize,
            accounts.values().map(|account| account.3.len()).sum::<usize>()
        );
    }
}

#[test]
fn proof_of_an_account_and_its_slots_verifies_against_the_root() {
    let memory = Arc::new(Memory::default());
    let mut random = Random(5);
    let mut delta = StateDelta::default();
    for number in 0..40 {
        let slots = (0..20)
            .map(|slot| (U256::from(slot), U256::from(random.next())))
            .collect();
        let record = Some((number, U256::from(number), hash("code")));
        let address = Address::with_last_byte(number as u8);
        delta.accounts.insert(
            address,
            AccountChange {
                record,
                is_wiped: false,
                slots,
            },
        );
    }
    let update = View::new(memory.clone(), EMPTY_ROOT_HASH, 0).apply(&delta).unwrap();
    commit(&memory, &update);
    let view = View::new(memory, update.root, update.root_id);
    for number in [0, 7, 39, 200] {
        let address = Address::with_last_byte(number);
        let proof = view.prove(address, &[U256::from(3), U256::from(99)]).unwrap();
        let account = view.account(address).unwrap();
        let encoded = account.map(|account| {
            let (root, code) = (account.storage_root, account.code_hash);
            alloy_rlp::encode(TrieAccount::new(account.nonce, account.balance, root, code))
        });
        verify_proof(update.root, Nibbles::unpack(keccak256(address)), encoded, &proof.nodes).unwrap();
        for slot in proof.storage {
            let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
            let key = Nibbles::unpack(keccak256(slot.slot.to_be_bytes::<32>()));
            verify_proof(proof.account.storage_root, key, value, &slot.nodes).unwrap();
        }
    }
}

#[test]
fn damaged_stored_nodes_end_in_no_panic() {
    let mut random = Random(13);
    let leaf = Node::Leaf {
        path: close_key(&mut random, 9),
        leaf: Leaf {
            link: 3,
            value: vec![1; 70],
        },
    };
    let child = Child::Stored {
        hash: hash("child"),
        id: 1 << 40,
    };
    let mut children: Box<[Child; 16]> = Box::default();
    (children[3], children[15]) = (child.clone(), child.clone());
    let extension = Node::Extension {
        path: Nibbles::from_nibbles([1, 2, 3]),
        child,
    };
    for node in [leaf, extension, Node::Branch(children)] {
        let stored = node.store();
        assert_eq!(Node::load(&stored).unwrap(), node);
        for _ in 0..500 {
            let mut damaged = stored.clone();
            let place = random.below(damaged.len() as u64) as usize;
            damaged[place] ^= 1 << random.below(8);
            damaged.truncate(1 + random.below(2 * damaged.len() as u64) as usize);
            if let Some(node) = Node::load(&damaged) {
                node.hash();
            }
        }
    }
}
