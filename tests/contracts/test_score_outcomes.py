"""What became of scores, read from the monitoring of a real pack on the chain."""

from __future__ import annotations

from typing import Any

import pytest

from client.model.monitoring import ScoreCounts
from client.roles.risk_control.score_outcomes import read_outcomes
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.monitoring import Entry, State
from tests.contracts.monitoring_scene import Scene, client_of, make_assets, monitor_pack
from tests.contracts.suite import Suite


@pytest.fixture(scope="module")
def scene(module_suite: Suite) -> Scene:
    return monitor_pack(module_suite, make_assets(110))


@pytest.fixture(scope="module")
def chain(module_suite: Suite) -> ChainClient:
    """A client of the chain in memory: no node in between."""
    return client_of(module_suite)


def manifest_of(chain: ChainClient, scene: Scene) -> bytes:
    round_id = chain.call("Monitoring", "pool", scene.pack_id).closingRoundId
    model_id = chain.call("ScoringRounds", "round", round_id).modelId
    return bytes(chain.call("RiskModelRegistry", "model", model_id).manifestHash)


def expected_of(scene: Scene) -> ScoreCounts:
    """The same from the reference."""
    lists: list[list[int]] = [[0] * 100 for _ in range(3)]
    for asset, entry in zip(scene.pool.assets, scene.pool.periods[-1].entries, strict=True):
        if asset.is_kept:
            lists[0][asset.closing_score - 1] += 1
            lists[1][asset.closing_score - 1] += entry.has_defaulted
            lists[2][asset.closing_score - 1] += entry.state.is_live and not entry.has_defaulted
    return ScoreCounts(totals=tuple(lists[0]), defaults=tuple(lists[1]), open=tuple(lists[2]))


@pytest.mark.slow
def test_outcomes_follow_the_periods_of_a_monitored_pack(scene: Scene, chain: ChainClient) -> None:
    manifest = manifest_of(chain, scene)
    with pytest.raises(InvalidInputError, match="no closed period"):
        read_outcomes(chain, scene.pack_id, manifest_hash=manifest)
    first, second, third, fourth = scene.live()[:4]
    classes = [entry.balance_class for entry in scene.pool.periods[0].entries]
    changes: dict[int, Any] = {
        first: Entry(State.DEFAULTED, 4, classes[first]),
        second: Entry(State.PREPAID),
        third: Entry(State.CURRENT, 4, classes[third]),
    }
    scene.run(*scene.month(changes))
    month, counts = read_outcomes(chain, scene.pack_id, manifest_hash=manifest)
    assert len(month) == 7
    assert counts == expected_of(scene)
    assert (sum(counts.totals), sum(counts.defaults)) == (len(scene.live()) + 2, 2)
    assert sum(counts.open) == len(scene.live()) - 1, "a loan that was 91 days late and pays again has defaulted"
    scene.run(*scene.month({first: Entry(State.RECOVERED), fourth: Entry(State.REPAID)}))
    _, counts = read_outcomes(chain, scene.pack_id, manifest_hash=manifest)
    assert counts == expected_of(scene)
    assert sum(counts.defaults) == 2


def test_pack_of_another_model_is_refused(scene: Scene, chain: ChainClient) -> None:
    if len(scene.pool.periods) == 1:
        scene.run(*scene.month({}))
    with pytest.raises(TamperedError, match="scores of model"):
        read_outcomes(chain, scene.pack_id, manifest_hash=bytes(32))
