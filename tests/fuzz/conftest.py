"""One tenant with its callers for a whole module: refusals leave no trace, which the tests prove."""

import pytest

from infra.local.postgres import Cluster
from tests.fuzz.endpoints import Callers
from tests.tenant import create_tenant


@pytest.fixture(scope="module")
def callers(request: pytest.FixtureRequest, database: Cluster, aws: None) -> Callers:
    """Somebody for every endpoint."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    return Callers(create_tenant(database.owner_url(), name))
