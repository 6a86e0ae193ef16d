"""The reference executor: the integer network in numpy. No I/O."""

from typing import Any, Protocol

import numpy as np

from client.model.arithmetic import Int64Array, divide_truncating
from client.model.errors import FeatureRangeError, RecordShapeError
from client.model.network import Network


class Executor(Protocol):
    """Computes the network's output; every executor gives the same integers."""

    def outputs(self, features: Int64Array) -> Int64Array:
        """Return int64, shape (assets,), for int64 features of shape (assets, features)."""
        ...


class NumpyExecutor:
    """Runs a `Network` with numpy."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._weights_in = network.weights_in.astype(np.int64)
        self._weights_out = network.weights_out.astype(np.int64)

    def outputs(self, features: Int64Array) -> Int64Array:
        """Compute the output integers.

        Args:
            features: int64, shape (assets, features), each within the network's feature_limit.

        Raises:
            RecordShapeError: another type or shape.
            FeatureRangeError: a value outside the limit.
        """
        network = self._network
        check_features(features, network.feature_count, network.feature_limit)
        hidden = np.maximum(features @ self._weights_in + network.bias_in, 0)
        hidden = divide_truncating(hidden, network.hidden_divisor)
        return divide_truncating(hidden @ self._weights_out + network.bias_out, network.output_divisor)


def check_features(features: Any, feature_count: int, feature_limit: int) -> None:
    """Refuse features the network is not defined for; the same rule for every executor.

    Raises:
        RecordShapeError: another type or shape than int64 (assets, feature_count).
        FeatureRangeError: a value outside -feature_limit to feature_limit.
    """
    if not isinstance(features, np.ndarray) or features.dtype != np.int64:
        got = str(features.dtype) if isinstance(features, np.ndarray) else type(features).__name__
        raise RecordShapeError(subject="features", got=got, expected="an int64 array")
    if features.ndim != 2 or features.shape[1] != feature_count:
        raise RecordShapeError(subject="features", got=f"shape {features.shape}", expected=f"(assets, {feature_count})")
    if features.size:
        low, high = int(features.min()), int(features.max())
        if low < -feature_limit or high > feature_limit:
            raise FeatureRangeError(got=high if high > feature_limit else low, limit=feature_limit)
