"""The one-shot services of docker-compose.yml: `init` makes the demo network's keys and genesis, `setup` founds it.

Both do nothing on a network that has been made and founded: a second `docker-compose up` keeps it.
"""

import argparse
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from demo_consortium import MEMBERS, NODE_NAMES
from demo_network import found_network, make_network
from demo_stage import Demo

REGISTRAR_KEY = Path("/var/lib/tranchain/registrar.key.json")
P2P_PORT = 30303


def init(demo: Demo) -> None:
    """Make accounts, certificates, member files, the nodes' keys and the genesis file.

    The nodes' own copies of the genesis file appear last, and each at once, so the last of them says that everything is
    complete. What an interrupted run left is made anew.
    """
    copies = [demo.directory / name / "node" / "genesis.json" for name in MEMBERS]
    known = {path.read_bytes() for path in (demo.directory / "genesis.json", *copies) if path.exists()}
    if all(path.exists() for path in copies):
        if len(known) != 1 or not (demo.directory / "genesis.json").exists():
            raise SystemExit("accounts and nodes differ in their network; `docker-compose down --volumes` removes all")
        print("the network is kept as it is")
        return
    if any((path.parent / "chain").exists() for path in copies):
        raise SystemExit("a node has lost its genesis file; `docker-compose down --volumes` removes the network")
    for path in _leftovers(demo.directory):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    endpoints = {name: f"{NODE_NAMES[name]}:{P2P_PORT}" for name in MEMBERS}
    made = make_network(demo, endpoints)
    for name, copy in zip(MEMBERS, copies, strict=True):
        shutil.copy(demo.consortium.password_file, demo.directory / name / "password")
        new = copy.with_suffix(".new")
        shutil.copyfile(made, new)
        os.replace(new, copy)


def _leftovers(directory: Path) -> Iterator[Path]:
    """What an earlier run made, the folders that volumes are mounted on left out."""
    mounts = {directory / name for name in MEMBERS} | {directory / name / "node" for name in MEMBERS}
    for place in (directory, *sorted(mounts)):
        yield from (path for path in place.glob("*") if path not in mounts)


def setup(demo: Demo) -> None:
    """Deploy the contracts, enrol the originator, activate the model, prove the keys, make the registrar's key."""
    founded = demo.directory / "founded"
    if founded.exists():
        # Later changes are the members' to decide: what they revoked or retired does not come back with a restart.
        print("the network was founded before")
        return
    found_network(demo)
    if not REGISTRAR_KEY.exists():
        demo.run("tranchain", "registrar", "init", "--key-file", str(REGISTRAR_KEY), account="registrar", show=False)
    founded.touch()


def main() -> None:
    """Run the one step that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("init", "setup"))
    parser.add_argument("--directory", type=Path, default=Path("/consortium"), help="accounts, and the nodes below it")
    arguments = parser.parse_args()
    urls = {name: f"http://{node}:8545" for name, node in NODE_NAMES.items()}
    demo = Demo(arguments.directory, urls, registrar=os.environ.get("TRANCHAIN_REGISTRAR", ""))
    if arguments.step == "init":
        init(demo)
    else:
        setup(demo)


if __name__ == "__main__":
    main()
