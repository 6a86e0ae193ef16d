"""The student: a three-layer network trained on the teacher's probabilities, then rounded to integers."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import minimize

from client.model.arithmetic import Int64Array
from client.model.network import Network
from client.model.training.design import Start
from client.model.training.encoder import SCALE, FloatArray
from client.model.training.loans import LoanSet

HIDDEN: Final = 32
ITERATIONS: Final = 200
SWAPPED_SHARE: Final = 0.2
SYNTHETIC_COPIES: Final = 2
SYNTHETIC_WEIGHT: Final = 0.5

WEIGHT_MAX: Final = 127
HIDDEN_DIVISOR: Final = 128
OUTPUT_SCALE: Final = 1_000
"""Output integer per unit of log-odds: the output is milli-log-odds of being bad."""


@dataclass(frozen=True, slots=True)
class FloatNetwork:
    """Trained weights before rounding; features are divided by SCALE first."""

    weights_in: FloatArray
    bias_in: FloatArray
    weights_out: FloatArray
    bias_out: float

    def log_odds(self, features: Int64Array) -> FloatArray:
        """Return the log-odds of being bad, one per row."""
        hidden = np.maximum(features / SCALE @ self.weights_in + self.bias_in, 0)
        result: FloatArray = hidden @ self.weights_out + self.bias_out
        return result


def swapped_loans(loans: LoanSet, generator: np.random.Generator) -> LoanSet:
    """Return synthetic loans: a share of each raw field's values comes from another loan. Labels mean nothing."""
    columns = {}
    for name, column in loans.columns.items():
        chosen = generator.random(len(column)) < SWAPPED_SHARE
        donors = generator.integers(0, len(column), len(column))
        columns[name] = np.where(chosen, column[donors], column)
    return replace(loans, columns=columns)


def train_network(
    features: Int64Array,
    log_odds: FloatArray,
    weights: FloatArray,
    *,
    penalty: float,
    seed: int,
    start: Start = "normal",
) -> FloatNetwork:
    """Minimise the soft cross-entropy to the teacher by L-BFGS.

    Args:
        features: int64, shape (rows, features).
        log_odds: the teacher's, one per row.
        weights: one per row.
        penalty: of the squared weights.
        start: how the initial weights are drawn.
        seed: of the initial weights.
    """
    inputs = features / SCALE
    target = 1 / (1 + np.exp(-log_odds))
    share = weights / weights.sum()
    count = inputs.shape[1]
    generator = np.random.default_rng(seed)
    if start == "unit":
        begin = generator.random(count * HIDDEN + 2 * HIDDEN + 1)
    else:
        begin = np.concatenate(
            [
                generator.normal(0, 1 / np.sqrt(count), count * HIDDEN),
                np.full(HIDDEN, 0.1),
                generator.normal(0, 1 / np.sqrt(HIDDEN), HIDDEN),
                [float((share * log_odds).sum())],
            ]
        )

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        net = _unflatten(flat, count)
        before = inputs @ net.weights_in + net.bias_in
        hidden = np.maximum(before, 0)
        output = hidden @ net.weights_out + net.bias_out
        entropy = np.logaddexp(0, output) - target * output
        error = share * (1 / (1 + np.exp(-output)) - target)
        back = np.outer(error, net.weights_out) * (before > 0)
        gradient = np.concatenate([(inputs.T @ back).ravel(), back.sum(0), hidden.T @ error, [error.sum()]])
        penalised = flat.copy()
        penalised[count * HIDDEN : count * HIDDEN + HIDDEN] = 0
        penalised[-1] = 0
        value = float(share @ entropy) + penalty * float(penalised @ penalised)
        return value, gradient + 2 * penalty * penalised

    options = {"maxiter": ITERATIONS, "maxcor": 20}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=options)
    return _unflatten(found.x, count)


def quantise(net: FloatNetwork, feature_limit: int) -> Network:
    """Round to integers: weights to 8 bits, biases to the scale of their layer.

    ReLU lets a hidden unit be scaled up and its outgoing weight down, so both layers use their bits well. The output
    scale is made a whole multiple of OUTPUT_SCALE, so that outputs of different networks are comparable.
    """
    into = np.abs(net.weights_in).max(axis=0)
    out = np.abs(net.weights_out)
    balance = np.sqrt(np.maximum(out, 1e-9) / np.maximum(into, 1e-9))
    weights_in, bias_in, weights_out = net.weights_in * balance, net.bias_in * balance, net.weights_out / balance
    scale_in = WEIGHT_MAX / float(np.abs(weights_in).max())
    hidden_scale = scale_in * SCALE / HIDDEN_DIVISOR
    output_divisor = max(1, int(WEIGHT_MAX / float(np.abs(weights_out).max()) * hidden_scale / OUTPUT_SCALE))
    output_scale = float(output_divisor * OUTPUT_SCALE)
    scale_out = output_scale / hidden_scale
    return Network(
        weights_in=np.rint(weights_in * scale_in).astype(np.int8),
        bias_in=np.rint(bias_in * scale_in * SCALE).astype(np.int64),
        hidden_divisor=HIDDEN_DIVISOR,
        weights_out=np.rint(weights_out * scale_out).astype(np.int8),
        bias_out=round(net.bias_out * output_scale),
        output_divisor=output_divisor,
        feature_limit=feature_limit,
    )


def _unflatten(flat: FloatArray, count: int) -> FloatNetwork:
    edge = count * HIDDEN
    return FloatNetwork(
        weights_in=flat[:edge].reshape(count, HIDDEN),
        bias_in=flat[edge : edge + HIDDEN],
        weights_out=flat[edge + HIDDEN : edge + 2 * HIDDEN],
        bias_out=float(flat[-1]),
    )
