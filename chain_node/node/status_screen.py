"""Draws the state of nodes on a terminal: `draw` is pure, what was read in, something Rich can print out.

One colour says one thing: green runs, yellow wants attention, red is broken, grey is detail.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chain_node.node.status import NodeView, findings_of, read_nodes
from chain_node.node.status_tables import (
    QUIET,
    STYLE_BY_STANDING,
    block_table,
    facts,
    node_table,
    peer_tables,
    validator_table,
)
from chain_node.node.status_words import clock, duration, name_of_address, number, short
from chain_node.rpc.node_status import NodeStatus, Severity

_MARK_BY_SEVERITY: dict[Severity, tuple[str, str]] = {
    "fault": ("✗", "bold red"),
    "warning": ("!", "yellow"),
    "note": ("·", "bright_black"),
}
_WIDTH_WITHOUT_TERMINAL = 140
_WATCH_SECONDS = 1
_NEXT_LOOK = "look at its log (journalctl -u tranchain-node, or docker-compose logs node) and start it again"


def print_once(nodes: Sequence[NodeView]) -> None:
    """Print the state once; what is no terminal gets long lines without colours."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_WITHOUT_TERMINAL)
    console.print(draw(nodes))


def watch_nodes(urls: Sequence[str]) -> None:
    """Ask and draw again every second until Ctrl-C."""
    console = Console(highlight=False)
    try:
        with Live(draw(read_nodes(urls)), console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                time.sleep(_WATCH_SECONDS)
                live.update(draw(read_nodes(urls)), refresh=True)
    except KeyboardInterrupt:
        return


def draw(nodes: Sequence[NodeView]) -> RenderableType:
    """One node in full; several as a row each, with the validators as the first of them sees them."""
    up = [(node, node.status) for node in nodes if node.status is not None]
    parts: list[RenderableType] = [_title(up[0][1])] if up else []
    if len(nodes) > 1:
        parts.append(node_table(nodes))
    parts += [_down_line(node) for node in nodes if node.problem is not None]
    if len(nodes) == 1 and up:
        parts.append(_headline(up[0][1]))
    if up:
        parts += [_findings(nodes), validator_table(up[0][1]), block_table(up[0][1])]
    if len(nodes) == 1 and up:
        parts += [*peer_tables(up[0][1]), facts(up[0][1])]
    return Padding(Group(*_spaced(parts)), (1, 2))


def _spaced(parts: Iterable[RenderableType]) -> list[RenderableType]:
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, ""]
    return spaced[:-1]


def _title(status: NodeStatus) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    left = Text.assemble(("Tranchain", "bold"), (f"  chain {status.chain_id}  {short(status.genesis_hash)}", QUIET))
    line.add_row(left, Text(clock(status.now_ms // 1000), style=QUIET))
    return line


def _headline(status: NodeStatus) -> RenderableType:
    standing = status.diagnosis.standing if status.diagnosis else "runs"
    style = STYLE_BY_STANDING[standing]
    age_seconds = max(0, status.now_ms // 1000 - status.head.timestamp)
    text = Text.assemble(
        ("● ", style),
        (standing, style),
        f"   height {number(status.head.number)}",
        (f", {duration(age_seconds)} old   ", QUIET),
    )
    current = status.round
    turn = name_of_address(status, current.proposer)
    text.append(f"round {current.round} of {number(current.number)}", style="yellow" if current.round else "")
    if not current.is_started:
        text.append(f", {turn}'s turn when there is something to do", style=QUIET)
    elif not current.has_proposal:
        text.append(f", waiting for {turn}'s proposal", style=QUIET)
    else:
        quorum = status.finality.quorum
        votes = f"prepares {len(current.prepares)}/{quorum}, commits {len(current.commits)}/{quorum}"
        text.append(f", {turn} proposed, {votes}", style=QUIET)
    if current.locked_round is not None:
        text.append(f", locked in round {current.locked_round}", style=QUIET)
    return text


def _findings(nodes: Sequence[NodeView]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column()
    found = findings_of(nodes)
    for name, finding in found:
        mark, style = _MARK_BY_SEVERITY[finding.severity]
        text = finding.sentence if len(nodes) == 1 or not name else f"{name}: {finding.sentence}"
        table.add_row(Text(mark, style=style), Text(text, style="" if finding.severity != "note" else QUIET))
        table.add_row("", Text(f"→ {finding.next_step}", style=QUIET))
    if not found:
        table.add_row(Text("✓", style="green"), Text(_all_well(nodes)))
    return table


def _all_well(nodes: Sequence[NodeView]) -> str:
    statuses = [node.status for node in nodes if node.status is not None]
    if all(status.diagnosis and status.diagnosis.standing == "waits" for status in statuses):
        seconds = statuses[0].empty_block_period_seconds
        return f"Nothing is wrong. No transactions wait; an empty block comes every {seconds} s."
    return "Nothing is wrong."


def _down_line(node: NodeView) -> Text:
    return Text.assemble(("✗ ", "bold red"), f"{node.url}: {node.problem}.\n", (f"  → {_NEXT_LOOK}.", QUIET))
