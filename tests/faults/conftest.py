"""One stage for all tests of this folder; each leaves it running and its books whole."""

from collections.abc import Iterator

import pytest

from infra.local.postgres import free_port
from tests.faults.rig import Rig


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The demo company on real processes, its first day played."""
    made = Rig(tmp_path_factory.mktemp("faults") / "data", free_port())
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def rig(stage: Rig) -> Rig:
    """The stage, up and with nothing on its way."""
    stage.wait_up()
    return stage
