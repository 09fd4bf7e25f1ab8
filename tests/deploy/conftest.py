"""A stage to deploy to: artifacts and secrets in the emulator, CloudFormation's double."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from infra.deploy.artifacts import Artifacts
from infra.deploy.deploy import Release, deploy
from infra.deploy.options import Options
from infra.deploy.stack import Stack
from tests.deploy.double import CloudFormation

ACCOUNT, REGION = "123456789012", "us-east-1"
SECRET = "quartermaster-test/application"
URL = "https://abc.execute-api.example/dev"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "PublicUrl": {"Type": "String", "Default": ""},
        "DomainName": {"Type": "String", "Default": ""},
        "AlarmEmail": {"Type": "String", "Default": ""},
    },
    "Resources": {
        "Migrate": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}},
        "Operate": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}},
        "Migration": {"Type": "Custom::Migration", "Properties": {"Migrations": "1"}},
        "Objects": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "ApplicationSecret": {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain"},
        "DatabaseApplicationSecret": {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain"},
    },
    "Outputs": {
        "ApplicationSecretArn": {"Value": SECRET},
        "PublicUrl": {"Value": URL},
        "SchemaVersion": {"Value": "9"},
        "MigrationsApplied": {"Value": "0009_robots"},
    },
}


@dataclass
class Site:
    """A stage, what it said, and what deploys to it."""

    cloudformation: CloudFormation
    stack: Stack
    artifacts: Artifacts
    zip_file: Path
    said: list[str]
    policies: list[dict[str, Any]] = field(default_factory=list)
    client: Callable[[str], Any] = boto3.client

    def deploy(self, template: dict[str, Any] = TEMPLATE, *, force: bool = False, **parameters: str) -> dict[str, str]:
        """Deploys a template with the package; the outputs. What earlier deployments said is forgotten."""
        self.said.clear()
        options = Options("dev", parameters, force=force)
        secretsmanager = boto3.client("secretsmanager")
        return deploy(Release(template, self.zip_file), options, self.stack, self.artifacts, secretsmanager)

    def secret(self, name: str = SECRET) -> dict[str, str]:
        """What a secret says."""
        found: dict[str, str] = json.loads(
            boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        )
        return found


@pytest.fixture
def site(aws: None, tmp_path: Path) -> Iterator[Site]:
    """An account in which nothing was deployed; the secret is there, for the double makes no resources."""
    secretsmanager = boto3.client("secretsmanager")
    first = {"jwt_keys": "", "hash_key": "first", "stripe_api_key": ""}
    secretsmanager.create_secret(Name=SECRET, SecretString=json.dumps(first))
    s3 = boto3.client("s3")
    policies: list[dict[str, Any]] = []
    _keep_policies(s3, policies)
    double = CloudFormation(lambda url: _load(s3, url))
    zip_file = tmp_path / "deployment.zip"
    zip_file.write_bytes(b"the first package")
    said: list[str] = []
    stack = Stack(double.client(), "quartermaster-dev", said.append, lambda: None)
    yield Site(double, stack, Artifacts(s3, ACCOUNT, REGION), zip_file, said, policies)
    secretsmanager.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def _keep_policies(s3: Any, policies: list[dict[str, Any]]) -> None:
    """The emulator decides on a policy without its conditions, and would refuse everything over TLS too."""

    def answer(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        policies.append(json.loads(params["body"]))
        return AWSResponse("", 200, {}, None), {"ResponseMetadata": {}}

    s3.meta.events.register("before-call.s3.PutBucketPolicy", answer)


def _load(s3: Any, url: str) -> dict[str, Any]:
    host, _, key = url.removeprefix("https://").partition("/")
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=host.partition(".s3.")[0], Key=key)["Body"].read())
    return found
