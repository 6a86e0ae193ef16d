"""The roles of accounts. Pure: no I/O.

Source: docs/protocol.md, 1.
"""

from collections.abc import Iterable
from enum import IntEnum

from client.sdk.errors import InvalidInputError


class Role(IntEnum):
    """AccessManager role id, which is also the bit number in an account's role bitmap."""

    BUREAU = 1
    ORIGINATOR = 2
    RISK_CONTROL = 3
    ORACLE = 4
    REGISTRAR = 5
    EXCHANGE = 6
    TRUSTEE = 7
    AUDITOR = 8
    DEPLOYER = 9
    GOVERNOR = 10
    SERVICER = 11
    REGULATOR = 12
    SYSTEM = 20
    UPGRADER = 21


ADMIN_ROLE_ID = 0
"""Governance, held by the Consortium contract alone; never in a bitmap."""

PUBLIC_ROLE_ID = 2**64 - 1
"""Everybody has it: a function with this role is open to all that may send transactions."""


def role_bitmap(roles: Iterable[Role]) -> int:
    """Return the bitmap of roles."""
    bitmap = 0
    for role in roles:
        bitmap |= 1 << role
    return bitmap


def roles_of(bitmap: int) -> tuple[Role, ...]:
    """Return the roles of a bitmap, ascending; bits that name no role are left out."""
    return tuple(role for role in Role if bitmap >> role & 1)


def role_named(name: str) -> Role:
    """Return the role of a name as people write it: any case, `-` or `_`."""
    try:
        return Role[name.strip().upper().replace("-", "_")]
    except KeyError:
        names = ", ".join(role.name for role in Role)
        raise InvalidInputError("role", got=name, expected=f"one of {names}") from None


def role_text(role_id: int) -> str:
    """Return a role id as a word: its name, `governance` for 0, else the number."""
    if role_id in (ADMIN_ROLE_ID, PUBLIC_ROLE_ID):
        return "governance" if role_id == ADMIN_ROLE_ID else "anyone"
    return next((role.name for role in Role if role == role_id), f"role {role_id}")
