"""What the RPC is told of the consensus."""

from __future__ import annotations

from collections.abc import Sequence

from chain_node.core.types import Address, Height
from chain_node.node.chain import Chain
from chain_node.node.evidence import EvidenceLog
from chain_node.node.peer_network import PeerNetwork
from chain_node.node.validators import Validators
from chain_node.rpc import BlockFinality, ChainBlock, Evidence, Peer


class ConsensusView:
    """Implements `ConsensusQueries` of the RPC."""

    def __init__(self, chain: Chain, validators: Validators, evidence: EvidenceLog, network: PeerNetwork) -> None:
        self._validators = validators
        self._evidence = evidence
        self._network = network
        self.is_contract_mode = chain.genesis.qbft.validator_contract is not None
        self.request_timeout_seconds = chain.genesis.qbft.request_timeout_seconds

    def validators_of(self, height: Height) -> tuple[Address, ...]:
        """The validator set that decided the block at a height up to head + 1, ascending."""
        return self._validators.of(height)

    def finality(self, block: ChainBlock) -> BlockFinality:
        """How final a block of the chain is."""
        return self._validators.finality(block)

    def evidence(self) -> Sequence[Evidence]:
        """What was kept of validators that contradicted themselves."""
        return self._evidence.all()

    def peers(self) -> Sequence[Peer]:
        """Connected nodes."""
        return [
            Peer(
                tls_key_hash=view.tls_key_hash,
                validator=None if view.record is None else view.record.validator,
                organisation=None if view.record is None else view.record.organisation,
                endpoint=view.endpoint if view.record is None else view.record.endpoint,
                client_version=view.client_version,
                is_outbound=view.is_outbound,
                is_live=view.is_live,
                height=view.height,
                latency_ms=view.latency_ms,
                misdeed_points=view.misdeed_points,
            )
            for view in self._network.views()
        ]
