"""Use cases of the connectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from pydantic import ValidationError

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.connectors import opening, rules, store
from chalicelib.connectors.events import SyncDue
from chalicelib.connectors.rules import SyncType
from chalicelib.connectors.shapes import (
    ConnectionTested,
    CredentialsDeleted,
    CredentialsStored,
    CredentialsView,
    SyncQueued,
    SyncStates,
    SyncStateView,
)
from chalicelib.connectors.shops import CONNECTORS
from chalicelib.connectors.shops.base import Connector
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import BadRequest, Conflict, IntegrityViolation, Invalid, NotFound
from chalicelib.kernel.sealing import CannotOpen
from chalicelib.kernel.uow import UnitOfWork

MASK = "****"


class SyncRunning(Conflict):
    """A sync of this type is running for the connector and warehouse."""

    code = "sync_running"
    sentence = "A sync of this type is already running"


def find_connector(name: str) -> Connector:
    """A connector by its name. Raises NotFound."""
    found = CONNECTORS.get(name)
    if found is None:
        raise NotFound("Connector not found")
    return found


def store_credentials(
    uow: UnitOfWork, name: str, warehouse_id: int, credentials: Mapping[str, str]
) -> Outside[dict[str, str], CredentialsStored]:
    """Seals values and stores them over those of the same keys; other keys stay. May be repeated.

    Raises NotFound for an unknown connector, Invalid for keys that it does not know and values that cannot be right,
    IntegrityViolation for a warehouse that is not there.
    """
    connector = find_connector(name)
    _check_values(connector, credentials)
    known = store.find_warehouse(uow, name, warehouse_id)
    if known is None:
        raise IntegrityViolation
    keys = sorted({*known, *credentials})

    def then(uow: UnitOfWork, sealed: dict[str, str]) -> CredentialsStored:
        store.put_credentials(uow, name, warehouse_id, sealed)
        uow.audit(
            "connector.credentials_stored",
            "connector",
            f"{name}:{warehouse_id}",
            before={"keys": known},
            after={"keys": keys, "stored": sorted(sealed)},
        )
        return CredentialsStored(
            message="Credentials stored",
            connector=name,
            warehouse_id=warehouse_id,
            credentials=dict.fromkeys(keys, MASK),
            missing=opening.missing_keys(connector, keys),
        )

    return Outside(partial(opening.seal, uow.organization.id, credentials), then)


def _check_values(connector: Connector, credentials: Mapping[str, str]) -> None:
    wrong = opening.wrong_values(connector, credentials)
    if wrong:
        raise Invalid(
            [{"type": part["type"], "loc": ["credentials", *part["loc"]], "msg": part["msg"]} for part in wrong]
        )


def list_credentials(uow: UnitOfWork, name: str, warehouse_id: int) -> CredentialsView:
    """The keys that are stored. Raises NotFound for an unknown connector."""
    connector = find_connector(name)
    keys = store.find_warehouse(uow, name, warehouse_id) or []
    missing = opening.missing_keys(connector, keys)
    return CredentialsView(
        connector=name, warehouse_id=warehouse_id, credentials=dict.fromkeys(keys, MASK), missing=missing
    )


def delete_credentials(uow: UnitOfWork, name: str, warehouse_id: int) -> CredentialsDeleted:
    """Removes all values of a connector at a warehouse, and what was due there. May be repeated: nothing is 0.

    Raises NotFound for an unknown connector.
    """
    find_connector(name)
    keys = store.delete_credentials(uow, name, warehouse_id)
    if keys:
        uow.audit("connector.credentials_deleted", "connector", f"{name}:{warehouse_id}", before={"keys": keys})
    return CredentialsDeleted(message="Credentials deleted", deleted=len(keys))


def test_connection(uow: UnitOfWork, name: str, warehouse_id: int) -> Outside["Tried", ConnectionTested]:
    """Calls the other system with the stored values, outside of a transaction; what came of it.

    Raises NotFound for an unknown connector and where nothing is stored, BadRequest where something is missing,
    BlockedDestination for an address that leads inside.
    """
    connector = find_connector(name)
    sealed = store.list_sealed(uow, name, warehouse_id)
    _check_complete(connector, list(sealed))
    ask = partial(_try, connector, uow.organization.id, warehouse_id, sealed)
    return Outside(ask, lambda _uow, tried: ConnectionTested(connected=tried.is_connected, message=tried.message))


@dataclass(frozen=True)
class Tried:
    """What came of a test."""

    is_connected: bool
    message: str


def _try(connector: Connector, organization_id: int, warehouse_id: int, sealed: Mapping[str, str]) -> Tried:
    try:
        _, shop = opening.opened(connector, organization_id, warehouse_id, sealed)
        return Tried(True, rules.message(shop.test_connection()))
    except ProviderUnavailable as error:
        said = f"The other system does not answer: {error}"
    except ProviderRefused as error:
        said = error.message
    except (CannotOpen, ValidationError):
        said = "The stored credentials cannot be used: store them again"
    return Tried(False, rules.message(said))


def _check_complete(connector: Connector, keys: list[str]) -> None:
    if not keys:
        raise NotFound("No credentials are stored for this connector and warehouse")
    missing = opening.missing_keys(connector, keys)
    if missing:
        raise BadRequest(f"Missing credentials: {', '.join(missing)}")


def request_sync(uow: UnitOfWork, name: str, warehouse_id: int, sync_type: str) -> SyncQueued:
    """Starts a run, which a worker does. Of several at once, one; six statements.

    Raises NotFound for an unknown connector and where nothing is stored, BadRequest for a type that the connector does not
    know and where something is missing, SyncRunning while a living run is at it.
    """
    connector = find_connector(name)
    known = _type_of(connector, sync_type)
    _check_complete(connector, store.find_warehouse(uow, name, warehouse_id) or [])
    run_id = uuid4()
    sync_id = store.start_sync(uow, name, warehouse_id, known, run_id)
    if sync_id is None:
        raise SyncRunning
    uow.publish(SyncDue(sync_id=sync_id, run_id=run_id).message())
    uow.audit("connector.sync_requested", "connector", f"{name}:{warehouse_id}", after={"sync_type": known})
    return SyncQueued(
        message="Sync queued",
        task_id=str(run_id),
        connector=name,
        warehouse_id=warehouse_id,
        sync_type=known,
        sync_status="running",
    )


def _type_of(connector: Connector, sync_type: str) -> SyncType:
    for known in connector.directions:
        if known == sync_type:
            return known
    raise BadRequest(f"Connector {connector.name} cannot sync {rules.text_of(sync_type, 50)}")


def list_states(uow: UnitOfWork, name: str, warehouse_id: int) -> SyncStates:
    """The state of every type of sync; none for a warehouse that is not there. Raises NotFound for an unknown connector."""
    find_connector(name)
    rows = store.list_states(uow, name, warehouse_id)
    return SyncStates(connector=name, warehouse_id=warehouse_id, sync_states=[SyncStateView.of(row) for row in rows])


def queue_due_syncs(uow: UnitOfWork) -> int:
    """Starts every sync whose time has come, and takes over those whose worker died; how many. A schedule's work."""
    started = store.start_due(uow)
    for sync_id, run_id in started:
        uow.publish(SyncDue(sync_id=sync_id, run_id=run_id).message())
    return len(started)
