"""States of a pack. Source: docs/protocol.md, 6."""

from enum import IntEnum

from client.sdk.errors import RefusedError


class PackStatus(IntEnum):
    """Where a pack is on its way; the numbers are the chain's."""

    NONE = 0
    INVITED = 1
    OPEN = 2
    SUBMITTED = 3
    QUERIED = 4
    SCORED = 5
    SCREENED = 6
    BROUGHT_DOWN = 7
    TRANSFERRED = 8
    ISSUED = 9
    MONITORED = 10
    CLOSED = 11
    WITHDRAWN = 12

    @property
    def word(self) -> str:
        """The status as people say it."""
        return self.name.lower().replace("_", " ")


_NEXT_STEP = {
    PackStatus.NONE: "risk control invites packs with `tranchain risk invite`",
    PackStatus.INVITED: "its originator submits it with `tranchain pack submit`",
    PackStatus.OPEN: "its originator finishes it with `tranchain pack submit`",
    PackStatus.SUBMITTED: "next is `tranchain risk query`",
    PackStatus.QUERIED: "next is `tranchain risk score`",
    PackStatus.SCORED: "next is `tranchain risk screen`",
    PackStatus.SCREENED: "next is `tranchain pack bring-down`",
    PackStatus.BROUGHT_DOWN: "next are `tranchain pack assign` and `tranchain exchange accept`",
    PackStatus.TRANSFERRED: "next is `tranchain exchange issue`",
}


def check_status(pack_id: int, status: int, *allowed: PackStatus) -> None:
    """Raise RefusedError with the step that is due unless the pack is in one of the states."""
    if status not in allowed:
        words = " or ".join(each.word for each in allowed)
        actual = PackStatus(status)
        raise RefusedError("AssetPackRegistry", f"pack {pack_id} is {actual.word}, not {words}", _NEXT_STEP.get(actual))
