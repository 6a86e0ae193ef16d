"""Methods about validators, finality and evidence. No I/O.

Source: Besu, API group QBFT; design, "Two levels of finality, honestly named".
"""

from __future__ import annotations

from chain_node.core.types import Address, Height
from chain_node.rpc.block_choice import find_block, height_of, need_block
from chain_node.rpc.errors import METHOD_NOT_ENABLED, InvalidParamsError, RPCError
from chain_node.rpc.json_value import JsonValue
from chain_node.rpc.method import Call, Method
from chain_node.rpc.params import BlockChoice, to_data, to_quantity

_METRIC_BLOCKS = 100
"""Blocks that qbft_getSignerMetrics covers when no range is given."""


def _validators_by_number(call: Call) -> JsonValue:
    choice = call.params.block(0)
    if choice.tag == "pending":
        height = Height(call.backend.chain.head().height + 1)
    else:
        height = need_block(call.backend.chain, choice).height
    return _addresses(call, height)


def _validators_by_hash(call: Call) -> JsonValue:
    block = call.backend.chain.block_by_hash(call.params.hash(0, "block hash"))
    return None if block is None else _addresses(call, block.height)


def _addresses(call: Call, height: Height) -> JsonValue:
    return [to_data(validator) for validator in call.backend.consensus.validators_of(height)]


def _vote(call: Call) -> JsonValue:
    if call.backend.consensus.is_contract_mode:
        raise RPCError(METHOD_NOT_ENABLED, "Method not enabled: validators are decided by a contract")
    raise RPCError(METHOD_NOT_ENABLED, "Method not enabled: this node casts no votes in headers")


def _signer_metrics(call: Call) -> JsonValue:
    head = call.backend.chain.head().height
    start = height_of(call.backend.chain, call.params.block(0)) if call.params.has(0) else max(0, head - _METRIC_BLOCKS)
    end = height_of(call.backend.chain, call.params.block(1)) if call.params.has(1) else head + 1
    if not start <= end:
        raise InvalidParamsError("range", f"a start not above the end, got {start} and {end}")
    if end - start > call.backend.limits.log_blocks:
        raise InvalidParamsError("range", f"at most {call.backend.limits.log_blocks} blocks, got {end - start}")
    proposed: dict[Address, list[int]] = {
        validator: [0, 0] for validator in call.backend.consensus.validators_of(Height(head + 1))
    }
    for height in range(max(start, 1), min(end, head + 1)):
        block = need_block(call.backend.chain, BlockChoice(height=Height(height)))
        metric = proposed.setdefault(block.header.coinbase, [0, 0])
        metric[0] += 1
        metric[1] = height
    return [
        {
            "address": to_data(address),
            "proposedBlockCount": to_quantity(block_count),
            "lastProposedBlockNumber": to_quantity(last),
        }
        for address, (block_count, last) in sorted(proposed.items())
    ]


def _request_timeout(call: Call) -> JsonValue:
    return call.backend.consensus.request_timeout_seconds


def _finality(call: Call) -> JsonValue:
    block = find_block(call.backend.chain, call.params.block(0))
    if block is None:
        return None
    finality = call.backend.consensus.finality(block)
    return {
        "blockNumber": to_quantity(block.height),
        "blockHash": to_data(block.hash),
        "finality": finality.finality,
        "signers": [to_data(signer) for signer in finality.signers],
        "validatorCount": finality.validator_count,
        "crashQuorum": finality.quorum,
        "byzantineQuorum": finality.byzantine_quorum,
    }


def _node_info(call: Call) -> JsonValue:
    backend = call.backend
    head = backend.chain.head()
    return {
        "clientVersion": backend.node.client_version,
        "chainId": backend.chain.chain_id,
        "genesisHash": to_data(backend.node.genesis_hash),
        "validator": to_data(backend.node.validator),
        "isValidator": backend.node.validator in backend.consensus.validators_of(Height(head.height + 1)),
        "engine": backend.node.engine,
        "vaultId": backend.node.vault_id,
        "headNumber": to_quantity(head.height),
        "headHash": to_data(head.hash),
    }


def _status(call: Call) -> JsonValue:
    return call.backend.status().to_json()


def _peers(call: Call) -> JsonValue:
    return [
        {
            "tlsKeyHash": to_data(peer.tls_key_hash),
            "validator": None if peer.validator is None else to_data(peer.validator),
            "organisation": peer.organisation,
            "endpoint": peer.endpoint,
            "clientVersion": peer.client_version,
            "isOutbound": peer.is_outbound,
            "isLive": peer.is_live,
            "headNumber": to_quantity(peer.height),
            "latencyMs": peer.latency_ms,
            "misdeedPoints": peer.misdeed_points,
        }
        for peer in call.backend.consensus.peers()
    ]


def _evidence(call: Call) -> JsonValue:
    return [
        {
            "validator": to_data(evidence.validator),
            "blockNumber": to_quantity(evidence.height),
            "round": evidence.round,
            "kind": evidence.kind,
            "messages": [to_data(message) for message in evidence.messages],
        }
        for evidence in call.backend.consensus.evidence()
    ]


METHODS = {
    "qbft_getValidatorsByBlockNumber": Method(_validators_by_number),
    "qbft_getValidatorsByBlockHash": Method(_validators_by_hash),
    "qbft_proposeValidatorVote": Method(_vote),
    "qbft_discardValidatorVote": Method(_vote),
    "qbft_getPendingVotes": Method(_vote),
    "qbft_getSignerMetrics": Method(_signer_metrics, is_slow=True),
    "qbft_getRequestTimeoutSeconds": Method(_request_timeout),
    "tranchain_getFinality": Method(_finality),
    "tranchain_nodeInfo": Method(_node_info),
    "tranchain_status": Method(_status),
    "tranchain_peers": Method(_peers),
    "tranchain_evidence": Method(_evidence),
}
