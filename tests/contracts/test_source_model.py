"""The three-feature network of the source documents, scored by the contract as by numpy and onnxruntime."""

import numpy as np

from client.model.manifest import ModelPackage
from client.model.program import rows_of
from scripts.source_borrowers import PACKAGE, columns
from tests.contracts.revm import RevmScorer


def test_contract_numpy_and_onnxruntime_score_the_generated_borrowers_equally() -> None:
    package = ModelPackage.load(PACKAGE)
    borrowers = columns()
    scorer = RevmScorer()
    model = scorer.add_model(package.program)
    rows = rows_of(package.feature_spec, borrowers)
    size = len(rows) // 3  # whole records: there are 3,000
    found = [scorer.call("RiskModel", "score", model, rows[at : at + size])[0] for at in range(0, len(rows), size)]
    by_contract = np.frombuffer(b"".join(found), dtype=np.uint8)
    np.testing.assert_array_equal(by_contract, package.score(borrowers))
    np.testing.assert_array_equal(by_contract, ModelPackage.load(PACKAGE, executor="numpy").score(borrowers))
    assert len(set(by_contract.tolist())) > 50
