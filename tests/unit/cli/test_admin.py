"""`tranchain admin` and `tranchain keys` from the first file to a wired consortium, on a network that is not ours."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_node.node.tls_papers import make_tls_papers
from client.cli.app import run
from client.roles.admin import deployment
from client.sdk import certificates, keystore
from client.sdk.chain import ChainClient
from client.sdk.member_file import parse_member_file
from client.sdk.role import Role
from tests.unit.sdk.bare_network import BareNetwork, serve

PASSWORD = "correct horse"
GAS_OF_ONE_TRANSACTION_MAX = 16_000_000


@dataclass(frozen=True)
class World:
    """Files of three organisations, and the network they found their consortium on."""

    directory: Path
    url: str
    network: BareNetwork
    registry: str
    first_run: dict

    def options(self, name: str = "a") -> list[str]:
        common = ["--rpc", self.url, "--registry", self.registry, "--json"]
        return [*common, "--keystore", str(self.directory / f"{name}.json"), *_password(self.directory)]


def _password(directory: Path) -> list[str]:
    return ["--password-file", str(directory / "password")]


def _key_files(directory: Path, network: BareNetwork) -> None:
    """Make the papers of three governors, whose keys are those that the network gave means to, and of one more."""
    (directory / "password").write_text(PASSWORD + "\n")
    assert run(["admin", "ca", "init", str(directory / "ca"), *_password(directory)]) == 0
    for index, name in enumerate(("a", "b", "c", "oracle")):
        path = directory / f"{name}.json"
        identity = keystore.import_account(path, network.funded_key(index), PASSWORD, scrypt_n=1 << 8)
        request = certificates.certificate_request(identity.account, organisation=name.upper(), name=name)
        (directory / f"{name}.csr.pem").write_text(request)
        certify = ["admin", "certify", str(directory / f"{name}.csr.pem"), "--ca", str(directory / "ca")]
        assert run([*certify, *_password(directory)]) == 0


def _member_files(directory: Path) -> list[str]:
    options = []
    for name, roles in (("a", "GOVERNOR,DEPLOYER,BUREAU"), ("b", "GOVERNOR"), ("c", "GOVERNOR,RISK_CONTROL")):
        file = directory / f"{name}.member.json"
        account = f"{directory}/{name}.crt.pem={roles}"
        keys = ["--keystore", str(directory / f"{name}.json"), *_password(directory)]
        made = run(
            ["admin", "member-file", "--organisation", name.upper(), "--account", account, "--out", str(file), *keys]
        )
        assert made == 0
        options += ["--member", str(file)]
    return options


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("consortium")
    with serve() as (url, network):
        _key_files(directory, network)
        members = _member_files(directory)
        keys = ["--keystore", str(directory / "a.json"), *_password(directory)]
        arguments = ["admin", "deploy", "--rpc", url, "--json", *keys, *members]
        governors = ["--governor", str(directory / "a.json"), "--governor", str(directory / "b.json")]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert run([*arguments, "--ca", str(directory / "ca" / "ca.pem"), *governors]) == 0
        document = json.loads(out.getvalue())
        yield World(directory, url, network, document["registry"], document)


def _answer(capsys):
    return json.loads(capsys.readouterr().out)


def test_deploy_founds_registers_and_wires_on_a_bare_network(world):
    assert world.first_run["is_complete"] is True
    assert [proposal["is_executed"] for proposal in world.first_run["proposals"]] == [True, True]
    chain = ChainClient(world.url, world.registry)
    plan = deployment.load_plan()
    assert deployment.wiring_calls(chain, plan) == []
    names = chain.call("ContractRegistry", "names")
    assert names == ["Consortium", "AccessManager", "ContractRegistry", *(each.name for each in plan.contracts)]
    for planned in plan.contracts:
        assert chain.call(planned.name, "authority") == chain.address_of("AccessManager")
        assert chain.call(planned.name, "registry") == world.registry


def test_deploy_stays_below_what_one_transaction_may_use(world):
    """Networks cap a transaction at 2^24 gas or at their block's limit."""
    chain = ChainClient(world.url, world.registry)
    for block in range(1, chain.head() + 1):
        assert chain.web3.eth.get_block(block)["gasUsed"] < GAS_OF_ONE_TRANSACTION_MAX


def test_deploy_again_sends_nothing(world, capsys):
    sent = world.network.methods.count("eth_sendRawTransaction")
    assert run(["admin", "deploy", *world.options()]) == 0
    assert _answer(capsys) == {"registry": world.registry, "is_complete": True, "proposals": []}
    assert world.network.methods.count("eth_sendRawTransaction") == sent


def test_deploy_on_a_bare_network_without_member_files_says_what_is_missing(world, capsys):
    options = [*world.options(), "--registry", "0x" + "00" * 18 + "7c03"]
    assert run(["admin", "deploy", *options]) == 1
    assert "no contract there, expected it, or --member" in capsys.readouterr().err


def test_status_lists_contracts_members_accounts_and_validity(world, capsys):
    assert run(["admin", "status", *world.options()]) == 0
    status = _answer(capsys)
    assert status["finality"] == "unknown"
    assert [member["name"] for member in status["organisations"]] == ["A", "B", "C"]
    assert {contract["state"] for contract in status["contracts"]} == {"in use"}
    by_address = {account["address"]: account for account in status["accounts"]}
    governor = by_address[keystore.address_in(world.directory / "a.json")]
    assert governor["roles"] == ["BUREAU", "DEPLOYER", "GOVERNOR"]
    assert governor["state"] == "in force"


def test_enrolment_needs_a_majority_and_then_holds(world, capsys):
    certificate = world.directory / "oracle.crt.pem"
    ca = str(world.directory / "ca" / "ca.pem")
    enrol = ["admin", "enrol", str(certificate), "--organisation", "3", "--role", "ORACLE", "--ca", ca]
    assert run([*enrol, *world.options("a")]) == 0
    proposal = _answer(capsys)
    assert (proposal["is_executed"], proposal["approval_count"]) == (False, 1)
    assert run(["admin", "execute", str(proposal["id"]), *world.options("a")]) == 1
    assert "ConsortiumNotApproved" in capsys.readouterr().err
    assert run(["admin", "approve", str(proposal["id"]), *world.options("b")]) == 0
    assert run(["admin", "execute", str(proposal["id"]), *world.options("a")]) == 0
    capsys.readouterr()
    chain = ChainClient(world.url, world.registry)
    enrolled, certificate_hash = chain.call(
        "Consortium", "account", keystore.address_in(world.directory / "oracle.json")
    )
    paper = certificates.read_certificate(certificate.read_bytes())
    assert (enrolled.organisation, enrolled.roles) == (3, 1 << Role.ORACLE)
    assert (enrolled.validFrom, enrolled.validUntil) == certificates.validity_of(paper)
    assert certificate_hash == certificates.certificate_hash(paper)
    assert run(["admin", "execute", str(proposal["id"]), *world.options("a")]) == 1
    assert "ConsortiumAlreadyExecuted" in capsys.readouterr().err


def test_enrolment_with_another_authority_is_refused(world, tmp_path, capsys):
    assert run(["admin", "ca", "init", str(tmp_path), "--name", "Other", *_password(world.directory)]) == 0
    capsys.readouterr()
    enrol = ["admin", "enrol", str(world.directory / "oracle.crt.pem"), "--organisation", "1", "--role", "ORACLE"]
    assert run([*enrol, "--ca", str(tmp_path / "ca.pem"), *world.options()]) == 1
    assert "got another issuer, expected the authority" in capsys.readouterr().err


def test_suspension_takes_an_account_out_of_force_and_lift_admits_it_again(world, capsys):
    account = keystore.address_in(world.directory / "c.json")
    governors = ["--governor", str(world.directory / "a.json"), "--governor", str(world.directory / "b.json")]
    assert run(["admin", "suspend", "--organisation", "3", *governors, *world.options()]) == 0
    assert _answer(capsys)["is_executed"] is True
    chain = ChainClient(world.url, world.registry)
    assert chain.call("Consortium", "rolesOf", account) == 0
    assert run(["admin", "suspend", "--organisation", "3", "--lift", *governors, *world.options()]) == 0
    assert chain.call("Consortium", "rolesOf", account) != 0


def test_proposals_are_listed_with_their_calls(world, capsys):
    arguments = ["CreditFileRegistry", "setMinimumSubjects", "[120]", "--description", "More subjects"]
    assert run(["admin", "propose", *arguments, *world.options("b")]) == 0
    proposal = _answer(capsys)
    assert run(["admin", "proposals", *world.options()]) == 0
    listed = {each["id"]: each for each in _answer(capsys)}
    assert listed[proposal["id"]]["description"] == "More subjects"
    assert listed[proposal["id"]]["calls"][0].startswith("CreditFileRegistry.setMinimumSubjects(")
    assert listed[proposal["id"]]["approved_by"] == [2]


@pytest.mark.parametrize("arguments", ["{}", "not json", '["a", "b"]'])
def test_proposal_with_unfit_arguments_is_refused(world, arguments, capsys):
    assert run(["admin", "propose", "CreditFileRegistry", "setMinimumSubjects", arguments, *world.options()]) == 1
    assert "arguments" in capsys.readouterr().err


def test_key_serves_only_after_it_was_announced_challenged_and_proven(world, capsys):
    account = keystore.address_in(world.directory / "a.json")
    assert run(["keys", "announce", "--light", *world.options("a")]) == 0
    assert _answer(capsys)["state"] == "has not proven its encryption key"
    assert run(["keys", "prove", *world.options("a")]) == 1
    assert "got no challenge" in capsys.readouterr().err
    assert run(["keys", "challenge", account, *world.options("c")]) == 0
    capsys.readouterr()
    assert run(["keys", "prove", *world.options("a")]) == 0
    assert _answer(capsys)["state"] == "usable"
    assert run(["keys", "show", account, *world.options("a")]) == 0
    assert [row["state"] for row in _answer(capsys)] == ["usable"]


def test_member_file_is_signed_by_its_governor_and_shows_every_change(world):
    authority = certificates.read_certificate((world.directory / "ca" / "ca.pem").read_bytes())
    text = (world.directory / "a.member.json").read_text()
    assert parse_member_file(text, authority=authority).governor == keystore.address_in(world.directory / "a.json")
    for old, new in (
        ('"organisation": "A"', '"organisation": "Z"'),
        ("BUREAU", "ORACLE"),
        ('"version": 1', '"version": 2'),
    ):
        assert old in text
        with pytest.raises(certificates.InvalidInputError):
            parse_member_file(text.replace(old, new), authority=authority)


def _governors(world):
    return [f"--governor={world.directory / name}.json" for name in ("a", "b")]


def test_node_of_a_member_is_set_by_its_governor_and_listed(world, capsys):
    validator = "0x" + "ab" * 20
    record = "node.b.example:30303:" + "5f" * 32
    assert run(["admin", "node", "set", record, "--validator", validator, *world.options("b")]) == 0
    capsys.readouterr()
    assert run(["admin", "node", "list", *world.options()]) == 0
    (node,) = _answer(capsys)
    assert (node["organisation"], node["endpoint"], node["tls_key_hash"]) == (2, "node.b.example:30303", "5f" * 32)
    assert (node["validator"].lower(), node["is_in_set"]) == (validator, False)
    assert run(["admin", "node", "remove", "5f" * 32, *world.options("a")]) == 1
    assert "ConsortiumNodeOfOther" in capsys.readouterr().err
    vote = [*_governors(world), *world.options()]
    assert run(["admin", "validator", "add", validator, "--organisation", "2", *vote]) == 0
    assert _answer(capsys)["is_executed"] is True
    assert run(["admin", "validator", "list", *world.options()]) == 0
    seat = _answer(capsys)[-1]
    assert (seat["organisation"], seat["endpoints"]) == (2, ["node.b.example:30303"])
    assert run(["admin", "validator", "remove", validator, *vote]) == 0
    assert run(["admin", "node", "remove", "5f" * 32, *world.options("b")]) == 0
    capsys.readouterr()
    assert run(["admin", "node", "list", *world.options()]) == 0
    assert _answer(capsys) == []


def test_node_of_any_member_is_removed_by_vote(world, capsys):
    assert run(["admin", "node", "set", "[::1]:30303:" + "6E" * 32, *world.options("c")]) == 0
    assert _answer(capsys)["endpoint"] == "[::1]:30303"
    assert run(["admin", "node", "remove", "0x" + "6e" * 32, *_governors(world), *world.options()]) == 0
    assert _answer(capsys)["is_executed"] is True
    assert run(["admin", "status", *world.options()]) == 0
    assert _answer(capsys)["nodes"] == []


@pytest.mark.parametrize(
    "record", ["", "host:1", "host:0:" + "5f" * 32, "host:x:" + "5f" * 32, "host:65536:" + "5f" * 32, "host:1:5f"]
)
def test_node_record_that_is_none_is_refused(world, record, capsys):
    assert run(["admin", "node", "set", record, *world.options()]) == 1
    assert "expected HOST:PORT:KEYHASH" in capsys.readouterr().err


def test_node_remove_of_no_key_hash_is_refused(world, capsys):
    assert run(["admin", "node", "remove", "5f", *world.options()]) == 1
    assert "expected 64 hex digits" in capsys.readouterr().err


def test_organisation_joins_by_vote(world, capsys):
    account = "0x" + "cd" * 20
    assert run(["admin", "organisation", "add", "D", account, *_governors(world), *world.options()]) == 0
    assert _answer(capsys)["is_executed"] is True
    assert run(["admin", "status", *world.options()]) == 0
    joined = _answer(capsys)["organisations"][-1]
    assert (joined["id"], joined["name"], joined["governor"].lower()) == (4, "D", account)


def test_certificate_of_a_node_is_issued_for_what_tranchain_node_asked(world, tmp_path, capsys):
    papers = make_tls_papers(tmp_path / "tls.key", organisation="B", endpoint="node.b.example:30303")
    command = ["admin", "certify-node", str(papers.request_file), "--ca", str(world.directory / "ca"), "--json"]
    assert run([*command, *_password(world.directory)]) == 0
    issued = _answer(capsys)
    assert (issued["hosts"], issued["tls_key_hash"]) == (["node.b.example"], papers.tls_key_hash.hex())
    assert issued["certificate"] == str(tmp_path / "tls.pem")
    paper = certificates.read_certificate((tmp_path / "tls.pem").read_bytes())
    paper.verify_directly_issued_by(certificates.read_certificate((world.directory / "ca" / "ca.pem").read_bytes()))
    assert run([*command, *_password(world.directory)]) == 1
    assert "File exists" in capsys.readouterr().err


def test_member_file_carries_the_node_as_it_was_printed(world, tmp_path, capsys):
    papers = make_tls_papers(tmp_path / "tls.key", organisation="A", endpoint="node.a.example:30303")
    account = f"{world.directory}/a.crt.pem=GOVERNOR"
    line = ["admin", "member-file", "--organisation", "A", "--account", account, "--node", papers.record]
    assert run([*line, "--out", str(tmp_path / "a.json"), *world.options("a")]) == 0
    node = parse_member_file((tmp_path / "a.json").read_text(), authority=None).node
    assert (node.endpoint, node.tls_spki_sha256) == ("node.a.example:30303", papers.tls_key_hash.hex())


def test_account_new_makes_a_keystore_and_a_request_and_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "password").write_text(PASSWORD)
    new = ["admin", "account", "new", "--organisation", "Bank A", "--light", "--json"]
    options = ["--keystore", str(tmp_path / "bureau.json"), "--password-file", str(tmp_path / "password")]
    assert run([*new, *options]) == 0
    made = _answer(capsys)
    assert keystore.unlock(tmp_path / "bureau.json", PASSWORD).address == made["address"]
    assert run([*new, *options]) == 1
    assert "never overwritten" in capsys.readouterr().err
