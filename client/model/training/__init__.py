"""Trains a credit model from a feature file; needs the `train` extra, never imported by the running system.

Floats live here and nowhere else. Start with `feature_file` and `run`: reader -> encoder (feature spec) -> teacher
(trees) -> student (network, rounded to integers) -> calibration on loans the network never saw -> margins. `evaluation`
and `assessment` measure, `card` writes the model card, `export` the files. May import `client.model` only. Entry point:
`tranchain risk model train`, which runs this package as a process (`__main__`).
"""
