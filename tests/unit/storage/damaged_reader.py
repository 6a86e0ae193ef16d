"""Child process of the damage test: reads a whole store once for each page, with that page damaged.

Prints one line per page: `whole` if everything was as it should be, else the class of the error; AssertionError where
something wrong was believed.
"""

import sys
from pathlib import Path
from random import Random

from chain_node.core.types import Height
from chain_node.execution.errors import EngineFault
from tests.unit.storage.native_chain import NativeChain

PAGE_SIZE_BYTES = 4096
META_PAGES = 2


def main() -> None:
    source, work, head = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), int(sys.argv[3])
    random = Random(4)
    for page in range(META_PAGES, len(source) // PAGE_SIZE_BYTES):
        begin = page * PAGE_SIZE_BYTES
        kept = source[begin : begin + PAGE_SIZE_BYTES // 2]
        damage = (bytes(PAGE_SIZE_BYTES), kept + bytes(PAGE_SIZE_BYTES // 2), kept + random.randbytes(2048))[page % 3]
        (work / "data.mdb").write_bytes(source[:begin] + damage + source[begin + PAGE_SIZE_BYTES :])
        print(page, read_all(work, head), flush=True)


def read_all(path: Path, head: int) -> str:
    try:
        chain = NativeChain(path)
    except (Exception, EngineFault) as error:
        return type(error).__name__
    try:
        for height in range(head + 1):
            chain.check(Height(height))
    except (Exception, EngineFault) as error:
        return type(error).__name__
    finally:
        chain.store.close()
    return "whole"


if __name__ == "__main__":
    main()
