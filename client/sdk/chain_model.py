"""The risk model on the chain: its program, and scoring by `eth_call` on the caller's own node.

Nothing is published: the rows travel to the node in use and no further. Source: docs/protocol.md, 7.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.feature_spec import FeatureSpec
from client.model.manifest import ModelPackage
from client.model.program import rows_of
from client.sdk.chain import ChainClient

ROWS_PER_CALL = 200
"""About 10 million gas, two to four seconds on py-evm; a call may take 50 million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainScores:
    """What RiskModel says of some records, in their order."""

    scores: NDArray[np.uint8]
    """1 to 100."""
    pd_ppm: NDArray[np.uint32]
    """Probability of default of each score, without margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure of a model version, as the chain and as a model package have it."""

    what: str
    on_chain: str
    in_package: str

    @property
    def is_equal(self) -> bool:
        """Whether both say the same."""
        return self.on_chain == self.in_package


def score_on_chain(
    chain: ChainClient,
    model_id: int,
    spec: FeatureSpec,
    columns: Mapping[str, Int64Array],
    *,
    block: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> ChainScores:
    """Score raw records with the contract.

    Args:
        chain: its node executes the model and sees the records: use one's own.
        model_id: version whose program is published.
        spec: that version's feature spec; names the columns and their order.
        columns: int64 arrays of equal length by field name, MISSING where unknown.
        block: the state to score with; None is the latest.
        advance: called with the number of rows that are done.

    Raises:
        RecordShapeError: a field is absent, of another type or length.
        ContractRefusedError: the version's program is not on the chain.
    """
    rows = rows_of(spec, columns)
    size = 8 * len(spec.inputs) * ROWS_PER_CALL
    scores, pds = [], []
    for at in range(0, len(rows), size):
        part = rows[at : at + size]
        found, pd_ppm = chain.call("RiskModel", "score", model_id, part, block=block)
        scores.append(bytes(found))
        pds.append(bytes(pd_ppm))
        advance(len(found))
    return ChainScores(
        scores=np.frombuffer(b"".join(scores), dtype=np.uint8),
        pd_ppm=np.frombuffer(b"".join(pds), dtype=">u4").astype(np.uint32),
    )


def compare_model(chain: ChainClient, model_id: int, package: ModelPackage) -> list[Comparison]:
    """Compare everything the chain holds of a version with a package, whose program was compiled anew on loading."""
    model = chain.call("RiskModelRegistry", "model", model_id)
    program = bytes(chain.call("RiskModel", "program", model_id))
    counts = zip(package.totals, package.defaults, strict=True)
    calibration = np.array([*counts], dtype=">u4").tobytes()
    pd_table = np.array(package.pd_ppm, dtype=">u4").tobytes()
    pairs = {
        "model.onnx": (model.modelHash, package.model_hash),
        "manifest.json": (model.manifestHash, package.manifest_hash),
        "feature spec": (model.featureSpecHash, package.feature_spec_hash),
        "program, as voted": (model.programHash, package.program_hash),
        "program, as executed": (keccak(program) if program else b"", package.program_hash),
        "pd table": (keccak(bytes(chain.call("RiskModelRegistry", "pdTable", model_id))), keccak(pd_table)),
        "calibration": (
            keccak(bytes(chain.call("RiskModelRegistry", "calibrationTable", model_id))),
            keccak(calibration),
        ),
    }
    hashes = [
        Comparison(what=what, on_chain=bytes(left).hex() or "none", in_package=right.hex())
        for what, (left, right) in pairs.items()
    ]
    margins = [" ".join(map(str, values)) for values in (model.marginPpm, package.margin_ppm)]
    return [*hashes, Comparison(what="margins, ppm", on_chain=margins[0], in_package=margins[1])]
