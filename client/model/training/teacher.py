"""The teacher: a small ensemble of boosted trees whose log-odds the network learns.

Single-threaded with fixed seeds, so that the same data gives the same trees.
"""

from typing import Final

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from client.model.training.encoder import FloatArray

LIGHTGBM_SEEDS: Final = (0, 1, 2)
XGBOOST_SEEDS: Final = (0,)


def boosted_trees(
    matrix: FloatArray, labels: NDArray[np.int8], weights: FloatArray, *, leaf_loans: int, seed: int
) -> "lightgbm.LGBMClassifier":
    """Fit one LightGBM model; also what the network is compared with in the model card."""
    model = lightgbm.LGBMClassifier(
        n_estimators=500,
        learning_rate=0.03,
        num_leaves=4,
        min_child_samples=leaf_loans,
        reg_lambda=5.0,
        subsample=0.7,
        subsample_freq=1,
        colsample_bytree=0.5,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return model.fit(matrix, labels, sample_weight=weights)


class Teacher:
    """Half the mean of three LightGBM models, half XGBoost, in log-odds."""

    def __init__(self, matrix: FloatArray, labels: NDArray[np.int8], weights: FloatArray, *, leaf_loans: int) -> None:
        self._light = [
            boosted_trees(matrix, labels, weights, leaf_loans=leaf_loans, seed=seed) for seed in LIGHTGBM_SEEDS
        ]
        self._extreme = [_xgboost(matrix, labels, weights, seed=seed) for seed in XGBOOST_SEEDS]

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """Return the ensemble's log-odds of being bad, one per row."""
        light = np.mean([model.predict(matrix, raw_score=True) for model in self._light], axis=0)
        extreme = np.mean([model.predict(matrix, output_margin=True) for model in self._extreme], axis=0)
        result: FloatArray = (light + extreme.astype(np.float64)) / 2
        return result


def _xgboost(
    matrix: FloatArray, labels: NDArray[np.int8], weights: FloatArray, *, seed: int
) -> "xgboost.XGBClassifier":
    model = xgboost.XGBClassifier(
        n_estimators=500,
        learning_rate=0.03,
        max_depth=3,
        min_child_weight=30,
        reg_lambda=5.0,
        subsample=0.7,
        colsample_bytree=0.4,
        random_state=seed,
        n_jobs=1,
        tree_method="hist",
    )
    return model.fit(matrix, labels, sample_weight=weights)
