"""Endpoints of the connectors, for the admin panel (wms contract)."""

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.adapters.outbound import BlockedDestination
from chalicelib.connectors import service
from chalicelib.connectors.service import SyncRunning, Tried
from chalicelib.connectors.shapes import (
    ConnectionTested,
    ConnectorName,
    Connectors,
    ConnectorSchema,
    ConnectorView,
    CredentialsDeleted,
    CredentialsStored,
    CredentialsView,
    NewCredentials,
    SyncQueued,
    SyncStates,
    WarehouseQuery,
    WarehouseReference,
)
from chalicelib.connectors.shops import CONNECTORS
from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.errors import BadRequest, IntegrityViolation, NotFound, Unavailable
from chalicelib.kernel.shapes import NoBody

SyncTypeName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""Whatever it says: what a connector cannot do is answered by the connector."""


@endpoint("GET", "/api/admin/connectors", allow=WMS_ADMIN)
def list_connectors(_call: Call[NoBody]) -> Connectors:
    """All connectors with the fields of their configuration and what they can do."""
    return Connectors(connectors=[ConnectorView.of(connector) for connector in CONNECTORS.values()])


@endpoint("GET", "/api/admin/connectors/{connector_name}/config-schema", allow=WMS_ADMIN, errors=(NotFound,))
def show_connector_schema(_call: Call[NoBody], connector_name: ConnectorName) -> ConnectorSchema:
    """The fields of one connector's configuration and what it can do."""
    return ConnectorSchema.of(service.find_connector(connector_name))


@endpoint(
    "POST",
    "/api/admin/connectors/{connector_name}/credentials",
    allow=WMS_ADMIN,
    errors=(NotFound, IntegrityViolation, Unavailable),
)
def store_connector_credentials(
    call: Call[NewCredentials], connector_name: ConnectorName
) -> CredentialsStored | Outside[dict[str, str], CredentialsStored]:
    """Store values for a warehouse, sealed. Keys that are not named keep theirs."""
    return service.store_credentials(call.uow, connector_name, call.body.warehouse_id, call.body.credentials)


@endpoint("GET", "/api/admin/connectors/{connector_name}/credentials", allow=WMS_ADMIN, errors=(NotFound,))
def list_connector_credentials(
    call: Call[NoBody], connector_name: ConnectorName, query: WarehouseQuery
) -> CredentialsView:
    """Which keys are stored for a warehouse; every value is shown as ****."""
    return service.list_credentials(call.uow, connector_name, query.warehouse_id)


@endpoint("DELETE", "/api/admin/connectors/{connector_name}/credentials", allow=WMS_ADMIN, errors=(NotFound,))
def delete_connector_credentials(call: Call[WarehouseReference], connector_name: ConnectorName) -> CredentialsDeleted:
    """Remove everything that is stored for a warehouse."""
    return service.delete_credentials(call.uow, connector_name, call.body.warehouse_id)


@endpoint(
    "POST",
    "/api/admin/connectors/{connector_name}/test",
    allow=WMS_ADMIN,
    errors=(NotFound, BadRequest, BlockedDestination, Unavailable),
)
def test_connector(
    call: Call[WarehouseReference], connector_name: ConnectorName
) -> ConnectionTested | Outside[Tried, ConnectionTested]:
    """Call the other system with the stored values. An address that leads inside is refused."""
    return service.test_connection(call.uow, connector_name, call.body.warehouse_id)


@endpoint("GET", "/api/admin/connectors/{connector_name}/sync-status", allow=WMS_ADMIN, errors=(NotFound,))
def show_sync_status(call: Call[NoBody], connector_name: ConnectorName, query: WarehouseQuery) -> SyncStates:
    """The state of every type of sync for a warehouse."""
    return service.list_states(call.uow, connector_name, query.warehouse_id)


@endpoint(
    "POST",
    "/api/admin/connectors/{connector_name}/sync/{sync_type}",
    allow=WMS_ADMIN,
    status=202,
    errors=(NotFound, BadRequest, SyncRunning),
)
def request_sync(call: Call[WarehouseReference], connector_name: ConnectorName, sync_type: SyncTypeName) -> SyncQueued:
    """Queue a sync of orders, items, inventory or fulfillment; refused while one of the same type is running."""
    return service.request_sync(call.uow, connector_name, call.body.warehouse_id, sync_type)
