"""The connection breaks at the commit: nobody knows whether it was done, and a repeat finds out."""

from collections.abc import Iterator

import pytest

from chalicelib.kernel import database as connections
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.settings import settings
from infra.local.postgres import Cluster
from tests.kernel.apps import KernelClient
from tests.kernel.lossy import LossyWire, Moment, wire_to
from tests.kernel.outbox_work import Notes, bump, publish, row_of, run
from tests.kernel.test_idempotency import bump as bump_by_request
from tests.kernel.test_idempotency import send
from tests.tenant import Tenant

pytestmark = pytest.mark.usefixtures("note_table")


@pytest.fixture
def wire(database: Cluster, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[LossyWire]:
    """The application's connection, over a wire that may break. The tenant is made over a good one."""
    with wire_to(database.port) as made:
        monkeypatch.setenv("QM_DATABASE_URL", database.app_url().replace(f":{database.port}/", f":{made.port}/"))
        settings.cache_clear()
        connections.discard()
        yield made
        connections.discard()
        monkeypatch.undo()
        settings.cache_clear()


@pytest.mark.parametrize(("moment", "is_replay"), [("before", None), ("after", "true")])
def test_a_request_whose_commit_is_in_doubt_is_503_and_its_repeat_finds_the_effect(
    moment: Moment, is_replay: str | None, wire: LossyWire, kernel: KernelClient, notes: Notes
) -> None:
    again = send(kernel, bump_by_request)
    wire.break_at_commit(moment)
    lost = again()
    assert (lost.status, lost.headers["Retry-After"], wire.broken) == (503, "2", 1)
    assert notes() == ({"n": 1} if moment == "after" else {})
    found = again()
    assert (found.status, found.json, found.headers.get("Idempotent-Replay")) == (200, {"said": 1}, is_replay)
    assert notes() == {"n": 1}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_consumer_whose_commit_is_in_doubt_does_its_work_once(
    moment: Moment, wire: LossyWire, tenant: Tenant, notes: Notes
) -> None:
    outbox_id = publish(tenant, bump)
    wire.break_at_commit(moment)
    with pytest.raises(Unavailable):
        run(tenant, outbox_id)
    assert wire.broken == 1
    run(tenant, outbox_id)
    assert (notes(), row_of(tenant, outbox_id)["attempts"]) == ({"n": 1}, 1)
