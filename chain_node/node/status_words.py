"""How the status of a node is said to people: names, sizes, times. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from chain_node.rpc.node_status import NodeStatus, ValidatorStatus

DAY_SECONDS = 86_400


def name_of(validator: ValidatorStatus) -> str:
    """The member that runs it, or what is known of it."""
    return validator.organisation_name or short(validator.address)


def name_of_address(status: NodeStatus, address: str) -> str:
    """The same by address, for one that may have left the set, too."""
    return next((name_of(one) for one in status.validators if one.address == address), short(address))


def list_of(validators: Iterable[ValidatorStatus]) -> str:
    """Names with endpoints."""
    return ", ".join(f"{name_of(one)} ({one.endpoint or short(one.address)})" for one in validators)


def short(text: str) -> str:
    """An address or hash, shortened."""
    return f"{text[:8]}…{text[-4:]}"


def number(value: int | None) -> str:
    """Digits in groups of three."""
    return "–" if value is None else f"{value:,}".replace(",", " ")


def size(size_bytes: int) -> str:
    """Bytes in the unit that fits."""
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} B"


def duration(seconds: int) -> str:
    """The two greatest units."""
    days, rest = divmod(seconds, DAY_SECONDS)
    hours, minutes = rest // 3600, rest % 3600 // 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def clock(second: int) -> str:
    """A second since 1970."""
    return datetime.fromtimestamp(second, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
