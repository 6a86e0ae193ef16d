"""A pack's way through the contracts, step by step, with made-up loans. The reference for trees is here too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak

from tests.contracts.suite import Suite

CHUNK = 256
SCORE_CHUNK = 16_384
HASH = keccak(b"some hash")
FAR_FUTURE = 2**40 - 1
PD_TABLE = b"".join((1_000 * score).to_bytes(4, "big") for score in range(1, 101))
CALIBRATION = b"".join((1_000).to_bytes(4, "big") + score.to_bytes(4, "big") for score in range(1, 101))
MARGINS = [1_050_000] * 10
PROGRAM = b"a program that only its hash matters of"
POLICY = {
    "expectedBadRatePpm": 40_000,
    "mode": 0,
    "byCount": False,
    "profile": [1_000_000] * 10,
    "emphasis": [1] * 10,
    "freshDays": 30,
    "maxAgeDays": 90,
    "layoutId": 0,
    "sourcesId": 0,
    "ageFactorPpm": [1_100_000, 1_200_000, 1_300_000],
    "relationFactorPpm": 0,
    "eligible": [],
    "limits": [],
}


def make_hash(*words: object) -> bytes:
    """32 bytes that look random and are always the same."""
    return hashlib.sha256(repr(words).encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the positional tree: zeros up to the next power of two. Source: docs/protocol.md, 1."""
    width = 1
    while width < len(leaves):
        width *= 2
    nodes = [*leaves, *[bytes(32)] * (width - len(leaves))]
    while len(nodes) > 1:
        nodes = [keccak(left + right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]


@dataclass(frozen=True)
class Assets:
    """What `addAssets` takes of a pack."""

    leaves: tuple[bytes, ...]
    nullifiers: tuple[bytes, ...]
    classes: tuple[int, ...]
    buckets: tuple[bytes, ...]

    def chunk(self, first: int) -> tuple[list[bytes], list[bytes], bytes, bytes]:
        """Arguments of the chunk that begins at this asset."""
        part = slice(first, first + CHUNK)
        classes = b"".join(value.to_bytes(2, "big") for value in self.classes[part])
        return list(self.leaves[part]), list(self.nullifiers[part]), classes, b"".join(self.buckets[part])


def make_assets(count: int, name: str = "pack") -> Assets:
    """Loans that no other name's share a nullifier with."""
    return Assets(
        leaves=tuple(make_hash(name, "leaf", i) for i in range(count)),
        nullifiers=tuple(make_hash(name, "loan", i) for i in range(count)),
        classes=tuple(1 + i % 40 for i in range(count)),
        buckets=tuple(bytes([3 + i % 3, i % 5, 0, i % 7]) for i in range(count)),
    )


def layout_of(suite: Suite, dimension_count: int = 4) -> int:
    """The first layout of so many dimensions, which is defined when there is none; its id."""
    packs = suite.AssetPackRegistry.functions
    for layout in range(1, packs.layoutCount().call() + 1):
        if packs.layout(layout).call()[0] == dimension_count:
            return layout
    suite.send("risk_control", packs.defineLayout(dimension_count, b"made up"))
    return packs.layoutCount().call()


def invite(suite: Suite, originator: str = "originator", dimension_count: int = 4) -> int:
    """Let risk control invite; the pack's id."""
    layout = layout_of(suite, dimension_count)
    call = suite.AssetPackRegistry.functions.invite(suite.account[originator], HASH, HASH, layout)
    receipt = suite.send("risk_control", call)
    return suite.event("AssetPackRegistry", "PackInvited", receipt)["packId"]


def make_header(count: int, **changes: Any) -> dict[str, Any]:
    """A header that is accepted."""
    header = {
        "currency": b"USD",
        "cutOff": 19_000,
        "closing": 19_030,
        "count": count,
        "totalPrincipalCents": count * 1_000_000,
        "classUnit": 1_000,
        "rowKeyBlob": HASH,
    }
    return header | changes


def open_pack(suite: Suite, count: int, dimension_count: int = 4) -> int:
    """Invite and open; the pack's id."""
    pack = invite(suite, dimension_count=dimension_count)
    suite.send("originator", suite.AssetPackRegistry.functions.open(pack, make_header(count)))
    return pack


def attest(
    suite: Suite, pack: int, first: int, nullifiers: Sequence[bytes], leaves: Sequence[bytes], by: str = "registrar"
) -> bytes:
    """The registrar's signature over a chunk, as eth-account makes it."""
    digest = suite.PledgeRegistry.functions.attestationDigest(
        pack, first, keccak(b"".join(nullifiers) + b"".join(leaves))
    ).call()
    signature = suite.chain.keys[suite.account[by]].sign_msg_hash(digest)
    return signature.to_bytes()[:64] + bytes([27 + signature.v])


def add_chunk(suite: Suite, pack: int, assets: Assets, first: int, **options: Any) -> Any:
    """Add one chunk; the receipt."""
    leaves, nullifiers, classes, buckets = assets.chunk(first)
    signature = attest(suite, pack, first, nullifiers, leaves)
    call = suite.AssetPackRegistry.functions.addAssets(
        pack, first, leaves, nullifiers, classes, buckets, make_hash("rows", first), signature
    )
    return suite.send("originator", call, **options)


def submit_pack(suite: Suite, assets: Assets) -> int:
    """From invitation to submission; the pack's id."""
    count = len(assets.leaves)
    pack = open_pack(suite, count, len(assets.buckets[0]))
    for first in range(0, count, CHUNK):
        add_chunk(suite, pack, assets, first)
    suite.send("originator", suite.AssetPackRegistry.functions.submit(pack))
    return pack


def make_request(suite: Suite, pack: int, **changes: Any) -> dict[str, Any]:
    """A request for credit that is accepted while the pack is submitted."""
    request = {
        "packId": pack,
        "purpose": 1,
        "recipients": [suite.account["risk_control"], suite.account["auditor_a"]],
        "handlesRoot": make_hash("handles"),
        "count": 100,
        "consentRoot": make_hash("consents"),
        "requestBlob": make_hash("request"),
        "expiresAt": suite.chain.second + 86_400,
    }
    return request | changes


def request_credit(suite: Suite, pack: int, **changes: Any) -> int:
    """Ask the bureaus; the query's id."""
    call = suite.CreditFileRegistry.functions.requestCredit(make_request(suite, pack, **changes))
    return suite.event("CreditFileRegistry", "CreditRequested", suite.send("risk_control", call))["queryId"]


def query_pack(suite: Suite, pack: int) -> int:
    """Ask, answer and close, after which the pack is queried; the query's id."""
    registry = suite.CreditFileRegistry.functions
    query = request_credit(suite, pack)
    suite.send("bureau", registry.answerCredit(query, make_hash("bundles"), 90, 8, 2, 0))
    suite.send("risk_control", registry.closeQuery(query))
    return query


def make_model(suite: Suite, **changes: Any) -> dict[str, Any]:
    """A model that is accepted."""
    model = {
        "modelHash": make_hash("model"),
        "manifestHash": make_hash("manifest"),
        "featureSpecHash": make_hash("features"),
        "programHash": keccak(PROGRAM),
        "pdPpm": PD_TABLE,
        "calibration": CALIBRATION,
        "marginPpm": MARGINS,
        "validUntil": FAR_FUTURE,
    }
    return model | changes


def propose_model(suite: Suite, **changes: Any) -> int:
    """Propose and publish the program; the model's id."""
    call = suite.RiskModelRegistry.functions.propose(make_model(suite, **changes))
    model = suite.event("RiskModelRegistry", "ModelProposed", suite.send("risk_control", call))["modelId"]
    suite.send("risk_control", suite.RiskModel.functions.publish(model, 0, PROGRAM))
    return model


def activate_model(suite: Suite, **changes: Any) -> int:
    """Propose, publish and vote a champion; the model's id."""
    model = propose_model(suite, **changes)
    suite.govern("RiskModelRegistry", "activate", model, 0)
    return model


def define_policy(suite: Suite, **changes: Any) -> int:
    """Define the policy above with changes; its id."""
    suite.send(
        "risk_control", suite.Screening.functions.definePolicy(POLICY | {"layoutId": layout_of(suite)} | changes)
    )
    return suite.Screening.functions.policyCount().call()


def open_round(suite: Suite, pack: int, query: int) -> int:
    """Open a round with the champion and a new policy; its id."""
    model = suite.RiskModelRegistry.functions.champion().call() or activate_model(suite)
    call = suite.ScoringRounds.functions.open(pack, query, model, define_policy(suite))
    return suite.event("ScoringRounds", "RoundOpened", suite.send("risk_control", call))["roundId"]


def make_scores(count: int) -> bytes:
    """A report: mostly fresh scores of all levels, some aged, some spread by relations, some without a record."""
    words = bytearray()
    for i in range(count):
        quality = (i // 10 % 3 + 1 if i % 10 == 3 else 0) | (4 if i % 25 == 7 else 0)
        words += bytes([quality, 1 + i * 37 % 100] if i % 50 != 49 else 2)
    return bytes(words)


def hash_chunks(scores: bytes) -> list[bytes]:
    """Hashes of the chunks of a report."""
    return [keccak(scores[start : start + SCORE_CHUNK]) for start in range(0, len(scores), SCORE_CHUNK)]


def commitment(suite: Suite, round_id: int, oracle: str, salt: bytes, hashes: Sequence[bytes]) -> bytes:
    """keccak(abi.encode(roundId, oracle, salt, reportHash))."""
    oracle_word = bytes.fromhex(suite.account[oracle][2:]).rjust(32, b"\0")
    return keccak(round_id.to_bytes(32, "big") + oracle_word + salt + keccak(b"".join(hashes)))


def commit_report(suite: Suite, round_id: int, oracle: str, scores: bytes) -> None:
    """Commit; the salt is the hash of the oracle's name."""
    word = commitment(suite, round_id, oracle, make_hash(oracle), hash_chunks(scores))
    suite.send(oracle, suite.ScoringRounds.functions.commitReport(round_id, word))


def reveal_report(suite: Suite, round_id: int, oracle: str, scores: bytes) -> Any:
    """Reveal what `commit_report` committed; the receipt."""
    call = suite.ScoringRounds.functions.revealReport(round_id, make_hash(oracle), hash_chunks(scores))
    return suite.send(oracle, call)


ORACLES = ("oracle_a", "oracle_b", "oracle_c")


def agree(suite: Suite, round_id: int, scores: bytes) -> None:
    """Let all oracles commit and reveal the same report."""
    for oracle in ORACLES:
        commit_report(suite, round_id, oracle, scores)
    for oracle in ORACLES:
        reveal_report(suite, round_id, oracle, scores)


def publish(suite: Suite, round_id: int, scores: bytes) -> None:
    """Publish every chunk, after which the round is final and the pack scored."""
    for index, start in enumerate(range(0, len(scores), SCORE_CHUNK)):
        part = scores[start : start + SCORE_CHUNK]
        suite.send("oracle_a", suite.ScoringRounds.functions.publishScores(round_id, index, part))


def score_pack(suite: Suite, assets: Assets) -> tuple[int, int]:
    """From invitation to scores; ids of pack and round."""
    pack = submit_pack(suite, assets)
    round_id = open_round(suite, pack, query_pack(suite, pack))
    scores = make_scores(len(assets.leaves))
    agree(suite, round_id, scores)
    publish(suite, round_id, scores)
    return pack, round_id


def screen_pack(suite: Suite, pack: int, round_id: int) -> int:
    """Screen by the round's policy until done; the run's id."""
    screening = suite.Screening.functions
    policy = suite.ScoringRounds.functions.round(round_id).call()[3]
    suite.send("risk_control", screening.start(pack, round_id, policy))
    run = screening.runCount().call()
    while suite.AssetPackRegistry.functions.statusOf(pack).call() == 5:
        suite.send("risk_control", screening.step(run))
    return run


def transfer_pack(suite: Suite, pack: int, run: int) -> None:
    """From screened to transferred."""
    packs = suite.AssetPackRegistry.functions
    suite.send("originator", suite.Screening.functions.bringDown(run, [], []))
    suite.send("originator", packs.assign(pack, make_hash("assignment")))
    suite.send("trustee", packs.acceptTransfer(pack))


def issue(suite: Suite, pack: int) -> None:
    """From transferred to issued."""
    run = suite.Screening.functions.runOf(pack).call()
    counts, classes = suite.Screening.functions.levels(run, True).call()
    issuance = (make_hash("product", pack), pack, run, 100_000, counts, classes, HASH)
    suite.send("exchange", suite.Exchange.functions.issue(issuance))


def run_of(suite: Suite, run: int) -> dict[str, Any]:
    """Figures of a screening run, by name."""
    outputs = next(each for each in suite.Screening.abi if each.get("name") == "run")["outputs"][0]["components"]
    return dict(zip([each["name"] for each in outputs], suite.Screening.functions.run(run).call(), strict=True))
