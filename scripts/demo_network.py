"""How the demo's network comes about: keys, genesis, three nodes, and what governance does once."""

import json
from collections.abc import Mapping
from pathlib import Path

from demo_consortium import (
    KEY_HOLDERS,
    MEMBERS,
    NODE_NAMES,
    ORIGINATOR,
    ORIGINATOR_GOVERNOR,
    DemoNode,
    make_consortium,
)
from demo_report import REGISTRY
from demo_stage import Demo, find_port

from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory


def make_network(demo: Demo, endpoint_by_organisation: Mapping[str, str]) -> Path:
    """Each organisation's keys, certificates, member files and genesis; returns the genesis file, written last."""
    demo.say("A consortium of three institutions: each makes its node's keys; none ever sees another's")
    nodes = {name: init_node(demo, name, endpoint) for name, endpoint in endpoint_by_organisation.items()}
    consortium = make_consortium(demo.directory, nodes, oracles=demo.oracles)
    print("  (scripts/demo_consortium.py made a demo authority, 16 accounts, the certificates of accounts and nodes,")
    print("   and three signed member files: `tranchain admin certify`, `certify-node`, `member-file`)")
    members = [str(path) for path in consortium.member_files]
    genesis = demo.directory / "genesis.json"
    demo.run("tranchain-node", "genesis", *members, "--to", str(genesis), *demo.genesis_options, as_json=False)
    return genesis


def init_node(demo: Demo, organisation: str, endpoint: str) -> DemoNode:
    """Make the keys of an organisation's node, and the request for its TLS certificate."""
    where = ("--data-dir", str(demo.directory / organisation / "node"))
    made = demo.run(
        *("tranchain-node", "init", *where, "--organisation", organisation, "--endpoint", endpoint), show=False
    )
    return DemoNode(validator=made["validator"], record=made["node"], tls_request=Path(made["tls_request"]))


def start_network(demo: Demo) -> None:
    """The first minute of a new consortium: its network is made and its three nodes start."""
    ports = {name: find_port() for name in demo.organisations}
    genesis = make_network(demo, {name: f"127.0.0.1:{port}" for name, port in ports.items()})
    demo.say("The nodes start, with TLS between them: validator, JSON-RPC and vault of each organisation")
    for name in demo.organisations:
        start_node(demo, name, genesis, ports[name])
    for name, url in demo.rpc_by_organisation.items():
        demo.wait_for(f"{url}/ready", NODE_NAMES[name])
    chosen = demo.run("tranchain-node", "engine", show=False)
    print(f"  engine: {chosen['engine']} ({chosen['reason']})")


def start_node(demo: Demo, organisation: str, genesis: Path, p2p_port: int) -> None:
    """Start an organisation's node; `wait_for` tells when it is ready."""
    listen = ("--rpc-listen", demo.rpc_by_organisation[organisation].removeprefix("http://"))
    peers = ("--p2p-listen", f"127.0.0.1:{p2p_port}")
    where = ("--genesis", str(genesis), "--data-dir", str(demo.directory / organisation / "node"))
    demo.start(NODE_NAMES[organisation], "tranchain-node", "run", *where, *listen, *peers)


def found_network(demo: Demo, model: Path | None = None) -> None:
    """Contracts, the originator, encryption keys and the model (default: the committed one): what governance does once.

    Every step first looks at the chain, so that a run continues where an earlier one ended.
    """
    consortium = demo.consortium
    chain = ChainClient(demo.rpc, REGISTRY)
    demo.say("Governance: deploy the contracts, enrol the originator, approve the model")
    governors = [f"--governor={consortium.keystore(name)}" for name in ("governor-a", "governor-b", "governor-c")]
    demo.run("tranchain", "admin", "deploy", *governors, account="governor-a", show=False)
    vote = ("tranchain", "admin", "propose")
    if chain.call("Consortium", "organisationCount") == len(MEMBERS):
        governor = consortium.identity(ORIGINATOR_GOVERNOR).address
        new_member = ("Consortium", "addOrganisation", json.dumps([ORIGINATOR, governor]))
        demo.run(*vote, *new_member, "--description", "A new originator", *governors, account="governor-a", show=False)
    if not chain.call("Consortium", "organisationOf", consortium.identity(ORIGINATOR).address):
        enrol = ("tranchain", "admin", "enrol", str(consortium.certificate(ORIGINATOR)))
        papers = ("--role", "ORIGINATOR", "--role", "SERVICER", "--ca", str(consortium.authority_file))
        organisation = ("--organisation", str(len(MEMBERS) + 1))
        demo.run(*enrol, *organisation, *papers, *governors, account="governor-a", show=False)
    package = [str(model)] if model else []
    if chain.call("RiskModelRegistry", "modelCount") == 0:
        demo.run("tranchain", "risk", "model", "propose", *package, account="risk-control")
    if demo.run("tranchain", "risk", "model", "show", "1", show=False)["status"] == "proposed":
        demo.run("tranchain", "risk", "model", "publish", "1", *package, account="risk-control")
        activate = ("RiskModelRegistry", "activate", json.dumps([1, 0]))
        demo.run(*vote, *activate, "--description", "The first model", *governors, account="governor-a", show=False)
    prove_keys(demo)


def prove_keys(demo: Demo) -> None:
    """Announce, challenge and prove the encryption keys of all that messages are sealed to and have none in force."""
    consortium = demo.consortium
    chain = ChainClient(demo.rpc, REGISTRY)
    keys, now = KeyDirectory(chain), chain.block_second()
    identities = {name: consortium.identity(name) for name in KEY_HOLDERS}
    unproven = {name: each for name, each in identities.items() if keys.status(each.address).problem(now)}
    for identity in unproven.values():
        keys.announce(next(iter(identity.encryption_keys.values())), identity.account)
    for name, identity in unproven.items():
        challenger = identities["risk-control" if name in ("bureau", "registrar", "auditor-a") else "bureau"]
        keys.challenge(identity.address, challenger.account)
        keys.prove(identity)
    if unproven:
        print(f"  ({len(unproven)} accounts announced an encryption key, were challenged by others, and proved it:")
        print("   `tranchain keys announce`, `tranchain keys challenge`, `tranchain keys prove`)", flush=True)
