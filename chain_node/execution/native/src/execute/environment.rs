//! What a message can see of the block it is in, and the rules in force there.

use crate::error::{Error, Kind, Result};
use alloy_primitives::{Address, U256};
use revm::primitives::hardfork::SpecId;

/// The rules a block is executed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// Istanbul.
    Istanbul,
    /// Berlin.
    Berlin,
    /// London.
    London,
}

impl Fork {
    /// The fork of this name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "istanbul" => Ok(Fork::Istanbul),
            "berlin" => Ok(Fork::Berlin),
            "london" => Ok(Fork::London),
            _ => Err(Error::new(
                Kind::Failed,
                format!("fork {name:?}, expected istanbul, berlin or london"),
            )),
        }
    }

    /// The name, as in a genesis file.
    pub fn name(self) -> &'static str {
        match self {
            Fork::Istanbul => "istanbul",
            Fork::Berlin => "berlin",
            Fork::London => "london",
        }
    }

    /// The highest transaction type that may be included.
    pub fn transaction_type_max(self) -> u8 {
        match self {
            Fork::Istanbul => 0,
            Fork::Berlin => 1,
            Fork::London => 2,
        }
    }

    /// What revm calls these rules.
    pub fn spec(self) -> SpecId {
        match self {
            Fork::Istanbul => SpecId::ISTANBUL,
            Fork::Berlin => SpecId::BERLIN,
            Fork::London => SpecId::LONDON,
        }
    }
}

/// Forks by the height at which they begin.
#[derive(Debug, Clone)]
pub struct Schedule(Vec<(u64, Fork)>);

impl Schedule {
    /// A schedule from (first height, fork), in any order; the first must be 0.
    pub fn new(mut forks: Vec<(u64, Fork)>) -> Result<Self> {
        forks.sort_by_key(|(height, _)| *height);
        match forks.first() {
            Some((0, _)) => Ok(Self(forks)),
            _ => Err(Error::new(Kind::Failed, "the schedule names no fork at height 0")),
        }
    }

    /// The rules in force for the block at this height.
    pub fn fork_at(&self, height: u64) -> Fork {
        let begun = self.0.partition_point(|(first, _)| *first <= height);
        self.0[begun - 1].1
    }
}

/// What a message can see of its block.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Binds transactions to the network.
    pub chain_id: u64,
    /// Rules in force.
    pub fork: Fork,
    /// Height of the block.
    pub height: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Gas the block may use.
    pub gas_limit: u64,
    /// Who proposed the block.
    pub coinbase: Address,
    /// Wei per gas; 0 before London.
    pub base_fee: u64,
    /// Always 1 in a valid block.
    pub difficulty: U256,
}

#[cfg(test)]
mod tests {
    use super::{Fork, Schedule};

    #[test]
    fn schedule_at_a_forks_first_height_gives_that_fork() {
        let schedule = Schedule::new(vec![(7, Fork::London), (0, Fork::Istanbul), (3, Fork::Berlin)]).unwrap();
        let forks: Vec<_> = [0, 2, 3, 6, 7, u64::MAX]
            .map(|height| schedule.fork_at(height).name())
            .to_vec();
        assert_eq!(forks, ["istanbul", "istanbul", "berlin", "berlin", "london", "london"]);
    }

    #[test]
    fn schedule_without_a_fork_at_genesis_is_refused() {
        assert!(Schedule::new(vec![(1, Fork::London)]).is_err());
    }
}
