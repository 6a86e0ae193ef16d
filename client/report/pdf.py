"""A page as PDF, printed by a Chromium without a window where there is one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from client.sdk.errors import InvalidInputError, UnavailableError

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_TIMEOUT_S: Final = 120


def find_browser() -> str | None:
    """Return the browser of TRANCHAIN_CHROMIUM, or the first on the path; None when there is none."""
    named = os.environ.get("TRANCHAIN_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def print_pdf(page: Path, target: Path) -> None:
    """Print an HTML file.

    Raises:
        UnavailableError: there is no Chromium, or it did not print in time.
        InvalidInputError: the file cannot be written there.
    """
    browser = find_browser()
    if browser is None:
        raise UnavailableError(
            "printing to PDF", "no Chromium found; install one, or name it in TRANCHAIN_CHROMIUM. The HTML prints alike"
        )
    with tempfile.TemporaryDirectory(prefix="tranchain-print-") as profile:
        line = [browser, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        line += ["--no-sandbox"] if os.geteuid() == 0 else []  # the sandbox of Chromium refuses to run as root
        line += [f"--print-to-pdf={target.resolve()}", page.resolve().as_uri()]
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError("printing to PDF", f"{browser} did not end within {_TIMEOUT_S} s") from error
    if done.returncode or not target.is_file():
        raise InvalidInputError(str(target), got=f"exit code {done.returncode} of {browser}", expected="a PDF")
