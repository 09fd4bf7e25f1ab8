"""DynamoDB: the one table of what may expire. Losing it loses no business fact."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.kernel import clock
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import logger
from chalicelib.kernel.settings import settings

BLIND_S = 5.0
"""After a table that did not answer, those who can do without it do not ask again for so long."""
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
_lock = threading.Lock()
_blind_until = 0.0
Answer = TypeVar("Answer")


@lru_cache(maxsize=1)
def _client() -> Any:
    """Answers take milliseconds: five seconds for both tries and the pause between them are an outage."""
    return boto3.client(
        "dynamodb",
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"}),
    )


def client() -> Any:
    """The process's DynamoDB client; boto3 clients may be shared by threads, their making may not."""
    with _lock:
        return _client()


@contextmanager
def required() -> Iterator[None]:
    """For what cannot be answered without the table. Raises Unavailable where it cannot be reached."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        logger.error("table unreachable", extra={"error": type(error).__name__})
        raise Unavailable from error


def ask_or(otherwise: Answer, question: Callable[[], Answer]) -> Answer:
    """The table's answer, or `otherwise` when there is none: for what must not wait for the table.

    One caller finds out that it does not answer or cannot keep up, which takes seconds; for the next `BLIND_S` seconds
    nobody in this process asks. Other errors come at once, and the next one asks again.
    """
    global _blind_until
    if time.monotonic() < _blind_until:
        return otherwise
    try:
        return question()
    except (BotoCoreError, ClientError) as error:
        if _was_retried(error):
            _blind_until = time.monotonic() + BLIND_S
        logger.error("table unreachable", extra={"error": type(error).__name__})
        return otherwise


def _was_retried(error: BotoCoreError | ClientError) -> bool:
    """Whether it came after all tries: no answer, a failure, a throttle (botocore, Retries: standard mode)."""
    if isinstance(error, BotoCoreError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status >= 500 or error.response.get("Error", {}).get("Code") in _THROTTLED


def see_again() -> None:
    """Forgets that the table did not answer a moment ago."""
    global _blind_until
    _blind_until = 0.0


def increment(pk: str, sk: str, *, lasts_s: int) -> int:
    """Adds one to a counter that lives for `lasts_s` seconds from its first count; its new value. Atomic."""
    return add(pk, sk, "hits", lasts_s=lasts_s)["hits"]


def add(pk: str, sk: str, counter: str, *, lasts_s: int, amount: int = 1) -> dict[str, int]:
    """Adds to a counter of an item that lives for `lasts_s` seconds from its first count; all its numbers.

    Atomic. One call, two for the first count of a window: an expired item that DynamoDB has not yet removed
    starts anew.
    """
    now = int(clock.timestamp())
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    for _ in range(3):
        try:
            answer = client().update_item(
                TableName=settings().table_name,
                Key=key,
                UpdateExpression="ADD #counter :amount",
                ConditionExpression="#ttl > :now",
                ExpressionAttributeNames={"#ttl": "ttl", "#counter": counter},
                ExpressionAttributeValues={":amount": {"N": str(amount)}, ":now": {"N": str(now)}},
                ReturnValues="ALL_NEW",
            )
            return {name: int(value["N"]) for name, value in answer["Attributes"].items() if "N" in value}
        except client().exceptions.ConditionalCheckFailedException:
            if _start_counter(key, counter, now, lasts_s, amount):
                return {counter: amount, "ttl": now + lasts_s}
    raise RuntimeError("a counter expired three times in a row")


def grow(pk: str, sk: str, by: int, *, last_ms: int, lasts_s: int) -> None:
    """Adds to a counter that never starts anew while it is used. `started` says when it began, `last_at` the latest `last_ms`.

    One call, two when somebody else has told of something later: what is counted may be told late.
    """
    values = {":last": last_ms, ":ttl": int(clock.timestamp()) + lasts_s, ":by": by}
    change = "SET #started = if_not_exists(#started, :last), #ttl = :ttl"
    request = {
        "TableName": settings().table_name,
        "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
        "ExpressionAttributeNames": {"#started": "started", "#ttl": "ttl"},
        "ExpressionAttributeValues": {name: {"N": str(value)} for name, value in values.items()},
    }
    try:
        client().update_item(
            **request,
            UpdateExpression=f"{change}, last_at = :last ADD hits :by",
            ConditionExpression="attribute_not_exists(last_at) OR last_at <= :last",
        )
    except client().exceptions.ConditionalCheckFailedException:
        client().update_item(**request, UpdateExpression=f"{change} ADD hits :by")


def list_numbers(pk: str) -> dict[str, dict[str, int]]:
    """The numbers of all items of a partition, by `sk`."""
    found: dict[str, dict[str, int]] = {}
    following: dict[str, Any] = {}
    while True:
        answer = client().query(
            TableName=settings().table_name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            **following,
        )
        for item in answer["Items"]:
            found[item["sk"]["S"]] = {name: int(value["N"]) for name, value in item.items() if "N" in value}
        if "LastEvaluatedKey" not in answer:
            return found
        following = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _start_counter(key: dict[str, Any], counter: str, now: int, lasts_s: int, amount: int = 1) -> bool:
    try:
        client().put_item(
            TableName=settings().table_name,
            Item={**key, counter: {"N": str(amount)}, "ttl": {"N": str(now + lasts_s)}},
            ConditionExpression="attribute_not_exists(pk) OR #ttl <= :now",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":now": {"N": str(now)}},
        )
    except client().exceptions.ConditionalCheckFailedException:
        return False
    return True


def take_place(pk: str, sk: str, *, most: int, lasts_s: int, lost_after_s: int) -> dict[str, int] | None:
    """Takes one of `most` places in an item, unless they are taken or `failures` has reached that number. Atomic.

    None when it was taken, else the item's numbers. Places that nobody gave back count as lost when none was taken for
    `lost_after_s` seconds: whoever held them died.
    """
    now, key = int(clock.timestamp()), {"pk": {"S": pk}, "sk": {"S": sk}}
    numbers: dict[str, int] = {}
    for _ in range(3):
        free = "(attribute_not_exists(hits) OR hits < :most) AND (attribute_not_exists(failures) OR failures < :most)"
        if _update(key, "SET taken_at = :now ADD hits :one", f"#ttl > :now AND {free}", now=now, one=1, most=most):
            return None
        numbers = _numbers(key)
        if numbers.get("ttl", 0) <= now:
            if _start_counter(key, "hits", now, lasts_s):
                return None
            continue
        failures, taken_at = numbers.get("failures", 0), numbers.get("taken_at", now)
        if failures >= most or taken_at > now - lost_after_s:
            return numbers
        unchanged = "#ttl > :now AND taken_at = :seen AND hits = :hits"
        values = {"now": now, "left": failures + 1, "seen": taken_at, "hits": numbers.get("hits", 0)}
        if _update(key, "SET taken_at = :now, hits = :left", unchanged, **values):
            return None
    return numbers


def _update(key: dict[str, Any], change: str, condition: str, **values: int) -> bool:
    """One conditional update with numbers; whether the condition held."""
    try:
        client().update_item(
            TableName=settings().table_name,
            Key=key,
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in values.items()},
        )
    except client().exceptions.ConditionalCheckFailedException:
        return False
    return True


def _numbers(key: dict[str, Any]) -> dict[str, int]:
    item = client().get_item(TableName=settings().table_name, Key=key, ConsistentRead=True).get("Item", {})
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}


def prolong(pk: str, sk: str, *, lasts_s: int) -> None:
    """Lets an item live for `lasts_s` seconds from now."""
    client().update_item(
        TableName=settings().table_name,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET #ttl = :ttl",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":ttl": {"N": str(int(clock.timestamp()) + lasts_s)}},
    )


def swap(pk: str, sk: str, attribute: str, *, old: str, new: str) -> bool:
    """Replaces a text of a living item if it is `old`; whether it was. Of several at once, one wins."""
    try:
        client().update_item(
            TableName=settings().table_name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression="SET #attribute = :new",
            ConditionExpression="#attribute = :old AND #ttl > :now",
            ExpressionAttributeNames={"#attribute": attribute, "#ttl": "ttl"},
            ExpressionAttributeValues={
                ":old": {"S": old},
                ":new": {"S": new},
                ":now": {"N": str(int(clock.timestamp()))},
            },
        )
    except client().exceptions.ConditionalCheckFailedException:
        return False
    return True


def put(pk: str, sk: str, item: dict[str, str], *, lasts_s: int) -> None:
    """Writes an item of texts, replacing what was there."""
    attributes = {name: {"S": value} for name, value in item.items()}
    expires = {"N": str(int(clock.timestamp()) + lasts_s)}
    client().put_item(
        TableName=settings().table_name,
        Item={"pk": {"S": pk}, "sk": {"S": sk}, "ttl": expires, **attributes},
    )


def get(pk: str, sk: str) -> dict[str, str] | None:
    """An item's texts, or None when it is not there or has expired (TTL deletes late: DynamoDB guide, "How TTL works")."""
    item = (
        client()
        .get_item(TableName=settings().table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
        .get("Item")
    )
    if item is None or int(item["ttl"]["N"]) <= clock.timestamp():
        return None
    return {name: value["S"] for name, value in item.items() if "S" in value}


def delete(pk: str, sk: str) -> bool:
    """Removes an item; whether this call was the one that did. So a token is used once, whoever comes at once."""
    answer = client().delete_item(
        TableName=settings().table_name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ReturnValues="ALL_OLD"
    )
    return bool(answer.get("Attributes"))


def give_back(pk: str, sk: str) -> None:
    """Takes one off a counter that is above zero."""
    try:
        client().update_item(
            TableName=settings().table_name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression="ADD hits :minus",
            ConditionExpression="hits > :zero",
            ExpressionAttributeValues={":minus": {"N": "-1"}, ":zero": {"N": "0"}},
        )
    except client().exceptions.ConditionalCheckFailedException:
        return
