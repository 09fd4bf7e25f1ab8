"""How AWS counts a call, from its sizes. Pure functions; each names the page of AWS that states its rule."""

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Units = dict[str, int]
Call = Mapping[str, Any]
Answer = Mapping[str, Any]

WRITE_BYTES, READ_BYTES = 1024, 4096
"""Of one DynamoDB write or strongly consistent read unit (DynamoDB guide, Read and write operations)."""
QUEUE_BYTES = 64 * 1024
"""Of one SQS request (Amazon SQS pricing) and of one EventBridge event (Amazon EventBridge pricing)."""
IOT_BYTES = 5 * 1024
"""Of one IoT message or rule step (AWS IoT Core pricing, additional metering details)."""
BILLED_REFUSALS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException", "NoSuchKey"})
"""DynamoDB charges for a write whose condition does not hold, S3 for looking for what is not there."""


def steps(size: int, step: int) -> int:
    """How many begun steps a size is; nothing at all counts as one."""
    return max(1, -(-size // step))


def value_bytes(value: Mapping[str, Any]) -> int:
    """The size of an attribute's value (DynamoDB guide, Item sizes and formats)."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_bytes(inner) for name, inner in content.items())
        case "L":
            return 3 + sum(1 + value_bytes(inner) for inner in content)
        case _:
            return sum(value_bytes({kind[0]: inner}) for inner in content)


def _number_bytes(text: str) -> int:
    """A byte for two significant digits, one more, and one for a minus sign."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return -(-len(digits) // 2) + 1 + text.startswith("-")


def item_bytes(item: Mapping[str, Any]) -> int:
    """The size of an item: names and values."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def _written(call: Call, answer: Answer) -> int:
    """The larger of what the call says and what DynamoDB returns of the item: its true size only with ALL_NEW or ALL_OLD."""
    said = item_bytes(call.get("Item") or call.get("Key", {}))
    values = sum(map(value_bytes, call.get("ExpressionAttributeValues", {}).values()))
    return max(said + values * ("Item" not in call), item_bytes(answer.get("Attributes", {})))


def _write(call: Call, answer: Answer) -> Units:
    return {"dynamodb_write_units": steps(_written(call, answer), WRITE_BYTES)}


def _get(call: Call, answer: Answer) -> Units:
    return _read([answer.get("Item", {})], call)


def _read(items: Iterable[Mapping[str, Any]], call: Call, times: int = 1) -> Units:
    """Half units, since an eventually consistent read takes half a one."""
    halves = 2 if call.get("ConsistentRead") or times > 1 else 1
    return {"dynamodb_read_half_units": sum(steps(item_bytes(item), READ_BYTES) for item in items) * halves * times}


def _read_many(call: Call, answer: Answer) -> Units:
    """Query and Scan: sizes are added up before they are rounded. A filter hides what was read, so it is refused here."""
    if "FilterExpression" in call:
        raise ValueError("a filter hides how much DynamoDB read: ask for ReturnConsumedCapacity")
    size = sum(map(item_bytes, answer.get("Items", ())))
    return {"dynamodb_read_half_units": steps(size, READ_BYTES) * (2 if call.get("ConsistentRead") else 1)}


def _batch_get(call: Call, answer: Answer) -> Units:
    units: Units = {"dynamodb_read_half_units": 0}
    for table, asked in call["RequestItems"].items():
        found = answer.get("Responses", {}).get(table, [])
        missing: list[Mapping[str, Any]] = [{}] * (len(asked["Keys"]) - len(found))
        units["dynamodb_read_half_units"] += _read([*found, *missing], asked)["dynamodb_read_half_units"]
    return units


def _batch_write(call: Call, _answer: Answer) -> Units:
    asked = [next(iter(one.values())) for many in call["RequestItems"].values() for one in many]
    return {"dynamodb_write_units": sum(_write(one, {})["dynamodb_write_units"] for one in asked)}


def _transact_write(call: Call, _answer: Answer) -> Units:
    """Two units a step: one to prepare, one to commit (DynamoDB guide, Transactions: capacity)."""
    asked = [next(iter(one.values())) for one in call["TransactItems"]]
    return {"dynamodb_write_units": 2 * sum(_write(one, {})["dynamodb_write_units"] for one in asked)}


def _transact_get(call: Call, answer: Answer) -> Units:
    found = [one.get("Item", {}) for one in answer.get("Responses", [{}] * len(call["TransactItems"]))]
    return _read(found, call, times=2)


def _send(call: Call, _answer: Answer) -> Units:
    return {"sqs_sends": steps(len(call["MessageBody"].encode()), QUEUE_BYTES), "sqs_messages": 1}


def _send_batch(call: Call, _answer: Answer) -> Units:
    size = sum(len(entry["MessageBody"].encode()) for entry in call["Entries"])
    return {"sqs_sends": steps(size, QUEUE_BYTES), "sqs_messages": len(call["Entries"])}


def _receive(_call: Call, answer: Answer) -> Units:
    size = sum(len(message["Body"].encode()) for message in answer.get("Messages", ()))
    return {"sqs_receives": steps(size, QUEUE_BYTES)}


def _put_object(call: Call, _answer: Answer) -> Units:
    return {"s3_puts": 1, "s3_bytes_in": _body_bytes(call.get("Body", b""))}


def _body_bytes(body: Any) -> int:
    """Of bytes, or of the file that botocore makes of them; its position stays."""
    if isinstance(body, bytes):
        return len(body)
    position = body.tell()
    size = int(body.seek(0, io.SEEK_END))
    body.seek(position)
    return size


def _get_object(_call: Call, answer: Answer) -> Units:
    return {"s3_gets": 1, "s3_bytes_out": int(answer.get("ContentLength", 0))}


def _put_events(call: Call, _answer: Answer) -> Units:
    fields = ("Source", "DetailType", "Detail")
    sizes = (sum(len(str(entry.get(field, "")).encode()) for field in fields) for entry in call["Entries"])
    return {"eventbridge_events": sum(steps(size, QUEUE_BYTES) for size in sizes)}


def _publish(call: Call, _answer: Answer) -> Units:
    return published(len(call.get("payload") or b""), len(call["topic"]))


def published(payload_bytes: int, topic_bytes: int) -> Units:
    """A message to one robot: request and response of the HTTP call, the delivery, and the robot's acknowledgement.

    AWS IoT Core pricing, additional metering details: each of the four is metered, by 5 KB; the first by its body alone.
    """
    delivery = steps(payload_bytes + topic_bytes, IOT_BYTES)
    return {"iot_publishes": 1, "iot_messages": steps(payload_bytes, IOT_BYTES) + 1 + delivery + 1}


def heard(payload_bytes: int, topic_bytes: int) -> Units:
    """A robot's message: one in, one rule triggered, one action; our acknowledgement is free (same page)."""
    size = steps(payload_bytes + topic_bytes, IOT_BYTES)
    return {"iot_heard": 1, "iot_messages": size, "iot_rules": size, "iot_actions": size}


def _one(measure: str) -> Callable[[Call, Answer], Units]:
    return lambda _call, _answer: {measure: 1}


RULES: Mapping[tuple[str, str], Callable[[Call, Answer], Units]] = {
    ("dynamodb", "PutItem"): _write,
    ("dynamodb", "UpdateItem"): _write,
    ("dynamodb", "DeleteItem"): _write,
    ("dynamodb", "GetItem"): _get,
    ("dynamodb", "Query"): _read_many,
    ("dynamodb", "Scan"): _read_many,
    ("dynamodb", "BatchGetItem"): _batch_get,
    ("dynamodb", "BatchWriteItem"): _batch_write,
    ("dynamodb", "TransactWriteItems"): _transact_write,
    ("dynamodb", "TransactGetItems"): _transact_get,
    ("sqs", "SendMessage"): _send,
    ("sqs", "SendMessageBatch"): _send_batch,
    ("sqs", "ReceiveMessage"): _receive,
    ("sqs", "DeleteMessage"): _one("sqs_deletes"),
    ("sqs", "DeleteMessageBatch"): _one("sqs_deletes"),
    ("sqs", "GetQueueUrl"): _one("sqs_look_ups"),
    ("s3", "PutObject"): _put_object,
    ("s3", "GetObject"): _get_object,
    ("s3", "DeleteObject"): _one("s3_deletes"),
    ("eventbridge", "PutEvents"): _put_events,
    ("iot-data-plane", "Publish"): _publish,
    ("secrets-manager", "GetSecretValue"): _one("secret_reads"),
    ("kms", "Encrypt"): _one("kms_requests"),
    ("kms", "Decrypt"): _one("kms_requests"),
    ("kms", "GenerateDataKey"): _one("kms_requests"),
}
"""Every call that the platform may make. One that is not here is counted under its name, and no sheet prices it."""


def units_of(service: str, operation: str, call: Call, answer: Answer) -> Units:
    """What a call that was answered costs. Nothing for one that AWS refused or failed at, but for BILLED_REFUSALS."""
    error = answer.get("Error", {}).get("Code")
    if error and error not in BILLED_REFUSALS:
        return {}
    rule = RULES.get((service, operation))
    return rule(call, answer) if rule else {f"unknown {service}.{operation}": 1}
