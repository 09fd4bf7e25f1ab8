"""From sealed values to a system that can be called. Asks KMS: outside of a transaction."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chalicelib.connectors.shops.base import Connector, Shop, ShopConfig
from chalicelib.connectors.shops.calls import Caller
from chalicelib.kernel import sealing
from chalicelib.kernel.sealing import Binding

PURPOSE = "connector"


def seal(organization_id: int, credentials: Mapping[str, str]) -> dict[str, str]:
    """Values of a configuration, sealed. Raises Unavailable."""
    return sealing.seal(credentials, Binding(organization_id, PURPOSE))


def opened(
    connector: Connector, organization_id: int, warehouse_id: int, sealed: Mapping[str, str]
) -> tuple[ShopConfig, Shop]:
    """The configuration and the system it describes. Raises pydantic's ValidationError, CannotOpen, Unavailable."""
    secrets = sealing.unseal(sealed, Binding(organization_id, PURPOSE))
    config = connector.config.model_validate({key: value.get_secret_value() for key, value in secrets.items()})
    caller = Caller(
        organization_id,
        f"{connector.name}#{warehouse_id}",
        config.base_url,
        connector.headers(config),
        config.requests_per_minute,
    )
    return config, connector.open(config, caller)


def wrong_values(connector: Connector, credentials: Mapping[str, Any]) -> list[ErrorDetails]:
    """What is wrong with values that are entered, whatever is still missing; nothing of them is quoted."""
    try:
        connector.config.model_validate(dict(credentials))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return [part for part in found if part["loc"][:1] and part["loc"][0] in credentials]
    return []


def missing_keys(connector: Connector, keys: list[str]) -> list[str]:
    """Keys that the connector cannot do without and that are not stored."""
    fields = connector.config.model_fields
    return [name for name, field in fields.items() if field.is_required() and name not in keys]
