"""Build the native engine in a working copy: `python scripts/build_native.py`; needs cargo and a C compiler."""

import shutil
import subprocess
import sys
from pathlib import Path

CRATE = Path(__file__).resolve().parent.parent / "chain_node" / "execution" / "native"
_LIBRARY_NAMES = ("lib_native.so", "lib_native.dylib", "_native.dll")


def main() -> None:
    if shutil.which("cargo") is None:
        sys.exit("cargo is not installed; see https://rustup.rs, or go on with the py-evm engine")
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=CRATE, check=True)
    built = next(path for name in _LIBRARY_NAMES if (path := CRATE / "target" / "release" / name).exists())
    library = CRATE / ("_native.pyd" if built.suffix == ".dll" else "_native.abi3.so")
    # Replaced in one step: a running node may have the old library mapped.
    shutil.copy(built, library.with_suffix(".new"))
    library.with_suffix(".new").replace(library)
    print(f"built {library}")


if __name__ == "__main__":
    main()
