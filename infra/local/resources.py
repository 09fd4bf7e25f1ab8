"""What the infrastructure template makes on AWS, made in the emulator: bucket, table, queues, bus. Idempotent."""

import json
from dataclasses import dataclass
from typing import Any

import boto3

QUEUES = ("work", "messages", "robots", "telemetry", "webhooks", "deliveries")
RECEIVE_MAX = 5
VISIBILITY_S = 60
"""Longer than a worker may take (chalicelib/kernel/jobs.py, LEASE)."""
NAME = "quartermaster"


@dataclass(frozen=True)
class Clients:
    """Clients of the services; making them is slower than using them."""

    s3: Any
    dynamodb: Any
    sqs: Any
    events: Any

    @classmethod
    def of(cls, session: boto3.Session) -> "Clients":
        """Clients where the environment's AWS endpoint points to."""
        return cls(*(session.client(name) for name in ("s3", "dynamodb", "sqs", "events")))


def create(clients: Clients | None = None) -> None:
    """Makes what is missing. May be repeated."""
    aws = clients or Clients.of(boto3.Session())
    _create_bucket(aws.s3)
    _create_table(aws.dynamodb)
    for name in QUEUES:
        _create_queue(aws.sqs, name)
    _create_bus(aws.events)


def _create_bucket(s3: Any) -> None:
    if not any(bucket["Name"] == NAME for bucket in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket=NAME)


def _create_table(dynamodb: Any) -> None:
    if NAME in dynamodb.list_tables()["TableNames"]:
        return
    dynamodb.create_table(
        TableName=NAME,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def _create_queue(sqs: Any, name: str) -> None:
    dead = sqs.create_queue(QueueName=f"{NAME}-{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVE_MAX}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": str(VISIBILITY_S)}
    url = sqs.create_queue(QueueName=f"{NAME}-{name}")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def _create_bus(events: Any) -> None:
    if not events.list_event_buses(NamePrefix=NAME)["EventBuses"]:
        events.create_event_bus(Name=NAME)
