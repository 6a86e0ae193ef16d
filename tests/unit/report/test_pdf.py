"""Printing by a browser: stand-ins for the browser are programs that do what it does, or fail."""

from pathlib import Path

import pytest

from client.report.pdf import find_browser, print_pdf
from client.sdk.errors import InvalidInputError, UnavailableError

PRINTS = """#!/bin/sh
for word in "$@"; do case "$word" in --print-to-pdf=*) printf '%%PDF %s' "$*" > "${word#--print-to-pdf=}";; esac; done
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text("<p>page</p>")
    return path


def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "browser"
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("TRANCHAIN_CHROMIUM", str(path))


def test_a_page_is_printed_without_a_window_and_without_the_browsers_own_header(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(tmp_path, monkeypatch, PRINTS)
    target = tmp_path / "page.pdf"
    print_pdf(page, target)
    printed = target.read_text()
    assert printed.startswith("%PDF")
    assert all(word in printed for word in ("--headless", "--no-pdf-header-footer", page.as_uri()))


def test_a_browser_that_fails_is_told_of(tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser(tmp_path, monkeypatch, "#!/bin/sh\nexit 3\n")
    with pytest.raises(InvalidInputError, match="exit code 3"):
        print_pdf(page, tmp_path / "page.pdf")


def test_a_browser_that_writes_nothing_is_told_of(tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser(tmp_path, monkeypatch, "#!/bin/sh\nexit 0\n")
    with pytest.raises(InvalidInputError, match="a PDF"):
        print_pdf(page, tmp_path / "page.pdf")


def test_without_a_browser_nothing_is_printed_and_the_error_says_what_to_do(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANCHAIN_CHROMIUM", str(tmp_path / "none"))
    assert find_browser() is None
    with pytest.raises(UnavailableError, match="TRANCHAIN_CHROMIUM"):
        print_pdf(page, tmp_path / "page.pdf")


def test_the_first_browser_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANCHAIN_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None
    chromium = tmp_path / "google-chrome"
    chromium.write_text(PRINTS)
    chromium.chmod(0o755)
    assert find_browser() == str(chromium)
