"""Child process of the crash test: commits blocks as fast as it can and acknowledges each on standard output."""

import sys
from pathlib import Path

from chain_node.storage import LmdbStore
from tests.unit.storage.commits import IDENTITY, make_commit


def main() -> None:
    store = LmdbStore(Path(sys.argv[1]), IDENTITY, map_size_bytes_start=1 << 20)
    head = store.head()
    height = 0 if head is None else head.height + 1
    while True:
        store.commit_block(make_commit(height, node_count=60, node_size_bytes=500))
        sys.stdout.write(f"{height}\n")
        sys.stdout.flush()
        height += 1


if __name__ == "__main__":
    main()
