"""The three-layer integer network: what every executor computes, and the proof that it cannot overflow.

hidden = max(features · weights_in + bias_in, 0) / hidden_divisor; output = (hidden · weights_out + bias_out) /
output_divisor. All integers; both divisions truncate toward zero. Weights have 8 bits. No I/O.
"""

from dataclasses import dataclass
from typing import Final

import cbor2
import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from client.model.arithmetic import Int64Array
from client.model.errors import SpecError

_FORMAT: Final = "tranchain-network-1"
_SAFE: Final = 2**31 - 1
"""Every intermediate value stays within 32 bits, far from where int64 arithmetic would wrap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """Weights of the network; checked when made.

    Raises:
        SpecError: shapes that do not fit, divisors below 1, or values that could leave 32 bits.
    """

    weights_in: NDArray[np.int8]
    """Shape (features, hidden)."""
    bias_in: Int64Array
    """Shape (hidden,)."""
    hidden_divisor: int
    weights_out: NDArray[np.int8]
    """Shape (hidden,)."""
    bias_out: int
    output_divisor: int
    feature_limit: int
    """Features must lie in -feature_limit to feature_limit."""

    def __post_init__(self) -> None:
        hidden = self.weights_in.shape[-1]
        if self.weights_in.ndim != 2 or self.bias_in.shape != (hidden,) or self.weights_out.shape != (hidden,):
            got = f"{self.weights_in.shape}, {self.bias_in.shape}, {self.weights_out.shape}"
            raise SpecError(part="network shapes", got=got, expected="(features, hidden), (hidden,), (hidden,)")
        if min(self.hidden_divisor, self.output_divisor, self.feature_limit) < 1:
            raise SpecError(part="network divisors", got="less than 1", expected="at least 1")
        largest = self.largest_value()
        if largest > _SAFE:
            raise SpecError(part="network", got=f"values up to {largest}", expected=f"at most {_SAFE}")

    @property
    def feature_count(self) -> int:
        """Number of features the network reads."""
        return int(self.weights_in.shape[0])

    def largest_value(self) -> int:
        """Bound the absolute value of every intermediate result over all permitted features."""
        column_sums = np.abs(self.weights_in.astype(np.int64)).sum(axis=0)
        hidden_sums = [
            int(s) * self.feature_limit + abs(int(b)) for s, b in zip(column_sums, self.bias_in, strict=True)
        ]
        weights = [abs(int(w)) for w in self.weights_out]
        output = sum(w * (s // self.hidden_divisor) for w, s in zip(weights, hidden_sums, strict=True))
        return max(*hidden_sums, output + abs(self.bias_out))

    @property
    def canonical_bytes(self) -> bytes:
        """The one encoding: deterministic CBOR; weights as int8 bytes in row order (what a contract stores)."""
        return cbor2.dumps(
            [
                _FORMAT,
                list(self.weights_in.shape),
                self.weights_in.tobytes(),
                [int(b) for b in self.bias_in],
                self.hidden_divisor,
                self.weights_out.tobytes(),
                self.bias_out,
                self.output_divisor,
                self.feature_limit,
            ],
            canonical=True,
        )

    @property
    def digest(self) -> bytes:
        """keccak256 of the canonical bytes, 32 bytes."""
        return keccak(self.canonical_bytes)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "Network":
        """Decode canonical bytes.

        Raises:
            SpecError: not a network, or not its canonical encoding.
        """
        try:
            tag, shape, weights_in, bias_in, hidden_divisor, weights_out, bias_out, output_divisor, limit = cbor2.loads(
                encoded
            )
            network = cls(
                weights_in=np.frombuffer(weights_in, dtype=np.int8).reshape(shape),
                bias_in=np.array(bias_in, dtype=np.int64),
                hidden_divisor=hidden_divisor,
                weights_out=np.frombuffer(weights_out, dtype=np.int8),
                bias_out=bias_out,
                output_divisor=output_divisor,
                feature_limit=limit,
            )
        except (cbor2.CBORDecodeError, TypeError, ValueError, OverflowError) as error:
            raise SpecError(part="network", got=str(error), expected=_FORMAT) from error
        if tag != _FORMAT or network.canonical_bytes != encoded:
            raise SpecError(part="network", got=f"{tag!r} in another encoding", expected=f"canonical {_FORMAT}")
        return network
