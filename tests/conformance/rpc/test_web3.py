"""web3.py 8 against a running node: deploy, send, call, estimate, reverts, filters, subscriptions, proofs, traces."""

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.contract import Contract
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware, SignAndSendRawMiddlewareBuilder
from web3.types import TxParams, TxReceipt, Wei
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription

from tests.e2e.node_kit import NodeProcess, account_number

ARTIFACT = json.loads((Path(__file__).parents[1] / "contracts" / "Ledger.json").read_text())
_numbers = count()


@pytest.fixture
def account() -> LocalAccount:
    """An enrolled account that no test before has used lately."""
    return account_number(next(_numbers) % 12)


@pytest.fixture
def w3(node: NodeProcess, account: LocalAccount) -> Web3:
    connected = Web3(Web3.HTTPProvider(node.url))
    connected.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    connected.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    connected.eth.default_account = account.address
    return connected


def price_of(w3: Web3) -> TxParams:
    """Nothing under London; before, web3.py has to be told that a transaction is a legacy one."""
    return {} if "baseFeePerGas" in w3.eth.get_block("latest") else {"gasPrice": Wei(0)}


def receipt_of(w3: Web3, transaction_hash: HexBytes) -> TxReceipt:
    return w3.eth.wait_for_transaction_receipt(transaction_hash, timeout=20, poll_latency=0.05)


def deploy(w3: Web3, initial: int = 7) -> Contract:
    factory = w3.eth.contract(abi=ARTIFACT["abi"], bytecode=ARTIFACT["bytecode"])
    receipt = receipt_of(w3, factory.constructor(initial).transact(price_of(w3)))
    assert receipt["status"] == 1
    return w3.eth.contract(address=receipt["contractAddress"], abi=ARTIFACT["abi"])


def test_contract_is_deployed_called_and_changed(w3: Web3, account: LocalAccount) -> None:
    ledger = deploy(w3)
    assert ledger.functions.total().call() == 7
    estimate = ledger.functions.deposit(5, "first").estimate_gas()
    receipt = receipt_of(w3, ledger.functions.deposit(5, "first").transact(price_of(w3)))
    assert receipt["status"] == 1
    assert receipt["gasUsed"] <= estimate <= receipt["gasUsed"] * 1.02
    assert ledger.functions.balanceOf(account.address).call() == 5
    assert ledger.functions.total().call(block_identifier=receipt["blockNumber"] - 1) == 7
    (event,) = ledger.events.Deposited().process_receipt(receipt)
    assert event["args"] == {"account": account.address, "amount": 5, "note": "first"}
    assert w3.eth.get_code(ledger.address)
    assert int.from_bytes(w3.eth.get_storage_at(ledger.address, 1), "big") == 12


@pytest.mark.parametrize("kind", ["legacy", "access list", "fee cap"])
def test_transaction_of_every_type_is_included(w3: Web3, account: LocalAccount, node: NodeProcess, kind: str) -> None:
    is_london = "baseFeePerGas" in w3.eth.get_block("latest")
    transaction: dict[str, Any] = {
        "chainId": w3.eth.chain_id,
        "nonce": w3.eth.get_transaction_count(account.address, "pending"),
        "to": account_number(99).address,
        "gas": 30_000,
        "value": 0,
    }
    if kind == "fee cap":
        transaction |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    else:
        transaction |= {"gasPrice": 0}
    if kind == "access list":
        transaction |= {"type": 1, "accessList": [{"address": account.address, "storageKeys": ["0x" + "00" * 32]}]}
    raw = account.sign_transaction(transaction).raw_transaction
    if kind == "fee cap" and not is_london:
        with pytest.raises(Web3RPCError):
            w3.eth.send_raw_transaction(raw)
        return
    receipt = receipt_of(w3, w3.eth.send_raw_transaction(raw))
    assert (receipt["status"], receipt["type"]) == (1, ["legacy", "access list", "fee cap"].index(kind))
    assert w3.eth.get_transaction(receipt["transactionHash"])["from"] == account.address


def test_custom_error_reaches_the_caller_with_its_arguments(w3: Web3, account: LocalAccount) -> None:
    ledger = deploy(w3)
    with pytest.raises(ContractCustomError) as caught:
        ledger.functions.withdraw(3).call()
    selector = Web3.keccak(text="LedgerTooLittle(address,uint256,uint256)")[:4]
    arguments = encode(["address", "uint256", "uint256"], [account.address, 0, 3])
    assert HexBytes(caught.value.data) == selector + arguments
    with pytest.raises(ContractCustomError):
        ledger.functions.withdraw(3).estimate_gas()


def test_revert_reason_and_panic_reach_the_caller(w3: Web3) -> None:
    ledger = deploy(w3)
    with pytest.raises(ContractLogicError, match="never"):
        ledger.functions.refuse().call()
    with pytest.raises(ContractPanicError):
        ledger.functions.divide(1, 0).call()


def test_failed_transaction_is_included_with_status_0(w3: Web3) -> None:
    ledger = deploy(w3)
    receipt = receipt_of(w3, ledger.functions.withdraw(3).transact({"gas": 100_000, **price_of(w3)}))
    assert receipt["status"] == 0
    assert receipt["logs"] == []


def test_log_filters_see_past_and_future(w3: Web3) -> None:
    ledger = deploy(w3)
    coming = w3.eth.filter({"address": ledger.address})
    blocks = w3.eth.filter("latest")
    receipt = receipt_of(w3, ledger.functions.deposit(1, "seen").transact(price_of(w3)))
    (log,) = coming.get_new_entries()
    assert log["transactionHash"] == receipt["transactionHash"]
    assert receipt["blockHash"] in blocks.get_new_entries()
    (found,) = ledger.events.Deposited().get_logs(from_block=0)
    assert found["args"]["note"] == "seen"
    assert len(coming.get_all_entries()) >= 1


def test_proof_of_an_account_fits_the_state_root(w3: Web3) -> None:
    ledger = deploy(w3)
    block = w3.eth.get_block("latest")
    proof = w3.eth.get_proof(ledger.address, [1], block["number"])
    assert Web3.keccak(proof["accountProof"][0]) == block["stateRoot"]
    assert int.from_bytes(proof["storageProof"][0]["value"], "big") == 7


def test_fees_are_zero_and_blocks_are_whole(w3: Web3) -> None:
    assert (w3.eth.gas_price, w3.eth.max_priority_fee) == (0, 0)
    block = w3.eth.get_block("latest", full_transactions=True)
    assert w3.eth.get_block(block["hash"])["number"] == block["number"]
    assert w3.eth.get_block_transaction_count(block["number"]) == len(block["transactions"])
    history = w3.eth.fee_history(2, "latest", [50])
    assert set(history["baseFeePerGas"]) == {0}
    assert w3.eth.get_block_receipts(block["number"]) is not None
    assert not w3.eth.syncing


def test_trace_shows_the_steps(w3: Web3) -> None:
    ledger = deploy(w3)
    receipt = receipt_of(w3, ledger.functions.deposit(1, "traced").transact(price_of(w3)))
    trace = w3.provider.make_request("debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), {}])["result"]
    assert trace["gas"] == receipt["gasUsed"]
    assert "SSTORE" in {step["op"] for step in trace["structLogs"]}


def test_unknown_sender_is_refused_by_name(w3: Web3) -> None:
    stranger = account_number(555)
    transaction = {
        "chainId": w3.eth.chain_id,
        "nonce": 0,
        "to": stranger.address,
        "gas": 30_000,
        "gasPrice": 0,
        "value": 0,
    }
    with pytest.raises(Web3RPCError, match="is not permitted: unknown account"):
        w3.eth.send_raw_transaction(stranger.sign_transaction(transaction).raw_transaction)


def test_replay_on_another_chain_is_refused(w3: Web3, account: LocalAccount) -> None:
    nonce = w3.eth.get_transaction_count(account.address)
    transaction = {"chainId": 1, "nonce": nonce, "to": account.address, "gas": 30_000, "gasPrice": 0, "value": 0}
    with pytest.raises(Web3RPCError, match="invalid chain id"):
        w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)


def test_subscriptions_bring_heads_and_logs(node: NodeProcess, w3: Web3) -> None:
    ledger = deploy(w3)

    async def listen() -> tuple[list[int], list[str]]:
        heads: list[int] = []
        notes: list[str] = []
        async with AsyncWeb3(WebSocketProvider(node.url.replace("http", "ws"))) as aw3:
            aw3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
            await aw3.eth.subscribe("newHeads")
            await aw3.eth.subscribe("logs", {"address": ledger.address})
            assert await aw3.eth.chain_id == 170919
            await asyncio.to_thread(lambda: receipt_of(w3, ledger.functions.deposit(4, "heard").transact(price_of(w3))))
            async with asyncio.timeout(20):
                async for message in aw3.socket.process_subscriptions():
                    result = message["result"]
                    if "topics" in result:
                        notes.append(ledger.events.Deposited().process_log(result)["args"]["note"])
                    else:
                        heads.append(result["number"])
                    if heads and notes:
                        return heads, notes
        raise AssertionError("the connection ended")

    heads, notes = asyncio.run(listen())
    assert notes == ["heard"]
    assert heads[0] > 0


def test_subscription_manager_of_web3_works(node: NodeProcess, w3: Web3) -> None:
    ledger = deploy(w3)
    seen: list[str] = []

    async def on_head(context: Any) -> None:
        seen.append("head")
        await context.subscription.unsubscribe()

    async def on_log(context: Any) -> None:
        seen.append("log")
        await context.subscription.unsubscribe()

    async def listen() -> None:
        async with AsyncWeb3(WebSocketProvider(node.url.replace("http", "ws"))) as aw3, asyncio.timeout(30):
            aw3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
            await aw3.subscription_manager.subscribe(
                [NewHeadsSubscription(handler=on_head), LogsSubscription(address=ledger.address, handler=on_log)]
            )
            await asyncio.to_thread(lambda: receipt_of(w3, ledger.functions.deposit(4, "x").transact(price_of(w3))))
            await aw3.subscription_manager.handle_subscriptions()

    asyncio.run(listen())
    assert set(seen) == {"head", "log"}
