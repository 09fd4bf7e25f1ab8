"""`make destroy`: after one has typed what is going to be taken away; data stay unless they are meant too."""

import copy
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.deploy.destroy import Resource, destroy
from infra.deploy.errors import DeployError
from infra.deploy.options import Options
from tests.deploy.conftest import TEMPLATE, Site

KEEPING = [
    Resource("Objects", "AWS::S3::Bucket", "Objects-physical"),
    Resource("ApplicationSecret", "AWS::SecretsManager::Secret", "ApplicationSecret-physical"),
    Resource("DatabaseApplicationSecret", "AWS::SecretsManager::Secret", "DatabaseApplicationSecret-physical"),
]


def with_more(**resources: Any) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"] |= resources
    return template


def run(
    site: Site, *, typed: str = "dev", force: bool = False, client: Callable[[str], Any] = boto3.client
) -> list[Resource]:
    site.said.clear()
    return destroy(Options("dev", {}, force=force), site.stack, client, lambda _: typed)


def test_what_holds_data_stays(site: Site) -> None:
    site.deploy()
    assert run(site) == KEEPING
    assert site.cloudformation.stacks[-1].status == "DELETE_COMPLETE"
    assert site.said[:3] == [f"stays           {kept}" for kept in KEEPING]
    assert "DELETE_COMPLETE" in site.said[-1]
    with pytest.raises(DeployError, match="There is no stack quartermaster-dev"):
        run(site)


@pytest.mark.parametrize("typed", ["", "prod", "DEV", "yes", "d e v"])
def test_without_the_stages_name_nothing_happens(site: Site, typed: str) -> None:
    site.deploy()
    with pytest.raises(DeployError, match="Nothing was changed"):
        run(site, typed=typed, force=True)
    assert site.cloudformation.stacks[-1].status == "UPDATE_COMPLETE"


def test_with_force_data_go_too(site: Site) -> None:
    site.deploy(with_more(Key={"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain"}))
    s3, kms = boto3.client("s3"), boto3.client("kms")
    s3.create_bucket(Bucket="objects-of-a-test")
    s3.put_bucket_versioning(Bucket="objects-of-a-test", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="objects-of-a-test", Key="a", Body=b"x")
    s3.delete_object(Bucket="objects-of-a-test", Key="a")
    secrets = boto3.client("secretsmanager")
    secret = secrets.create_secret(Name="to-be-removed", SecretString="{}")["ARN"]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    _has(site, Objects="objects-of-a-test", ApplicationSecret=secret, DatabaseApplicationSecret="gone", Key=key)
    assert run(site, force=True) == []
    assert "objects-of-a-test" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert "DeletedDate" in secrets.describe_secret(SecretId=secret)  # in a week
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def _has(site: Site, **physical: str) -> None:
    """The double says that these are the physical ids."""
    listing = site.cloudformation._ListStackResources

    def listed(StackName: str) -> dict[str, Any]:  # noqa: N803  # the API's name
        found = listing(StackName)
        for summary in found["StackResourceSummaries"]:
            name = summary["LogicalResourceId"]
            summary["PhysicalResourceId"] = physical.get(name, summary["PhysicalResourceId"])
        return found

    site.cloudformation._ListStackResources = listed  # type: ignore[method-assign]  # this double only


def test_with_force_a_kind_that_we_do_not_know_is_left_and_named(site: Site) -> None:
    logs = {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain"}
    site.deploy(with_more(Logs=logs))
    _has(site, Objects="no-such-bucket")
    assert run(site, force=True) == [Resource("Logs", "AWS::Logs::LogGroup", "Logs-physical")]


def test_a_deletion_that_fails_says_why(site: Site) -> None:
    site.deploy()
    site.cloudformation.failures = {"Migrate": "network interfaces are still in use"}
    with pytest.raises(DeployError, match=r"ended as DELETE_FAILED\. Migrate: network interfaces are still in use"):
        run(site)


# The database.

DATABASE = {"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Snapshot"}


def rds(*, is_protected: bool) -> tuple[Any, Stubber]:
    client = boto3.client("rds")
    stubber = Stubber(client)
    cluster = {"DBClusterIdentifier": "Database-physical", "DeletionProtection": is_protected}
    asked = {"DBClusterIdentifier": "Database-physical"}
    stubber.add_response("describe_db_clusters", {"DBClusters": [cluster]}, asked)
    stubber.activate()
    return client, stubber


def clients(rds_client: Any) -> Callable[[str], Any]:
    return lambda service: rds_client if service == "rds" else boto3.client(service)


def test_a_protected_database_is_noticed_before_anything_is_deleted(site: Site) -> None:
    site.deploy(with_more(Database=DATABASE))
    client, stubber = rds(is_protected=True)
    with pytest.raises(DeployError, match=r"Database-physical is protected: .*DeletionProtection=false first"):
        run(site, client=clients(client))
    stubber.assert_no_pending_responses()
    assert site.cloudformation.stacks[-1].status == "UPDATE_COMPLETE"


def test_force_lifts_the_protection(site: Site) -> None:
    site.deploy(with_more(Database=DATABASE))
    _has(site, Objects="no-such-bucket")
    client, stubber = rds(is_protected=True)
    lifted = {"DBClusterIdentifier": "Database-physical", "DeletionProtection": False, "ApplyImmediately": True}
    stubber.add_response("modify_db_cluster", {}, lifted)
    assert run(site, force=True, client=clients(client)) == []
    stubber.assert_no_pending_responses()


def test_force_lifts_nothing_before_the_name_was_typed(site: Site) -> None:
    site.deploy(with_more(Database=DATABASE))
    client, stubber = rds(is_protected=True)
    with pytest.raises(DeployError, match="Nothing was changed"):
        run(site, typed="prod", force=True, client=clients(client))
    stubber.assert_no_pending_responses()


def test_the_template_of_a_stack_is_read_as_cloudformation_sends_it(site: Site) -> None:
    """As a structure for JSON templates, which is what boto3 makes of them; as text otherwise."""
    site.deploy()
    template = site.cloudformation.stacks[-1].template
    body = site.stack.cloudformation.get_template(StackName="quartermaster-dev", TemplateStage="Processed")
    assert json.loads(json.dumps(body["TemplateBody"])) in (template, json.dumps(template))
