"""The chain as roles see it: contracts by name, calls, transactions, events. Standard `eth_` methods only.

Start with `ChainClient`. Every failure is one of `client.sdk.errors`.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, MismatchedABI, Web3Exception
from web3.types import FilterParams, TxParams, TxReceipt

from client.sdk import event_log, revert, rpc
from client.sdk.abi_words import encode_words
from client.sdk.artifacts import load_artifact
from client.sdk.errors import ConfigError, ContractRefusedError, InvalidInputError, RefusedError, UnavailableError
from client.sdk.event_log import Event
from client.sdk.function_codec import find_codec
from client.sdk.hashing import address_text
from client.sdk.nodes import NodePool
from client.sdk.role import role_text
from client.sdk.rpc import NodeRefusedError, translated
from client.sdk.transactions import Submission, TransactionSender

_log = logging.getLogger(__name__)

IN_FLIGHT_DEFAULT = 48
"""Transactions under way at once in `send_many`; a node holds at most 64 of one account."""


CALLS_PER_REQUEST = 64
"""View calls that `call_many` sends together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCall:
    """One call to make as a transaction."""

    contract: str
    """Name in the ContractRegistry."""
    function: str
    args: Sequence[Any] = ()
    """Structs as dicts or tuples, hashes and byte strings as bytes, addresses as text."""
    gas: int | None = None
    """Gas limit. None asks the node to estimate against the latest block, so calls of one `send_many` that depend on
    each other must state it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A transaction that is in a block and did what it should."""

    transaction_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    events: tuple[Event, ...]
    """Events of the project's contracts in the order they were emitted."""

    def event(self, name: str) -> Event:
        """Return the first event of this name; InvalidInputError when the transaction emitted none."""
        for each in self.events:
            if each.name == name:
                return each
        raise InvalidInputError(f"transaction {self.transaction_hash}", got=f"no event {name}", expected="one")


class ChainClient:
    """One connection to one chain. Thread-safe; nonces of all accounts used through it are kept here."""

    def __init__(
        self,
        rpc_url: str,
        registry: str | None = None,
        *,
        timeout_s: float = 30.0,
        warn: Callable[[str], None] = _log.warning,
    ):
        """Use the node at `rpc_url`; `registry` is the ContractRegistry. Nothing is sent before it is needed.

        Several URLs are separated by commas: the next node goes on when the one in use dies, and `warn` gets a line.
        `timeout_s` bounds one request; a transaction waits up to 120 s for its block.
        """
        self.rpc_url, self._warn = rpc_url, warn
        self.nodes = NodePool(rpc_url, timeout_s=timeout_s, warn=warn)
        self.web3 = rpc.connect(self.nodes)
        self._registry = address_text(registry) if registry else None
        self._addresses: dict[str, ChecksumAddress] = {}
        self._contracts: dict[str, Contract] = {}
        self.receipt_timeout_s = 120.0

    @property
    def registry(self) -> str:
        """Address of the ContractRegistry; ConfigError when none was given."""
        if self._registry is None:
            raise ConfigError("ContractRegistry", got="no address", expected="--registry or TRANCHAIN_REGISTRY")
        return self._registry

    @cached_property
    def chain_id(self) -> int:
        """The chain's id, asked once."""
        with translated():
            return int(self.web3.eth.chain_id)

    @cached_property
    def sender(self) -> TransactionSender:
        """The owner of nonces and fees."""
        return TransactionSender(self.web3, self.chain_id, self.nodes, warn=self._warn)

    def head(self) -> int:
        """Return the number of the latest block."""
        with translated():
            return int(self.web3.eth.block_number)

    def block_second(self, number: int | None = None) -> int:
        """Return the Unix second of a block, of the latest where none is named."""
        with translated():
            return int(self.web3.eth.get_block("latest" if number is None else number)["timestamp"])

    def finality(self, block_number: int) -> Mapping[str, Any] | None:
        """Return what the node says of a block's finality, {} where it has no such block; None when it never says."""
        try:
            with translated():
                answer = self.web3.manager.request_blocking("tranchain_getFinality", [hex(block_number)])  # type: ignore[arg-type]  # not a standard method
        except NodeRefusedError as error:
            if error.code in (rpc.METHOD_NOT_FOUND, rpc.METHOD_NOT_ENABLED):
                return None
            raise
        return dict(answer or {})

    def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is no contract."""
        with translated():
            return bytes(self.web3.eth.get_code(address_text(address)))

    def has_code(self, address: str) -> bool:
        """Return whether there is a contract at the address."""
        return len(self.code(address)) > 0

    def transaction_count(self, account: str) -> int:
        """Return how many transactions of an account are in blocks: its next nonce when none is under way."""
        with translated():
            return int(self.web3.eth.get_transaction_count(address_text(account)))

    def address_of(self, name: str) -> ChecksumAddress:
        """Return the address registered for a contract, looked up once; RefusedError when none is."""
        if name not in self._addresses:
            self._addresses[name] = address_text(self._look_up(name))
        return self._addresses[name]

    def place(self, name: str, address: str) -> None:
        """Use the contract at an address under a name that the registry does not know."""
        self._addresses[name] = address_text(address)

    def contract(self, name: str) -> Contract:
        """Return the contract of this name."""
        if name not in self._contracts:
            self._contracts[name] = self.contract_at(name, self.address_of(name))
        return self._contracts[name]

    def contract_at(self, name: str, address: str) -> Contract:
        """Return a contract with the interface `name` at a known address."""
        return self.web3.eth.contract(
            address=address_text(address),
            abi=load_artifact(name).abi,
            decode_tuples=True,
        )

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        """Read a view function at the latest block or at `block`; structs come as named tuples.

        Raises:
            ContractRefusedError: it reverted.
            InvalidInputError: the arguments do not fit the function.
        """
        return next(self._ask(contract, function, [args], {}, block))

    def call_many(
        self, contract: str, function: str, arguments: Sequence[Sequence[Any]], *, block: int | None = None
    ) -> Iterator[Any]:
        """Read a view function with each of these arguments, many to a request; yields the answers of `call` in order.

        Errors as of `call`, for the first arguments that have one.
        """
        return self._ask(contract, function, arguments, {}, block)

    def call_as(self, sender: str, contract: str, function: str, *args: Any) -> Any:
        """Ask a function what it would answer this account at the latest block; errors as of `call`."""
        return next(self._ask(contract, function, [args], {"from": Web3.to_checksum_address(sender)}, None))

    def _ask(
        self,
        contract: str,
        function: str,
        arguments: Sequence[Sequence[Any]],
        transaction: TxParams,
        block: int | None,
    ) -> Iterator[Any]:
        codec, address = find_codec(contract, function), self.address_of(contract)
        at = "latest" if block is None else hex(block)
        for start in range(0, len(arguments), CALLS_PER_REQUEST):
            some = arguments[start : start + CALLS_PER_REQUEST]
            data = ["0x" + self.encode(contract, function, args).hex() for args in some]
            with translated():
                answers = self.nodes.ask_many(
                    "eth_call", [[{**transaction, "to": address, "data": each}, at] for each in data]
                )
            for args, answer in zip(some, answers, strict=True):
                if answer.get("result") in (None, "0x"):  # web3 finds out why
                    yield self._call(contract, function, args, transaction, block)
                else:
                    yield codec.decode(bytes.fromhex(answer["result"][2:]))

    def _call(self, contract: str, function: str, args: Sequence[Any], transaction: TxParams, block: int | None) -> Any:
        bound = self.contract(contract)
        try:
            prepared = bound.functions[function](*args)
            with translated():
                return prepared.call(transaction, block_identifier="latest" if block is None else block)
        except ContractLogicError as error:
            raise self._refusal(error, contract, function) from error
        except MismatchedABI as error:
            raise InvalidInputError(f"arguments of {contract}.{function}", got=_first_line(error)) from error
        except UnavailableError as error:
            if isinstance(error.__cause__, BadFunctionCallOutput):
                raise ConfigError(contract, got=f"no such contract at {bound.address}") from error
            raise

    def send(
        self,
        contract: str,
        function: str,
        args: Sequence[Any],
        account: LocalAccount,
        *,
        gas: int | None = None,
    ) -> Receipt:
        """Send one transaction and wait for its block.

        Raises:
            ContractRefusedError: the contract reverted; most reverts are found before anything is sent.
            RefusedError: the node did not take it, for instance because the account is not enrolled.
            UnavailableError: no node, or no block in time.
            InvalidInputError: the arguments do not fit the function.
        """
        return self._settle(self._submit(contract, function, args, account, gas), contract, function)

    def create(self, name: str, args: Sequence[Any], account: LocalAccount) -> str:
        """Create a contract directly, as on a network without a ContractRegistry; return its address.

        Raises as `send`; on a chain with members the account needs DEPLOYER.
        """
        artifact = load_artifact(name)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        data = bytes.fromhex(str(factory.constructor(*args).data_in_transaction).removeprefix("0x"))
        try:
            with translated():
                needed = self.web3.eth.estimate_gas({"from": address_text(account.address), "data": data})
        except ContractLogicError as error:
            raise self._reverted(error, f"constructor of {name}") from error
        submission = self.sender.submit(account, to=None, data=data, gas=_with_margin(needed))
        receipt = self.sender.wait(submission, timeout_s=self.receipt_timeout_s)
        created = receipt["contractAddress"]
        if receipt["status"] != 1 or created is None:
            raise RefusedError(f"constructor of {name}", "it failed in its block")
        return address_text(created)

    def send_many(
        self, calls: Iterable[ContractCall], account: LocalAccount, *, in_flight: int = IN_FLIGHT_DEFAULT
    ) -> Iterator[Receipt]:
        """Send transactions one after the other, up to `in_flight` before their blocks; yield receipts in order.

        A lost connection is waited out within the receipt timeout. On the first failure the error of `send` is raised
        and nothing further is sent; those in flight may still take effect, so a caller resumes from the chain's state.
        """
        under_way: deque[tuple[Submission, str, str]] = deque()
        for call in calls:
            submission = self._submit(call.contract, call.function, call.args, account, call.gas)
            under_way.append((submission, call.contract, call.function))
            if len(under_way) >= in_flight:
                yield self._settle(*under_way.popleft())
        while under_way:
            yield self._settle(*under_way.popleft())

    def events(
        self,
        contract: str,
        name: str,
        *,
        first_block: int = 0,
        last_block: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Iterator[Event]:
        """Yield the events of a contract in a closed range of blocks (up to the latest), oldest first.

        `filters` are values of indexed parameters by name.
        """
        yield from event_log.scan(
            self.web3,
            address=self.address_of(contract),
            abi=load_artifact(contract).abi,
            name=name,
            first_block=first_block,
            last_block=self.head() if last_block is None else last_block,
            filters=filters,
        )

    def has_events(self, contracts: Sequence[str], *, first_block: int, last_block: int) -> bool:
        """Return whether any of the contracts logged anything in a closed range of blocks, by one request.

        Also true where the node finds the range too large to say.
        """
        addresses = [self.address_of(each) for each in contracts]
        try:
            with translated():
                terms: FilterParams = {"address": addresses, "fromBlock": first_block, "toBlock": last_block}
                return len(self.web3.eth.get_logs(terms)) > 0
        except NodeRefusedError:
            return True

    def encode(self, contract: str, function: str, args: Sequence[Any]) -> bytes:
        """Return the calldata of a call; InvalidInputError when the arguments do not fit the function."""
        codec = find_codec(contract, function)
        words = encode_words(codec.input_types, args)
        if words is not None:
            return codec.selector + words
        try:
            interface = self.web3.eth.contract(abi=load_artifact(contract).abi)
            return bytes.fromhex(interface.encode_abi(function, args=list(args)).removeprefix("0x"))
        except (Web3Exception, ValueError, TypeError) as error:
            raise InvalidInputError(f"arguments of {contract}.{function}", got=_first_line(error)) from error

    def _look_up(self, name: str) -> str:
        if name == "ContractRegistry":
            return self.registry
        if name == "AccessManager":
            return str(self.call("ContractRegistry", "authority"))
        return str(self.call("ContractRegistry", "addressOf", name))

    def _submit(
        self, contract: str, function: str, args: Sequence[Any], account: LocalAccount, gas: int | None
    ) -> Submission:
        address, data = self.address_of(contract), self.encode(contract, function, args)
        if gas is None:
            try:
                with translated():
                    needed = self.web3.eth.estimate_gas({"from": account.address, "to": address, "data": data})
            except ContractLogicError as error:
                raise self._refusal(error, contract, function) from error
            gas = _with_margin(needed)
        return self.sender.submit(account, to=address, data=data, gas=gas)

    def _settle(self, submission: Submission, contract: str, function: str) -> Receipt:
        receipt = self.sender.wait(submission, timeout_s=self.receipt_timeout_s)
        if receipt["status"] != 1:
            raise self._failure(submission, receipt, contract, function)
        events = (event_log.decode_log(log) for log in receipt["logs"])
        return Receipt(
            transaction_hash="0x" + submission.transaction_hash.hex(),
            block_number=receipt["blockNumber"],
            block_hash="0x" + bytes(receipt["blockHash"]).hex(),
            gas_used=receipt["gasUsed"],
            events=tuple(event for event in events if event is not None),
        )

    def _failure(
        self, submission: Submission, receipt: TxReceipt, contract: str, function: str
    ) -> ContractRefusedError:
        """Find out why a transaction in a block failed, by calling again on the state before its block."""
        why = "it failed on what another transaction of the same block changed; try again"
        try:
            with translated():
                self.web3.eth.call(
                    {
                        "from": submission.sender,
                        "to": self.address_of(contract),
                        "data": submission.data,
                        "gas": submission.gas,
                    },
                    receipt["blockNumber"] - 1,
                )
        except ContractLogicError as error:
            refused = self._refusal(error, contract, function)
            if refused.error:
                return refused
            why = refused.why
        except NodeRefusedError as error:
            why = error.why
        if receipt["gasUsed"] >= submission.gas - submission.gas // 16:  # a call inside keeps back 1/64 of its gas
            why = f"{function} ran out of gas ({submission.gas})"
        return revert.refusal(contract, revert.Revert(error="", arguments={}, meaning=why))

    def _refusal(self, error: ContractLogicError, contract: str, function: str) -> ContractRefusedError:
        refused = self._reverted(error, contract)
        if refused.error != revert.UNAUTHORIZED:
            return refused
        remedy = self._missing_role(contract, function)
        return ContractRefusedError(
            contract, refused.why, error=refused.error, arguments=refused.arguments, remedy=remedy
        )

    def _reverted(self, error: ContractLogicError, name: str) -> ContractRefusedError:
        data = error.data if isinstance(error.data, str) and error.data.startswith("0x") else "0x"
        decoded = revert.decode_revert(bytes.fromhex(data[2:]))
        if not data[2:] and error.message:
            decoded = revert.Revert(error="", arguments={}, meaning=error.message)
        return revert.refusal(name, decoded)

    def _missing_role(self, contract: str, function: str) -> str | None:
        """Name the role that a restricted function asks for, as far as the chain says."""
        try:
            with translated():
                bound = self.contract(contract)
                manager = self.contract_at("AccessManager", bound.functions["authority"]().call())
                selector = find_codec(contract, function).selector
                role_id = manager.functions["getTargetFunctionRole"](bound.address, selector).call()
        except (ContractLogicError, RefusedError, InvalidInputError):
            return None
        if role_id == 0:
            return f"{function} is for governance: propose it with `tranchain admin propose`"
        return f"{function} needs an account with the role {role_text(role_id)}"


def _with_margin(gas: int) -> int:
    """Leave room: what a call needs may grow a little until its block."""
    return gas + gas // 4 + 20_000


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
