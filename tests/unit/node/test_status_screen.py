"""What `tranchain-node status` draws, as text."""

from typing import Any

import pytest
from rich.console import Console

from chain_node.node.standstill import diagnose
from chain_node.node.status import NodeView, findings_of, is_well, read_nodes, to_json
from chain_node.node.status_screen import draw
from chain_node.rpc.node_status import NodeStatus
from tests.unit.node.status_kit import HEAD, address_of, block, peer, round_of, validator, well


def seen(status: NodeStatus | None, url: str = "http://127.0.0.1:8545", **changed: Any) -> NodeView:
    diagnosed = status.model_copy(update={"diagnosis": diagnose(status)}) if status else None
    values: dict[str, Any] = {"url": url, "status": diagnosed, "problem": None, "clock_ahead_ms": 0}
    return NodeView(**values | changed)


def drawn(*nodes: NodeView, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(draw(nodes))
    return captured.get()


def one_down() -> NodeStatus:
    signers = (address_of(0), address_of(2))
    return well(
        validators=(validator(0), validator(1, is_linked=False, sealed_blocks=40, last_sealed=HEAD - 60), validator(2)),
        peers=(peer(0),),
        blocks=tuple(block(HEAD - age, signers=signers, round=int(age == 2)) for age in range(10)),
        round=round_of(is_started=True, has_proposal=True, prepares=signers, commits=(address_of(2),)),
    )


def row_with(text: str, *words: str) -> str:
    return next(line for line in text.splitlines() if all(word in line for word in words))


def test_one_well_node_is_shown_with_round_votes_and_finality() -> None:
    text = drawn(seen(well()))
    assert "● waits" in text
    assert "✓ Nothing is wrong. No transactions wait; an empty block comes every 60 s." in text
    assert "100" in row_with(text, "Risk C (this node)", "10.0.0.3:30303")
    assert "5 000, needs 3 of 3 seals" in text
    assert "300 days left" in text


def test_missing_validator_is_seen_in_links_seals_and_blocks() -> None:
    text = drawn(seen(one_down()))
    assert row_with(text, "Exchange B", "○ none", "10.0.0.2:30303")
    assert "━━━━╌╌╌╌╌╌ 40" in text
    assert "● Bank A  ○ Exchange B  ● Risk C" in row_with(text, "5 000", "7 ")
    assert "Bank A proposed, prepares 2/2, commits 1/2" in text
    assert "committed" in row_with(text, "Risk C (this node)")
    assert "→ Ask whoever runs it" in text


@pytest.mark.parametrize("width", [100, 120, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    lines = drawn(seen(one_down()), width=width).splitlines()
    assert max(map(len, lines)) <= width


def test_several_nodes_are_a_row_each_and_equal_findings_are_said_once() -> None:
    other = one_down().model_copy(update={"organisation_name": "Bank A"})
    down = seen(None, "http://127.0.0.1:8547", problem="nothing listens there: the node is down")
    nodes = (seen(one_down()), seen(other, "http://127.0.0.1:8546"), down)
    text = drawn(*nodes, width=140)
    assert "● runs" in row_with(text, "Risk C ", "GiB")
    assert "● down" in row_with(text, "127.0.0.1:8547", "–")
    assert "✗ http://127.0.0.1:8547: nothing listens there: the node is down." in text
    assert text.count("No link to Exchange B") == 1
    assert "Risk C, Bank A: No link to Exchange B" in text
    assert not is_well(nodes)


def test_warnings_alone_are_well_and_faults_are_not() -> None:
    assert findings_of([seen(one_down())])
    assert is_well([seen(one_down())])
    assert not is_well([seen(one_down().model_copy(update={"peers": ()}))])


def test_node_that_is_not_there_is_a_sentence_and_where_to_look() -> None:
    (node,) = read_nodes(["http://127.0.0.1:1"])
    lines = [line.strip() for line in drawn(node).splitlines() if line.strip()]
    assert lines[0].startswith("✗ http://127.0.0.1:1: nothing listens there")
    assert "look at its log" in lines[1]
    assert len(lines) == 2


def test_url_that_is_none_is_a_problem_of_its_own() -> None:
    (node,) = read_nodes(["nonsense"])
    assert node.problem is not None
    assert "UnsupportedProtocol" in node.problem


def test_json_says_the_same_for_programs() -> None:
    shown = to_json([seen(one_down())])
    assert shown["isWell"] is True
    assert NodeStatus.model_validate(shown["nodes"][0]["status"]).head == well().head  # type: ignore[index,call-overload]
