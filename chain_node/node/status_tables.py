"""The tables of `tranchain-node status`. Pure: a status in, something Rich can print out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from chain_node.node.status import NodeView
from chain_node.node.status_words import DAY_SECONDS, clock, duration, name_of, number, short, size
from chain_node.rpc.node_status import BlockStatus, NodeStatus, Standing, ValidatorStatus

QUIET = "bright_black"
"""Style of what is only detail."""

STYLE_BY_STANDING: dict[Standing, str] = {
    "runs": "green",
    "waits": "green",
    "syncs": "yellow",
    "stands still": "bold red",
    "halted": "bold red",
}
"""Green runs, yellow wants attention, red is broken."""

_BLOCKS_SHOWN = 6
_BAR_CELLS = 10


def node_table(nodes: Sequence[NodeView]) -> Table:
    """One row for each node that was asked."""
    table = _table(
        "node", "", ">height", ">round", ">final", ">peers", ">pool", ">disk free", ">certificate", "version"
    )
    for node in nodes:
        status = node.status
        if status is None:
            table.add_row(node.name, Text("● down", style="bold red"), *[Text("–", style=QUIET)] * 8)
            continue
        standing = status.diagnosis.standing if status.diagnosis else "runs"
        table.add_row(
            node.name,
            Text(f"● {standing}", style=STYLE_BY_STANDING[standing]),
            number(status.head.number),
            Text(str(status.round.round), style="yellow" if status.round.round else QUIET),
            _final_text(status),
            str(len(status.peers)),
            str(status.pool.pending + status.pool.queued),
            size(status.disk.free_bytes),
            Text(_days_left(status)),
            Text(status.client_version.split("/")[1] if "/" in status.client_version else "", style=QUIET),
        )
    return table


def validator_table(status: NodeStatus) -> Table:
    """Who decides, who is linked, who proposed and sealed, and what each has said in the round that runs."""
    counted = max((validator.counted_blocks for validator in status.validators), default=0)
    table = _table(
        "validator", "endpoint", "link", ">height", ">proposed", ">sealed", f"seals of last {counted}", "now"
    )
    for validator in status.validators:
        table.add_row(
            Text.assemble(name_of(validator), (" (this node)", QUIET) if validator.is_self else ""),
            Text(validator.endpoint or "–", style=QUIET),
            Text("●", style="green") if validator.is_linked else Text("○ none", style="red"),
            number(validator.number),
            number(validator.last_proposed),
            number(validator.last_sealed),
            _bar(validator.sealed_blocks, validator.counted_blocks),
            Text(_stage_of(status, validator), style=QUIET),
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


def block_table(status: NodeStatus) -> Table:
    """The newest blocks: who proposed, who sealed."""
    table = _table(">block", "proposer", ">round", ">transactions", "time", "sealed by")
    names = {validator.address: name_of(validator) for validator in status.validators}
    for block in status.blocks[:_BLOCKS_SHOWN]:
        table.add_row(
            number(block.number),
            names.get(block.proposer, short(block.proposer)),
            Text(str(block.round), style="yellow" if block.round else QUIET),
            number(block.transaction_count),
            Text(clock(block.timestamp)[11:19], style=QUIET),
            _sealers(status, block),
        )
    return table


def _sealers(status: NodeStatus, block: BlockStatus) -> Text:
    text = Text()
    for index, validator in enumerate(status.validators):
        is_there = validator.address in block.signers
        text.append("  " if index else "")
        text.append("● " if is_there else "○ ", style="green" if is_there else "red")
        text.append(name_of(validator), style=QUIET)
    return text


def peer_tables(status: NodeStatus) -> list[Table]:
    """The links of this node; nothing if there are none."""
    if not status.peers:
        return []
    table = _table("peer", "endpoint", "", ">height", ">latency", ">misdeeds", "version")
    for peer in status.peers:
        direction = "dialled by us" if peer.is_outbound else "dialled us"
        table.add_row(
            peer.organisation_name or "not a member (download only)",
            Text(peer.endpoint, style=QUIET),
            Text(direction, style=QUIET) if peer.is_live else Text("silent", style="red"),
            number(peer.number),
            Text("–" if peer.latency_ms is None else f"{peer.latency_ms} ms"),
            Text(str(peer.misdeed_points), style="yellow" if peer.misdeed_points else QUIET),
            Text(peer.client_version, style=QUIET),
        )
    return [table]


def facts(status: NodeStatus) -> Table:
    """Finality, pool, disk, network and the node itself."""
    table = Table.grid(padding=(0, 3))
    table.add_column(style=QUIET)
    table.add_column()
    needed = status.finality.byzantine_quorum
    if needed is None:
        table.add_row("final", "crash_final only: nobody else seals")
    else:
        seals = f", needs {needed} of {len(status.validators)} seals"
        table.add_row("final", Text.assemble(f"byzantine_final up to {_final_text(status)}", (seals, QUIET)))
    pool = status.pool
    table.add_row("pool", f"{number(pool.pending)} pending, {number(pool.queued)} queued, {size(pool.size_bytes)}")
    table.add_row("disk", f"{size(status.disk.store_bytes)} used, {size(status.disk.free_bytes)} free")
    if status.network.listen is not None:
        table.add_row("network", f"listens on {status.network.listen}, certificate: {_days_left(status)}")
    if status.evidence_count:
        table.add_row("evidence", Text(f"{status.evidence_count} contradictions", style="red"))
    role = "validator" if status.is_validator else "follower"
    table.add_row("node", f"{role} {status.validator}, up {duration(status.uptime_seconds)}")
    table.add_row("", Text(f"{status.client_version}, {status.engine}", style=QUIET))
    if status.vault_id is not None:
        table.add_row("vault", Text(status.vault_id, style=QUIET))
    return table


def _table(*columns: str) -> Table:
    """A quiet table; a column whose name begins with > is set to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=QUIET)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=True)
    return table


def _bar(done: int, total: int) -> Text:
    if total == 0:
        return Text("–", style=QUIET)
    cells = done * _BAR_CELLS // total
    style = "green" if done * 10 >= total * 9 else "yellow" if done * 2 >= total else "red"
    return Text.assemble(("━" * cells, style), ("╌" * (_BAR_CELLS - cells), QUIET), (f" {done}", QUIET))


def _final_text(status: NodeStatus) -> str:
    final = status.finality.byzantine_final_number
    if final is None:
        return "–"
    lag = status.head.number - final
    return number(final) if lag == 0 else f"{number(final)} (−{lag})"


def _days_left(status: NodeStatus) -> str:
    expires = status.network.certificate_expires
    if expires is None:
        return "–"
    left_seconds = expires - status.now_ms // 1000
    return f"{left_seconds // DAY_SECONDS} days left" if left_seconds > 0 else "expired"
