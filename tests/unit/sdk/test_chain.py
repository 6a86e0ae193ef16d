"""ChainClient against a network that is not ours: eth-tester with py-evm, over HTTP."""

import threading

import pytest
from eth_account import Account

from client.roles.admin import governance
from client.sdk.artifacts import load_artifact
from client.sdk.chain import ChainClient, ContractCall
from client.sdk.errors import ConfigError, ContractRefusedError, InvalidInputError, RefusedError, UnavailableError
from client.sdk.event_log import scan
from client.sdk.role import Role
from client.sdk.rpc import NodeRefusedError

FAR = 2**39


def _propose_calls(founded, count, *, gas=None):
    call = governance.call_of(founded.chain, "Consortium", "revoke", (founded.stranger.address,))
    return [
        ContractCall(
            contract="Consortium", function="propose", args=([call.as_argument()], f"Number {number}"), gas=gas
        )
        for number in range(count)
    ]


def test_contract_is_found_by_name_and_its_structs_have_names(founded):
    member = founded.chain.call("Consortium", "organisation", 2)
    assert (member.name, member.governor, member.suspended) == ("B", founded.governors[1].address, False)
    assert founded.chain.address_of("AccessManager") == founded.foundation.access_manager
    assert founded.chain.address_of("ContractRegistry") == founded.foundation.registry


def test_contract_that_is_not_registered_is_refused_by_the_registry(founded):
    with pytest.raises(ContractRefusedError, match=r"refused by ContractRegistry: .*UnknownName \(name Nothing\)"):
        founded.chain.call("ContractRegistry", "addressOf", "Nothing")


def test_registry_address_without_code_is_a_configuration_error(founded):
    chain = ChainClient(founded.url, "0x" + "7c" * 20)
    with pytest.raises(ConfigError, match="no such contract at"):
        chain.address_of("Consortium")


def test_chain_without_a_registry_says_which_option_is_missing(founded):
    with pytest.raises(ConfigError, match="--registry or TRANCHAIN_REGISTRY"):
        ChainClient(founded.url).call("Consortium", "organisationCount")


def test_call_for_governance_says_so(founded):
    with pytest.raises(ContractRefusedError) as caught:
        founded.chain.send("Consortium", "revoke", (founded.stranger.address,), founded.governors[0])
    assert caught.value.error == "AccessManagedUnauthorized"
    assert caught.value.arguments == {"caller": founded.governors[0].address}
    assert "revoke is for governance: propose it with `tranchain admin propose`" in str(caught.value)


def test_call_without_the_role_names_the_missing_role(founded):
    with pytest.raises(ContractRefusedError, match="approve needs an account with the role GOVERNOR"):
        founded.chain.send("Consortium", "approve", (1,), founded.stranger)


def test_custom_error_is_decoded_with_its_arguments_before_anything_is_sent(founded):
    founded.network.methods.clear()
    with pytest.raises(ContractRefusedError) as caught:
        founded.chain.send("Consortium", "approve", (77,), founded.governors[0])
    assert (caught.value.error, caught.value.arguments) == ("ConsortiumUnknownProposal", {"id": 77})
    assert "eth_sendRawTransaction" not in founded.network.methods


def test_revert_in_a_block_is_explained_like_one_found_before(founded):
    with pytest.raises(ContractRefusedError, match=r"ConsortiumUnknownProposal \(id 77\)"):
        founded.chain.send("Consortium", "approve", (77,), founded.governors[0], gas=300_000)


def test_transaction_that_runs_out_of_gas_says_so(founded):
    call = governance.call_of(founded.chain, "Consortium", "revoke", (founded.stranger.address,))
    args = ([call.as_argument()], "x" * 500)
    with pytest.raises(ContractRefusedError, match="propose ran out of gas"):
        founded.chain.send("Consortium", "propose", args, founded.governors[0], gas=50_000)


@pytest.mark.parametrize(
    ("function", "args"), [("approve", ()), ("approve", ("one",)), ("nothing", ()), ("approve", (2**256,))]
)
def test_arguments_that_do_not_fit_are_invalid_input(founded, function, args):
    with pytest.raises(InvalidInputError, match=f"Consortium.{function}"):
        founded.chain.send("Consortium", function, args, founded.governors[0])


def test_call_of_an_unknown_function_is_invalid_input(founded):
    with pytest.raises(InvalidInputError, match="nothing"):
        founded.chain.call("Consortium", "nothing")


def test_receipt_carries_decoded_events(founded):
    [call] = _propose_calls(founded, 1)
    receipt = founded.chain.send("Consortium", "propose", call.args, founded.governors[0])
    created = receipt.event("ProposalCreated")
    assert created.args["organisation"] == 1
    assert created.args["description"] == "Number 0"
    assert [event.name for event in receipt.events] == ["ProposalCreated", "ProposalApproved"]
    with pytest.raises(InvalidInputError, match="no event ProposalExecuted"):
        receipt.event("ProposalExecuted")


def test_many_transactions_are_in_order_and_use_each_nonce_once(founded):
    account = founded.governors[0]
    before = founded.chain.transaction_count(account.address)
    receipts = list(founded.chain.send_many(_propose_calls(founded, 12), account, in_flight=4))
    ids = [receipt.event("ProposalCreated").args["id"] for receipt in receipts]
    assert ids == list(range(ids[0], ids[0] + 12))
    assert founded.chain.transaction_count(account.address) == before + 12


def test_many_calls_answer_as_one_after_the_other(founded, monkeypatch):
    monkeypatch.setattr("client.sdk.chain.CALLS_PER_REQUEST", 3)
    accounts = [[each.address] for each in founded.governors] * 3
    found = list(founded.chain.call_many("Consortium", "organisationOf", accounts))
    assert found == [founded.chain.call("Consortium", "organisationOf", *each) for each in accounts]
    (governor, certificate_hash) = next(founded.chain.call_many("Consortium", "account", accounts[:1]))
    assert (governor, certificate_hash) == founded.chain.call("Consortium", "account", *accounts[0])
    with pytest.raises(ContractRefusedError):
        list(founded.chain.call_many("ContractRegistry", "addressOf", [["Consortium"], ["Nobody"]]))


def test_several_threads_share_the_nonces_of_one_account(founded):
    account = founded.governors[1]
    before = founded.chain.transaction_count(account.address)
    failures = []

    def work():
        try:
            list(founded.chain.send_many(_propose_calls(founded, 4), account))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert founded.chain.transaction_count(account.address) == before + 12


def test_answer_lost_after_sending_leaves_one_transaction(founded):
    account = founded.governors[0]
    before = founded.chain.transaction_count(account.address)
    founded.network.lost_after_sending = 1
    [receipt] = founded.chain.send_many(_propose_calls(founded, 1), account)
    assert receipt.event("ProposalCreated").args["organisation"] == 1
    assert founded.chain.transaction_count(account.address) == before + 1


def test_refused_transaction_leaves_the_nonce_usable(founded):
    account = founded.governors[0]
    with pytest.raises(RefusedError):
        founded.chain.send("Consortium", "approve", (77,), account, gas=30_000_000_000)
    [receipt] = founded.chain.send_many(_propose_calls(founded, 1), account)
    assert receipt.event("ProposalCreated")


def test_nonce_used_elsewhere_is_noticed(founded):
    account = founded.governors[2]
    other = ChainClient(founded.url, founded.foundation.registry)
    list(founded.chain.send_many(_propose_calls(founded, 1), account))
    list(other.send_many(_propose_calls(founded, 1), account))
    [receipt] = founded.chain.send_many(_propose_calls(founded, 1), account)
    assert receipt.event("ProposalCreated").args["organisation"] == 3


def test_account_without_means_is_refused_by_the_node(founded):
    with pytest.raises(RefusedError, match="refused by"):
        founded.chain.send("Consortium", "approve", (1,), Account.create(), gas=100_000)


def test_node_that_is_not_there_is_unavailable():
    with pytest.raises(UnavailableError, match="the node is not available: no connection"):
        ChainClient("http://127.0.0.1:1", "0x" + "7c" * 20).head()


@pytest.mark.parametrize("url", ["localhost:8545", "ws://localhost", ""])
def test_url_that_is_none_is_a_configuration_error(url):
    with pytest.raises(ConfigError, match="RPC URL"):
        ChainClient(url)


def test_events_are_found_by_indexed_values_and_range(founded):
    chain = founded.chain
    added = list(chain.events("Consortium", "OrganisationAdded"))
    assert [(event.args["organisation"], event.args["name"]) for event in added] == [(1, "A"), (2, "B"), (3, "C")]
    filtered = list(chain.events("Consortium", "OrganisationAdded", filters={"organisation": 2}))
    assert [event.args["governor"] for event in filtered] == [founded.governors[1].address]
    block = added[0].block_number
    assert list(chain.events("Consortium", "OrganisationAdded", first_block=block + 1)) == []
    assert len(list(chain.events("Consortium", "OrganisationAdded", first_block=block, last_block=block))) == 3
    with pytest.raises(InvalidInputError, match="Nothing"):
        list(chain.events("Consortium", "Nothing"))


def test_whether_contracts_logged_anything_is_one_question(founded):
    chain = founded.chain
    [call] = _propose_calls(founded, 1)
    block = chain.send("Consortium", "propose", call.args, founded.governors[0]).block_number
    assert chain.has_events(["ContractRegistry", "Consortium"], first_block=block, last_block=block)
    assert not chain.has_events(["ContractRegistry"], first_block=block, last_block=block)


def test_event_scan_halves_its_range_when_the_node_finds_it_too_large(founded, monkeypatch):
    asked = []
    answer = founded.network.answer

    def limited(request):
        if request["method"] == "eth_getLogs":
            span = int(request["params"][0]["toBlock"], 16) - int(request["params"][0]["fromBlock"], 16) + 1
            asked.append(span)
            if span > 2:
                error = {"code": -32005, "message": "query returned more than 10000 results"}
                return {"jsonrpc": "2.0", "id": request["id"], "error": error}
        return answer(request)

    monkeypatch.setattr(founded.network, "answer", limited)
    chain = founded.chain
    address, abi = chain.address_of("Consortium"), load_artifact("Consortium").abi
    head = chain.head()
    found = list(scan(chain.web3, address=address, abi=abi, name="OrganisationAdded", first_block=0, last_block=head))
    assert len(found) == 3
    assert max(asked) > 2 >= asked[-1]


def test_finality_is_unknown_where_the_node_does_not_offer_it(founded):
    assert founded.chain.finality(1) is None


def test_node_error_keeps_its_message_and_code(founded):
    with pytest.raises(NodeRefusedError) as caught:
        founded.chain.block_second(10**9)
    assert caught.value.by == "the node"


def test_only_standard_methods_are_needed(founded):
    used = set(founded.network.methods) - {"tranchain_getFinality"}
    assert used
    assert all(method.startswith("eth_") for method in used)


def test_proposal_is_carried_by_a_majority_and_not_repeated(founded):
    chain = founded.chain
    args = (founded.stranger.address, 2, 1 << Role.BUREAU, 0, FAR, b"\x01" * 32)
    call = governance.call_of(chain, "Consortium", "enrol", args)
    first = governance.carry(chain, [call], "Enrol a bureau", founded.governors[:1])
    assert (first.is_executed, first.approval_count, first.needed_count) == (False, 1, 2)
    again = governance.carry(chain, [call], "Enrol a bureau", founded.governors[:1])
    assert again == first
    done = governance.carry(chain, [call], "Enrol a bureau", founded.governors[1:])
    assert (done.id, done.is_executed) == (first.id, True)
    enrolled, certificate_hash = chain.call("Consortium", "account", founded.stranger.address)
    assert (enrolled.organisation, enrolled.roles, certificate_hash) == (2, 1 << Role.BUREAU, b"\x01" * 32)
    proposal = governance.load(chain, first.id)
    assert proposal.approved_by == (1, 2)
    assert proposal.calls[0].meaning.startswith(f"Consortium.enrol(account_={founded.stranger.address}, id=2, roles=2")
    assert governance.calls_hash(proposal.calls) == bytes(chain.call("Consortium", "proposal", first.id).callsHash)


def test_proposal_that_does_not_exist_is_refused(founded):
    with pytest.raises(RefusedError, match="no proposal 999"):
        governance.load(founded.chain, 999)


def test_carry_without_governors_is_invalid_input(founded):
    with pytest.raises(InvalidInputError, match="governor's keystore"):
        governance.carry(founded.chain, [], "nothing", [])
