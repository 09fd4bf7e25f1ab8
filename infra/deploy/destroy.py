"""`make destroy`: takes a stage away. What holds data stays, unless FORCE says otherwise."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from infra.deploy.errors import DeployError
from infra.deploy.options import Options
from infra.deploy.stack import Stack

SECRET_RECOVERY_DAYS = 7
KEY_WAITING_DAYS = 30


@dataclass(frozen=True)
class Resource:
    """One resource of the stack."""

    name: str
    type: str
    physical_id: str

    def __str__(self) -> str:
        return f"{self.name} ({self.type}): {self.physical_id}"


def destroy(options: Options, stack: Stack, clients: Callable[[str], Any], ask: Callable[[str], str]) -> list[Resource]:
    """Deletes the stack after the stage's name was typed; what was left behind. `clients` gives an AWS client by name.

    With FORCE, what CloudFormation keeps is removed as well: buckets and their content at once, secrets after a week, the
    key after a month. A last snapshot of the database always stays. Raises DeployError.
    """
    if stack.describe() is None:
        raise DeployError(f"There is no stack {stack.name}.")
    kept, protected = _kept(stack), _protected(stack, clients)
    if protected and not options.force:
        raise DeployError(
            f"{protected[0]} is protected: make deploy STAGE={options.stage} PARAMETERS=DeletionProtection=false first,"
            " or FORCE=1."
        )
    for resource in kept:
        stack.say(f"{'is removed too' if options.force else 'stays':<15} {resource}")
    if ask(f"Type {options.stage} to take {stack.name} away: ").strip() != options.stage:
        raise DeployError("Nothing was changed.")
    for cluster in protected:
        clients("rds").modify_db_cluster(DBClusterIdentifier=cluster, DeletionProtection=False, ApplyImmediately=True)
    stack.delete()
    if not options.force:
        return kept
    return [resource for resource in kept if not _remove(resource, clients)]


def _kept(stack: Stack) -> list[Resource]:
    """What has a policy of staying and is there."""
    body = stack.cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    policies = {name: resource.get("DeletionPolicy") for name, resource in template["Resources"].items()}
    return [resource for resource in _resources(stack) if policies.get(resource.name) == "Retain"]


def _protected(stack: Stack, clients: Callable[[str], Any]) -> list[str]:
    """Clusters that refuse to be deleted: they would make the deletion fail half-way."""
    clusters = [resource.physical_id for resource in _resources(stack) if resource.type == "AWS::RDS::DBCluster"]
    return [
        cluster
        for cluster in clusters
        if clients("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]["DeletionProtection"]
    ]


def _resources(stack: Stack) -> list[Resource]:
    pages = stack.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    return [
        Resource(found["LogicalResourceId"], found["ResourceType"], found["PhysicalResourceId"])
        for page in pages
        for found in page["StackResourceSummaries"]
        if found.get("PhysicalResourceId")
    ]


def _remove(resource: Resource, clients: Callable[[str], Any]) -> bool:
    """Whether it is gone, or will be."""
    removers: dict[str, Callable[[str, Callable[[str], Any]], None]] = {
        "AWS::S3::Bucket": _remove_bucket,
        "AWS::DynamoDB::Table": _remove_table,
        "AWS::SecretsManager::Secret": _remove_secret,
        "AWS::KMS::Key": _remove_key,
    }
    remover = removers.get(resource.type)
    if remover is None:
        return False
    try:
        remover(resource.physical_id, clients)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in (
            "404",
            "NoSuchBucket",
            "ResourceNotFoundException",
            "NotFoundException",
        ):
            raise DeployError(f"{resource} could not be removed: {error}.") from None
    return True


def _remove_bucket(name: str, clients: Callable[[str], Any]) -> None:
    """With every version of every object."""
    s3 = clients("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if versions:
            objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
            failed = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
            if failed:
                raise DeployError(f"{name} keeps {failed[0]['Key']}: {failed[0]['Message']}.")
    s3.delete_bucket(Bucket=name)


def _remove_table(name: str, clients: Callable[[str], Any]) -> None:
    dynamodb = clients("dynamodb")
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)


def _remove_secret(arn: str, clients: Callable[[str], Any]) -> None:
    clients("secretsmanager").delete_secret(SecretId=arn, RecoveryWindowInDays=SECRET_RECOVERY_DAYS)


def _remove_key(key_id: str, clients: Callable[[str], Any]) -> None:
    """The last snapshot is encrypted with it: a month to copy the snapshot, or to call the deletion off."""
    clients("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=KEY_WAITING_DAYS)
