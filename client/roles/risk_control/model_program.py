"""The program of a model version: put on the chain, and compared there with a model package.

Source: docs/protocol.md, 7.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.manifest import ModelPackage
from client.model.program import CHUNK_SIZE, chunks_of
from client.roles.risk_control.models import read_model
from client.sdk.chain import ChainClient
from client.sdk.chain_model import Comparison, compare_model, score_on_chain
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How a model version on chain compares with a package."""

    comparisons: tuple[Comparison, ...]
    row_count: int
    """Records that the contract, the package's executor and the integer reference scored."""
    differing_count: int
    """Of them, those whose score or probability of default is not the same everywhere."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.differing_count == 0 and all(each.is_equal for each in self.comparisons)


def publish_program(chain: ChainClient, identity: Identity, model_id: int, package: ModelPackage) -> Iterator[int]:
    """Put the program on the chain; yields the gas of each transaction. Continues what was begun.

    Raises:
        InvalidInputError: the version was proposed with another program.
    """
    voted = bytes(read_model(chain, model_id).programHash)
    if voted != package.program_hash:
        raise InvalidInputError(
            f"program of model {model_id}",
            got=package.program_hash.hex()[:16],
            expected=f"{voted.hex()[:16]}, as proposed",
            remedy="name the model package that was proposed",
        )
    if chain.call("RiskModel", "isPublished", model_id):
        return
    kept = bytes(chain.call("RiskModel", "program", model_id))
    first = len(kept) // CHUNK_SIZE if package.program.startswith(kept) else 0
    for index, chunk in enumerate(chunks_of(package.program)[first:], start=first):
        receipt = chain.send("RiskModel", "publish", [model_id, index, chunk], identity.account)
        yield receipt.gas_used


def verify_model(
    chain: ChainClient, model_id: int, package: ModelPackage, reference: ModelPackage, columns: Mapping[str, Int64Array]
) -> Verification:
    """Compare a version with a package, and score records with both.

    Args:
        chain: its node executes the contract's copy.
        model_id: the version.
        package: loaded with the oracle's executor.
        reference: the same package with the integer reference.
        columns: raw records, int64 by field name.
    """
    comparisons = tuple(compare_model(chain, model_id, package))
    own, exact = package.score(columns), reference.score(columns)
    if not chain.call("RiskModel", "isPublished", model_id):
        return Verification(comparisons=comparisons, row_count=len(own), differing_count=len(own))
    found = score_on_chain(chain, model_id, package.feature_spec, columns)
    pd_ppm = np.array(package.pd_ppm, dtype=np.uint32)[own - 1]
    same = (found.scores == own) & (own == exact) & (found.pd_ppm == pd_ppm)
    return Verification(comparisons=comparisons, row_count=len(own), differing_count=int((~same).sum()))
