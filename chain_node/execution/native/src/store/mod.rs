//! The store on disk: blocks with their state, all or nothing, on LMDB.
//!
//! Start reading at [`Database`]. `environment` opens the files and runs transactions, `tables` says what is in them,
//! `commit` writes a block, `blocks` and `seals` read, `prune` forgets old states.

mod blocks;
mod checksum;
mod commit;
mod database;
mod environment;
mod meta;
mod nodes;
mod prune;
mod seals;
mod system;
mod tables;
#[cfg(test)]
mod tests;
mod types;

pub use database::Database;
pub use types::{BlockRecord, Head, Identity, LateSeal, Limits, Location};
