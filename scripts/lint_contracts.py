"""Lint the Solidity sources with solhint; npm installs it from contracts/package-lock.json where it is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"


def main() -> int:
    """Return solhint's exit code; without npm say so and pass, because everything else can still be linted."""
    npm = shutil.which("npm")
    if npm is None:
        print("solhint: not run, because there is no npm on this machine", file=sys.stderr)
        return 0
    if not (CONTRACTS / "node_modules" / ".bin" / "solhint").exists():
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=CONTRACTS, check=True)
    sources = [
        str(path.relative_to(CONTRACTS))
        for path in sorted(CONTRACTS.glob("**/*.sol"))
        if "node_modules" not in path.parts
    ]
    command = ["node_modules/.bin/solhint", "--noPoster", "--max-warnings", "0", *sources]
    done = subprocess.run(command, cwd=CONTRACTS, check=False)
    if not done.returncode:
        print(f"solhint: {len(sources)} files, nothing to say")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
