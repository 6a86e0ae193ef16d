"""Which engines the tests run on: both where the native one is built, or the one that TRANCHAIN_TEST_ENGINE names."""

import os

from chain_node.execution.native.library import LibraryMissingError, load_library
from chain_node.node.engine_choice import EngineName

WANTED = os.environ.get("TRANCHAIN_TEST_ENGINE", "")


def _is_native_built() -> bool:
    try:
        load_library()
    except LibraryMissingError:
        return False
    return True


IS_NATIVE_BUILT = _is_native_built()
ALL: tuple[EngineName, ...] = ("py-evm", "native") if IS_NATIVE_BUILT else ("py-evm",)
ENGINES = tuple(name for name in ALL if WANTED in ("", name))
"""For suites that run on every engine."""

ENGINE: EngineName = "native" if "native" in ENGINES else "py-evm"
"""For suites that run on one."""

if WANTED:
    os.environ["TRANCHAIN_ENGINE"] = WANTED
if WANTED and WANTED not in ENGINES:
    raise RuntimeError(f"TRANCHAIN_TEST_ENGINE is {WANTED}, which is not there")
