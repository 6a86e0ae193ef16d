//! Names of instructions, as both engines give them.

use crate::execute::environment::Fork;
use revm::bytecode::opcode::OpCode;

const KECCAK: u8 = 0x20;
const BASE_FEE: u8 = 0x48;

/// The mnemonic of an opcode; INVALID where the fork has no such instruction.
pub fn mnemonic(opcode: u8, fork: Fork) -> &'static str {
    match opcode {
        // Its name before the Yellow Paper renamed it.
        KECCAK => "SHA3",
        BASE_FEE if fork != Fork::London => "INVALID",
        // Instructions of later forks.
        0x1e | 0x49..=0x4f | 0x5c..=0x5f | 0xe6..=0xe8 => "INVALID",
        _ => OpCode::new(opcode).map_or("INVALID", |known| known.as_str()),
    }
}
