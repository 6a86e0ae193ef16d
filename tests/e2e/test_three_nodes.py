"""The main job across three institutions' nodes, each role at its own; then any one of them is killed.

Real processes and TLS on loopback, as in `make demo`, with a smaller pack.
"""

from collections.abc import Iterator

import pytest

from scripts.demo_consortium import AUDITOR_BY_ORACLE, MEMBERS
from tests.e2e.consortium import Consortium, found_consortium
from tests.e2e.main_job import PRODUCT, MainJob, run_main_job, upload_credit_files
from tests.e2e.network_kit import block_hashes, wait_until
from tests.engines import IS_NATIVE_BUILT

ORGANISATIONS = tuple(MEMBERS)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    """Three nodes, on both engines where there are two, all daemons, and an oracle of each institution."""
    engines = ("py-evm", "native", "native") if IS_NATIVE_BUILT else ()
    running = found_consortium(tmp_path_factory.mktemp("three"), node_count=3, engines=engines)
    try:
        upload_credit_files(running)
        running.start_bureau()
        running.start_registrar()
        for oracle in AUDITOR_BY_ORACLE:
            running.start_oracle(oracle)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def job(three: Consortium) -> MainJob:
    return run_main_job(three)


def assert_same_blocks(consortium: Consortium) -> None:
    """Wait for all nodes to have the highest head of now, then compare every block."""
    nodes = list(consortium.nodes.values())
    height = max(node.height() for node in nodes)
    wait_until(
        lambda: all(node.height() >= height for node in nodes), 30, lambda: str([node.height() for node in nodes])
    )
    first, *others = [block_hashes(node, height) for node in nodes]
    assert all(each == first for each in others)


def test_main_job_gives_the_same_product_at_every_node(three: Consortium, job: MainJob) -> None:
    assert_same_blocks(three)
    for account in ("auditor-a", "trustee", "auditor-c"):
        verified = three.ask(account, "exchange", "verify", PRODUCT)
        assert (verified["all_equal"], verified["pack"]) == (True, job.pack)


def test_scores_were_agreed_by_oracles_of_several_institutions(three: Consortium, job: MainJob) -> None:
    chain, round_id = three.chain(), job.documents["score"]["round"]
    oracles = chain.call("ScoringRounds", "oraclesOf", round_id)
    assert set(oracles) == {three.address(name) for name in AUDITOR_BY_ORACLE}
    hashes = [bytes(chain.call("ScoringRounds", "reportOf", round_id, each).reportHash) for each in oracles]
    revealed = [each for each in hashes if any(each)]
    assert len(revealed) >= 2
    assert len(set(revealed)) == 1


@pytest.mark.parametrize("victim", ORGANISATIONS)
def test_members_decide_while_a_node_is_dead_and_it_catches_up(three: Consortium, job: MainJob, victim: str) -> None:
    assert job.pack
    node = three.nodes[victim]
    governor = next(
        name for name, home in zip(("governor-a", "governor-b", "governor-c"), MEMBERS, strict=True) if home != victim
    )
    node.kill()
    try:
        line = (
            "admin",
            "propose",
            "CreditFileRegistry",
            "setMinimumSubjects",
            "[100]",
            "--description",
            f"no {victim}",
        )
        assert three.ask(governor, *line, *three.governors())["is_executed"]
    finally:
        node.start()
    assert_same_blocks(three)
