"""The first months of the auto trust by real processes, as `make auto-trust` runs them all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_trust_is_issued_and_its_months_are_reported_and_judged() -> None:
    line = [sys.executable, "scripts/auto_trust.py", "--months", "4"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^    4 months, ", done.stdout, re.MULTILINE)
    assert re.findall(r"^ +(2017-\d\d) ", done.stdout, re.MULTILINE) == ["2017-06", "2017-07", "2017-08", "2017-09"]
    assert re.search(r"top levels: .*\n +rising: .*\n +loss: never", done.stdout)
    assert re.search(r"held out, removed +\d+ ", done.stdout)
