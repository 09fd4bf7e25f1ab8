"""The bucket that packages and templates wait in, one for each account and region; CloudFormation reads from it.

Nothing is ever removed from it: a roll-back needs the package before.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError

ZIP_NAME = "deployment.zip"
"""What Chalice calls the package in its template."""


@dataclass(frozen=True)
class Artifacts:
    """The bucket, by its clients."""

    s3: Any
    account: str
    region: str

    @property
    def bucket(self) -> str:
        """Its name: nobody but the account can have made it, because every call names the owner."""
        return f"quartermaster-artifacts-{self.account}-{self.region}"

    def prepare(self) -> None:
        """Makes the bucket: private, encrypted, versioned, over TLS only. May be repeated."""
        try:
            self.s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self.account)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise DeployError(f"The bucket {self.bucket} cannot be used: {error}.") from None
            where = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            self.s3.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": where} if where else {}))
        self._close()

    def _close(self) -> None:
        whose = {"Bucket": self.bucket, "ExpectedBucketOwner": self.account}
        blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.s3.put_public_access_block(PublicAccessBlockConfiguration=dict.fromkeys(blocked, True), **whose)
        encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.s3.put_bucket_encryption(ServerSideEncryptionConfiguration={"Rules": [encrypted]}, **whose)
        self.s3.put_bucket_versioning(VersioningConfiguration={"Status": "Enabled"}, **whose)
        self.s3.put_bucket_policy(Policy=json.dumps(_tls_only(self.bucket)), **whose)

    def keep(self, content: bytes, suffix: str) -> str:
        """Stores content under its hash, unless it is there; its key."""
        key = f"{hashlib.sha256(content).hexdigest()}{suffix}"
        whose = {"Bucket": self.bucket, "Key": key, "ExpectedBucketOwner": self.account}
        try:
            self.s3.head_object(**whose)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
            self.s3.put_object(Body=content, ChecksumAlgorithm="SHA256", **whose)
        return key

    def url_of(self, key: str) -> str:
        """Where CloudFormation finds a template."""
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{key}"


def _tls_only(bucket: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def with_code(template: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """The template with its functions' code at `uri` instead of a file beside it. Raises DeployError if it has none."""
    copy: dict[str, Any] = json.loads(json.dumps(template))
    functions = [r["Properties"] for r in copy["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
    if not functions or any(Path(str(properties.get("CodeUri"))).name != ZIP_NAME for properties in functions):
        raise DeployError(f"The template's functions do not take their code from {ZIP_NAME}.")
    for properties in functions:
        properties["CodeUri"] = uri
    return copy
