"""Every case of the source documents comes out, by the product's own code."""

import pytest

from scripts.source_cases import CASES, RUNS


@pytest.mark.parametrize("name", sorted(RUNS))
def test_the_figures_of_a_case_come_out(name: str) -> None:
    figures = list(RUNS[name]())
    assert figures
    assert [figure for figure in figures if not figure.holds] == []


def test_every_file_of_the_cases_is_named_in_their_readme() -> None:
    text = (CASES / "README.md").read_text()
    assert [path.name for path in CASES.glob("*.toml") if f"`{path.name}`" not in text] == []
