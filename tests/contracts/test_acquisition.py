"""Orders of sources, what bureaus withhold, and notices without content."""

from __future__ import annotations

import pytest

from tests.contracts import journey
from tests.contracts.chain import refused
from tests.contracts.journey import HASH, make_assets, request_credit
from tests.contracts.suite import Suite


@pytest.fixture(scope="module")
def answered(module_suite: Suite) -> tuple[int, int]:
    """A pack of 120 assets and its query, answered by the bureau of organisation 1 and refused by that of 2."""
    pack = journey.submit_pack(module_suite, make_assets(120))
    query = request_credit(module_suite, pack)
    registry = module_suite.CreditFileRegistry.functions
    module_suite.send("bureau", registry.answerCredit(query, HASH, 90, 8, 2, 5))
    module_suite.send("bureau_b", registry.refuseCredit(query, 5))
    return pack, query


def tell(suite: Suite, *queries: int, sender: str = "bureau") -> list[dict[str, object]]:
    receipt = suite.send(sender, suite.CreditFileRegistry.functions.tellQueryAgain(list(queries)))
    return [dict(log["args"]) for log in suite.CreditFileRegistry.events.QueryAgain().process_receipt(receipt)]


def test_order_of_sources_is_kept_under_a_new_id(suite: Suite) -> None:
    registry = suite.CreditFileRegistry.functions
    for sources_id, document in ((1, b"\x01"), (2, bytes(8_192))):
        receipt = suite.send("risk_control", registry.defineSources(document))
        event = suite.event("CreditFileRegistry", "SourcesDefined", receipt)
        assert event == {"sourcesId": sources_id, "author": suite.risk_control, "document": document}
        assert registry.sources(sources_id).call() == document
    assert registry.sourcesCount().call() == 2
    assert registry.sources(0).call() == registry.sources(3).call() == b""


@pytest.mark.parametrize("size", [0, 8_193])
def test_order_of_sources_of_another_size_is_refused(suite: Suite, size: int) -> None:
    with refused("CreditFileBadSources", size, 8_192):
        suite.send("risk_control", suite.CreditFileRegistry.functions.defineSources(bytes(size)))


def test_answer_counts_what_was_withheld_and_never_more_than_was_found(suite: Suite, answered: tuple[int, int]) -> None:
    registry = suite.CreditFileRegistry.functions
    assert registry.answerOf(answered[1], 1).call()[6] == 5
    query = request_credit(suite, answered[0])
    with refused("CreditFileTooManyWithheld", 91, 90):
        suite.send("bureau", registry.answerCredit(query, HASH, 90, 8, 2, 91))
    suite.send("bureau", registry.answerCredit(query, HASH, 90, 8, 2, 90))


def test_notice_names_query_pack_and_organisation_and_comes_once_a_day(suite: Suite, answered: tuple[int, int]) -> None:
    pack, query = answered
    expected = {"queryId": query, "packId": pack, "riskControl": suite.risk_control, "organisation": 1}
    assert tell(suite, query) == [expected]
    with refused("CreditFileToldToday", query, 1):
        tell(suite, query)
    suite.chain.pass_seconds(86_400)
    assert tell(suite, query) == [expected]


def test_notice_of_an_organisation_that_gave_nothing_is_refused(suite: Suite, answered: tuple[int, int]) -> None:
    _, query = answered
    with refused("CreditFileNothingGiven", query, 2):
        tell(suite, query, sender="bureau_b")
    with refused("CreditFileNothingGiven", 99, 1):
        tell(suite, 99)
    with refused("CreditFileNoIndices"):
        tell(suite)


def test_notice_about_a_withdrawn_pack_is_refused(suite: Suite, answered: tuple[int, int]) -> None:
    pack, query = answered
    suite.send("originator", suite.AssetPackRegistry.functions.withdraw(pack))
    with refused("CreditFilePackNotLive", pack):
        tell(suite, query)
