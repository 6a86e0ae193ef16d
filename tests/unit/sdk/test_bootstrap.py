import dataclasses

import pytest
from eth_account import Account

from client.roles.admin.bootstrap import created_address, lay_foundation
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError
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
    manager = chain.contract_at("AccessManager", foundation.access_manager)
    assert chain.call(manager, "hasRole", 0, foundation.consortium).isMember
    assert not chain.call(manager, "hasRole", 0, deployer.address).isMember


def test_foundation_by_an_account_of_no_member_is_refused(ready):
    chain, members, _ = ready
    with pytest.raises(InvalidInputError, match="no role DEPLOYER"):
        lay_foundation(chain, members, Account.create())


def test_foundation_with_a_member_twice_is_refused(ready):
    chain, members, deployer = ready
    with pytest.raises(InvalidInputError, match="A twice"):
        lay_foundation(chain, [*members, members[0]], deployer)
