"""What the table of what may expire holds: all of it, whatever other tests have left there."""

from typing import Any

from chalicelib.kernel import dynamo
from chalicelib.kernel.settings import settings


def items() -> list[dict[str, Any]]:
    """Every item. A scan answers with a megabyte at most (DynamoDB guide, "Scanning tables")."""
    pages = dynamo.client().get_paginator("scan").paginate(TableName=settings().table_name)
    return [item for page in pages for item in page["Items"]]
