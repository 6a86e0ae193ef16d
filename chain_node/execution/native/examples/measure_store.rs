//! Time and memory of blocks that write random slots:
//! `cargo run --release --no-default-features --example measure_store -- FOLDER SLOTS BLOCKS`.
//!
//! One account holds all slots; every block reads and writes 2,000 of them and has 2,000 transactions. What an earlier run
//! filled is used again. Prints microseconds per written slot, of the clock and of the processor.

#![allow(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use _native::state::{AccountChange, StateDelta};
use _native::store::{BlockRecord, Database, Identity, Limits};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const SLOTS_PER_BLOCK: u64 = 2_000;
const SLOTS_PER_FILL: usize = 50_000;
const FILL_PASSES: u64 = 4;
const RECEIPT_BYTES: usize = 420;
const BLOCK_BYTES: usize = 180 * SLOTS_PER_BLOCK as usize;
const HOLDER: Address = Address::repeat_byte(7);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, slots, blocks] = &arguments[..] else {
        panic!("expected FOLDER SLOTS BLOCKS");
    };
    let (slots, blocks): (u64, u64) = (slots.parse().unwrap(), blocks.parse().unwrap());
    let identity = Identity {
        genesis_hash: B256::ZERO,
        engine_name: "native".into(),
    };
    let database = Database::open(Path::new(folder), &identity, Limits::default()).unwrap();
    let height = database.head().map_or(0, |head| head.height + 1);
    let root = height
        .checked_sub(1)
        .and_then(|head| database.state_root(head).unwrap())
        .unwrap_or(EMPTY_ROOT_HASH);
    let mut chain = Chain { database, root, height };
    if height == 0 {
        let begin = Instant::now();
        fill(&mut chain, slots);
        println!(
            "filled {slots} slots in {:.1} s, {}",
            begin.elapsed().as_secs_f64(),
            memory(folder)
        );
        return;
    }
    let mut totals = [Times::default(); 3];
    let mut slowest = Duration::ZERO;
    for _ in 0..blocks {
        let numbers = (0..SLOTS_PER_BLOCK)
            .map(|i| random(chain.height << 16 | i) % slots)
            .collect();
        let times = chain.step(numbers, SLOTS_PER_BLOCK);
        for (total, time) in totals.iter_mut().zip(times) {
            (total.clock, total.processor) = (total.clock + time.clock, total.processor + time.processor);
        }
        slowest = slowest.max(times[2].clock);
    }
    let per_slot = |time: Duration| time.as_secs_f64() * 1e6 / (blocks * SLOTS_PER_BLOCK) as f64;
    for (name, time) in ["read", "update", "commit"].iter().zip(totals) {
        println!(
            "{name}: {:.1} us per slot, {:.1} of the processor",
            per_slot(time.clock),
            per_slot(time.processor)
        );
    }
    println!("slowest commit {slowest:?}; {}", memory(folder));
    let begin = Instant::now();
    let census = chain.database.rebuild(chain.root).unwrap();
    println!(
        "rebuilt {} slots in {:.1} s",
        census.slots,
        begin.elapsed().as_secs_f64()
    );
}

/// In several passes, each ascending by key, so that filling is quick and neighbours in the trie are not in the file.
fn fill(chain: &mut Chain, slots: u64) {
    for pass in 0..FILL_PASSES {
        let numbers = (pass..slots).step_by(FILL_PASSES as usize);
        let mut keys: Vec<_> = numbers
            .map(|number| (keccak256(slot(number).to_be_bytes::<32>()), number))
            .collect();
        keys.sort_unstable();
        for chunk in keys.chunks(SLOTS_PER_FILL) {
            chain.step(chunk.iter().map(|(_, number)| *number).collect(), 0);
        }
    }
}

struct Chain {
    database: Database,
    root: B256,
    height: u64,
}

impl Chain {
    /// Write these slots in one block; gives the times of reading, updating and committing.
    fn step(&mut self, numbers: Vec<u64>, transactions: u64) -> [Times; 3] {
        let view = self.database.view(self.root).unwrap();
        let begin = Times::now();
        for &number in &numbers {
            view.storage(HOLDER, slot(number)).unwrap();
        }
        let read = begin.until_now();
        let value = |number| U256::from(random(number ^ self.height << 40)) << 128 | U256::from(1);
        let slots = numbers.iter().map(|&number| (slot(number), value(number))).collect();
        let change = AccountChange {
            record: Some((1, U256::from(self.height), KECCAK_EMPTY)),
            is_wiped: false,
            slots,
        };
        let delta = StateDelta {
            accounts: [(HOLDER, change)].into(),
            codes: Default::default(),
        };
        let begin = Times::now();
        let update = view.apply(&delta).unwrap();
        let updated = begin.until_now();
        let block = self.record(transactions);
        let begin = Times::now();
        self.database.commit(&block, &update).unwrap();
        (self.root, self.height) = (update.root, self.height + 1);
        [read, updated, begin.until_now()]
    }

    fn record(&self, transactions: u64) -> BlockRecord {
        let hashes = (0..transactions).map(|i| keccak256((self.height << 20 | i).to_be_bytes()));
        BlockRecord {
            height: self.height,
            block_hash: keccak256(self.height.to_be_bytes()),
            block: Bytes::from(vec![1; if transactions == 0 { 600 } else { BLOCK_BYTES }]),
            receipts: vec![Bytes::from(vec![2; RECEIPT_BYTES]); transactions as usize],
            transaction_hashes: hashes.collect(),
            logs_bloom: Bytes::from(vec![0; 256]),
            log_addresses: vec![HOLDER],
        }
    }
}

/// Time that went by, and time that the processor spent on this thread.
#[derive(Clone, Copy, Default)]
struct Times {
    clock: Duration,
    processor: Duration,
}

impl Times {
    fn now() -> Self {
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = counts
            .split(' ')
            .next()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        Self {
            clock: BEGIN.elapsed(),
            processor: Duration::from_nanos(nanoseconds),
        }
    }

    fn until_now(self) -> Self {
        let now = Self::now();
        Self {
            clock: now.clock - self.clock,
            processor: now.processor - self.processor,
        }
    }
}

/// Slots as a mapping's: spread over the whole range.
fn slot(number: u64) -> U256 {
    keccak256(number.to_be_bytes()).into()
}

/// Source: SplitMix64 (Steele, Lea, Flood 2014).
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn memory(folder: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| {
        ["VmRSS", "RssAnon", "RssFile"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let counts: Vec<_> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let file = std::fs::metadata(Path::new(folder).join("data.mdb")).map_or(0, |data| data.len());
    format!("{}, file {} MB", counts.join(", "), file >> 20)
}
