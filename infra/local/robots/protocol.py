"""The messages of VDA 5050 as far as these robots know them: topics, orders in, headers out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

VERSION = "2.1.0"
MANUFACTURER = "Quartermaster"
Message = dict[str, Any]


def topic(serial: str, name: str) -> str:
    """``qm/bots/{serial}/{name}``; name is order, instantActions, state or connection."""
    return f"qm/bots/{serial}/{name}"


def control_topic(serial: str) -> str:
    """Where the simulation is told to misbehave; real robots have no such topic."""
    return f"qm/sim/{serial}/control"


def header(header_id: int, serial: str) -> Message:
    """What every message begins with; the time is the machine's, as a robot's is."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "headerId": header_id,
        "timestamp": stamp,
        "version": VERSION,
        "manufacturer": MANUFACTURER,
        "serialNumber": serial,
    }


class _Camel(BaseModel):
    """Fields we do not know are left alone: VDA 5050 has many."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Parameter(_Camel):
    """One ``{"key": ..., "value": ...}``."""

    key: str
    value: str | int | float | bool


class Action(_Camel):
    """What to do. `bringCarrier` needs `carrierId` and `balconyId`, `storeCarrier` needs `carrierId`."""

    action_id: str = Field(min_length=1)
    action_type: Literal["bringCarrier", "storeCarrier"]
    action_parameters: list[Parameter] = []

    @field_validator("action_parameters")
    @classmethod
    def _known_once(cls, parameters: list[Parameter]) -> list[Parameter]:
        keys = [parameter.key for parameter in parameters]
        if len(keys) != len(set(keys)):
            raise ValueError("a key occurs twice")
        return parameters

    def parameter(self, key: str) -> str | None:
        """A parameter's value as text."""
        return next((str(each.value) for each in self.action_parameters if each.key == key), None)

    def missing(self) -> list[str]:
        """Names of parameters that this type of action cannot do without."""
        needed = ("carrierId", "balconyId") if self.action_type == "bringCarrier" else ("carrierId",)
        return [key for key in needed if self.parameter(key) is None]


class Node(_Camel):
    """A place on the way."""

    node_id: str
    sequence_id: int = 0
    actions: list[Action] = []


class Edge(_Camel):
    """A stretch between two places."""

    edge_id: str
    sequence_id: int = 0
    actions: list[Action] = []


class Order(_Camel):
    """A robot's work. The same id with a higher update id adds actions."""

    serial_number: str | None = None
    order_id: str = Field(min_length=1)
    order_update_id: int = Field(ge=0)
    nodes: list[Node] = []
    edges: list[Edge] = []
    actions: list[Action] = []

    def all_actions(self) -> Iterator[Action]:
        """Actions at nodes and edges in the order of travel, then the order's own."""
        stops: list[Node | Edge] = [*self.nodes, *self.edges]
        for stop in sorted(stops, key=lambda each: each.sequence_id):
            yield from stop.actions
        yield from self.actions


class InstantAction(_Camel):
    """Something to do at once. `cancelOrder` takes an `orderId`, else it means the order that runs."""

    action_id: str = Field(min_length=1)
    action_type: str
    action_parameters: list[Parameter] = []

    def parameter(self, key: str) -> str | None:
        """A parameter's value as text."""
        return next((str(each.value) for each in self.action_parameters if each.key == key), None)


class InstantActions(_Camel):
    """The message on ``instantActions``."""

    actions: list[InstantAction]


class Control(_Camel):
    """How to misbehave: fail actions, say nothing, lose the connection, say things twice or backwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Literal["failNext", "silent", "offline", "duplicate", "reorder", "behave"]
    times: int = Field(1, ge=1, le=1000)
    """Actions to fail, states to send twice, or states to gather and send backwards."""
    seconds: float = Field(1.0, ge=0, le=600)
    """How long to be silent or offline."""
