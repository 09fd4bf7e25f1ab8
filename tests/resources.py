"""The AWS resources that the platform uses, made in an empty account."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import boto3

from chalicelib.kernel.settings import settings

QUEUES = ("work", "messages", "robots", "telemetry", "webhooks", "deliveries")


def create_resources() -> None:
    """Table, bucket, queues and event bus."""
    boto3.client("dynamodb").create_table(
        TableName=settings().table_name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    boto3.client("s3").create_bucket(Bucket=settings().bucket_name)
    boto3.client("events").create_event_bus(Name=settings().bus_name)
    for name in QUEUES:
        for queue in (name, f"{name}-dead"):
            boto3.client("sqs").create_queue(QueueName=f"{settings().queue_prefix}{queue}")


def make_writes_atomic() -> None:
    """DynamoDB decides on a conditional write and does it in one step; moto does it in two, which threads can part."""
    from moto.dynamodb.models import DynamoDBBackend

    lock = threading.RLock()

    def alone(write: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(write)
        def locked(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return write(*args, **kwargs)

        return locked

    for name in ("put_item", "update_item", "delete_item", "transact_write_items"):
        setattr(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name)))
