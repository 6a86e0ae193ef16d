"""Every rule of the specification has a test that quotes it: `rules.md` is the table, and this keeps it whole."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FACTS = ROOT / "tests" / "conformance" / "qbft" / "qbft_facts.md"
SECTIONS = ["1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "3.5", *(f"4.{number}" for number in range(1, 10))]
TABLE_HEAD = re.compile(r"\|[-|]+\||\| (field|hash|ref|n) \|.*")


@dataclass
class Rule:
    section: str
    quote: str
    tests: list[str] = field(default_factory=list)
    reason: str = ""
    """Why there is nothing to test."""


def read_table() -> list[Rule]:
    rules: list[Rule] = []
    section = ""
    for line in (Path(__file__).parent / "rules.md").read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith('- "'):
            rules.append(Rule(section, line[3:].removesuffix('"')))
        elif line.startswith("  - not ours: "):
            rules[-1].reason = line.removeprefix("  - not ours: ")
        elif line.startswith("  - "):
            rules[-1].tests.append(line.removeprefix("  - "))
    return rules


def read_facts() -> dict[str, list[str]]:
    """Lines that say something, by section; one bullet, table row or paragraph each."""
    facts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in FACTS.read_text().splitlines():
        heading = re.match(r"##+ (\d(?:\.\d)?)", line)
        if heading:
            lines = facts.setdefault(heading[1], [])
        elif line.strip() and not line.startswith("---") and not TABLE_HEAD.fullmatch(line):
            lines.append(line)
    return facts


@cache
def docstrings(path: Path) -> dict[str, str]:
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return {node.name: " ".join((ast.get_docstring(node) or "").split()) for node in functions}


RULES = read_table()
TESTED = [(rule, test) for rule in RULES for test in rule.tests]


def lines_without_rule() -> Iterator[str]:
    for section in SECTIONS:
        quotes = [rule.quote for rule in RULES if rule.section == section]
        for line in read_facts()[section]:
            if not any(quote in line for quote in quotes):
                yield f"{section}: {line}"


def test_no_line_of_the_specification_is_without_a_rule() -> None:
    assert list(lines_without_rule()) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.section} {rule.quote[:50]}")
def test_rule_is_quoted_from_its_section_and_is_tested_or_says_why_not(rule: Rule) -> None:
    if rule.section in SECTIONS:
        assert any(rule.quote in line for line in read_facts()[rule.section])
    else:
        assert rule.section == "Design 4.2"
    assert bool(rule.tests) != bool(rule.reason)


@pytest.mark.parametrize(("rule", "test"), TESTED, ids=lambda value: value if isinstance(value, str) else "")
def test_test_of_a_rule_exists_and_quotes_it(rule: Rule, test: str) -> None:
    path, name = test.split("::")
    docstring = docstrings(ROOT / path).get(name)
    assert docstring is not None, f"{test} does not exist"
    assert " ".join(rule.quote.split()).lower() in docstring.lower(), f"{test} does not quote: {rule.quote}"
