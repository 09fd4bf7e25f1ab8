"""Objects in S3 or a store that speaks its language (R2): same code, settings choose.

Keys are made by the caller and are random under a fixed prefix; nothing a caller of the API said is part of one.
"""

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.adapters import aws_errors
from chalicelib.kernel import circuit
from chalicelib.kernel.settings import Settings, settings

__all__ = ["NoSuchObject", "ObjectTooLarge", "delete", "get", "put", "signed_upload_url", "signed_url"]

LINK_S_MAX = 7 * 24 * 3600
"""Signature version 4 allows no more (S3, Query string authentication)."""
CONNECT_S, READ_S, TRIES = 2.0, 6.0, 2
TAKES_S = TRIES * (CONNECT_S + READ_S) + 1
_lock = threading.Lock()


class NoSuchObject(Exception):
    """There is nothing under this key."""


class ObjectTooLarge(Exception):
    """What lies under this key has more bytes than the caller takes."""


@lru_cache(maxsize=1)
def _client(of: Settings) -> Any:
    """Checksums only where they are demanded: stores other than S3 do not know all that boto3 would add."""
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=of.object_endpoint_url or None, config=config)


def client() -> Any:
    """The process's S3 client; boto3 clients may be shared by threads, their making may not."""
    with _lock:
        return _client(settings())


def put(key: str, content: bytes, *, media_type: str) -> None:
    """Writes an object, encrypted at rest, replacing what was there: may be repeated.

    Raises ProviderUnavailable, ProviderRefused. S3 is told to encrypt; R2 always does and refuses the header.
    """
    asked = {} if settings().object_endpoint_url else {"ServerSideEncryption": "AES256"}

    def write() -> None:
        with aws_errors.translated("objects"):
            client().put_object(Bucket=settings().bucket_name, Key=key, Body=content, ContentType=media_type, **asked)

    circuit.ask("objects", write, takes_s=TAKES_S)


def get(key: str, *, bytes_max: int | None = None) -> bytes:
    """An object's bytes. Raises NoSuchObject, ObjectTooLarge before a byte is read, ProviderUnavailable.

    S3 says that an object is missing only to who may list the bucket (infra/cloud/roles.yaml).
    """

    def read() -> bytes:
        with aws_errors.translated("objects"):
            try:
                found = client().get_object(Bucket=settings().bucket_name, Key=key)
                if bytes_max is not None and found["ContentLength"] > bytes_max:
                    found["Body"].close()
                    raise ObjectTooLarge(key)
                content: bytes = found["Body"].read()
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                    raise NoSuchObject(key) from None
                raise
        return content

    return circuit.ask("objects", read, takes_s=TAKES_S)


def delete(key: str) -> None:
    """Removes an object; that there is none is as well: may be repeated. Raises ProviderUnavailable, ProviderRefused."""

    def remove() -> None:
        with aws_errors.translated("objects"):
            client().delete_object(Bucket=settings().bucket_name, Key=key)

    circuit.ask("objects", remove, takes_s=TAKES_S)


def signed_upload_url(key: str, *, size_bytes: int, media_type: str, expires_s: int) -> str:
    """A link by which one object of exactly this size and type may be written with PUT, without asking the store.

    Whoever has it can write, until it expires, again and again. Size and type are signed as headers, which the uploader must
    send alike (S3, Signature version 4, Query string authentication); a POST policy would bound the size as a range, but R2
    knows none.
    """
    if not 0 < expires_s <= LINK_S_MAX:
        raise ValueError(f"a link lives for 1 to {LINK_S_MAX} seconds")
    params = {
        "Bucket": settings().bucket_name,
        "Key": key,
        "ContentLength": size_bytes,
        "ContentType": media_type,
    }
    url: str = client().generate_presigned_url("put_object", Params=params, ExpiresIn=expires_s)
    return url


def signed_url(key: str, *, expires_s: int) -> str:
    """A link that reads one object for `expires_s` seconds, without asking the store. Whoever has it can read."""
    if not 0 < expires_s <= LINK_S_MAX:
        raise ValueError(f"a link lives for 1 to {LINK_S_MAX} seconds")
    params = {"Bucket": settings().bucket_name, "Key": key}
    url: str = client().generate_presigned_url("get_object", Params=params, ExpiresIn=expires_s)
    return url
