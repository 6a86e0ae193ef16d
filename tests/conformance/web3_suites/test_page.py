"""docs/json_rpc.md lists every method, and every test of others that is not run."""

import re
from pathlib import Path

from web3._utils.module_testing import eth_module, web3_module
from web3._utils.module_testing import go_ethereum_admin_module as admin_module
from web3._utils.module_testing import go_ethereum_debug_module as debug_module

from chain_node.rpc import METHODS
from tests.conformance.web3_suites.not_of_this_chain import SKIPPED, SOCKET_ONLY, STANDING

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "json_rpc.md").read_text()


def rows(heading: str) -> list[tuple[str, str]]:
    """The two cells of each row of the table under a heading."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n")[0]
    return re.findall(r"^\| (.+?) \| (.*?) ?\|$", table, re.MULTILINE)


def test_page_lists_every_method_once() -> None:
    listed = [name for names, _ in rows("method") for name in re.findall(r"`(\w+)`", names)]
    assert sorted(listed) == sorted(METHODS)


def test_page_lists_what_is_not_run_with_its_reason() -> None:
    listed = {reason: tuple(re.findall(r"`(\w+)`", names)) for reason, names in rows("reason")}
    assert listed == SKIPPED


def test_tests_that_are_treated_apart_exist() -> None:
    """One that web3.py renames must not stay on a list."""
    suites = (eth_module, web3_module, admin_module, debug_module)
    classes = [value for suite in suites for value in vars(suite).values() if isinstance(value, type)]
    known = {name for one in classes for name in dir(one)}
    named = {*STANDING, *SOCKET_ONLY, *(name for names in SKIPPED.values() for name in names)}
    assert named - known == set()
