//! Why a message failed, in the words clients know; both engines use the same.

use crate::execute::machine::Outcome;
use alloy_primitives::Bytes;
use revm::context::result::{ExecutionResult, HaltReason, OutOfGasError};
use revm::interpreter::InstructionResult;

/// What a finished message gives its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whether it succeeded.
    pub is_success: bool,
    /// Returned by success, or by REVERT; empty for other failures.
    pub return_data: Bytes,
    /// With the intrinsic gas, after refunds.
    pub gas_used: u64,
    /// Why it failed; None for success.
    pub error: Option<&'static str>,
}

/// The summary of a whole transaction or call.
pub fn summarise(outcome: Outcome) -> Summary {
    let gas_used = outcome.tx_gas_used();
    match outcome {
        ExecutionResult::Success { output, .. } => Summary {
            is_success: true,
            return_data: output.into_data(),
            gas_used,
            error: None,
        },
        ExecutionResult::Revert { output, .. } => Summary {
            is_success: false,
            return_data: output,
            gas_used,
            error: Some(REVERTED),
        },
        ExecutionResult::Halt { reason, .. } => Summary {
            is_success: false,
            return_data: Bytes::new(),
            gas_used,
            error: Some(describe_halt(&reason)),
        },
    }
}

const REVERTED: &str = "execution reverted";

/// Why an inner message failed; None if it did not.
pub fn describe_result(result: InstructionResult) -> Option<&'static str> {
    if result.is_ok() {
        return None;
    }
    Some(match result {
        InstructionResult::Revert => REVERTED,
        InstructionResult::OpcodeNotFound | InstructionResult::InvalidFEOpcode | InstructionResult::NotActivated => {
            INVALID_OPCODE
        }
        InstructionResult::InvalidJump => INVALID_JUMP,
        InstructionResult::StackUnderflow | InstructionResult::StackOverflow => STACK_BOUNDS,
        InstructionResult::OutOfOffset => OUT_OF_BOUNDS,
        InstructionResult::StateChangeDuringStaticCall | InstructionResult::CallNotAllowedInsideStatic => {
            WRITE_PROTECTION
        }
        InstructionResult::CreateCollision => COLLISION,
        InstructionResult::PrecompileError | InstructionResult::PrecompileOOG => PRECOMPILE_FAILED,
        InstructionResult::CreateContractStartingWithEF => RESERVED_BYTE,
        // Also code beyond its size limit: the gas for it can never suffice.
        _ => OUT_OF_GAS,
    })
}

fn describe_halt(reason: &HaltReason) -> &'static str {
    match reason {
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => INVALID_OPCODE,
        HaltReason::InvalidJump => INVALID_JUMP,
        HaltReason::StackUnderflow | HaltReason::StackOverflow => STACK_BOUNDS,
        HaltReason::OutOfOffset => OUT_OF_BOUNDS,
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => WRITE_PROTECTION,
        HaltReason::CreateCollision => COLLISION,
        HaltReason::PrecompileError
        | HaltReason::PrecompileErrorWithContext(_)
        | HaltReason::OutOfGas(OutOfGasError::Precompile) => PRECOMPILE_FAILED,
        HaltReason::CreateContractStartingWithEF => RESERVED_BYTE,
        _ => OUT_OF_GAS,
    }
}

const OUT_OF_GAS: &str = "out of gas";
const INVALID_OPCODE: &str = "invalid opcode";
const INVALID_JUMP: &str = "invalid jump destination";
const WRITE_PROTECTION: &str = "write protection";
const COLLISION: &str = "contract address collision";
/// revm does not tell them apart where DUP and SWAP reach below the stack.
const STACK_BOUNDS: &str = "stack underflow or overflow";
const OUT_OF_BOUNDS: &str = "return data out of bounds";
const PRECOMPILE_FAILED: &str = "precompile failed";
const RESERVED_BYTE: &str = "invalid code: must not begin with 0xef";
