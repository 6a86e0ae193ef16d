"""A bare EVM network, and one with a consortium founded on it."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from client.roles.admin.bootstrap import Foundation, lay_foundation
from client.sdk import certificates
from client.sdk.chain import ChainClient
from client.sdk.member_file import MemberAccount, MemberFile
from client.sdk.role import Role
from tests.unit.sdk.bare_network import BareNetwork, serve
from tests.unit.sdk.fake_node import FakeNode


@dataclass(frozen=True)
class Founded:
    """Three organisations A, B, C, each with its governor; A's may deploy. `stranger` belongs to none."""

    url: str
    network: BareNetwork
    chain: ChainClient
    foundation: Foundation
    members: tuple[MemberFile, ...]
    governors: tuple[LocalAccount, ...]
    stranger: LocalAccount


@pytest.fixture
def bare() -> Iterator[tuple[str, BareNetwork]]:
    with serve() as served:
        yield served


@pytest.fixture
def make_node() -> Iterator[Callable[[], FakeNode]]:
    network, made = BareNetwork(), []

    def make() -> FakeNode:
        node = FakeNode(network)
        node.start()
        made.append(node)
        return node

    yield make
    for node in made:
        node.kill()


@pytest.fixture(scope="module")
def founded() -> Iterator[Founded]:
    with serve() as (url, network):
        accounts = [Account.from_key(network.funded_key(index)) for index in range(4)]
        members = members_of(accounts[:3])
        foundation = lay_foundation(ChainClient(url), members, accounts[0])
        yield Founded(
            url=url,
            network=network,
            chain=ChainClient(url, foundation.registry),
            foundation=foundation,
            members=members,
            governors=tuple(accounts[:3]),
            stranger=accounts[3],
        )


def members_of(governors: list[LocalAccount]) -> tuple[MemberFile, ...]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    authority = certificates.create_authority("Test CA", now=now)
    members = []
    for name, governor in zip("ABC", governors, strict=True):
        request = certificates.certificate_request(governor, organisation=name, name="governor")
        certificate = certificates.certify(authority, request.encode(), not_before=now - dt.timedelta(days=1), days=90)
        valid_from, valid_until = certificates.validity_of(certificate)
        roles = (Role.GOVERNOR, Role.DEPLOYER) if name == "A" else (Role.GOVERNOR,)
        account = MemberAccount(
            address=governor.address,
            roles=roles,
            valid_from=valid_from,
            valid_until=valid_until,
            certificate=certificate,
        )
        members.append(
            MemberFile(organisation=name, governor=governor.address, validator=None, node=None, accounts=(account,))
        )
    return tuple(members)
