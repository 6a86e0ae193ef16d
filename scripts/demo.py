"""`make demo`: the main job on 6,069 real loans, across three institutions' nodes, by real processes.

Every step is a command of `tranchain` or `tranchain-node`, printed before it runs, so that a reader can do it by hand.
"""

import argparse
import shutil
import signal
import time
from pathlib import Path

from demo_consortium import AUDITOR_BY_ORACLE, MEMBERS, NODE_NAMES, ORIGINATOR
from demo_monitoring import monitor_year, write_report
from demo_network import found_network, start_network
from demo_report import REGISTRY, print_report, read_report, save_picture
from demo_stage import ROOT, Demo, find_port, stopping

from client.sdk.chain import ChainClient

EXAMPLES = Path("examples/lendingclub_2011")
POLICY = Path("examples/policy.toml")
PRODUCT = "LC-2011-1"
VICTIM = "risk-control"
"""The organisation whose node is killed."""
_REJOIN_S = 60


def run_main_job(demo: Demo) -> str:
    """Upload → submit → query → score → grade → screen → issue; returns the pack's id."""
    consortium, directory = demo.consortium, demo.directory
    demo.say("Bank bureau: upload the credit files of 6,008 borrowers, and answer queries")
    bureau_db = ("--db", str(directory / "bureau.db"))
    mapping = ("--mapping", str(EXAMPLES / "mapping_credit_files.toml"))
    demo.run(
        "tranchain", "bureau", "upload", str(EXAMPLES / "credit_files.csv"), *mapping, *bureau_db, account="bureau"
    )
    demo.start("bureau", "tranchain", "bureau", "serve", *bureau_db, account="bureau")
    key_file = ("--key-file", str(directory / "registrar.key.json"))
    demo.run("tranchain", "registrar", "init", *key_file, "--scrypt-n", "4096", account="registrar", show=False)
    listen = ("--listen", demo.registrar.removeprefix("http://"), "--log", str(directory / "registrar.requests.log"))
    demo.start("registrar", "tranchain", "registrar", "serve", *key_file, *listen, account="registrar")
    for oracle in demo.oracles:
        reader = (
            "--auditor",
            str(consortium.keystore(AUDITOR_BY_ORACLE[oracle])),
            "--db",
            str(directory / f"{oracle}.db"),
        )
        demo.start(oracle, "tranchain", "oracle", "serve", *reader, account=oracle)

    demo.say("Risk control invites the originator; the originator submits 6,069 loans")
    risk_db = ("--db", str(directory / "risk_control.db"))
    originator = consortium.identity(ORIGINATOR).address
    policy = ("--policy", str(POLICY))
    invite = ("tranchain", "risk", "invite", "--originator", originator, *policy)
    invited = demo.run(*invite, *risk_db, account="risk-control")
    pack = str(invited["pack"])
    demo.run(
        *("tranchain", "pack", "submit", str(EXAMPLES / "loans.csv"), "--pack", pack),
        *("--mapping", str(EXAMPLES / "mapping_loans.toml"), "--consents", str(EXAMPLES / "consents.csv")),
        *("--cut-off", "2011-12-31", "--closing", "2012-01-15", "--db", str(directory / "originator.db")),
        account=ORIGINATOR,
    )
    demo.say("Risk control queries every borrower's credit file")
    demo.run("tranchain", "risk", "query", pack, account="risk-control")
    demo.say("The oracle of each institution runs the ONNX model; a majority must report the same bytes")
    demo.run("tranchain", "risk", "score", pack, *policy, "--timeout", "120", account="risk-control")
    demo.say("What if? The contract answers by eth_call, and nothing is written")
    targets = ("--expected-bad-rate", "12%", "--expected-bad-rate", "8%")
    demo.run("tranchain", "risk", "what-if", pack, *policy, *targets, *risk_db, account="risk-control")
    demo.say("Risk control grades and screens the pack on chain until its expected bad rate is at most 10 %")
    demo.run("tranchain", "risk", "screen", pack, *policy, account="risk-control")
    demo.say("Closing: bring-down, assignment of title, acceptance by the trustee, issuance")
    demo.run("tranchain", "pack", "bring-down", pack, account=ORIGINATOR)
    document = directory / "assignment.txt"
    document.write_text(f"Assignment of the claims of pack {pack} to the SPV of product {PRODUCT}.\n")
    demo.run("tranchain", "pack", "assign", pack, "--document", str(document), account=ORIGINATOR, show=False)
    demo.run("tranchain", "exchange", "accept", pack, account="trustee", show=False)
    reader = ("--reader", str(consortium.keystore("trustee")))
    demo.run("tranchain", "exchange", "issue", PRODUCT, "--pack", pack, *reader, account="exchange")
    return pack


def check_and_show(demo: Demo) -> None:
    """Recompute the product's every figure, then compare with what became of the loans."""
    demo.say("The trustee recomputes every figure of the product from chain and vault")
    verified = demo.run("tranchain", "exchange", "verify", PRODUCT, account="trustee", show=False)
    for check in verified["checks"]:
        mark = "=" if check["equal"] else "DIFFERS FROM"
        print(f"    {check['figure']}: {check['on_chain'][:60]} {mark} {check['recomputed'][:60]}")
    demo.say("What became of the loans (known today, never shown to the model)")
    report = read_report(demo.consortium, demo.urls_of("trustee"), verified["pack"], ROOT / EXAMPLES / "outcomes.csv")
    print_report(report)
    picture = ROOT / "build" / "demo.png"
    save_picture(report, picture)
    print(f"\n  picture: {picture.relative_to(ROOT)}")


def kill_and_rejoin(demo: Demo) -> None:
    """Kill a node the hard way; the members decide something meanwhile; it comes back and has every block again."""
    name, url = NODE_NAMES[VICTIM], demo.rpc_by_organisation[VICTIM]
    others = [ChainClient(each, REGISTRY) for each in demo.rpc_by_organisation.values() if each != url]
    demo.say(f"Kill -9 of {VICTIM}'s node: the others go on")
    begun, before = time.monotonic(), others[0].head()
    demo.kill(name)
    governors = [f"--governor={demo.consortium.keystore(each)}" for each in ("governor-a", "governor-b", "governor-c")]
    vote = ("tranchain", "admin", "propose", "CreditFileRegistry", "setMinimumSubjects", "[100]")
    demo.run(*vote, "--description", "Decided with one node down", *governors, account="governor-c")
    made, seconds = others[0].head() - before, time.monotonic() - begun
    print(f"  {made} blocks without {name}: a vote of three members, sent through the next node, in {seconds:.1f} s")
    demo.say(f"{VICTIM}'s node comes back")
    begun = time.monotonic()
    demo.start_again(name)
    demo.wait_for(f"{url}/health", name)
    back = ChainClient(url, REGISTRY)
    while back.head() < others[0].head():
        if time.monotonic() - begun > _REJOIN_S:
            raise SystemExit(f"{name} did not catch up within {_REJOIN_S} s; see {demo.directory}/{name}.log")
        time.sleep(0.05)
    height, seconds = back.head(), time.monotonic() - begun
    if len({bytes(chain.web3.eth.get_block(height)["hash"]) for chain in (back, *others)}) != 1:
        raise SystemExit(f"the nodes have different blocks at height {height}")
    print(f"  started and caught up in {seconds:.1f} s; block {height} is the same on all three nodes", flush=True)


def main() -> None:
    """Run the demo; exit code 0 only when everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--directory", type=Path, default=ROOT / "demo-data", help="made anew")
    arguments = parser.parse_args()
    directory = arguments.directory.resolve()
    _make_anew(directory)
    ports = [8545 + number if arguments.keep else find_port() for number in range(len(MEMBERS))]
    urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(MEMBERS, ports, strict=True)}
    demo = Demo(directory, urls, registrar=f"http://127.0.0.1:{find_port()}")
    with stopping(demo):
        start_network(demo)
        found_network(demo)
        pack = run_main_job(demo)
        check_and_show(demo)
        monitor_year(demo, pack, EXAMPLES)
        write_report(demo, pack)
        kill_and_rejoin(demo)
        demo.say("Done: every step was a signed transaction of the institution that took it")
        if arguments.keep:
            keep_running(demo)


def keep_running(demo: Demo) -> None:
    """Say where everything is and wait for Ctrl-C."""
    print("\n  JSON-RPC (HTTP and WebSocket), chain id 170919, gas price 0:")
    for name, url in demo.rpc_by_organisation.items():
        print(f"    {url}  {NODE_NAMES[name]}, of {name}")
    print(f"  keystores {demo.directory}/*/keystores, one password for all in {demo.consortium.password_file}")
    print(f"  governor-a may deploy contracts (role DEPLOYER); logs are in {demo.directory}. Ctrl-C stops everything.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def _make_anew(directory: Path) -> None:
    is_demo = (directory / "password").exists() or any((directory / name).exists() for name in MEMBERS)
    if directory.exists() and any(directory.iterdir()) and not is_demo:
        raise SystemExit(f"{directory} holds something that is not a demo; name another --directory")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)


if __name__ == "__main__":
    main()
