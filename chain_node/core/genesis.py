"""The parameters of one network, read from genesis.json in Besu's form (GoQuorum's is understood). No I/O.

Whatever would change a rule of validity and is not implemented here is refused by name, never ignored: a node
that skips a key it does not know would fork off at the first block the key matters for.

Source: spec of Besu's genesis file ("config.qbft" keys, fork keys); GoQuorum's `epoch`, `policy`,
`ceil2Nby3Block`, `validatorselectionmode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chain_node.core.errors import ConfigError
from chain_node.core.genesis_json import JsonObject, parse_json_object
from chain_node.core.trie import EMPTY_TRIE_ROOT
from chain_node.core.types import EMPTY_OMMERS_HASH, Address, Hash32, Header, Height

Fork = Literal["istanbul", "berlin", "london"]
INITIAL_BASE_FEE_WEI = 1_000_000_000
"""Base fee per gas of the first London block, EIP-1559."""

CHAIN_ID_DEFAULT = 170919
QBFT_MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""Marks a header of the Istanbul family: the ASCII of \"ctical byzantine fault tolerance\"."""

_EARLIER_FORKS = (
    "homesteadblock",
    "eip150block",
    "eip155block",
    "eip158block",
    "byzantiumblock",
    "constantinopleblock",
    "constantinoplefixblock",
    "petersburgblock",
)
_WITHOUT_EFFECT = (
    "muirglacierblock",
    "arrowglacierblock",
    "grayglacierblock",
    "eip150hash",
    "discovery",
    "isquorum",
    "txnsizelimit",
    "maxcodesizeconfig",
)
"""Difficulty bombs and keys of other clients that change no rule of validity here."""

_FIXED_RULES = {"contractsizelimit": 24_576, "evmstacksize": 1024}
"""Bytes of a contract's code and words of the stack: other clients let a network change them, our engines do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkSchedule:
    """Heights at which the supported forks begin; None when one never does."""

    berlin_height: Height | None
    """First Berlin block; None stays on Istanbul."""
    london_height: Height | None
    """First London block; None stays on Berlin or Istanbul."""

    def fork_at(self, height: Height) -> Fork:
        """The rules in force for the block at this height."""
        if self.london_height is not None and height >= self.london_height:
            return "london"
        if self.berlin_height is not None and height >= self.berlin_height:
            return "berlin"
        return "istanbul"


@dataclass(frozen=True, slots=True, kw_only=True)
class QbftConfig:
    """Parameters of the consensus."""

    block_period_seconds: int
    """`blockperiodseconds`: least distance of timestamps, when the period is not below one second."""
    block_period_ms: int
    """The period in force: `xblockperiodmilliseconds` if given, otherwise block_period_seconds * 1000."""
    empty_block_period_seconds: int
    """`emptyblockperiodseconds`: without transactions one block per this time; 0 means empty blocks every period."""
    request_timeout_seconds: int
    """`requesttimeoutseconds`: base of the round timeout."""
    validator_contract: Address | None
    """Contract that answers getValidators(); None when validators are listed in headers."""
    epoch_length: int
    """Blocks after which votes in headers start anew."""
    per_tx_gas_limit: int
    """Gas a transaction may ask for; 0 means up to the block's limit."""

    @property
    def timestamp_spacing_seconds(self) -> int:
        """Least distance of two blocks' timestamps: whole seconds of the period, 0 below one second."""
        return self.block_period_ms // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisAccount:
    """State of one account before the first block."""

    balance: int
    """Wei."""
    nonce: int
    """Count of transactions, usually 0."""
    code: bytes
    """Runtime code; empty for a plain account."""
    storage: dict[int, int]
    """Non-zero slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """Everything that defines one network. `alloc` gives the state, `build_header` the header of block 0."""

    chain_id: int
    """Binds transactions to this network."""
    schedule: ForkSchedule
    """Forks by height."""
    zero_base_fee: bool
    """Under London the base fee is 0 for every block after genesis."""
    qbft: QbftConfig
    """Consensus parameters."""
    alloc: dict[Address, GenesisAccount]
    """Accounts of the genesis state, in ascending order of address."""
    parent_hash: Hash32
    """Usually zero."""
    coinbase: Address
    """Usually zero."""
    difficulty: int
    """Usually 1."""
    number: Height
    """Always 0."""
    gas_limit: int
    """Gas a block may use; later blocks move slowly from it."""
    gas_used: int
    """Usually 0."""
    timestamp: int
    """Seconds since 1970."""
    extra_data: bytes
    """Hashed as it stands; lists the first validators unless a contract does."""
    mix_hash: bytes
    """32 bytes."""
    nonce: bytes
    """8 bytes."""
    base_fee_per_gas: int | None
    """Wei; None unless London is in force at block 0."""

    def build_header(self, state_root: Hash32) -> Header:
        """Header of block 0, given the root of the state that `alloc` describes."""
        return Header(
            parent_hash=self.parent_hash,
            ommers_hash=EMPTY_OMMERS_HASH,
            coinbase=self.coinbase,
            state_root=state_root,
            transactions_root=EMPTY_TRIE_ROOT,
            receipts_root=EMPTY_TRIE_ROOT,
            logs_bloom=0,
            difficulty=self.difficulty,
            number=self.number,
            gas_limit=self.gas_limit,
            gas_used=self.gas_used,
            timestamp=self.timestamp,
            extra_data=self.extra_data,
            mix_hash=self.mix_hash,
            nonce=self.nonce,
            base_fee_per_gas=self.base_fee_per_gas,
        )


def parse_genesis(json_text: str) -> Genesis:
    """Read genesis.json; the case of keys does not matter outside `alloc`.

    Raises:
        ConfigError: not JSON, a value that cannot be used, or a key whose rule is not implemented.
    """
    root = parse_json_object(json_text)
    config = root.read_object("config")
    schedule = _read_schedule(config)
    for key, only in _FIXED_RULES.items():
        config.read_integer(key, default=only, minimum=only, maximum=only)
    gas_limit = root.read_integer("gaslimit")
    genesis = Genesis(
        chain_id=config.read_integer("chainid", default=CHAIN_ID_DEFAULT, minimum=1),
        schedule=schedule,
        zero_base_fee=config.read_boolean("zerobasefee", default=False),
        qbft=_read_qbft(config.read_object("qbft"), gas_limit=gas_limit),
        alloc=_read_alloc(root),
        parent_hash=Hash32(root.read_bytes("parenthash", size=32, default=bytes(32))),
        coinbase=Address(root.read_bytes("coinbase", size=20, default=bytes(20))),
        difficulty=root.read_integer("difficulty", default=1),
        number=Height(root.read_integer("number", default=0, maximum=0)),
        gas_limit=gas_limit,
        gas_used=root.read_integer("gasused", default=0),
        timestamp=root.read_integer("timestamp", default=0),
        extra_data=root.read_bytes("extradata"),
        mix_hash=root.read_bytes("mixhash", size=32, default=QBFT_MIX_HASH),
        nonce=root.read_integer("nonce", default=0, maximum=2**64 - 1).to_bytes(8, "big"),
        base_fee_per_gas=_read_base_fee(root, schedule),
    )
    config.refuse_unread()
    root.refuse_unread()
    return genesis


def _read_schedule(config: JsonObject) -> ForkSchedule:
    for key in _WITHOUT_EFFECT:
        config.ignore(key)
    for key in _EARLIER_FORKS:
        config.read_integer(key, default=0, maximum=0)
    istanbul = config.read_optional_integer("istanbulblock")
    berlin = config.read_optional_integer("berlinblock")
    london = config.read_optional_integer("londonblock")
    first = next((height for height in (istanbul, berlin, london) if height is not None), None)
    if first != 0:
        raise ConfigError("config", "one of istanbulBlock, berlinBlock, londonBlock must be 0")
    if berlin is None:
        berlin = london
    if london is not None and berlin is not None and london < berlin:
        raise ConfigError("config.londonBlock", f"got {london}, expected at least berlinBlock ({berlin})")
    return ForkSchedule(
        berlin_height=None if berlin is None else Height(berlin),
        london_height=None if london is None else Height(london),
    )


def _read_base_fee(root: JsonObject, schedule: ForkSchedule) -> int | None:
    if schedule.fork_at(Height(0)) == "london":
        return root.read_integer("basefeepergas", default=INITIAL_BASE_FEE_WEI)
    if root.read_optional_integer("basefeepergas") is not None:
        raise ConfigError("baseFeePerGas", "given, but London is not in force at block 0")
    return None


def _read_qbft(qbft: JsonObject, *, gas_limit: int) -> QbftConfig:
    period_seconds = qbft.read_integer("blockperiodseconds", default=1, minimum=1)
    period_ms = qbft.read_integer("xblockperiodmilliseconds", default=0)
    empty_period_old_name = qbft.read_integer("xemptyblockperiodseconds", default=0)
    epoch_goquorum = qbft.read_integer("epoch", default=30_000, minimum=1)
    for key in ("policy", "ceil2nby3block", "blockreward"):
        qbft.read_integer(key, default=0, maximum=0)
    for key in _LOCAL_QUEUE_KEYS:
        qbft.ignore(key)
    config = QbftConfig(
        block_period_seconds=period_seconds,
        block_period_ms=period_ms or period_seconds * 1000,
        empty_block_period_seconds=qbft.read_integer("emptyblockperiodseconds", default=empty_period_old_name),
        request_timeout_seconds=qbft.read_integer("requesttimeoutseconds", default=1, minimum=1),
        validator_contract=_read_validator_contract(qbft),
        epoch_length=qbft.read_integer("epochlength", default=epoch_goquorum, minimum=1),
        per_tx_gas_limit=qbft.read_integer("pertxgaslimit", default=0, maximum=gas_limit),
    )
    qbft.refuse_unread()
    return config


_LOCAL_QUEUE_KEYS = (
    "gossipedhistorylimit",
    "messagequeuelimit",
    "duplicatemessagelimit",
    "futuremessageslimit",
    "futuremessagesmaxdistance",
)
"""Sizes of another client's queues; ours are in `limits.py`."""


def _read_validator_contract(qbft: JsonObject) -> Address | None:
    contract = qbft.read_optional_bytes("validatorcontractaddress", size=20)
    mode = qbft.read_string("validatorselectionmode", default="blockheader" if contract is None else "contract")
    if mode not in ("blockheader", "contract"):
        raise ConfigError("config.qbft.validatorselectionmode", f"got {mode!r}, expected 'blockheader' or 'contract'")
    if (mode == "contract") != (contract is not None):
        raise ConfigError(
            "config.qbft.validatorselectionmode", f"{mode!r} contradicts validatorcontractaddress; give both or neither"
        )
    return None if contract is None else Address(contract)


def _read_alloc(root: JsonObject) -> dict[Address, GenesisAccount]:
    accounts: dict[Address, GenesisAccount] = {}
    for address, account in root.read_object("alloc").read_entries_by_hex_key(size=20):
        storage = account.read_object("storage", is_required=False).read_integers_by_hex_key()
        read = accounts[Address(address)] = GenesisAccount(
            balance=account.read_integer("balance", default=0),
            nonce=account.read_integer("nonce", default=0),
            code=account.read_bytes("code", default=b""),
            storage={slot: value for slot, value in sorted(storage.items()) if value},
        )
        if read.storage and not read.code and not read.nonce:
            # No block leads to such an account, and implementations of the EVM differ in what they make of it.
            raise ConfigError(f"alloc.0x{address.hex()}", "storage needs code, or a nonce of at least 1")
        account.ignore("comment")
        account.ignore("privatekey")
        account.refuse_unread()
    return dict(sorted(accounts.items()))
