"""Networks whose validator set changes from one height to the next, as a contract or votes decide."""

from dataclasses import replace

import pytest

from chain_node.consensus.qbft.effects import RequestSync
from chain_node.consensus.qbft.message_log import height_of
from chain_node.consensus.qbft.quorum import compute_proposer, compute_quorum
from chain_node.consensus.qbft.seals import recover_sealers
from chain_node.core.types import Address, Header
from tests.unit.consensus.bench import VALIDATORS, act, block_of, commit, head, run, state_of
from tests.unit.consensus.network import Network, Node, assert_agreement, assert_no_double_vote

CHANGE_HEIGHT = 4
"""The block after which another set decides."""


class ChangingNetwork(Network):
    """The nodes of `before` decide up to CHANGE_HEIGHT, those of `after` from the next height on."""

    def __init__(self, count: int, *, before: range, after: range) -> None:
        self._before, self._after = before, after
        super().__init__(count)

    def validators_after(self, header: Header) -> tuple[Address, ...]:
        indexes = self._before if header.number < CHANGE_HEIGHT else self._after
        return tuple(self.validators[index] for index in indexes)


def heights_signed(node: Node) -> set[int]:
    return {height_of(message) for message in node.sent}


def check(network: Network) -> None:
    assert_agreement(network)
    for node in network.nodes.values():
        assert_no_double_vote(node)
        assert all(not rejected.is_fault for rejected in node.rejected)
        assert node.evidence == []


def test_added_validator_begins_at_the_first_height_of_its_set() -> None:
    """4.6: the set is that of the state after the parent.

    4.6: on the state after the parent.
    """
    network = ChangingNetwork(4, before=range(3), after=range(4))
    newcomer = network.node(3)
    network.run_to_height(CHANGE_HEIGHT + 8)
    check(network)
    assert min(heights_signed(newcomer)) == CHANGE_HEIGHT + 1
    chain = newcomer.chain
    assert newcomer.address in {block.header.coinbase for block in chain[CHANGE_HEIGHT:]}
    assert all(len(recover_sealers(block.header)) >= 3 for block in chain[CHANGE_HEIGHT:])


def test_removed_validator_follows_without_a_vote() -> None:
    """quorum#1728: the chain stops when a validator is removed via contract."""
    network = ChangingNetwork(4, before=range(4), after=range(3))
    leaver = network.node(3)
    network.run_to_height(CHANGE_HEIGHT + 8)
    check(network)
    assert max(heights_signed(leaver)) == CHANGE_HEIGHT
    assert len(leaver.chain) >= CHANGE_HEIGHT + 8
    for block in leaver.chain[CHANGE_HEIGHT:]:
        assert leaver.address not in (*recover_sealers(block.header), block.header.coinbase)


@pytest.mark.parametrize("removed", range(3))
def test_set_without_the_author_of_the_parent_goes_on(removed: int) -> None:
    """4.2: if not in the set (removed), base = first validator with address > parent coinbase, or v[0] if none."""
    after = [index for index in range(3) if index != removed]
    network = ChangingNetwork(3, before=range(3), after=after)  # type: ignore[arg-type]
    network.run_to_height(CHANGE_HEIGHT + 4)
    check(network)
    chain = network.node(removed).chain
    for parent, block in zip(chain[CHANGE_HEIGHT - 1 :], chain[CHANGE_HEIGHT:], strict=False):
        validators = tuple(network.validators[index] for index in after)
        assert block.header.coinbase == compute_proposer(validators, parent.header.coinbase, 0)


def test_all_validators_may_be_replaced_at_once() -> None:
    network = ChangingNetwork(6, before=range(3), after=range(3, 6))
    network.run_to_height(CHANGE_HEIGHT + 6)
    check(network)


def test_second_validator_that_is_not_synced_stops_the_chain_until_it_is() -> None:
    """besu#8425: adding a 2nd validator that is not synced halts the chain (quorum 2 of 2); it must go on by itself."""
    network = ChangingNetwork(2, before=range(1), after=range(2))
    first, second = network.node(0), network.node(1)
    assert compute_quorum(2) == 2
    network.crash(second)
    network.run_to_height(CHANGE_HEIGHT, first)
    network.run_for(600_000)
    assert len(first.chain) == CHANGE_HEIGHT
    network.restart(second)
    network.tell_links()
    began_ms = network.now_ms
    network.give_blocks(first, second)
    network.run_to_height(CHANGE_HEIGHT + 4, first, second)
    check(network)
    assert network.now_ms - began_ms < 20_000


def test_messages_of_a_validator_to_be_wait_at_a_node_that_is_behind() -> None:
    """Whoever is ahead by one block may know a set that this node does not know yet: that is no fault."""
    early = commit(3, block_of(0), height=2)
    behind = replace(state_of(0), validators=VALIDATORS[:3])
    state, effects = act(behind, early)
    assert effects == (RequestSync(VALIDATORS[3], 2),)
    state = run(state, head(block_of(0).header))
    assert state.validators == VALIDATORS
    assert state.commits == (early,)
