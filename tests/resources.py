"""The AWS resources that the platform uses, made in an empty account."""

import boto3

from chalicelib.kernel.settings import settings

QUEUES = ("work", "messages", "robots", "telemetry", "webhooks")


def create_resources() -> None:
    """Table, bucket and queues."""
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
    for name in QUEUES:
        for queue in (name, f"{name}-dead"):
            boto3.client("sqs").create_queue(QueueName=f"{settings().queue_prefix}{queue}")
