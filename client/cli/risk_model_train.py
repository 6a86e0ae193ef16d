"""`tranchain risk model train`: a model package from data and a feature file."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli.session import session_of
from client.sdk.errors import ConfigError, InvalidInputError

_PACKAGES = ("lightgbm", "onnx", "scipy", "sklearn", "xgboost")
_REPRODUCIBLE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""Sums are taken in one order, by the instructions every x86-64 server has (AVX2)."""


def add_command(commands: typer.Typer) -> None:
    """Add the command of this module to the group."""
    commands.command()(train)


def train(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="CSV file (also .csv.gz) of loans with their outcome.")],
    features: Annotated[Path, typer.Option(help="Feature file: fields, label, time, features (docs/model.md).")],
    out: Annotated[Path, typer.Option(help="Directory of the model package.")],
    check: Annotated[
        bool, typer.Option("--check", help="Compare with --out, byte for byte, and write nothing.")
    ] = False,
) -> None:
    """Train a model package from data and a feature file; put it forward with `tranchain risk model propose`.

    Example: tranchain risk model train --data loans.csv.gz --features lendingclub.toml --out lendingclub_v2
    """
    absent = [name for name in _PACKAGES if find_spec(name) is None]
    if absent:
        raise ConfigError(
            "training",
            got=f"no {', '.join(absent)}",
            expected="the packages of the train extra",
            remedy="pip install 'tranchain[train]', or make model-check in the repository",
        )
    console = session_of(context).console
    arguments = [str(data), str(features), str(out), *(["--check"] if check else [])]
    result: dict[str, Any] = {}
    with console.progress("training", None) as bar:
        for said in _documents(arguments):
            if "steps" in said:
                console.note(f"training in {said['steps']} steps")
            elif "done" in said:
                bar.advance()
            elif "error" in said:
                raise InvalidInputError(said["error"])
            else:
                result = said["result"]
    if not result:
        raise InvalidInputError("training", got="a process that ended without a result")
    console.result(result, title="Compared model package" if check else "Trained model package")
    if result.get("differs_in"):
        raise InvalidInputError(
            str(out),
            got=f"other bytes in {', '.join(result['differs_in'])}",
            expected="those that the training gives",
            remedy="train with the locked packages (requirements-train.lock) on x86-64",
        )


def _documents(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """Run the training in a process of its own and yield what it says; see `client.model.training.__main__`."""
    command = [sys.executable, "-m", "client.model.training", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | _REPRODUCIBLE) as process:
        try:
            for line in process.stdout or ():
                yield json.loads(line)
        except GeneratorExit:
            process.terminate()
            raise
