from collections.abc import Iterator

import pytest

from tests.e2e.consortium import Consortium, found_consortium
from tests.e2e.main_job import MainJob, run_main_job, upload_credit_files


@pytest.fixture(scope="session")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    """One consortium for all tests; a test that stops a part of it starts it again."""
    running = found_consortium(tmp_path_factory.mktemp("consortium"))
    try:
        upload_credit_files(running)
        running.start_bureau()
        running.start_registrar()
        running.start_oracle()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def main_job(consortium: Consortium) -> MainJob:
    """The main job, done once."""
    return run_main_job(consortium)
