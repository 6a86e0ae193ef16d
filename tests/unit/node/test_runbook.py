"""What the runbook, the alarms and the dashboard say is so."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric

from chain_node.consensus.qbft.quorum import compute_fault_bound, compute_quorum
from chain_node.network.traffic import Traffic
from chain_node.node.head_events import HeadEvents
from chain_node.node.metrics import Counts, NodeCollector
from chain_node.node.standstill import diagnose
from chain_node.node.validators import compute_byzantine_quorum
from chain_node.rpc import HTTPOptions, Readiness, RPCApp, SubscriptionHub
from tests.unit.node.status_kit import well
from tests.unit.rpc.memory_node import MemoryNode

ROOT = Path(__file__).resolve().parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ALERTS = (ROOT / "docs" / "grafana" / "alerts.yml").read_text()
DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "tranchain.json").read_text())
METRIC = re.compile(r"\b(?:tranchain|process)_[a-z_0-9]+\b")
HEADING = re.compile(r"^#{2,4} (.+)$", re.MULTILINE)


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors() -> set[str]:
    return {anchor_of(heading) for heading in HEADING.findall(RUNBOOK)}


@pytest.fixture(scope="module")
def exported() -> list[Metric]:
    """Every metric of a node with peers, as a scrape gets them."""
    node, registry = MemoryNode(), CollectorRegistry()
    HeadEvents(node.intake, SubscriptionHub(), registry)
    status = well()
    diagnosed = status.model_copy(update={"diagnosis": diagnose(status)})
    counts = Counts(taken=lambda: node.intake.taken, refused=lambda: node.intake.refused, traffic=Traffic)
    registry.register(NodeCollector(lambda: diagnosed, counts))
    options = HTTPOptions(readiness=lambda: Readiness(is_ready=True, details={}), metrics=registry)
    with ThreadPoolExecutor(1) as executor:
        RPCApp(node.dispatcher, SubscriptionHub(), options, executor)
    return list(registry.collect())


def names_of(metrics: list[Metric]) -> set[str]:
    """Names that a query may use: of samples, and of those that labelled metrics will have."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
    return {f"{metric.name}{suffix}" for metric in metrics for suffix in suffixes.get(metric.type, ("",))}


def dashboard_queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def alert_queries() -> Iterator[tuple[str, str]]:
    for rule in ALERTS.split("- alert: ")[1:]:
        name, _, rest = rule.partition("\n")
        yield name, re.search(r"expr: (.+)", rest)[1]  # type: ignore[index]


@pytest.mark.parametrize(("title", "query"), [*dashboard_queries(), *alert_queries()])
def test_query_uses_metrics_that_a_node_exports(exported: list[Metric], title: str, query: str) -> None:
    used = set(METRIC.findall(query))
    assert used or query.startswith("up{"), title
    assert used <= names_of(exported)
    assert query.count("(") == query.count(")")


def test_every_metric_is_documented_and_nothing_else(exported: list[Metric]) -> None:
    section = OPERATIONS[OPERATIONS.index("| metric |") :]
    documented = set(METRIC.findall(section[: section.index("\n\n")]))
    own = {name for name in names_of(exported) if name.startswith("tranchain_")}
    by_family = {re.sub(r"_(bucket|count|sum)$", "", name) for name in own}
    assert {name for name in documented if name.startswith("tranchain_")} == by_family


def test_events_of_the_log_are_documented_and_exist() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "chain_node").rglob("*.py"))
    logged = set(re.findall(r"_log\.\w+\(\s*\"([a-z_]+)\"", sources))
    start = OPERATIONS.index("| level | events |")
    documented = set(re.findall(r"`([a-z_]+)`", OPERATIONS[start : OPERATIONS.index("\n\n", start)]))
    assert logged - documented == set()
    assert [event for event in documented if f'"{event}"' not in sources] == []


def test_process_metrics_in_the_dashboard_exist() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    used = {name for _, query in dashboard_queries() for name in METRIC.findall(query) if name.startswith("process_")}
    assert used <= names_of(list(registry.collect()))


def test_dashboard_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24


def test_every_alert_has_its_section_in_the_runbook() -> None:
    rules = ALERTS.split("- alert: ")[1:]
    linked = [re.search(r"runbook: docs/runbook\.md#(\S+)", rule) for rule in rules]
    assert len(rules) == len({rule.split("\n")[0] for rule in rules}) >= 15
    assert {match[1] for match in linked if match is not None} <= anchors()
    assert all(linked)


def test_links_inside_the_runbook_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors()


def test_next_steps_name_sections_of_the_runbook() -> None:
    source = "".join(path.read_text() for path in (ROOT / "chain_node" / "node").glob("standstill*.py"))
    named = set(re.findall(r"section “([^”]+)”", source))
    assert named
    assert named <= set(HEADING.findall(RUNBOOK))


def test_table_of_promises_is_what_the_node_computes() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\w+) \|$", RUNBOOK, re.MULTILINE)
    assert len(rows) == 8
    for count, quorum, down, liars, seals in rows:
        n = int(count)
        assert int(quorum) == compute_quorum(n)
        assert int(down) == n - compute_quorum(n)
        assert int(liars) == compute_fault_bound(n)
        assert seals == str(compute_byzantine_quorum(n) or "never")
