"""What the admin panel reads and says about connectors."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints
from pydantic.fields import FieldInfo

from chalicelib.connectors.rules import Direction, SyncStatus, SyncType
from chalicelib.connectors.shops.base import Connector
from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.shapes import Instant, Shape

CredentialKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CredentialValue = Annotated[str, StringConstraints(max_length=50_000)]
ConnectorName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ConfigField(Shape):
    """A field of a connector's configuration, enough to draw a form. Values are entered as text."""

    name: str
    type: str
    """string, integer or json."""
    required: bool
    secret: bool
    description: str
    default: str | None

    @classmethod
    def of(cls, name: str, field: FieldInfo) -> Self:
        """From the connector's model."""
        extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = None if field.is_required() or field.default is None else str(field.default)
        is_number = "int" in str(field.annotation)
        return cls(
            name=name,
            type=str(extra.get("format", "integer" if is_number else "string")),
            required=field.is_required(),
            secret=bool(extra.get("secret", False)),
            description=field.description or "",
            default=default,
        )


class Capability(Shape):
    """A type of sync that a connector can do: ``in`` brings records here, ``out`` takes ours there."""

    sync_type: SyncType
    direction: Direction


class ConnectorSchema(Shape):
    """What a connector must be told and what it can do."""

    name: str
    config_schema: list[ConfigField]
    capabilities: list[Capability]

    @classmethod
    def parts(cls, connector: Connector) -> dict[str, Any]:
        """The fields that every view of a connector has."""
        fields = connector.config.model_fields.items()
        can = [Capability(sync_type=known, direction=way) for known, way in connector.directions.items()]
        schema = [ConfigField.of(name, field) for name, field in fields]
        return {"name": connector.name, "config_schema": schema, "capabilities": can}

    @classmethod
    def of(cls, connector: Connector) -> Self:
        """From the connector."""
        return cls(**cls.parts(connector))


class ConnectorView(ConnectorSchema):
    """A connector for the panel's list."""

    display_name: str
    description: str

    @classmethod
    def of(cls, connector: Connector) -> Self:
        """From the connector."""
        return cls(**cls.parts(connector), display_name=connector.display_name, description=connector.description)


class Connectors(Shape):
    """All connectors."""

    connectors: list[ConnectorView]


class WarehouseQuery(Shape):
    """Which warehouse."""

    warehouse_id: PathId


class WarehouseReference(Shape):
    """Which warehouse."""

    warehouse_id: Id


class NewCredentials(Shape):
    """Values of a connector's configuration for a warehouse, as text by key."""

    warehouse_id: Id
    credentials: Annotated[dict[CredentialKey, CredentialValue], Field(min_length=1, max_length=50)]


class CredentialsView(Shape):
    """Which keys are stored. Values are never shown."""

    connector: str
    warehouse_id: int
    credentials: dict[str, str]
    missing: list[str]
    """Keys that are required and not stored."""


class CredentialsStored(CredentialsView):
    """After storing."""

    message: str


class CredentialsDeleted(Shape):
    """After deleting."""

    message: str
    deleted: int


class ConnectionTested(Shape):
    """What came of a test of the connection."""

    connected: bool
    message: str


class SyncQueued(Shape):
    """A sync that a worker will run."""

    message: str
    task_id: str
    connector: str
    warehouse_id: int
    sync_type: SyncType
    sync_status: SyncStatus


class RecordFailure(Shape):
    """A record that could not be exchanged."""

    external_id: str
    error: str


class SyncStateView(Shape):
    """The state of one type of sync."""

    sync_type: SyncType
    sync_status: SyncStatus
    task_id: str | None
    """Of the latest run."""
    started_at: Instant | None
    last_synced_at: Instant | None
    last_success_at: Instant | None
    last_error_at: Instant | None
    last_error_message: str | None
    consecutive_errors: int
    records_synced: int
    """By the latest run, records that were known or unchanged left out where that is not looked at one by one."""
    records_failed: int
    next_sync_at: Instant | None
    """When it is tried or run again by itself."""
    failures: list[RecordFailure]
    """Records that could not be exchanged, ten at most."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From its row."""
        same = {name: row[name] for name in cls.model_fields if name in row}
        task_id = None if row["run_id"] is None else str(row["run_id"])
        return cls.model_validate({**same, "task_id": task_id, "next_sync_at": row["due_at"]})


class SyncStates(Shape):
    """The state of every type of sync of a connector at a warehouse."""

    connector: str
    warehouse_id: int
    sync_states: list[SyncStateView]
