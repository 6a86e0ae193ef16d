import dataclasses

import pytest
from eth_account import Account

from client.roles.admin.bootstrap import created_address, lay_foundation
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
from client.sdk.member_file import MemberFile, MemberNode, parse_member_file, sign_member_file
from tests.unit.sdk.conftest import members_of


@pytest.fixture
def ready(bare):
    url, network = bare
    accounts = [Account.from_key(network.funded_key(index)) for index in range(3)]
    return ChainClient(url), members_of(accounts), accounts[0]


def test_foundation_interrupted_after_any_step_is_continued(ready):
    chain, members, deployer = ready
    chain.create("AccessManager", (created_address(deployer.address, 3),), deployer)
    chain.create("Consortium", (), deployer)
    foundation = lay_foundation(chain, members, deployer)
    assert foundation.access_manager == created_address(deployer.address, 0)
    assert chain.transaction_count(deployer.address) == 5
    again = lay_foundation(chain, members, deployer)
    assert again == dataclasses.replace(foundation, is_new=False)
    assert chain.transaction_count(deployer.address) == 5


def test_foundation_makes_the_consortium_its_only_administrator(ready):
    chain, members, deployer = ready
    foundation = lay_foundation(chain, members, deployer)
    chain.place("AccessManager", foundation.access_manager)
    assert chain.call("AccessManager", "hasRole", 0, foundation.consortium).isMember
    assert not chain.call("AccessManager", "hasRole", 0, deployer.address).isMember


def test_foundation_by_an_account_of_no_member_is_refused(ready):
    chain, members, _ = ready
    with pytest.raises(InvalidInputError, match="no role DEPLOYER"):
        lay_foundation(chain, members, Account.create())


def test_foundation_with_a_member_twice_is_refused(ready):
    chain, members, deployer = ready
    with pytest.raises(InvalidInputError, match="A twice"):
        lay_foundation(chain, [*members, members[0]], deployer)


def test_foundation_records_validators_and_nodes_with_their_members(ready):
    chain, (first, second, third), deployer = ready
    node = MemberNode(host="::1", port=30303, tls_spki_sha256="5f" * 32)
    validator = created_address(deployer.address, 99)
    members = [first, dataclasses.replace(second, validator=validator, node=node), third]
    foundation = lay_foundation(chain, members, deployer)
    chain.place("Consortium", foundation.consortium)
    assert chain.call("Consortium", "getValidators") == [validator]
    assert chain.call("Consortium", "validatorOrganisation", validator) == 2
    (listed,) = chain.call("Consortium", "nodes")
    assert (bytes(listed.tlsKeyHash), listed.validator) == (bytes.fromhex("5f" * 32), validator)
    assert (listed.organisation, listed.endpoint) == (2, "[::1]:30303")


@pytest.mark.parametrize(
    "change", [{"tls_spki_sha256": "5f"}, {"tls_spki_sha256": "zz" * 32}, {"port": 0}, {"port": 65_536}, {"host": ""}]
)
def test_member_file_with_a_node_that_cannot_be_is_refused(change):
    governor = Account.create()
    node = dataclasses.replace(MemberNode(host="a.example", port=30303, tls_spki_sha256="5f" * 32), **change)
    member = MemberFile(organisation="A", governor=governor.address, validator=None, node=node, accounts=())
    with pytest.raises(InvalidInputError, match="expected HOST:PORT:KEYHASH"):
        parse_member_file(sign_member_file(member, governor), authority=None)
