"""How calls are counted: each case is a rule of an AWS pricing page."""

import io
from typing import Any

import pytest

from infra.local.meter.units import heard, item_bytes, published, units_of

KB = 1024
KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


def item(size: int) -> dict[str, Any]:
    """An item of exactly so many bytes."""
    return {"text": {"S": "x" * (size - len("text"))}}


@pytest.mark.parametrize(
    ("_case", "item", "size"),
    [
        ("text counts in UTF-8, with its name", {"näme": {"S": "äö"}}, 5 + 4),
        ("a number takes a byte for two digits and one more", {"n": {"N": "12345"}}, 1 + 4),
        ("zeros at the ends and the point do not count", {"n": {"N": "0.00120000"}}, 1 + 2),
        ("a minus sign counts", {"n": {"N": "-7"}}, 1 + 3),
        ("nothing and true are a byte", {"n": {"NULL": True}, "b": {"BOOL": True}}, 4),
        ("bytes", {"b": {"B": b"12345"}}, 6),
        ("a set is its members", {"s": {"SS": ["ab", "c"]}}, 1 + 3),
        ("lists and maps cost three, and one an entry", {"l": {"L": [{"S": "ab"}]}, "m": {"M": {"k": {"S": "v"}}}}, 14),
    ],
)
def test_the_size_of_an_item(_case: str, item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


@pytest.mark.parametrize(
    ("_case", "operation", "call", "answer", "units"),
    [
        ("a kilobyte is one write", "PutItem", {"Item": item(KB)}, {}, {"dynamodb_write_units": 1}),
        ("a byte more is two", "PutItem", {"Item": item(KB + 1)}, {}, {"dynamodb_write_units": 2}),
        (
            "an update writes what it returns",
            "UpdateItem",
            {"Key": KEY},
            {"Attributes": item(3 * KB)},
            {"dynamodb_write_units": 3},
        ),
        (
            "an update that says nothing writes its values at least",
            "UpdateItem",
            {"Key": KEY, "ExpressionAttributeValues": {":v": {"S": "x" * KB}}},
            {},
            {"dynamodb_write_units": 2},
        ),
        ("a removal of nothing is one", "DeleteItem", {"Key": KEY}, {}, {"dynamodb_write_units": 1}),
        (
            "a condition that fails is paid for",
            "UpdateItem",
            {"Key": KEY},
            {"Error": {"Code": "ConditionalCheckFailedException"}},
            {"dynamodb_write_units": 1},
        ),
        ("a throttled call is not", "PutItem", {"Item": item(9)}, {"Error": {"Code": "ThrottlingException"}}, {}),
        (
            "a consistent read of 4 KB is one unit",
            "GetItem",
            {"Key": KEY, "ConsistentRead": True},
            {"Item": item(4 * KB)},
            {"dynamodb_read_half_units": 2},
        ),
        ("an eventual one half a unit", "GetItem", {"Key": KEY}, {"Item": item(9)}, {"dynamodb_read_half_units": 1}),
        ("and so is looking for nothing", "GetItem", {"Key": KEY}, {}, {"dynamodb_read_half_units": 1}),
        (
            "a query is rounded once",
            "Query",
            {"ConsistentRead": True},
            {"Items": [item(KB), item(KB), item(3 * KB)]},
            {"dynamodb_read_half_units": 4},
        ),
        (
            "a batch is rounded item by item, missing ones too",
            "BatchGetItem",
            {"RequestItems": {"t": {"Keys": [KEY, KEY, KEY], "ConsistentRead": True}}},
            {"Responses": {"t": [item(5 * KB), item(9)]}},
            {"dynamodb_read_half_units": 8},
        ),
        (
            "a batch of writes",
            "BatchWriteItem",
            {"RequestItems": {"t": [{"PutRequest": {"Item": item(KB + 1)}}, {"DeleteRequest": {"Key": KEY}}]}},
            {},
            {"dynamodb_write_units": 3},
        ),
        (
            "a transaction writes twice",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"Item": item(KB + 1)}}, {"ConditionCheck": {"Key": KEY}}]},
            {},
            {"dynamodb_write_units": 6},
        ),
        (
            "and reads twice",
            "TransactGetItems",
            {"TransactItems": [{"Get": {"Key": KEY}}, {"Get": {"Key": KEY}}]},
            {"Responses": [{"Item": item(5 * KB)}, {}]},
            {"dynamodb_read_half_units": 12},
        ),
    ],
)
def test_units_of_dynamodb(
    _case: str, operation: str, call: dict[str, Any], answer: dict[str, Any], units: dict[str, int]
) -> None:
    assert units_of("dynamodb", operation, call, answer) == units


def test_a_filtered_query_hides_what_it_reads_and_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="ReturnConsumedCapacity"):
        units_of("dynamodb", "Query", {"FilterExpression": "a = :b"}, {"Items": []})


ENTRIES = [{"Id": str(number), "MessageBody": "x" * 40 * KB} for number in range(2)]
EVENTS = [{"Detail": "x" * 65 * KB}, {}]
COMMAND = {"topic": "t", "payload": b"x"}


@pytest.mark.parametrize(
    ("_case", "service", "operation", "call", "answer", "units"),
    [
        ("64 KB are one send", "sqs", "SendMessage", {"MessageBody": "x" * 64 * KB}, {}, {"sqs_sends": 1, "sqs_messages": 1}),
        ("a batch counts by its sum", "sqs", "SendMessageBatch", {"Entries": ENTRIES}, {}, {"sqs_sends": 2, "sqs_messages": 2}),
        ("an empty receive is one", "sqs", "ReceiveMessage", {}, {}, {"sqs_receives": 1}),
        ("a removal", "sqs", "DeleteMessageBatch", {"Entries": []}, {}, {"sqs_deletes": 1}),
        ("an object of bytes", "s3", "PutObject", {"Body": b"12345"}, {}, {"s3_puts": 1, "s3_bytes_in": 5}),
        ("an object of a file", "s3", "PutObject", {"Body": io.BytesIO(b"123")}, {}, {"s3_puts": 1, "s3_bytes_in": 3}),
        ("reading one", "s3", "GetObject", {}, {"ContentLength": 7}, {"s3_gets": 1, "s3_bytes_out": 7}),
        ("looking for one", "s3", "GetObject", {}, {"Error": {"Code": "NoSuchKey"}}, {"s3_gets": 1, "s3_bytes_out": 0}),
        ("removing one", "s3", "DeleteObject", {}, {}, {"s3_deletes": 1}),
        ("events by 64 KB", "eventbridge", "PutEvents", {"Entries": EVENTS}, {}, {"eventbridge_events": 3}),
        ("a command to a robot", "iot-data-plane", "Publish", COMMAND, {}, {"iot_publishes": 1, "iot_messages": 4}),
        ("a secret", "secrets-manager", "GetSecretValue", {}, {}, {"secret_reads": 1}),
        ("what nobody has priced", "polly", "Speak", {}, {}, {"unknown polly.Speak": 1}),
    ],
)  # fmt: skip
def test_units_of_other_services(
    _case: str, service: str, operation: str, call: dict[str, Any], answer: dict[str, Any], units: dict[str, int]
) -> None:
    assert units_of(service, operation, call, answer) == units


def test_messages_of_robots_count_by_5_kb_with_their_topic() -> None:
    assert heard(5 * KB - 3, 3) == {"iot_heard": 1, "iot_messages": 1, "iot_rules": 1, "iot_actions": 1}
    assert heard(5 * KB - 2, 3) == {"iot_heard": 1, "iot_messages": 2, "iot_rules": 2, "iot_actions": 2}
    assert published(5 * KB, 1) == {"iot_publishes": 1, "iot_messages": 1 + 1 + 2 + 1}
