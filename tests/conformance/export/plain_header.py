"""Headers and extraData as `../qbft/qbft_facts.md` describes them: the three hashes, the seals, the rules of import."""

from __future__ import annotations

from dataclasses import dataclass

from eth_hash.auto import keccak
from eth_keys import KeyAPI
from eth_keys.exceptions import BadSignature, ValidationError

from tests.conformance.export.plain_rlp import (
    Item,
    decode,
    encode,
    read_bytes,
    read_list,
    read_scalar,
    scalar,
)

MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
OMMERS_HASH = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GAS_LIMIT_MIN, GAS_LIMIT_MAX = 5000, 2**63 - 1


class InvalidHeaderError(ValueError):
    """A header breaks a rule."""


@dataclass(frozen=True)
class ExtraData:
    """2.1: RLP([vanity, validators, vote, round, seals])."""

    vanity: bytes
    validators: tuple[bytes, ...]
    vote: Item
    round: int
    seals: tuple[bytes, ...]

    def encode(self, *, round_number: int, seals: tuple[bytes, ...] = ()) -> bytes:
        return encode([self.vanity, list(self.validators), self.vote, scalar(round_number), list(seals)])


def decode_extra_data(raw: bytes) -> ExtraData:
    """2.1, without the trailing items that Besu tolerates: "do not emit them"."""
    vanity, validators, vote, round_number, seals = read_list(decode(raw), 5)
    if vote != []:
        recipient, kind = read_list(vote, 2)
        read_bytes(recipient, 20)
        expect("vote byte", kind in (b"\xff", b""))
    return ExtraData(
        vanity=read_bytes(vanity),
        validators=tuple(read_bytes(one, 20) for one in read_list(validators)),
        vote=vote,
        round=read_scalar(round_number),
        seals=tuple(read_bytes(one, 65) for one in read_list(seals)),
    )


@dataclass(frozen=True)
class Header:
    """Fifteen fields of Berlin, with the base fee from London on sixteen."""

    items: tuple[bytes, ...]
    parent_hash: bytes
    ommers_hash: bytes
    coinbase: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee: int | None

    def hash_with(self, extra_data: bytes) -> bytes:
        """2.2: H(e) = keccak256(RLP(header with extraData := e))."""
        return keccak(encode([*self.items[:12], extra_data, *self.items[13:]]))

    @property
    def block_hash(self) -> bytes:
        """2.2 (a): round 0, no seals; the extraData of genesis as it is."""
        if self.number == 0:
            return self.hash_with(self.extra_data)
        return self.hash_with(decode_extra_data(self.extra_data).encode(round_number=0))

    @property
    def seal_hash(self) -> bytes:
        """2.2 (b): the round of commitment, no seals."""
        extra = decode_extra_data(self.extra_data)
        return self.hash_with(extra.encode(round_number=extra.round))


def decode_header(item: Item) -> Header:
    items = [read_bytes(one) for one in read_list(item)]
    expect("15 or 16 fields", len(items) in (15, 16))
    sizes = (32, 32, 20, 32, 32, 32, 256)
    parent, ommers, coinbase, state, transactions, receipts, bloom = (
        read_bytes(one, size) for one, size in zip(items, sizes, strict=False)
    )
    difficulty, number, gas_limit, gas_used, timestamp = (read_scalar(one) for one in items[7:12])
    return Header(
        items=tuple(items),
        parent_hash=parent,
        ommers_hash=ommers,
        coinbase=coinbase,
        state_root=state,
        transactions_root=transactions,
        receipts_root=receipts,
        logs_bloom=bloom,
        difficulty=difficulty,
        number=number,
        gas_limit=gas_limit,
        gas_used=gas_used,
        timestamp=timestamp,
        extra_data=items[12],
        mix_hash=read_bytes(items[13], 32),
        nonce=read_bytes(items[14], 8),
        base_fee=read_scalar(items[15]) if len(items) == 16 else None,
    )


@dataclass(frozen=True)
class Rules:
    """What the genesis file says about headers."""

    period_seconds: int
    london_height: int | None
    is_zero_base_fee: bool
    is_contract_mode: bool

    def is_london(self, number: int) -> bool:
        return self.london_height is not None and number >= self.london_height


def validate_header(header: Header, parent: Header, validators: tuple[bytes, ...], rules: Rules) -> tuple[bytes, ...]:
    """1.3, and 2.4 as the stricter of the two clients has it; gives the sealers."""
    expect("number", header.number == parent.number + 1)
    expect("parent hash", header.parent_hash == parent.block_hash)
    expect("mixHash: exactly this", header.mix_hash == MIX_HASH)
    expect("difficulty: exactly 1", header.difficulty == 1)
    expect("ommersHash", header.ommers_hash == OMMERS_HASH)
    expect("coinbase: must be in the validator set valid after the parent", header.coinbase in validators)
    expect("gasUsed: <= gasLimit", header.gas_used <= header.gas_limit)
    expect("timestamp: >= parent + blockperiodseconds", header.timestamp >= parent.timestamp + rules.period_seconds)
    _validate_gas(header, parent, rules)
    extra = decode_extra_data(header.extra_data)
    listed = () if rules.is_contract_mode else tuple(sorted(validators))
    expect("extraData: validators list == expected list, sorted ascending", extra.validators == listed)
    expect("extraData: no vote in contract mode", not rules.is_contract_mode or extra.vote == [])
    sealers = recover_sealers(header)
    expect("no duplicate committer", len(set(sealers)) == len(sealers))
    expect("every recovered address must be in the validator set", set(sealers) <= set(validators))
    expect("count >= ceil(2n/3)", len(sealers) * 3 >= 2 * len(validators))
    return sealers


def recover_sealers(header: Header) -> tuple[bytes, ...]:
    """2.3: r || s || v over hash (b), no prefix, no second keccak."""
    digest = header.seal_hash
    sealers = []
    for seal in decode_extra_data(header.extra_data).seals:
        try:
            public_key = KeyAPI().ecdsa_recover(digest, KeyAPI.Signature(seal))
        except (BadSignature, ValidationError) as error:
            raise InvalidHeaderError(f"seal {seal.hex()}: {error}") from error
        sealers.append(public_key.to_canonical_address())
    return tuple(sealers)


def expect(rule: str, holds: bool) -> None:
    if not holds:
        raise InvalidHeaderError(rule)


def _validate_gas(header: Header, parent: Header, rules: Rules) -> None:
    is_first_london = rules.is_london(header.number) and not rules.is_london(parent.number)
    limit = parent.gas_limit * 2 if is_first_london else parent.gas_limit
    expect("gasLimit: 5000 <= x <= 2^63-1", GAS_LIMIT_MIN <= header.gas_limit <= GAS_LIMIT_MAX)
    expect("gasLimit: strictly < parent/1024 away", abs(header.gas_limit - limit) < limit // 1024)
    expect("London -> +baseFeePerGas", (header.base_fee is not None) == rules.is_london(header.number))
    if header.base_fee is not None:
        expect("zeroBaseFee: base fee always 0 under London", rules.is_zero_base_fee and header.base_fee == 0)
