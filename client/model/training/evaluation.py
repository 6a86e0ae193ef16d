"""Measures of a model on loans it has not seen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from client.model.arithmetic import PPM, Int64Array
from client.model.calibration import LEVEL_COUNT, levels_of
from client.model.errors import FeatureFileError
from client.model.training.encoder import FloatArray
from client.model.training.feature_file import Packs
from client.model.training.loans import LoanSet

BOOTSTRAPS: Final = 500
PACK_DRAWS: Final = 400

Labels = NDArray[np.int8]
Scores = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrimination:
    """How well a number separates bad loans from good ones."""

    auc: float
    auc_low: float
    auc_high: float
    ks: float
    brier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPromise:
    """What screening to a target did over many packs."""

    target_ppm: int
    removed_share: float
    """Mean share of loans removed."""
    observed: float
    """Mean bad rate of what was kept, as it turned out."""
    low: float
    high: float
    """5 % and 95 % quantile of the observed bad rate."""
    broken_share: float
    """Share of packs whose observed bad rate was above the target."""


def discrimination(labels: Labels, ranking: FloatArray | Int64Array, probability: FloatArray) -> Discrimination:
    """Measure AUC with its 95 % bootstrap interval over loans, KS and Brier score.

    Args:
        labels: 1 = bad.
        ranking: higher is riskier.
        probability: of being bad.
    """
    generator = np.random.default_rng(0)
    samples = []
    for _ in range(BOOTSTRAPS):
        drawn = generator.integers(0, len(labels), len(labels))
        samples.append(roc_auc_score(labels[drawn], ranking[drawn]))
    low, high = np.quantile(samples, [0.025, 0.975])
    false_positive, true_positive, _ = roc_curve(labels, ranking)
    return Discrimination(
        auc=float(roc_auc_score(labels, ranking)),
        auc_low=float(low),
        auc_high=float(high),
        ks=float((true_positive - false_positive).max()),
        brier=float(np.mean((probability - labels) ** 2)),
    )


def stability_index(expected_share: FloatArray, scores: Scores) -> float:
    """Population stability index (PSI) of the levels against the shares at training."""
    counts = np.bincount(levels_of(scores), minlength=LEVEL_COUNT + 1)[1:]
    share = (counts + 0.5) / (counts.sum() + 0.5 * LEVEL_COUNT)
    return float(((share - expected_share) * np.log(share / expected_share)).sum())


def screen_whole_pack(scores: Scores, pd_ppm: Int64Array, balance: Int64Array, target_ppm: int) -> NDArray[np.bool_]:
    """Return which loans stay: the shortest prefix of the riskiest is removed that meets the target.

    Args:
        scores: 1 to 100.
        pd_ppm: PD with margin, at most 10^6, one per loan.
        balance: weight of each loan in the bad rate.
        target_ppm: bad rate to meet.
    """
    order = np.lexsort((np.arange(len(scores)), -pd_ppm, -scores.astype(np.int64)))
    excess = balance[order] * (pd_ppm[order] - target_ppm)
    remaining = np.concatenate([np.cumsum(excess[::-1])[::-1], [0]])
    removed = int(np.argmax(remaining <= 0))
    kept = np.ones(len(scores), dtype=np.bool_)
    kept[order[:removed]] = False
    return kept


def pack_promises(
    packs: Packs, scores: Scores, pd_ppm: Int64Array, balance: Int64Array, test: LoanSet
) -> tuple[PackPromise, ...]:
    """Draw packs, screen each to each target and compare with what happened; arrays as in `screen_whole_pack`.

    Raises:
        FeatureFileError: there are fewer test loans than a pack has.
    """
    labels = test.defaulted
    if packs.loans > len(labels):
        raise FeatureFileError(file="packs", problem=f"loans: got {packs.loans}, expected at most {len(labels)}")
    generator = np.random.default_rng(0)
    draws = [generator.choice(len(labels), packs.loans, replace=False) for _ in range(PACK_DRAWS)]
    results = []
    for target in packs.targets_ppm:
        removed, observed = [], []
        for drawn in draws:
            kept = screen_whole_pack(scores[drawn], pd_ppm[drawn], balance[drawn], target)
            weight = balance[drawn][kept]
            removed.append(1 - kept.mean())
            observed.append(float((weight * labels[drawn][kept]).sum() / max(int(weight.sum()), 1)))
        low, high = np.quantile(observed, [0.05, 0.95])
        results.append(
            PackPromise(
                target_ppm=target,
                removed_share=float(np.mean(removed)),
                observed=float(np.mean(observed)),
                low=float(low),
                high=float(high),
                broken_share=float(np.mean(np.array(observed) > target / PPM)),
            )
        )
    return tuple(results)


def with_margin(scores: Scores, pd_ppm: tuple[int, ...], margin_ppm: tuple[int, ...]) -> Int64Array:
    """Return each loan's PD with the margin of its level: min(10^6, ceil(pd * margin))."""
    per_score = [min(PPM, -(-pd * margin_ppm[index // 10] // PPM)) for index, pd in enumerate(pd_ppm)]
    return np.array(per_score, dtype=np.int64)[scores.astype(np.int64) - 1]
