"""What a trace of one transaction records. No I/O.

Source: geth's `debug_traceTransaction` (struct logger and callTracer); hex strings are made in the RPC.
"""

from dataclasses import dataclass

STEPS_MAX = 50_000
"""Steps recorded by default; a trace is a debugging aid, not an archive."""

WORDS_MAX = 800_000
"""Words of 32 bytes, of stacks, memories and storages together, that a trace holds before it is cut short: anybody may
have a call traced, and a machine's memory is copied at every step. As many again of data of messages. The native engine
has the same bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions:
    """How much to record."""

    is_step_recorded: bool = True
    is_stack_recorded: bool = True
    is_memory_recorded: bool = False
    is_storage_recorded: bool = True
    steps_max: int = STEPS_MAX
    """Execution goes on after that many steps, but nothing more is recorded and the trace says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructLog:
    """The machine before one instruction."""

    program_counter: int
    operation: str
    """Mnemonic."""
    gas: int
    """Left before the instruction."""
    gas_cost: int
    """Spent by the instruction: for calls with all that was handed on and not returned; if it failed, all there was."""
    depth: int
    """1 for the transaction's own message."""
    stack: tuple[int, ...] | None
    """From the bottom; None if not recorded."""
    memory: bytes | None
    """Whole words; None if not recorded."""
    storage: tuple[tuple[int, int], ...] | None
    """Slots this account has read or written in this message so far; None if not recorded."""
    error: str | None
    """Why the instruction failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFrame:
    """One message and those it sent."""

    kind: str
    """CALL, CALLCODE, DELEGATECALL, STATICCALL, CREATE, CREATE2 or SELFDESTRUCT."""
    sender: bytes
    to: bytes
    """The called or created account."""
    value: int
    """Wei."""
    gas: int
    """Handed to the message."""
    gas_used: int
    call_data: bytes
    return_data: bytes
    error: str | None
    calls: tuple["CallFrame", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The record of one transaction."""

    gas_used: int
    """Of the transaction, after refunds."""
    is_failed: bool
    return_data: bytes
    steps: tuple[StructLog, ...]
    is_truncated: bool
    """Whether steps, or data of messages, were left out because of a limit."""
    call: CallFrame
