"""Draws the state of nodes on a terminal: `draw` is pure, what was read in, something Rich can print out.

One colour says one thing: green runs, yellow wants attention, red is broken, grey is detail.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chain_node.node.status import NodeView, findings_of, read_nodes
from chain_node.rpc.node_status import BlockStatus, NodeStatus, Severity, Standing, ValidatorStatus

_STYLE_BY_STANDING: dict[Standing, str] = {
    "runs": "green",
    "waits": "green",
    "syncs": "yellow",
    "stands still": "bold red",
    "halted": "bold red",
}
_MARK_BY_SEVERITY: dict[Severity, tuple[str, str]] = {
    "fault": ("✗", "bold red"),
    "warning": ("!", "yellow"),
    "note": ("·", "bright_black"),
}
_QUIET = "bright_black"
_BLOCKS_SHOWN = 6
_BAR_CELLS = 10
_WIDTH_WITHOUT_TERMINAL = 140
_WATCH_SECONDS = 1
_DAY_SECONDS = 86_400
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
        parts.append(_node_table(nodes))
    parts += [_down_line(node) for node in nodes if node.problem is not None]
    if len(nodes) == 1 and up:
        parts.append(_headline(up[0][1]))
    if up:
        parts += [_findings(nodes), _validator_table(up[0][1]), _block_table(up[0][1])]
    if len(nodes) == 1 and up:
        parts += [*_peer_tables(up[0][1]), _facts(up[0][1])]
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
    left = Text.assemble(("Tranchain", "bold"), (f"  chain {status.chain_id}  {_short(status.genesis_hash)}", _QUIET))
    line.add_row(left, Text(_clock(status.now_ms // 1000), style=_QUIET))
    return line


def _headline(status: NodeStatus) -> RenderableType:
    standing = status.diagnosis.standing if status.diagnosis else "runs"
    style = _STYLE_BY_STANDING[standing]
    age_seconds = max(0, status.now_ms // 1000 - status.head.timestamp)
    text = Text.assemble(
        ("● ", style),
        (standing, style),
        f"   height {_number(status.head.number)}",
        (f", {_duration(age_seconds)} old   ", _QUIET),
    )
    current = status.round
    turn = _name_of(status, current.proposer)
    text.append(f"round {current.round} of {_number(current.number)}", style="yellow" if current.round else "")
    if not current.is_started:
        text.append(f", {turn}'s turn when there is something to do", style=_QUIET)
    elif not current.has_proposal:
        text.append(f", waiting for {turn}'s proposal", style=_QUIET)
    else:
        quorum = status.finality.quorum
        votes = f"prepares {len(current.prepares)}/{quorum}, commits {len(current.commits)}/{quorum}"
        text.append(f", {turn} proposed, {votes}", style=_QUIET)
    if current.locked_round is not None:
        text.append(f", locked in round {current.locked_round}", style=_QUIET)
    return text


def _findings(nodes: Sequence[NodeView]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column()
    found = findings_of(nodes)
    for name, finding in found:
        mark, style = _MARK_BY_SEVERITY[finding.severity]
        text = finding.sentence if len(nodes) == 1 or not name else f"{name}: {finding.sentence}"
        table.add_row(Text(mark, style=style), Text(text, style="" if finding.severity != "note" else _QUIET))
        table.add_row("", Text(f"→ {finding.next_step}", style=_QUIET))
    if not found:
        table.add_row(Text("✓", style="green"), Text(_all_well(nodes)))
    return table


def _all_well(nodes: Sequence[NodeView]) -> str:
    statuses = [node.status for node in nodes if node.status is not None]
    if all(status.diagnosis and status.diagnosis.standing == "waits" for status in statuses):
        seconds = statuses[0].empty_block_period_seconds
        return f"Nothing is wrong. No transactions wait; an empty block comes every {seconds} s."
    return "Nothing is wrong."


def _node_table(nodes: Sequence[NodeView]) -> Table:
    table = _table(
        "node", "", ">height", ">round", ">final", ">peers", ">pool", ">disk free", ">certificate", "version"
    )
    for node in nodes:
        status = node.status
        if status is None:
            table.add_row(node.name, Text("● down", style="bold red"), *[Text("–", style=_QUIET)] * 8)
            continue
        standing = status.diagnosis.standing if status.diagnosis else "runs"
        table.add_row(
            node.name,
            Text(f"● {standing}", style=_STYLE_BY_STANDING[standing]),
            _number(status.head.number),
            Text(str(status.round.round), style="yellow" if status.round.round else _QUIET),
            _final_text(status),
            str(len(status.peers)),
            str(status.pool.pending + status.pool.queued),
            _size(status.disk.free_bytes),
            Text(_days_left(status)),
            Text(status.client_version.split("/")[1] if "/" in status.client_version else "", style=_QUIET),
        )
    return table


def _down_line(node: NodeView) -> Text:
    return Text.assemble(("✗ ", "bold red"), f"{node.url}: {node.problem}.\n", (f"  → {_NEXT_LOOK}.", _QUIET))


def _validator_table(status: NodeStatus) -> Table:
    counted = max((validator.counted_blocks for validator in status.validators), default=0)
    table = _table(
        "validator", "endpoint", "link", ">height", ">proposed", ">sealed", f"seals of last {counted}", "now"
    )
    for validator in status.validators:
        table.add_row(
            Text.assemble(_name(validator), (" (this node)", _QUIET) if validator.is_self else ""),
            Text(validator.endpoint or "–", style=_QUIET),
            Text("●", style="green") if validator.is_linked else Text("○ none", style="red"),
            _number(validator.number),
            _number(validator.last_proposed),
            _number(validator.last_sealed),
            _bar(validator.sealed_blocks, validator.counted_blocks),
            Text(_stage_of(status, validator), style=_QUIET),
        )
    return table


def _stage_of(status: NodeStatus, validator: ValidatorStatus) -> str:
    """How far it has come in the round that runs."""
    current = status.round
    asked = current.round_by_validator.get(validator.address)
    if validator.address in current.commits:
        return "committed"
    if validator.address in current.prepares:
        return "prepared"
    if validator.address == current.proposer and current.is_started:
        return "proposed" if current.has_proposal else "has the turn"
    return f"asks for round {asked}" if asked is not None else ""


def _block_table(status: NodeStatus) -> Table:
    table = _table(">block", "proposer", ">round", ">transactions", "time", "sealed by")
    names = {validator.address: _name(validator) for validator in status.validators}
    for block in status.blocks[:_BLOCKS_SHOWN]:
        table.add_row(
            _number(block.number),
            names.get(block.proposer, _short(block.proposer)),
            Text(str(block.round), style="yellow" if block.round else _QUIET),
            _number(block.transaction_count),
            Text(_clock(block.timestamp)[11:19], style=_QUIET),
            _sealers(status, block),
        )
    return table


def _sealers(status: NodeStatus, block: BlockStatus) -> Text:
    text = Text()
    for index, validator in enumerate(status.validators):
        is_there = validator.address in block.signers
        text.append("  " if index else "")
        text.append("● " if is_there else "○ ", style="green" if is_there else "red")
        text.append(_name(validator), style=_QUIET)
    return text


def _peer_tables(status: NodeStatus) -> list[Table]:
    if not status.peers:
        return []
    table = _table("peer", "endpoint", "", ">height", ">latency", ">misdeeds", "version")
    for peer in status.peers:
        direction = "dialled by us" if peer.is_outbound else "dialled us"
        table.add_row(
            peer.organisation_name or "not a member (download only)",
            Text(peer.endpoint, style=_QUIET),
            Text(direction, style=_QUIET) if peer.is_live else Text("silent", style="red"),
            _number(peer.number),
            Text("–" if peer.latency_ms is None else f"{peer.latency_ms} ms"),
            Text(str(peer.misdeed_points), style="yellow" if peer.misdeed_points else _QUIET),
            Text(peer.client_version, style=_QUIET),
        )
    return [table]


def _facts(status: NodeStatus) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_column(style=_QUIET)
    table.add_column()
    needed = status.finality.byzantine_quorum
    if needed is None:
        table.add_row("final", "crash_final only: nobody else seals")
    else:
        seals = f", needs {needed} of {len(status.validators)} seals"
        table.add_row("final", Text.assemble(f"byzantine_final up to {_final_text(status)}", (seals, _QUIET)))
    pool = status.pool
    table.add_row("pool", f"{_number(pool.pending)} pending, {_number(pool.queued)} queued, {_size(pool.size_bytes)}")
    table.add_row("disk", f"{_size(status.disk.store_bytes)} used, {_size(status.disk.free_bytes)} free")
    if status.network.listen is not None:
        table.add_row("network", f"listens on {status.network.listen}, certificate: {_days_left(status)}")
    if status.evidence_count:
        table.add_row("evidence", Text(f"{status.evidence_count} contradictions", style="red"))
    role = "validator" if status.is_validator else "follower"
    table.add_row("node", f"{role} {status.validator}, up {_duration(status.uptime_seconds)}")
    table.add_row("", Text(f"{status.client_version}, {status.engine}", style=_QUIET))
    if status.vault_id is not None:
        table.add_row("vault", Text(status.vault_id, style=_QUIET))
    return table


def _table(*columns: str) -> Table:
    """A quiet table; a column whose name begins with > is set to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return table


def _bar(done: int, total: int) -> Text:
    if total == 0:
        return Text("–", style=_QUIET)
    cells = done * _BAR_CELLS // total
    style = "green" if done * 10 >= total * 9 else "yellow" if done * 2 >= total else "red"
    return Text.assemble(("━" * cells, style), ("━" * (_BAR_CELLS - cells), "grey23"), (f" {done}", _QUIET))


def _final_text(status: NodeStatus) -> str:
    final = status.finality.byzantine_final_number
    if final is None:
        return "–"
    lag = status.head.number - final
    return _number(final) if lag == 0 else f"{_number(final)} (−{lag})"


def _days_left(status: NodeStatus) -> str:
    expires = status.network.certificate_expires
    if expires is None:
        return "–"
    left_seconds = expires - status.now_ms // 1000
    return f"{left_seconds // _DAY_SECONDS} days left" if left_seconds > 0 else "expired"


def _name(validator: ValidatorStatus) -> str:
    return validator.organisation_name or _short(validator.address)


def _name_of(status: NodeStatus, address: str) -> str:
    return next((_name(validator) for validator in status.validators if validator.address == address), _short(address))


def _short(text: str) -> str:
    return f"{text[:8]}…{text[-4:]}"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}".replace(",", " ")


def _size(size_bytes: int) -> str:
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"


def _duration(seconds: int) -> str:
    days, rest = divmod(seconds, _DAY_SECONDS)
    hours, minutes = rest // 3600, rest % 3600 // 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _clock(second: int) -> str:
    return datetime.fromtimestamp(second, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
