"""Trains the credit model and writes its artifacts; needs the `train` extra, never imported by the running system.

Floats live here and nowhere else. Start with `pipeline`: data -> encoder (feature spec) -> teacher (trees) -> student
(network, rounded to integers) -> calibration on loans the network never saw. `evaluation` measures, `card` writes the
model card, `export` the files. May import `client.model` only. Entry point: `scripts/train_model.py`.
"""
