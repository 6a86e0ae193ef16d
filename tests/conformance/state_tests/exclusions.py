"""State tests that an engine does not run, by name and with the reason. Nothing else is left out.

Tests for rules other than Istanbul, Berlin and London are not exclusions: a chain of this node cannot have those rules.
"""

import re

_SLOTS_ALONE = (
    "it reads EXTCODEHASH of an account with storage and neither code nor nonce, for which revm gives 0; no block "
    "leads to such an account, and a genesis file that describes one is refused"
)
EXCLUSIONS = {
    ("native", r".*stExtCodeHash/extcodehashEmpty(_Paris)?/.* d1 g0 v0"): _SLOTS_ALONE,
    ("native", r".*stSpecialTest/eoaEmptyParis/.* London d[01] (g0 v0|g1 v[01])"): _SLOTS_ALONE,
}
"""Engine ("*" for all) and a pattern that must match the whole name of a case."""


def exclusion_of(name: str, engine: str) -> str | None:
    """Why a case is not run on an engine; None if it is."""
    for (excluded_engine, pattern), reason in EXCLUSIONS.items():
        if excluded_engine in ("*", engine) and re.fullmatch(pattern, name):
            return reason
    return None
