"""Waiting for finality: reached, late, impossible, unknown, contradicted."""

import threading
import time

import pytest
import typer

from client.cli.finality import EXIT_NOT_FINAL, check_wanted, conclude, finality_fields
from client.cli.session import Session, Settings
from client.console.output import Console
from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import ConflictError, InvalidInputError
from client.sdk.finality import Finality, FinalityLevel, await_finality

BLOCK_HASH, OTHER_HASH = "0x" + "ab" * 32, "0x" + "cd" * 32
RECEIPT = Receipt(transaction_hash="0x" + "01" * 32, block_number=7, block_hash=BLOCK_HASH, gas_used=1, events=())


def says(seals, *, validators=3, needed=3, block_hash=BLOCK_HASH):
    return {
        "blockNumber": "0x7",
        "blockHash": block_hash,
        "finality": "byzantine_final" if needed is not None and seals >= needed else "crash_final",
        "signers": [f"0x{number:040x}" for number in range(seals)],
        "validatorCount": validators,
        "crashQuorum": validators * 2 // 3 + 1,
        "byzantineQuorum": needed,
    }


@pytest.fixture
def node(make_node):
    return make_node()


def waited(node, **options):
    return await_finality(ChainClient(node.url), RECEIPT, **{"timeout_s": 5.0, **options})


def test_block_with_all_seals_is_byzantine_final_at_once(node):
    node.answers["tranchain_getFinality"] = says(3)
    finality = waited(node)
    assert finality.level is FinalityLevel.BYZANTINE
    assert finality_fields(finality) == {
        "block": 7,
        "block_hash": BLOCK_HASH,
        "finality": "byzantine_final",
        "signers": [f"0x{number:040x}" for number in range(3)],
        "seals_needed_count": 3,
        "finality_why_not": None,
    }


def test_late_seals_are_waited_for_and_shown_as_they_come(node):
    started = time.monotonic()
    node.answers["tranchain_getFinality"] = lambda: says(3 if time.monotonic() - started > 0.5 else 2)
    shown = []
    finality = waited(node, report=lambda each: shown.append(len(each.signers)))
    assert (finality.level, finality.why_not) == (FinalityLevel.BYZANTINE, "")
    assert shown[0] == 2
    assert shown[-1] == 3


def test_crash_finality_is_enough_where_it_was_asked_for(node):
    node.answers["tranchain_getFinality"] = says(2)
    finality = waited(node, wanted=FinalityLevel.CRASH)
    assert (finality.level, finality.why_not) == (FinalityLevel.CRASH, "")


def test_too_few_seals_in_time_are_counted(node):
    node.answers["tranchain_getFinality"] = says(2)
    started = time.monotonic()
    finality = waited(node, timeout_s=0.3)
    assert 0.3 <= time.monotonic() - started < 2
    assert (finality.level, finality.may_come) == (FinalityLevel.CRASH, True)
    assert finality.why_not == "2 of the 3 seals that it takes"


def test_single_validator_is_not_waited_for(node):
    node.answers["tranchain_getFinality"] = says(1, validators=1, needed=None)
    started = time.monotonic()
    finality = waited(node)
    assert time.monotonic() - started < 1
    assert (finality.level, finality.may_come) == (FinalityLevel.CRASH, False)
    assert finality.why_not == "with one validator no number of seals makes it byzantine_final"


def test_other_network_says_that_finality_is_not_known_there(node):
    finality = waited(node)
    assert (finality.level, finality.may_come) == (FinalityLevel.UNKNOWN, False)
    assert finality.why_not == "this network does not say how final a block is"


def test_another_block_at_the_height_is_a_conflict_that_names_both(node):
    node.answers["tranchain_getFinality"] = says(3, block_hash=OTHER_HASH)
    with pytest.raises(ConflictError) as caught:
        waited(node)
    assert BLOCK_HASH in str(caught.value)
    assert OTHER_HASH in str(caught.value)


def test_block_that_a_node_does_not_have_yet_is_waited_for(node):
    node.answers["tranchain_getFinality"] = None
    threading.Timer(0.4, lambda: node.answers.update({"tranchain_getFinality": says(3)})).start()
    assert waited(node).level is FinalityLevel.BYZANTINE


def test_node_that_dies_while_seals_come_is_followed_by_the_next(make_node):
    first, second = make_node(), make_node()
    first.answers["tranchain_getFinality"] = says(2)
    second.answers["tranchain_getFinality"] = says(3)
    warnings = []
    chain = ChainClient(f"{first.url},{second.url}", warn=warnings.append)
    threading.Timer(0.3, first.kill).start()
    assert await_finality(chain, RECEIPT, timeout_s=10).level is FinalityLevel.BYZANTINE
    assert warnings == [f"node {first.place}: no connection; going on with {second.place}"]


def test_no_node_until_the_end_leaves_finality_unknown(node):
    chain = ChainClient(node.url)
    chain.head()
    node.kill()
    finality = await_finality(chain, RECEIPT, timeout_s=0.1)
    assert (finality.level, finality.may_come) == (FinalityLevel.UNKNOWN, True)
    assert finality.why_not == "no node said how final the block is"


def outcome(level, **fields):
    return Finality(level=level, block_number=7, block_hash=BLOCK_HASH, **fields)


@pytest.mark.parametrize(
    ("finality", "wanted", "code"),
    [
        (outcome(FinalityLevel.BYZANTINE), None, None),
        (outcome(FinalityLevel.BYZANTINE), "byzantine", None),
        (outcome(FinalityLevel.CRASH, why_not="2 of 3", may_come=True), None, EXIT_NOT_FINAL),
        (outcome(FinalityLevel.CRASH, why_not="one validator"), None, None),
        (outcome(FinalityLevel.CRASH, why_not="one validator"), "byzantine", EXIT_NOT_FINAL),
        (outcome(FinalityLevel.UNKNOWN, why_not="never said"), None, None),
        (outcome(FinalityLevel.UNKNOWN, why_not="never said"), "crash", EXIT_NOT_FINAL),
        (outcome(FinalityLevel.UNKNOWN, why_not="no node", may_come=True), None, EXIT_NOT_FINAL),
    ],
)
def test_command_ends_with_4_where_more_was_asked_or_could_have_come(finality, wanted, code, capsys):
    session = Session(Settings(), Console(is_json=False))
    if code is None:
        conclude(session, finality, wanted)
    else:
        with pytest.raises(typer.Exit) as caught:
            conclude(session, finality, wanted)
        assert caught.value.exit_code == code
    said = capsys.readouterr().err
    assert (finality.why_not in said) if finality.why_not else said == ""


def test_finality_that_there_is_none_of_is_refused():
    with pytest.raises(InvalidInputError, match="expected crash or byzantine"):
        check_wanted("absolute")
