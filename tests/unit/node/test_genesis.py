"""Member files and the genesis made from them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from chain_node.core.errors import ConfigError
from chain_node.core.genesis import parse_genesis
from chain_node.core.types import Address, Hash32
from chain_node.node.fixed_addresses import CONTRACT_REGISTRY
from chain_node.node.genesis_builder import NetworkParameters, build_genesis
from chain_node.node.member_file import Member, MemberNode, read_member_file
from chain_node.txpool import CONSORTIUM, SenderRule
from tests.contracts.chain import Chain
from tests.e2e.node_kit import Enrolled, account_number, write_member_file

GOVERNOR = account_number(1)
ACCOUNT = account_number(2)
VALIDATOR = "0x" + "11" * 20
PARAMETERS = NetworkParameters(timestamp=1_800_000_000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("members") / "member.json"
    enrolled = Enrolled(ACCOUNT, ("ORACLE", "DEPLOYER"), valid_from=5, valid_until=1_900_000_000)
    write_member_file(written, [enrolled], governor=GOVERNOR, validator=VALIDATOR, organisation="Bänk & Söhne")
    return written


@pytest.fixture(scope="module")
def member(path: Path) -> Member:
    return read_member_file(path)


def test_member_file_of_the_client_is_read(member: Member) -> None:
    assert (member.organisation, member.governor.hex()) == ("Bänk & Söhne", GOVERNOR.address[2:].lower())
    (account,) = member.accounts
    assert (account.roles, account.valid_from, account.valid_until) == (1 << 4 | 1 << 9, 5, 1_900_000_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"organisation": "Other"}, "signature: made by 0x"),
        ({"signature": "0x" + "00" * 65}, "signature: bad signature"),
        ({"signature": "0x00"}, "signature: String should match"),
        ({"version": 2}, "version"),
        ({"extra": 1}, "extra: Extra inputs"),
        ({"governor": "0x12"}, "governor: String should match"),
        ({"accounts": [{"address": "0x" + "11" * 20}]}, "accounts.0.roles"),
    ],
)
def test_member_file_that_was_changed_says_where(
    path: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigError) as refused:
        read_member_file(changed)
    assert str(refused.value).startswith(f"{changed}: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"x"', "[" * 100_000])
def test_member_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text)
    with pytest.raises(ConfigError):
        read_member_file(wrong)


def test_genesis_holds_members_under_the_sender_rule(member: Member) -> None:
    genesis = parse_genesis(build_genesis([member], PARAMETERS))
    assert genesis.qbft.validator_contract == CONSORTIUM
    assert (genesis.gas_limit, genesis.qbft.per_tx_gas_limit, genesis.chain_id) == (60_000_000, 8_000_000, 170919)
    storage = genesis.alloc[CONSORTIUM].storage
    rule = SenderRule(lambda slot: storage.get(slot, 0))
    account = Address(bytes.fromhex(ACCOUNT.address[2:]))
    rule.validate_sender(account, None, 1_800_000_000)
    rule.validate_sender(member.governor, CONSORTIUM, 1_800_000_000)
    with pytest.raises(Exception, match="DEPLOYER"):
        rule.validate_sender(member.governor, None, 1_800_000_000)
    with pytest.raises(Exception, match="expired"):
        rule.validate_sender(account, CONTRACT_REGISTRY, 1_900_000_000)


@pytest.fixture(scope="module")
def pair(member: Member) -> tuple[Member, Member]:
    """A member with a validator, and one whose node only follows."""
    nodes = [MemberNode(endpoint=f"{name}.example:30303", tls_key_hash=Hash32(name.encode() * 32)) for name in "ab"]
    follower = Member(organisation="B", governor=Address(b"\x22" * 20), validator=None, node=nodes[1], accounts=())
    return replace(member, node=nodes[0]), follower


def test_genesis_of_several_members_has_their_validators_and_nodes(pair: tuple[Member, Member]) -> None:
    second = replace(
        pair[1], organisation="C", governor=Address(b"\x33" * 20), validator=Address(b"\x44" * 20), node=None
    )
    alloc = parse_genesis(build_genesis([*pair, second], PARAMETERS)).alloc
    chain = Chain({address: asdict(account) for address, account in alloc.items()}, "london")
    functions = chain.contract("Consortium", f"0x{CONSORTIUM.hex()}").functions
    validators = functions.getValidators().call()
    assert [validator.lower() for validator in validators] == [VALIDATOR, "0x" + "44" * 20]
    assert [functions.validatorOrganisation(validator).call() for validator in validators] == [1, 3]
    assert [tuple(node) for node in functions.nodes().call()] == [
        (b"a" * 32, validators[0], 1, "a.example:30303"),
        (b"b" * 32, "0x" + "00" * 20, 2, "b.example:30303"),
    ]


def test_members_with_the_same_node_are_refused(pair: tuple[Member, Member]) -> None:
    first, second = pair
    assert first.node
    assert second.node
    for node, problem in (
        (replace(second.node, tls_key_hash=first.node.tls_key_hash), f"TLS key {'61' * 32} occurs twice"),
        (replace(second.node, endpoint=first.node.endpoint), "node a.example:30303 occurs twice"),
    ):
        with pytest.raises(ConfigError, match=problem):
            build_genesis([first, replace(second, node=node)], PARAMETERS)


def test_genesis_is_the_same_for_the_same_members(member: Member) -> None:
    assert build_genesis([member], PARAMETERS) == build_genesis([member], PARAMETERS)


def test_genesis_of_berlin_has_no_base_fee(member: Member) -> None:
    genesis = parse_genesis(build_genesis([member], replace(PARAMETERS, fork="berlin", block_period_ms=250)))
    assert genesis.base_fee_per_gas is None
    assert genesis.schedule.london_height is None
    assert genesis.qbft.block_period_ms == 250


def test_members_that_contradict_one_another_are_refused(member: Member) -> None:
    with pytest.raises(ConfigError, match="organisation Bänk & Söhne occurs twice"):
        build_genesis([member, member], PARAMETERS)
    with pytest.raises(ConfigError, match=r"validator 0x1111.* occurs twice"):
        build_genesis([member, replace(member, organisation="B")], PARAMETERS)
    with pytest.raises(ConfigError, match="no member brings a validator"):
        build_genesis([replace(member, validator=None)], PARAMETERS)
    with pytest.raises(ConfigError, match="no member file"):
        build_genesis([], PARAMETERS)


def test_members_that_the_contract_refuses_are_told_its_error(member: Member) -> None:
    (account,) = member.accounts
    governor_without_role = replace(member, accounts=(replace(account, address=member.governor),))
    with pytest.raises(ConfigError, match=r"refuses them: Consortium\w+\("):
        build_genesis([governor_without_role], PARAMETERS)
