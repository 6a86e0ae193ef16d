"""The one-shot services of docker-compose.yml: `init` makes the demo network's keys and genesis, `setup` founds it.

Both do nothing on a network that has been made and founded: a second `docker-compose up` keeps it.
"""

import argparse
import os
import shutil
from pathlib import Path

from demo import Demo, found_network, make_network
from demo_consortium import DemoConsortium

REGISTRAR_KEY = Path("/var/lib/tranchain/registrar.key.json")


def init(demo: Demo) -> None:
    """Make accounts, certificates, member files, the validator key and the genesis file.

    The node's own copy of the genesis file appears last and at once, so it says that everything else is complete. What
    an interrupted run left is made anew.
    """
    accounts, node = demo.directory / "genesis.json", demo.directory / "node" / "genesis.json"
    if node.exists():
        if not accounts.exists() or accounts.read_bytes() != node.read_bytes():
            raise SystemExit("accounts and node differ in their network; `docker-compose down --volumes` removes both")
        print("the network is kept as it is")
        return
    for name in ("keystores", "members", "certificates"):
        shutil.rmtree(demo.directory / name, ignore_errors=True)
    for name in ("password", "genesis.json", "founded", "node/validator.key"):
        (demo.directory / name).unlink(missing_ok=True)
    made = make_network(demo)
    new = node.with_suffix(".new")
    shutil.copyfile(made, new)
    os.replace(new, node)


def setup(demo: Demo) -> None:
    """Deploy the contracts, enrol the originator, activate the model, prove the keys, make the registrar's key."""
    founded = demo.directory / "founded"
    if founded.exists():
        # Later changes are the members' to decide: what they revoked or retired does not come back with a restart.
        print("the network was founded before")
        return
    demo.consortium = DemoConsortium(demo.directory)
    found_network(demo)
    if not REGISTRAR_KEY.exists():
        demo.run("tranchain", "registrar", "init", "--key-file", str(REGISTRAR_KEY), account="registrar", show=False)
    founded.touch()


def main() -> None:
    """Run the one step that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("init", "setup"))
    parser.add_argument("--directory", type=Path, default=Path("/consortium"), help="accounts, and the node below it")
    arguments = parser.parse_args()
    rpc, registrar = os.environ.get("TRANCHAIN_RPC", ""), os.environ.get("TRANCHAIN_REGISTRAR", "")
    demo = Demo(arguments.directory, rpc=rpc, registrar=registrar)
    if arguments.step == "init":
        init(demo)
    else:
        setup(demo)


if __name__ == "__main__":
    main()
