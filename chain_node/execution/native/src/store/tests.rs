//! The store on disk: order, room, damage, pruning.

use super::{BlockRecord, Database, Identity, LateSeal, Limits};
use crate::error::{Kind, Result};
use crate::state::{AccountChange, Child, StateDelta, TrieUpdate, visit_nodes};
use crate::testing::{Folder, Random, hash};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use std::collections::BTreeSet;
use std::fs::OpenOptions;

const SLOTS: u64 = 300;

/// A store, and the roots of its states by height.
struct Chain {
    database: Database,
    roots: Vec<B256>,
    random: Random,
}

impl Chain {
    fn new(folder: &Folder, limits: Limits) -> Self {
        Self {
            database: open(folder, limits).unwrap(),
            roots: Vec::new(),
            random: Random(17),
        }
    }

    fn update(&mut self, slots: u64) -> TrieUpdate {
        let root = self.roots.last().copied().unwrap_or(EMPTY_ROOT_HASH);
        let mut delta = StateDelta::default();
        for number in 0..3 {
            let is_removed = self.random.one_in(12);
            let record = (!is_removed).then(|| (self.roots.len() as u64, U256::from(number), KECCAK_EMPTY));
            let slot = |random: &mut Random| {
                (
                    U256::from(random.below(SLOTS)),
                    U256::from(random.below(4)) << random.below(250),
                )
            };
            let slots = (0..slots).map(|_| slot(&mut self.random)).collect();
            let change = AccountChange {
                record,
                is_wiped: self.random.one_in(9),
                slots,
            };
            delta.accounts.insert(Address::with_last_byte(number), change);
        }
        self.database.view(root).unwrap().apply(&delta).unwrap()
    }

    fn commit(&mut self, slots: u64) -> Result<()> {
        let update = self.update(slots);
        self.database.commit(&record(self.roots.len() as u64), &update)?;
        self.roots.push(update.root);
        Ok(())
    }
}

fn small() -> Limits {
    Limits {
        cache_bytes: 1 << 16,
        map_bytes_start: 1 << 20,
        ..Limits::default()
    }
}

fn open(folder: &Folder, limits: Limits) -> Result<Database> {
    let identity = Identity {
        genesis_hash: hash("genesis"),
        engine_name: "native".into(),
    };
    Database::open(folder.path(), &identity, limits)
}

fn record(height: u64) -> BlockRecord {
    BlockRecord {
        height,
        block_hash: hash(&format!("block {height}")),
        block: Bytes::from(format!("block {height}").into_bytes()),
        receipts: (0..3)
            .map(|i| Bytes::from(format!("receipt {i}").into_bytes()))
            .collect(),
        transaction_hashes: (0..3).map(|i| hash(&format!("transaction {height} {i}"))).collect(),
        logs_bloom: Bytes::from(vec![height as u8; 256]),
        log_addresses: vec![Address::with_last_byte((height % 3) as u8)],
    }
}

fn kind<T>(result: Result<T>) -> Kind {
    result.err().expect("an error").kind
}

#[test]
fn reopened_store_has_every_block_and_state() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    (0..20).for_each(|_| chain.commit(50).unwrap());
    let roots = chain.roots;
    drop(chain.database);
    let database = open(&folder, small()).unwrap();
    assert_eq!(database.head().unwrap().height, 19);
    for (height, root) in (0..20).zip(roots) {
        let expected = record(height);
        assert_eq!(database.block(height).unwrap().unwrap(), expected.block);
        assert_eq!(database.receipts(height).unwrap().unwrap(), expected.receipts);
        assert_eq!(database.height_of(expected.block_hash).unwrap(), Some(height));
        let location = database
            .transaction_location(expected.transaction_hashes[2])
            .unwrap()
            .unwrap();
        assert_eq!((location.height, location.index), (height, 2));
        assert_eq!(database.state_root(height).unwrap(), Some(root));
        database.rebuild(root).unwrap();
    }
    let heights = database.heights_with_logs(Address::with_last_byte(1), 2, 10).unwrap();
    assert_eq!(heights, [4, 7, 10]);
    assert_eq!(kind(database.view(hash("unknown"))), Kind::MissingState);
}

#[test]
fn commit_that_does_not_follow_the_head_is_refused() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    chain.commit(9).unwrap();
    let (first, second) = (chain.update(9), chain.update(9));
    for height in [0, 2] {
        assert_eq!(kind(chain.database.commit(&record(height), &first)), Kind::Failed);
    }
    chain.database.commit(&record(1), &first).unwrap();
    assert_eq!(kind(chain.database.commit(&record(2), &second)), Kind::Failed);
    assert_eq!(chain.database.head().unwrap().height, 1);
    chain.database.rebuild(first.root).unwrap();
}

#[test]
fn map_grows_while_others_read() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    chain.commit(300).unwrap();
    let root = chain.roots[0];
    let view = chain.database.view(root).unwrap();
    let read = |slot| view.storage(Address::with_last_byte(1), U256::from(slot)).unwrap();
    let expected: Vec<_> = (0..SLOTS).map(read).collect();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| (0..100).all(|_| (0..SLOTS).map(read).eq(expected.iter().copied())));
        (0..30).for_each(|_| chain.commit(300).unwrap());
        assert!(reader.join().unwrap());
    });
    assert!(folder.path().join("data.mdb").metadata().unwrap().len() > 1 << 20);
}

#[test]
fn map_at_its_greatest_size_refuses_the_block_and_keeps_the_rest() {
    let folder = Folder::new();
    let mut chain = Chain::new(
        &folder,
        Limits {
            map_bytes_max: 2 << 20,
            ..small()
        },
    );
    chain.commit(100).unwrap();
    let update = chain.update(10);
    let large = BlockRecord {
        block: Bytes::from(vec![1; 4 << 20]),
        ..record(1)
    };
    assert_eq!(kind(chain.database.commit(&large, &update)), Kind::Full);
    assert_eq!(chain.database.block(1).unwrap(), None);
    chain.database.commit(&record(1), &update).unwrap();
    chain.database.rebuild(update.root).unwrap();
}

#[test]
fn pruned_store_keeps_the_nodes_of_kept_states_and_no_others() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    (0..60).for_each(|_| chain.commit(40).unwrap());
    chain.database.prune_below(10).unwrap();
    chain.database.prune_below(45).unwrap();
    assert_eq!(chain.database.prune_below(45).unwrap(), 0);
    assert_eq!(kind(chain.database.prune_below(60)), Kind::Failed);
    chain.commit(40).unwrap();
    let mut expected = BTreeSet::new();
    for (height, root) in chain.roots.iter().enumerate() {
        if height < 45 {
            assert!(chain.roots[45..].contains(root) || chain.database.view(*root).is_err());
            continue;
        }
        chain.database.rebuild(*root).unwrap();
        expected.extend(nodes_of(&chain.database, *root));
    }
    assert_eq!(stored_nodes(&chain.database), expected);
    assert!(chain.database.block(3).unwrap().is_some());
}

/// Numbers of all nodes of a state.
fn nodes_of(database: &Database, root: B256) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut visit = |child: &Child| {
        visit_nodes(&*database.nodes, child, &mut |id| {
            found.insert(id);
            Ok(())
        })
        .unwrap();
    };
    let view = database.view(root).unwrap();
    visit(&view.root_child());
    (0..3).for_each(|number| visit(&view.storage_root(Address::with_last_byte(number)).unwrap()));
    found
}

fn stored_nodes(database: &Database) -> BTreeSet<u64> {
    let pairs = database.range(|tables| tables.nodes, &[0; 8], &[0xff; 8]).unwrap();
    pairs.iter().map(|(key, _)| super::tables::number(key)).collect()
}

#[test]
fn damaged_node_is_reported_when_it_is_read() {
    let folder = Folder::new();
    let mut chain = Chain::new(
        &folder,
        Limits {
            cache_bytes: 0,
            ..small()
        },
    );
    chain.commit(200).unwrap();
    let root = chain.roots[0];
    for id in stored_nodes(&chain.database) {
        let key = id.to_be_bytes();
        let stored = chain.database.get(|tables| tables.nodes, &key).unwrap().unwrap();
        let mut damaged = stored.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let put = |value: &[u8]| {
            chain
                .database
                .environment()
                .write(|transaction, tables| tables.nodes.put(transaction, &key, value))
        };
        put(&damaged).unwrap();
        let found = kind(chain.database.rebuild(root));
        assert!(matches!(found, Kind::Unreadable | Kind::MissingState), "{found:?}");
        put(&stored).unwrap();
    }
    chain.database.rebuild(root).unwrap();
}

#[test]
fn file_that_was_cut_short_is_refused_when_it_is_opened() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    (0..20).for_each(|_| chain.commit(100).unwrap());
    drop(chain);
    let data = OpenOptions::new()
        .write(true)
        .open(folder.path().join("data.mdb"))
        .unwrap();
    data.set_len(data.metadata().unwrap().len() / 2).unwrap();
    assert_eq!(kind(open(&folder, small())), Kind::Unreadable);
}

#[test]
fn closed_store_answers_with_errors_and_may_be_opened_again() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    chain.commit(30).unwrap();
    assert_eq!(kind(open(&folder, small())), Kind::Locked);
    chain.database.close();
    assert_eq!(kind(chain.database.block(0)), Kind::Failed);
    assert_eq!(kind(chain.database.put_seals(&[])), Kind::Failed);
    assert_eq!(open(&folder, small()).unwrap().head().unwrap().height, 0);
}

#[test]
fn nothing_is_written_after_the_medium_failed_until_the_store_is_opened_again() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    chain.commit(30).unwrap();
    let failure = || heed::Error::Io(std::io::ErrorKind::Other.into());
    assert_eq!(
        kind(chain.database.environment().write(|_, _| Err(failure()))),
        Kind::Failed
    );
    assert_eq!(kind(chain.commit(30)), Kind::Failed);
    chain.database.rebuild(chain.roots[0]).unwrap();
    chain.database.close();
    chain.database = open(&folder, small()).unwrap();
    chain.commit(30).unwrap();
}

#[test]
fn late_seals_are_kept_in_order_once_and_not_for_ever() {
    let folder = Folder::new();
    let mut chain = Chain::new(&folder, small());
    let seal = |height, round, signer| {
        let (signer, seal) = (Address::with_last_byte(signer), Bytes::from(vec![signer; 65]));
        LateSeal {
            height,
            block_hash: hash("block"),
            round,
            signer,
            seal,
        }
    };
    chain.commit(1).unwrap();
    chain
        .database
        .put_seals(&[seal(0, 2, 1), seal(0, 0, 3), seal(1, 0, 1), seal(0, 0, 3)])
        .unwrap();
    assert_eq!(chain.database.seals(0).unwrap(), [seal(0, 0, 3), seal(0, 2, 1)]);
    (0..255).for_each(|_| chain.commit(1).unwrap());
    assert_eq!(chain.database.seals(0).unwrap().len(), 2);
    chain.commit(1).unwrap();
    assert_eq!(chain.database.seals(0).unwrap(), []);
    assert_eq!(chain.database.seals(1).unwrap(), [seal(1, 0, 1)]);
}
