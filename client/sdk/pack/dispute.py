"""Disputes about scores: computing a round again, opening a dispute, judging one, seeing them all.

Whoever may read what a round's scores were made of computes them again on the own machine and, with the model that is
on the chain, on the own node; what leaves is the word that came out, signed. Source: docs/protocol.md, 7; ADR 0020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.model.manifest import ModelPackage
from client.model.program import rows_of
from client.model.records import columns_of
from client.sdk import canonical
from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RefusedError, TamperedError
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.on_chain import read_report
from client.sdk.pack.reader import BlobSource
from client.sdk.pack.recompute import RoundInputs, read_inputs
from client.sdk.pack.report import NO_RECORD, score_of, words_of

STATUS_TEXTS = {1: "open", 2: "won: the round is void", 3: "rejected: the dispute was false"}
_VOTER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """A final round, computed again from what one account may read."""

    round_id: int
    model_id: int
    inputs: RoundInputs
    reported: tuple[int, ...]
    """Words on the chain."""
    own: tuple[int, ...]
    """Words that came out here."""
    unknown: frozenset[int]
    """Assets whose borrower's records were erased since, so that nobody can compute them again."""

    @property
    def differing(self) -> tuple[int, ...]:
        """Assets with another word than the chain's."""
        pairs = enumerate(zip(self.reported, self.own, strict=True))
        return tuple(index for index, (theirs, ours) in pairs if theirs != ours and index not in self.unknown)


def recompute_round(
    chain: ChainClient, vault: BlobSource, identity: Identity, packages: Sequence[ModelPackage], round_id: int
) -> Recomputed:
    """Compute a final round again.

    Raises:
        RefusedError: the scores are not on the chain, or rows or records are not sealed to this account.
        TamperedError: none of the model packages is the one that was voted for.
    """
    scoring = chain.call("ScoringRounds", "round", round_id)
    if scoring.chunksPublished == 0:
        raise RefusedError("ScoringRounds", f"round {round_id} has no scores on the chain")
    package = _package_of(chain, packages, int(scoring.modelId))
    inputs = read_inputs(chain, vault, identity, round_id)
    erased = inputs.records.erased_handles
    return Recomputed(
        round_id=round_id,
        model_id=int(scoring.modelId),
        inputs=inputs,
        reported=tuple(words_of(read_report(chain, round_id, scoring.assetCount))),
        own=tuple(words_of(inputs.report(package))),
        unknown=frozenset(index for index, row in enumerate(inputs.pack.rows) if row.handle in erased),
    )


def open_dispute(chain: ChainClient, identity: Identity, round_id: int, asset: int) -> int:
    """Dispute the score of an asset; returns the dispute's id."""
    receipt = chain.send("Disputes", "open", [round_id, asset], identity.account)
    return int(receipt.event("DisputeOpened").args["disputeId"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came out of computing a disputed asset again. Nothing in it is about the borrower but the word itself."""

    dispute_id: int
    reported_word: int
    own_word: int
    by_node_score: int
    """What the model on the chain gave on the own node; 0 where there is no usable record, so nothing to score."""
    differing_count: int
    """Assets of the whole round with another word."""

    @property
    def is_wrong(self) -> bool:
        """Whether the score on the chain is wrong."""
        return self.reported_word != self.own_word

    def grounds(self) -> bytes:
        """Return the statement that an arbiter signs by its hash."""
        return canonical.encode(["tranchain dispute", self.dispute_id, self.reported_word, self.own_word])


def examine(
    own_node: ChainClient,
    vault: BlobSource,
    identity: Identity,
    packages: Sequence[ModelPackage],
    dispute_id: int,
) -> Finding:
    """Compute a disputed score again, here and by `eth_call` on the own node, which sees the record: no other may.

    Raises:
        RefusedError: the records were erased since, or are not for this account.
        TamperedError: the model on the chain gives another score than the local package.
    """
    dispute = read_dispute(own_node, dispute_id)
    again = recompute_round(own_node, vault, identity, packages, dispute.roundId)
    asset = int(dispute.assetIndex)
    if asset in again.unknown:
        raise RefusedError(
            f"dispute {dispute_id}",
            f"the records behind asset {asset} were erased since, so nobody can compute its score again",
            "risk control opens another round with `tranchain risk score --new-round`, or an arbiter decides",
        )
    own_word = again.own[asset]
    by_node = 0
    if own_word != NO_RECORD:
        package = _package_of(own_node, packages, again.model_id)
        by_node = _score_by_node(own_node, package, again, asset)
        if by_node != score_of(own_word):
            raise TamperedError(
                f"model {again.model_id} on the chain", got=f"score {by_node}", expected=f"{score_of(own_word)}"
            )
    return Finding(
        dispute_id=dispute_id,
        reported_word=again.reported[asset],
        own_word=own_word,
        by_node_score=by_node,
        differing_count=len(again.differing),
    )


def give_verdict(chain: ChainClient, identity: Identity, finding: Finding) -> str:
    """Sign what was found, as a voter's verdict or as arbiter, whichever this account is; returns which.

    Raises:
        ContractRefusedError: it is neither, or not yet.
    """
    organisation = chain.call("Consortium", "organisationOf", identity.address)
    standing = chain.call("Disputes", "verdictOf", finding.dispute_id, organisation).standing
    dispute = read_dispute(chain, finding.dispute_id)
    if standing == _VOTER and not dispute.byArbiter:
        chain.send("Disputes", "judge", [finding.dispute_id, finding.own_word], identity.account)
        return "verdict"
    decide(chain, identity, finding.dispute_id, is_wrong=finding.is_wrong, grounds=finding.grounds())
    return "decision"


def decide(chain: ChainClient, identity: Identity, dispute_id: int, *, is_wrong: bool, grounds: bytes) -> None:
    """Decide as an arbiter; the grounds themselves stay with it, their hash goes to the chain."""
    chain.send("Disputes", "decide", [dispute_id, is_wrong, keccak(grounds)], identity.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationVerdict:
    """Where an organisation stands in a dispute, and what it found."""

    organisation: str
    standing: str
    """voter or contested."""
    word: int | None
    """None before its verdict."""


def read_dispute(chain: ChainClient, dispute_id: int) -> Any:
    """Return the `Dispute` struct; InvalidInputError when there is no such dispute."""
    count = int(chain.call("Disputes", "disputeCount"))
    if not 1 <= dispute_id <= count:
        raise InvalidInputError("dispute", got=dispute_id, expected=f"1 to {count}" if count else "none was opened yet")
    return chain.call("Disputes", "dispute", dispute_id)


def verdicts_of(chain: ChainClient, dispute_id: int) -> tuple[OrganisationVerdict, ...]:
    """Return the organisations that have a part in a dispute."""
    found = []
    for number in range(1, int(chain.call("Consortium", "organisationCount")) + 1):
        answer = chain.call("Disputes", "verdictOf", dispute_id, number)
        if answer.standing:
            name = chain.call("Consortium", "organisation", number).name
            standing = "voter" if answer.standing == _VOTER else "contested"
            word = int(answer.verdict.word) if int(answer.verdict.account, 16) else None
            found.append(OrganisationVerdict(organisation=name, standing=standing, word=word))
    return tuple(found)


def _package_of(chain: ChainClient, packages: Sequence[ModelPackage], model_id: int) -> ModelPackage:
    model = chain.call("RiskModelRegistry", "model", model_id)
    for package in packages:
        if package.manifest_hash == bytes(model.manifestHash) and package.model_hash == bytes(model.modelHash):
            return package
    raise TamperedError(
        f"model {model_id}",
        got=", ".join(package.manifest_hash.hex()[:16] for package in packages),
        expected=f"a package with manifest {bytes(model.manifestHash).hex()[:16]}, as voted",
    )


def _score_by_node(own_node: ChainClient, package: ModelPackage, again: Recomputed, asset: int) -> int:
    row = again.inputs.pack.rows[asset]
    columns = columns_of([row.values], [again.inputs.records.by_handle[row.handle]])
    answer = own_node.call("RiskModel", "score", again.model_id, rows_of(package.feature_spec, columns))
    return int(bytes(answer.scores)[0])
