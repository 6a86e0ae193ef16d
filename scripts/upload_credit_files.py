#!/usr/bin/env python3
"""Upload credit files as a bureau: the same as `tranchain bureau upload`, for schedulers that run scripts.

Example: scripts/upload_credit_files.py credit_files.csv --mapping mapping.toml --config bureau.toml
"""

import sys

from client.cli.app import run

if __name__ == "__main__":
    sys.exit(run(["bureau", "upload", *sys.argv[1:]]))
