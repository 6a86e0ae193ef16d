"""The oracle's executor: the same integer network as an ONNX graph, run by onnxruntime.

onnxruntime reports its use to its maker unless told not to before it is loaded; nothing of ours reports anything.
"""

import os

import numpy as np

from client.model.arithmetic import Int64Array
from client.model.errors import ArtifactError
from client.model.executor_numpy import check_features

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # after the variable that it reads while loading

INPUT_NAME = "features"
OUTPUT_NAME = "output"


class OnnxExecutor:
    """Runs `model.onnx`.

    Args:
        model: bytes of the graph, with int64 input `features` (assets, features) and int64 output `output` (assets, 1).
        feature_limit: features must lie in -feature_limit to feature_limit.

    Raises:
        ArtifactError: not an ONNX graph of that form.
    """

    def __init__(self, model: bytes, *, feature_limit: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtifactError(file="model.onnx", got=str(error), expected="an ONNX graph") from error
        inputs = [(i.name, i.type) for i in self._session.get_inputs()]
        outputs = [(o.name, o.type) for o in self._session.get_outputs()]
        if inputs != [(INPUT_NAME, "tensor(int64)")] or outputs != [(OUTPUT_NAME, "tensor(int64)")]:
            expected = f"int64 {INPUT_NAME} to int64 {OUTPUT_NAME}"
            raise ArtifactError(file="model.onnx", got=f"{inputs} to {outputs}", expected=expected)
        self._feature_count = int(self._session.get_inputs()[0].shape[1])
        self._feature_limit = feature_limit

    def outputs(self, features: Int64Array) -> Int64Array:
        """Compute the output integers; arguments and errors as `NumpyExecutor.outputs`."""
        check_features(features, self._feature_count, self._feature_limit)
        result: Int64Array = self._session.run([OUTPUT_NAME], {INPUT_NAME: np.ascontiguousarray(features)})[0][:, 0]
        return result
