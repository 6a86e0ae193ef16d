"""The credit model: raw integer records to a score from 1 to 100, the same bytes on every machine.

Start with `schema` (what a record is), then `feature_spec` (record to integer features), `network` (features to
output), and `manifest.ModelPackage`, which loads a committed model and scores. `executor_numpy` is the reference,
`executor_onnx` what oracles run; both give equal integers. `training` makes the artifacts and needs the `train` extra.
Imports nothing else of the project: `client.roles` and `client.cli` build on it.
"""
