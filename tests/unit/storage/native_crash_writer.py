"""Child process of the native store's crash test: commits executed blocks and acknowledges each on standard output."""

import sys
from pathlib import Path

from tests.unit.storage.native_chain import NativeChain


def main() -> None:
    chain = NativeChain(Path(sys.argv[1]), slot_count=int(sys.argv[2]))
    head = chain.store.head()
    height = 0 if head is None else head.height + 1
    while True:
        chain.store.commit_block(chain.make_commit(height))
        sys.stdout.write(f"{height}\n")
        sys.stdout.flush()
        height += 1


if __name__ == "__main__":
    main()
