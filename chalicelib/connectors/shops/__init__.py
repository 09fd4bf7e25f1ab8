"""The connectors that there are, by name."""

from collections.abc import Mapping

from chalicelib.connectors.shops.base import Connector
from chalicelib.connectors.shops.quartermaster import QuartermasterConnector
from chalicelib.connectors.shops.rest import RestConnector

CONNECTORS: Mapping[str, Connector] = {made.name: made for made in (RestConnector(), QuartermasterConnector())}
