"""Messages to and from robots, after VDA 5050 2.1 (vda5050.org): JSON, camelCase, one topic per robot and kind."""

import re
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

VERSION = "2.1.0"
MANUFACTURER = "Quartermaster"
TOPIC = re.compile(r"qm/bots/([A-Za-z0-9_.-]{1,64})/(state|connection)", re.ASCII)
"""Topics that robots speak on; the serial is a segment of its own, so it cannot reach into another robot's."""
Message = dict[str, Any]


class _Said(BaseModel):
    """What a robot says. Fields we do not know are left alone: VDA 5050 has many."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class ActionState(_Said):
    """How far an action is. WAITING, INITIALIZING, RUNNING, PAUSED, FINISHED, FAILED."""

    action_id: str = Field(max_length=200)
    action_status: str = Field(max_length=40)
    result_description: str = Field("", max_length=2000)


class Battery(_Said):
    """State of charge in per cent."""

    battery_charge: float = Field(ge=0, le=100)
    charging: bool = False


class Load(_Said):
    """Something that the robot carries; here a carrier's code."""

    load_id: str = Field("", max_length=200)


class State(_Said):
    """A robot's whole state, sent on every change and every 30 seconds at least."""

    header_id: int = Field(ge=0)
    timestamp: AwareDatetime
    order_id: str = ""
    order_update_id: int = 0
    last_node_id: str = Field("", max_length=200)
    action_states: list[ActionState] = Field(default=[], max_length=2000)
    battery_state: Battery | None = None
    loads: list[Load] = Field(default=[], max_length=20)
    errors: list[Message] = Field(default=[], max_length=200)


class Connection(_Said):
    """Whether a robot is there; CONNECTIONBROKEN is its last will, whose header id and time are always old."""

    header_id: int = Field(ge=0)
    timestamp: AwareDatetime
    connection_state: Literal["ONLINE", "OFFLINE", "CONNECTIONBROKEN"]


class Outgoing(BaseModel):
    """A robot's order as stored, with what its message needs."""

    model_config = ConfigDict(frozen=True)

    id: int
    order_id: str
    update_id: int
    kind: str
    status: str
    serial: str
    header_id: int
    carrier: str | None
    place: str | None
    """The carrier's place in the storage, as a node."""
    balcony_id: int | None
    subject: str | None


def action_id(order_id: str, update_id: int) -> str:
    """Each order of ours has one action, and its id says which."""
    return f"{order_id}:{update_id}"


def message_of(out: Outgoing, now: datetime) -> tuple[str, Message]:
    """(topic, body) of an order or instant action."""
    header = {
        "headerId": out.header_id,
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "version": VERSION,
        "manufacturer": MANUFACTURER,
        "serialNumber": out.serial,
    }
    if out.kind in ("bringCarrier", "storeCarrier"):
        order = {"orderId": out.order_id, "orderUpdateId": out.update_id, **_route(out)}
        return f"qm/bots/{out.serial}/order", {**header, **order}
    parameters = {"orderId": out.subject} if out.subject else {}
    return f"qm/bots/{out.serial}/instantActions", {**header, "actions": [_action(out, parameters)]}


def _route(out: Outgoing) -> Message:
    """From the carrier's place to the balcony, or back; an update goes on where the order ended (stitching node)."""
    balcony = f"balcony-{out.balcony_id}"
    ends = [out.place, balcony] if out.kind == "bringCarrier" else [balcony, out.place]
    parameters: dict[str, Any] = {"carrierId": out.carrier}
    if out.kind == "bringCarrier":
        parameters["balconyId"] = balcony
    first = 2 * out.update_id
    return {
        "nodes": [
            {"nodeId": ends[0], "sequenceId": first, "released": True, "actions": []},
            {"nodeId": ends[1], "sequenceId": first + 2, "released": True, "actions": [_action(out, parameters)]},
        ],
        "edges": [
            {
                "edgeId": f"{ends[0]}>{ends[1]}",
                "sequenceId": first + 1,
                "released": True,
                "startNodeId": ends[0],
                "endNodeId": ends[1],
                "actions": [],
            }
        ],
    }


def _action(out: Outgoing, parameters: Message) -> Message:
    return {
        "actionId": action_id(out.order_id, out.update_id),
        "actionType": out.kind,
        "blockingType": "HARD",
        "actionParameters": [{"key": key, "value": value} for key, value in parameters.items()],
    }
