"""The node's links to others: files, port, peer book and `Peers`, put together."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from chain_node.core.types import Address, Hash32
from chain_node.network.admission import Identity
from chain_node.network.api import VaultExchange
from chain_node.network.peer_book import PeerBook
from chain_node.network.peers import Peers
from chain_node.network.tls_identity import TlsFiles, load_tls_identity
from chain_node.network.transport import Transport
from chain_node.node.assembly import Parts
from chain_node.node.config import NodeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What others are told of this node and its network."""

    chain_id: int
    genesis_hash: Hash32
    client_version: str
    validator: Address


@dataclass(frozen=True, slots=True)
class Peering:
    """Peers, and the transport that makes their links; `transport.run` keeps it going."""

    peers: Peers
    transport: Transport

    def certificate_expires(self) -> int:
        """Last second of the certificate that is in use."""
        return int(self.transport.identity.certificate_expires_at.timestamp())


def open_peering(
    config: NodeConfig, introduction: Introduction, parts: Parts, vault: VaultExchange | None
) -> Peering | None:
    """Read the TLS files and take the port; None for a node that is to have no peers.

    Raises:
        ConfigError: a file cannot be used, or the port cannot be had.
    """
    if config.p2p_address is None:
        return None
    files = TlsFiles(key=config.p2p_key_path, certificate=config.p2p_certificate_path, ca=config.p2p_ca_path)
    identity = Identity(
        chain_id=introduction.chain_id,
        genesis_hash=introduction.genesis_hash,
        client_version=introduction.client_version,
        tls_key_hash=load_tls_identity(files, dt.datetime.now(dt.UTC)).tls_key_hash,
        validator=introduction.validator,
    )
    peers = Peers(identity, parts.services, vault, on_records=lambda records: transport.refresh(records))
    # The jitter only has to differ from node to node; nothing that is secret or decided depends on it.
    book = PeerBook(config.p2p_peers, random.Random())  # noqa: S311
    transport = Transport(listener=peers, tls=files, listen=config.p2p_address, book=book)
    transport.refresh(parts.records.newest())
    parts.driver.join(peers)
    return Peering(peers, transport)
