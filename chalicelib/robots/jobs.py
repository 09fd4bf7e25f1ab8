"""What works on the robots' queues: dispatch, messages to robots, and what robots say (telemetry)."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chalicelib.adapters.iot import robot_bus
from chalicelib.kernel import clock
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.pipeline import Trace, repeating
from chalicelib.kernel.uow import UnitOfWork, as_machine, unit_of_work
from chalicelib.robots import service
from chalicelib.robots.events import RobotOrderDue, StorageWorkDue
from chalicelib.robots.fleet import messages, store
from chalicelib.robots.fleet import service as fleet
from chalicelib.robots.fleet.messages import Connection, State


class BadTelemetry(ValueError):
    """A message that is none of a robot's. It will not get better, so it ends in the dead-letter queue."""


@consumer(StorageWorkDue)
def give_work_to_robots(job: Job[StorageWorkDue]) -> None:
    """Gives robots what there is to do in a warehouse."""
    fleet.dispatch(job.uow, job.event.warehouse_id)


@consumer(RobotOrderDue)
def send_order_to_robot(job: Job[RobotOrderDue]) -> Outside[None, None] | None:
    """Publishes an order on its robot's topic, unless the robot knows it already.

    May happen twice: a robot does the same order id and update id once. What it does not acknowledge is sent again
    when it speaks the next time (`fleet.hear_state`).
    """
    out = store.claim_order(job.uow, job.event.robot_order_id)
    if out is None:
        return None
    topic, body = messages.message_of(out, job.uow.now)
    payload = json.dumps(body).encode()

    def then(uow: UnitOfWork, _sent: None) -> None:
        store.mark_sent(uow, out.id)

    return Outside(do=lambda: robot_bus().publish(topic, payload), then=then)


def handle_telemetry_batch(event: Mapping[str, Any]) -> dict[str, Any]:
    """Works on an SQS batch of ``{"topic", "payload"}`` messages; answers which of them SQS should deliver again."""
    failures = []
    for record in event["Records"]:
        try:
            sent_ms = record.get("attributes", {}).get("SentTimestamp")
            handle_telemetry(json.loads(record["body"]), sent_ms=int(sent_ms) if sent_ms else None)
        except Exception:
            logger.exception("telemetry failed", extra={"message_id": record.get("messageId")})
            count("MessageFailed")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def handle_telemetry(message: Mapping[str, Any], *, sent_ms: int | None = None) -> None:
    """Takes in one message of a robot: its state or its connection. Any order, any number of times.

    `sent_ms` is when the broker passed it on (SQS: SentTimestamp), which orders connections; without it, what the
    robot wrote, and for a last will, which has no time of its own, now. Messages of robots that nobody has registered
    are dropped. Raises BadTelemetry.
    """
    serial, said = _read(message)
    with unit_of_work(as_machine(0, "telemetry")) as uow:
        organization_id = store.find_organization(uow, serial)
    if organization_id is None:
        count("UnknownRobot")
        logger.warning("telemetry of an unknown robot", extra={"serial": serial})
        return
    repeating(lambda: _hear(organization_id, serial, said, sent_ms), Trace())


def _read(message: Mapping[str, Any]) -> tuple[str, State | Connection]:
    match = messages.TOPIC.fullmatch(str(message.get("topic", "")))
    if match is None:
        raise BadTelemetry("the topic is no robot's")
    serial, kind = match.groups()
    model: type[State] | type[Connection] = State if kind == "state" else Connection
    try:
        return serial, model.model_validate(message.get("payload"))
    except ValidationError as error:
        raise BadTelemetry(f"{kind} of {serial} cannot be read: {error.error_count()} fields are wrong") from None


def _hear(organization_id: int, serial: str, said: State | Connection, sent_ms: int | None) -> None:
    with unit_of_work(as_machine(organization_id, "telemetry")) as uow:
        if isinstance(said, State):
            fleet.hear_state(uow, serial, said, sent_ms, service.release)
        else:
            fleet.hear_connection(uow, serial, said, _said_ms(said, sent_ms))


def _said_ms(said: Connection, sent_ms: int | None) -> int:
    if sent_ms is not None:
        return sent_ms
    moment = clock.now() if said.connection_state == "CONNECTIONBROKEN" else said.timestamp
    return int(moment.timestamp() * 1000)
