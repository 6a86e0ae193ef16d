"""Where the model packages that come with the project are. Without the imports that loading one takes."""

from pathlib import Path
from typing import Final

ARTIFACTS: Final = Path(__file__).parent / "artifacts"
DEFAULT_MODEL: Final = ARTIFACTS / "lendingclub_v1"
