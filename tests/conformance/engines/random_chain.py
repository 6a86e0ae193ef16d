"""Random chains for differential tests: an allocation, and for each block candidates that an engine takes or leaves.

Every block is drawn from the state of its chain only as far as nonces go, so that the same seed gives the same chain
on every engine. `SMALL` contracts do one thing each on request: they let the draw reach precompiles, CREATE2 at an
address of before, deep calls, long clears and logs, which random programs hardly ever do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from chain_node.core.crypto import address_of
from chain_node.core.genesis import Fork, GenesisAccount
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Transaction
from tests.conformance.engines.precompile_inputs import precompile_input
from tests.unit.execution.node_table import COINBASE, key_of, sign, sign_typed
from tests.unit.execution.random_programs import CONTRACTS, push, random_program

SENDERS = [key_of(f"sender {index}") for index in range(4)]
POOR = key_of("sender without wei")
GAS_TRANSACTION_MAX = 4_000_000
_MSTORE, _SSTORE, _CALLDATALOAD, _CALLDATACOPY, _CALLDATASIZE = b"\x52", b"\x55", b"\x35", b"\x37", b"\x36"


def _word(address: bytes) -> bytes:
    return address.rjust(32, b"\0")


def _load(offset: int) -> bytes:
    return push(offset) + _CALLDATALOAD


def _forwarder(operation: int) -> bytes:
    """Calls the account of word 0 with the gas of word 1, the value of word 2 and what follows.

    It logs the answer under account and success, and stores the answer's hash in the account's slot.
    """
    value = _load(64) if operation in (0xF1, 0xF2) else b""
    size = push(96) + _CALLDATASIZE + b"\x03"
    copied = size + b"\x80" + push(96) + push(0) + _CALLDATACOPY
    sent = push(0) * 2 + b"\x82" + push(0) + value + _load(0) + _load(32) + bytes((operation,)) + b"\x90\x50"
    answer = b"\x3d" + push(0) + push(0) + b"\x3e"
    log = _load(0) + b"\x3d" + push(0) + b"\xa2"
    return copied + sent + answer + log + b"\x3d" + push(0) + b"\x20" + _load(0) + _SSTORE + b"\x00"


def _factory(operation: int) -> bytes:
    """Creates from the code after word 1, with the salt of word 0 and the value of word 1; keeps the address there."""
    size = push(64) + _CALLDATASIZE + b"\x03"
    copied = size + b"\x80" + push(64) + push(0) + _CALLDATACOPY
    salt = _load(0) + b"\x90" if operation == 0xF5 else b""
    created = copied + salt + push(0) + _load(32) + bytes((operation,))
    return created + _load(0) + _SSTORE + b"\x00"


def _phoenix() -> bytes:
    """Creation code of a contract that stores the height in the slot it is given, or dies for the heir it is given."""
    die = _load(0) + b"\xff"
    test = push(33) + _CALLDATASIZE + b"\x10"
    start = len(test) + 3 + len(die)
    store = b"\x5b\x43" + _load(0) + _SSTORE + push(0) + push(0) + b"\xa0\x00"
    runtime = test + push(start) + b"\x57" + die + store
    constructor = b"\x42" + push(7) + _SSTORE
    copy = push(len(runtime)) + b"\x80" + push(len(constructor) + 2 + 1 + 2 + 2 + 1 + 2 + 1) + push(0) + b"\x39"
    return constructor + copy + push(0) + b"\xf3" + runtime


def _store_pairs() -> bytes:
    """Stores the second word of each pair of its call data in the slot of the first."""
    body = b"\x80" + push(32) + b"\x01" + _CALLDATALOAD + b"\x81" + _CALLDATALOAD + _SSTORE + push(64) + b"\x01"
    head = push(0) + b"\x5b" + _CALLDATASIZE + b"\x81\x10\x15"
    end = len(head) + 3 + len(body) + 3
    return head + push(end) + b"\x57" + body + push(2) + b"\x56\x5b\x00"


def _descend() -> bytes:
    """Calls itself as often as word 0 says, and stores on the way back whether that worked."""
    head = _load(0) + b"\x80"
    less = push(1) + b"\x90\x03" + push(0) + _MSTORE
    called = push(32) + push(0) + push(32) + push(0) + push(0) + b"\x30\x5a\xf1"
    start = len(head) + 3 + 1
    return head + push(start) + b"\x57\x00\x5b" + less + called + _load(0) + _SSTORE + b"\x00"


PHOENIX = _phoenix()
SMALL: dict[str, tuple[Address, bytes]] = {
    name: (Address(bytes(18) + bytes((0xBB, index))), code)
    for index, (name, code) in enumerate(
        {
            "call": _forwarder(0xF1),
            "callcode": _forwarder(0xF2),
            "delegatecall": _forwarder(0xF4),
            "staticcall": _forwarder(0xFA),
            "create": _factory(0xF0),
            "create2": _factory(0xF5),
            "store": _store_pairs(),
            "descend": _descend(),
        }.items()
    )
}
"""Account and code, by what it does."""


def phoenix_address(salt: int) -> Address:
    """Where the CREATE2 factory puts the contract that can die and come back."""
    factory = SMALL["create2"][0]
    return Address(keccak(b"\xff" + factory + salt.to_bytes(32, "big") + keccak(PHOENIX))[12:])


KINDS = {
    "program": 28,
    "creation": 7,
    "life": 12,
    "precompile": 24,
    "store": 7,
    "descend": 4,
    "transfer": 5,
    "big": 3,
    "unfit": 10,
}
"""What transactions do, and how often of a hundred."""


@dataclass
class RandomChain:
    """One seed's chain for one rule set."""

    seed: int
    fork: Fork
    base_fee: int | None = None
    """Wei; None before London."""
    alloc: dict[Address, GenesisAccount] = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"{self.fork} {self.seed}")
        self._nonces = dict.fromkeys([*SENDERS, POOR], 0)
        if self.fork == "london" and self.base_fee is None:
            self.base_fee = self._random.choice((0, 0, 7))
        random = self._random
        self.alloc = {Address(each): _random_contract(random) for each in CONTRACTS}
        self.alloc |= {
            address: GenesisAccount(balance=random.choice((0, 50)), nonce=1, code=code, storage={})
            for address, code in SMALL.values()
        }
        self.alloc |= {
            address_of(key): GenesisAccount(balance=10**18, nonce=0, code=b"", storage={}) for key in SENDERS
        }

    def draw_candidates(self, count: int) -> list[Transaction]:
        """Candidates for the next block; some of them cannot be included."""
        return [transaction for _ in range(count) for transaction in self._draw()]

    def note_skipped(self, transaction: Transaction) -> None:
        """Use its nonce again, as a wallet would."""
        for key in self._nonces:
            if address_of(key) == transaction.sender:
                self._nonces[key] = min(self._nonces[key], transaction.nonce)

    def addresses(self) -> list[Address]:
        """Accounts worth looking at."""
        return [*self.alloc, *(phoenix_address(salt) for salt in range(2)), COINBASE, Address(bytes(19) + b"\x99")]

    def draw_alone(self, kind: str) -> Transaction:
        """A transaction of one kind that can be the first of its sender."""
        self._nonces = dict.fromkeys(self._nonces, 0)
        return next(self._draw(kind))

    def _draw(self, kind: str | None = None) -> Iterator[Transaction]:
        random = self._random
        (drawn,) = random.choices(tuple(KINDS), tuple(KINDS.values()))
        to = Address(random.choice(CONTRACTS))
        match kind or drawn:
            case "program":
                yield self._sign(to, random.randbytes(random.choice((0, 4, 68))))
            case "creation":
                yield self._sign(None, random_program(random), gas=600_000)
            case "life":
                yield from self._live_and_die()
            case "precompile":
                yield self._forward()
            case "store":
                words = [
                    (random.randrange(12), random.choice((0, 0, 1, 2**256 - 1))) for _ in range(random.randint(1, 12))
                ]
                data = b"".join(word.to_bytes(32, "big") for pair in words for word in pair)
                yield self._sign(SMALL["store"][0], data, gas=400_000)
            case "descend":
                data = random.choice((0, 1, 5, 40)).to_bytes(32, "big")
                yield self._sign(SMALL["descend"][0], data, gas=random.choice((80_000, 1_500_000)))
            case "transfer":
                some = (address_of(POOR), COINBASE, *(Address(bytes(19) + bytes((number,))) for number in (1, 9, 0x99)))
                yield self._sign(
                    random.choice(some), gas=random.choice((21_000, 40_000)), value=random.choice((0, 1, 1000))
                )
            case "big":
                size = random.choice((3_000, 20_000))
                data = random.randbytes(size) if random.random() < 0.5 else bytes(size)
                yield self._sign(random.choice((to, Address(bytes(19) + b"\x04"))), data, gas=500_000)
            case _:
                yield self._unfit()

    def _live_and_die(self) -> Iterator[Transaction]:
        """Some steps in the life of a contract that comes back to its address, from any of them on."""
        random = self._random
        salt, begin = random.randrange(2), random.randrange(3)
        for step in range(begin, begin + random.randint(1, 4)):
            if step % 3 == 0:
                name = random.choice(("create", "create2", "create2", "create2"))
                data = salt.to_bytes(32, "big") + random.choice((0, 0, 1)).to_bytes(32, "big") + PHOENIX
                yield self._sign(SMALL[name][0], data, gas=600_000, value=random.choice((0, 2)))
                continue
            heirs = (address_of(POOR), phoenix_address(salt), COINBASE, Address(bytes(19) + b"\x98"))
            data = random.randrange(9).to_bytes(32, "big") if step % 3 == 1 else _word(random.choice(heirs)) + b"\0"
            if random.random() < 0.3:
                sent = _word(phoenix_address(salt)) + (100_000).to_bytes(32, "big") + bytes(32) + data
                yield self._sign(SMALL["call"][0], sent, gas=300_000)
            else:
                yield self._sign(phoenix_address(salt), data, gas=200_000, value=random.choice((0, 3)))

    def _forward(self) -> Transaction:
        random = self._random
        number, data = precompile_input(random)
        name = random.choice(("call", "callcode", "delegatecall", "staticcall"))
        gas = random.choice((3_000, 60_000, 400_000))
        head = number.to_bytes(32, "big") + gas.to_bytes(32, "big") + random.choice((0, 0, 1)).to_bytes(32, "big")
        return self._sign(SMALL[name][0], head + data, gas=random.choice((150_000, 900_000)))

    def _unfit(self) -> Transaction:
        """A transaction that breaks a rule of inclusion, most of the time."""
        random, key = self._random, random_key(self._random)
        to = Address(random.choice(CONTRACTS))
        match random.randrange(9):
            case 0:
                return sign(key, nonce=self._nonces[key] + random.randint(1, 3), to=to)
            case 1:
                return sign(key, nonce=max(0, self._nonces[key] - 1), to=to)
            case 2:
                return self._sign(to, random.randbytes(10), gas=21_001)
            case 3:
                return self._sign(to, gas=GAS_TRANSACTION_MAX + 1)
            case 4:
                return self._sign(to, value=2 * 10**18)
            case 5:
                return sign(POOR, nonce=self._nonces[POOR], to=to, gas=50_000, gas_price=10**12)
            case 6:
                return sign(key, nonce=self._nonces[key], to=to, chain_id=1)
            case 7:
                return sign_typed(key, nonce=self._nonces[key], to=to, max_fee=3, priority_fee=1)
            case _:
                return sign_typed(key, nonce=self._nonces[key], to=to, max_fee=7, access_list=((to, (bytes(32),)),))

    def _sign(self, to: Address | None, data: bytes = b"", *, gas: int = 0, value: int | None = None) -> Transaction:
        random, key = self._random, random_key(self._random)
        nonce = self._nonces[key]
        self._nonces[key] += 1
        gas = gas or random.choice((60_000, 100_000, 300_000))
        least = self.base_fee or 0
        if self.fork != "istanbul" and random.random() < 0.3 and value is None:
            listed = ((to, (bytes(32), bytes(31) + b"\x01")),) if to is not None else ()
            access_list = (*listed, (Address(bytes(19) + b"\x77"), ()))
            priority = random.choice((0, 2)) if self.fork == "london" else None
            max_fee = least + random.choice((0, 2, 2))
            fee = max_fee if priority is None else max(max_fee, priority)
            return sign_typed(
                key, nonce=nonce, to=to, data=data, gas=gas, max_fee=fee, priority_fee=priority, access_list=access_list
            )
        price = least + random.choice((0, 0, 1))
        value = random.choice((0, 0, 3)) if value is None else value
        return sign(key, nonce=nonce, to=to, data=data, value=value, gas=gas, gas_price=price)


def random_key(random: Random) -> bytes:
    """One of those that have wei."""
    return random.choice(SENDERS)


def _random_contract(random: Random) -> GenesisAccount:
    storage = {slot: random.getrandbits(8) + 1 for slot in range(3)}
    return GenesisAccount(balance=random.choice((0, 50)), nonce=1, code=random_program(random), storage=storage)
