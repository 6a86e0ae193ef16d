"""Rules of a valid header, in three stages. No I/O.

1. alone: what the header says about itself, by the genesis parameters;
2. against its parent: number, parent hash, time, gas limit, base fee, author and validators;
3. seals: only for a block that claims to be committed, not for a proposal.

Every mismatch is a HeaderMismatchError with the field, what was got and what was expected. Roots are the result
of execution and are checked there.

Source: Besu QbftBlockHeaderValidationRulesetFactory; EIP-1559 (base fee, first London gas limit).
"""

from __future__ import annotations

from chain_node.consensus.qbft.errors import EarlyBlockError
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import block_hash
from chain_node.consensus.qbft.seals import validate_seals
from chain_node.core.errors import DecodeError, HeaderMismatchError
from chain_node.core.genesis import INITIAL_BASE_FEE_WEI, QBFT_MIX_HASH, Genesis
from chain_node.core.limits import CLOCK_SKEW_SECONDS_MAX, GAS_LIMIT_BOUND_DIVISOR, GAS_LIMIT_MAX, GAS_LIMIT_MIN
from chain_node.core.types import EMPTY_OMMERS_HASH, Address, Header, Height

DIFFICULTY = 1
NONCE = bytes(8)
_LONDON_ELASTICITY = 2
_BASE_FEE_CHANGE_DENOMINATOR = 8


def validate_header(
    header: Header,
    parent: Header,
    *,
    validators: tuple[Address, ...],
    genesis: Genesis,
    now_seconds: int | None,
) -> None:
    """Check a header without its seals, as a proposal has none; see `validate_sealed_header`.

    Args:
        validators: the set in force after the parent, ascending.
        now_seconds: the verifier's clock; None when old blocks are verified, whose time is past anyway.

    Raises:
        HeaderMismatchError: a field breaks a rule; EarlyBlockError when it may be this node's clock that is wrong.
    """
    validate_header_alone(header, genesis)
    validate_header_against_parent(header, parent, validators=validators, genesis=genesis)
    if now_seconds is not None and header.timestamp > now_seconds + CLOCK_SKEW_SECONDS_MAX:
        raise EarlyBlockError(got=header.timestamp, latest=now_seconds + CLOCK_SKEW_SECONDS_MAX)


def validate_sealed_header(
    header: Header,
    parent: Header,
    *,
    validators: tuple[Address, ...],
    genesis: Genesis,
    now_seconds: int | None,
) -> tuple[Address, ...]:
    """Check a header that claims to be committed, seals included; arguments as `validate_header`.

    Returns:
        The sealers in the order of the seals.

    Raises:
        HeaderMismatchError: a field breaks a rule.
        BadSealError: the seals do.
    """
    validate_header(header, parent, validators=validators, genesis=genesis, now_seconds=now_seconds)
    return validate_seals(header, validators)


def validate_header_alone(header: Header, genesis: Genesis) -> None:
    """Stage 1: constants, ranges and the layout of the fork.

    Raises:
        HeaderMismatchError: a field breaks a rule.
    """
    _expect("mix_hash", header.mix_hash, QBFT_MIX_HASH)
    _expect("difficulty", header.difficulty, DIFFICULTY)
    _expect("nonce", header.nonce, NONCE)
    _expect("ommers_hash", header.ommers_hash, EMPTY_OMMERS_HASH)
    if not GAS_LIMIT_MIN <= header.gas_limit <= GAS_LIMIT_MAX:
        raise HeaderMismatchError("gas_limit", header.gas_limit, f"{GAS_LIMIT_MIN} to {GAS_LIMIT_MAX}")
    if header.gas_used > header.gas_limit:
        raise HeaderMismatchError("gas_used", header.gas_used, f"at most the gas limit {header.gas_limit}")
    is_london = genesis.schedule.fork_at(header.number) == "london"
    if is_london != (header.base_fee_per_gas is not None):
        expected = "a base fee from London on" if is_london else "no base fee before London"
        raise HeaderMismatchError("base_fee_per_gas", header.base_fee_per_gas, expected)


def validate_header_against_parent(
    header: Header, parent: Header, *, validators: tuple[Address, ...], genesis: Genesis
) -> None:
    """Stage 2: continuity with the parent, the author, and the validators it lists.

    Raises:
        HeaderMismatchError: a field breaks a rule.
    """
    _expect("number", header.number, parent.number + 1)
    _expect("parent_hash", header.parent_hash, block_hash(parent))
    earliest = parent.timestamp + genesis.qbft.timestamp_spacing_seconds
    if header.timestamp < earliest:
        raise HeaderMismatchError("timestamp", header.timestamp, f"at least {earliest}")
    _validate_gas_limit(header, parent, genesis)
    _expect("base_fee_per_gas", header.base_fee_per_gas, compute_base_fee(parent, genesis))
    if header.coinbase not in validators:
        raise HeaderMismatchError("coinbase", header.coinbase, "a validator")
    _validate_extra_data(header, validators, genesis)


def compute_base_fee(parent: Header, genesis: Genesis) -> int | None:
    """Base fee per gas, in wei, of the block after `parent`; None before London.

    Source: EIP-1559; Besu ZeroBaseFeeMarket for `zeroBaseFee`.
    """
    if genesis.schedule.fork_at(Height(parent.number + 1)) != "london":
        return None
    if genesis.zero_base_fee:
        return 0
    if parent.base_fee_per_gas is None:
        return INITIAL_BASE_FEE_WEI
    target = parent.gas_limit // _LONDON_ELASTICITY
    base_fee = parent.base_fee_per_gas
    distance = parent.gas_used - target
    if distance == 0:
        return base_fee
    change = base_fee * abs(distance) // target // _BASE_FEE_CHANGE_DENOMINATOR
    return base_fee + max(change, 1) if distance > 0 else base_fee - change


def _validate_gas_limit(header: Header, parent: Header, genesis: Genesis) -> None:
    is_first_london = (
        genesis.schedule.fork_at(header.number) == "london" and genesis.schedule.fork_at(parent.number) != "london"
    )
    base = parent.gas_limit * _LONDON_ELASTICITY if is_first_london else parent.gas_limit
    bound = base // GAS_LIMIT_BOUND_DIVISOR
    if abs(header.gas_limit - base) >= bound:
        raise HeaderMismatchError("gas_limit", header.gas_limit, f"less than {bound} away from {base}")


def _validate_extra_data(header: Header, validators: tuple[Address, ...], genesis: Genesis) -> None:
    try:
        extra = decode_extra_data(header.extra_data)
    except DecodeError as error:
        raise HeaderMismatchError("extra_data", header.extra_data, f"QBFT extra data: {error}") from error
    is_contract_mode = genesis.qbft.validator_contract is not None
    _expect("extra_data.validators", extra.validators, () if is_contract_mode else validators)
    if is_contract_mode and extra.vote is not None:
        raise HeaderMismatchError("extra_data.vote", extra.vote.recipient, "no vote where a contract decides")


def _expect(field: str, got: object, expected: object) -> None:
    if got != expected:
        raise HeaderMismatchError(field, got, expected)
