"""`python -m client.model.training DATA FEATURES OUT [--check]`: one JSON document a line on standard output.

`tranchain risk model train` runs this as a process of its own, because sums are reproducible only when the libraries of
linear algebra are told before they load: one thread, and instructions that every x86-64 server has.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Print `{"steps": n}`, `{"done": step}` for each, then `{"result": ...}` or `{"error": ...}`."""
    from client.model.errors import ModelError
    from client.model.training.feature_file import load_feature_file

    data, features, out = (Path(each) for each in arguments[:3])
    is_check = "--check" in arguments[3:]
    try:
        file = load_feature_file(features)  # before the libraries of training are loaded: that takes seconds
        from client.model.training.run import run, step_count

        _say({"steps": step_count(file)})
        result = run(data, features, out, is_check=is_check, report=lambda step: _say({"done": step}))
    except (ModelError, OSError) as error:
        _say({"error": str(error)})
        return 1
    except KeyboardInterrupt:
        return 130
    _say({"result": result})
    return 0


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
