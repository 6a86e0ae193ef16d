"""Before the clock starts: accounts that may and can send, the contract they call, signed requests for each node."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from eth_account.signers.local import LocalAccount

from client.bench.accounts import Sender, check_balances, check_enrolled, find_strangers, look_up
from client.bench.load import Shipment
from client.bench.signing import Unsigned, sign_all
from client.bench.wire import Node, NodeRefusal, Target
from client.bench.workloads import BENCH_TOKEN, TOKENS_EACH, Call, Workload, holders_in_calls
from client.sdk.artifacts import load_artifact
from client.sdk.chain import ChainClient
from client.sdk.errors import ConfigError, RefusedError

_PRICE_MARGIN = 2
"""Where gas has a price: what is offered over what is asked now, as the price may rise under load."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, where, and how."""

    workload: Workload
    targets: Sequence[Target]
    transactions: int
    connections: int
    """To all nodes together, spread evenly."""
    batch: int
    """Transactions in one request."""
    per_second: float | None
    """Fixed rate of transactions; None: as fast as answers come."""
    waiting_max: int | None
    """At most so many transactions sent and not committed; None: no limit."""
    patience_s: float
    """How long to wait for a block with a transaction of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is sent, in the order in which each node gets it."""

    chain_id: int
    client_version: str
    contract: str | None
    gas_price_wei: int
    sender_count: int
    hashes: Sequence[str]
    calls: Sequence[Call]
    shipments: Sequence[Sequence[Shipment]]
    """Requests for each node; they number the transactions as `hashes` does."""


def prepare(
    plan: Plan,
    chain: ChainClient,
    accounts: Sequence[LocalAccount],
    deployer: LocalAccount,
    *,
    contract: str | None,
    tell: Callable[[int], None],
) -> Prepared:
    """Check the accounts, create what the workload calls unless `contract` names one, and sign everything.

    `tell` gets how many more transactions are signed.

    Raises:
        RefusedError: an account is not enrolled, or may not deploy.
        InvalidInputError: an account cannot pay.
        UnavailableError: no node.
        ConfigError: the nodes are not of one chain.
    """
    check_chains(plan.targets)
    if contract is not None:
        _check_contract(chain, plan.workload, contract)
    if chain.has_code(chain.registry):
        consortium = chain.address_of("Consortium")
        check_enrolled(ask(plan.targets[0], lambda node: find_strangers(node, consortium, accounts)))
    first = plan.targets[0]
    gas_price_wei = _PRICE_MARGIN * int(str(ask(first, lambda node: node.ask("eth_gasPrice"))), 16)
    gas_wei = plan.workload.gas * gas_price_wei * -(-plan.transactions // len(accounts))
    check_balances(ask(first, lambda node: look_up(node, accounts)), gas_wei)
    address = contract
    if address is None and plan.workload.artifact is not None:
        address = chain.create(plan.workload.artifact, [], deployer)
    if address is not None and plan.workload.artifact == BENCH_TOKEN:
        chain.place(BENCH_TOKEN, address)
        for holders in holders_in_calls([str(each.address) for each in accounts]):
            chain.send(BENCH_TOKEN, "issue", [holders, TOKENS_EACH], deployer)
    senders = ask(first, lambda node: look_up(node, accounts))  # anew: one of them may have sent the above
    value_wei = int(min(each.balance_wei for each in senders) > gas_wei + plan.transactions)
    made = _make_calls(plan, senders, address, value_wei)
    unsigned = [_unsigned(plan, gas_price_wei, each) for each in made]
    signed = []
    for chunk in sign_all(unsigned, chain.chain_id):
        signed += chunk
        tell(len(chunk))
    shipments, order = _ship(plan, [each.raw_hex for each in signed], len(senders))
    return Prepared(
        chain_id=chain.chain_id,
        client_version=str(ask(first, lambda node: node.ask("web3_clientVersion"))),
        contract=address,
        gas_price_wei=gas_price_wei,
        sender_count=len(senders),
        hashes=[signed[number].hash for number in order],
        calls=[made[number][2] for number in order],
        shipments=shipments,
    )


def ask(target: Target, question: Callable[[Node], Coroutine[Any, Any, Answer]]) -> Answer:
    """Ask a node over a connection of its own; RefusedError when it answers with an error."""

    async def asked() -> Answer:
        node = Node(target)
        try:
            return await question(node)
        except NodeRefusal as error:
            raise RefusedError(f"node {target.place}", str(error)) from error
        finally:
            node.close()

    return asyncio.run(asked())


def check_chains(targets: Sequence[Target]) -> None:
    """Refuse nodes of different chains: by id and genesis block."""
    first: tuple[object, object] | None = None
    for target in targets:
        found = ask(target, _identify)
        first = first or found
        if found != first:
            raise ConfigError(
                f"node {target.place}",
                got=f"chain {found[0]} with genesis block {found[1]}",
                expected=f"chain {first[0]} with {first[1]}, as {targets[0].place} has",
            )


def _check_contract(chain: ChainClient, workload: Workload, address: str) -> None:
    if workload.artifact is None:
        raise ConfigError("--contract", got=address, expected=f"none: {workload.name} calls no contract")
    if chain.code(address) != load_artifact(workload.artifact).deployed_bytecode:
        raise ConfigError("--contract", got=f"{address}, which has other code", expected="one that an earlier run made")


async def _identify(node: Node) -> tuple[object, object]:
    chain_id, genesis = await node.ask_all([("eth_chainId",), ("eth_getBlockByNumber", "0x0", False)])
    return int(str(chain_id), 16), genesis["hash"]


def _make_calls(
    plan: Plan, senders: Sequence[Sender], contract: str | None, value_wei: int
) -> list[tuple[Sender, int, Call]]:
    """Return sender, nonce and call of each transaction: the senders in turn, each with its next nonces."""
    made = []
    for number in range(plan.transactions):
        sender = senders[number % len(senders)]
        nonce = sender.nonce + number // len(senders)
        made.append((sender, nonce, plan.workload.make(sender, nonce, contract, value_wei)))
    return made


def _unsigned(plan: Plan, gas_price_wei: int, made: tuple[Sender, int, Call]) -> Unsigned:
    sender, nonce, call = made
    return Unsigned(
        key=bytes(sender.account.key),
        nonce=nonce,
        gas=plan.workload.gas,
        gas_price_wei=gas_price_wei,
        to=call.to,
        value_wei=call.value_wei,
        data=call.data,
    )


def _ship(plan: Plan, raws: Sequence[bytes], sender_count: int) -> tuple[list[list[Shipment]], list[int]]:
    """Return the requests for each node, and the transactions in the order of these.

    All of a sender's transactions go to one node, one after the other: its nonces arrive in their order.
    """
    shipments: list[list[Shipment]] = []
    order: list[int] = []
    node_count = len(plan.targets)
    for lane, target in enumerate(plan.targets):
        numbers = [number for number in range(len(raws)) if number % sender_count % node_count == lane]
        shipments.append([])
        for start in range(0, len(numbers), plan.batch):
            chosen = numbers[start : start + plan.batch]
            body = _body([raws[number] for number in chosen], is_batch=plan.batch > 1)
            shipments[-1].append(Shipment(target.request(body), len(order), len(chosen)))
            order += chosen
    return shipments, order


def _body(raws: Sequence[bytes], *, is_batch: bool) -> bytes:
    calls = [
        b'{"jsonrpc":"2.0","id":%d,"method":"eth_sendRawTransaction","params":["%b"]}' % (place, raw)
        for place, raw in enumerate(raws)
    ]
    return b"[%b]" % b",".join(calls) if is_batch else calls[0]
